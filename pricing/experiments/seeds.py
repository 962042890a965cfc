"""Where chance comes from: one root number, and a stream of its own for every run, trader and market.

Children of `numpy.random.SeedSequence` (M. E. O'Neill's hash of entropy and spawn key) are independent for all purposes, and
depend on nothing but root and place: neither on the number of workers nor on what was drawn before.
"""

import numpy as np
from numpy.typing import NDArray

from pricing.errors import whole


def run_seed(root: int, *, cell: int, replicate: int) -> int:
    """Return the seed of one run, an integer below 2^63: the same for every mechanism that is run there.

    It is recorded with the run, and is all that is needed to run it again.

    >>> run_seed(1, cell=0, replicate=0) == run_seed(1, cell=0, replicate=1)
    False

    Raises:
        PricingError: if a number is no integer of at least 0.
    """
    for what, value in (("root", root), ("cell", cell), ("replicate", replicate)):
        whole(what, value)
    sequence = np.random.SeedSequence(root, spawn_key=(cell, replicate))
    return int(sequence.generate_state(1, np.uint64)[0] >> np.uint64(1))


def streams(seed: int, *, traders: int) -> NDArray[np.uint64]:
    """Return the 256-bit states of the market's stream (row 0) and of each trader's, for xoshiro256++.

    >>> streams(7, traders=2).shape
    (3, 4)

    Raises:
        PricingError: if the seed is no integer of at least 0.
    """
    children = np.random.SeedSequence(whole("seed", seed)).spawn(traders + 1)
    return np.array([child.generate_state(4, np.uint64) for child in children])


def market_generator(seed: int) -> np.random.Generator:
    """Return a generator on the market's own seed, for mechanisms that are not compiled.

    >>> int(market_generator(7).integers(10)) == int(market_generator(7).integers(10))
    True

    Raises:
        PricingError: if the seed is no integer of at least 0.
    """
    return np.random.default_rng(np.random.SeedSequence(whole("seed", seed)).spawn(1)[0])
