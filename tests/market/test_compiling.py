"""What `make setup` compiles ahead is all that a market will ask for."""

import numpy as np

from market.auctions import clear_uniform
from market.block_tree import explore
from market.compiling import compile_all
from market.crossing import LARGE
from market.margin import _count, above, below, within

FUNCTIONS = (_count, within, above, below, explore)


def test_everything_is_compiled_once_and_an_auction_asks_for_nothing_else():
    compile_all()
    ahead = [each.signatures for each in FUNCTIONS]
    assert [len(each) for each in ahead] == [1] * len(FUNCTIONS)
    rng = np.random.default_rng(1)
    numbers = [rng.integers(1, 1_000, LARGE) for _ in range(4)]
    assert clear_uniform(*numbers, reference=500).volume_lots > 0
    assert [each.signatures for each in FUNCTIONS] == ahead
