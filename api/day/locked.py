"""What the contract locked, trade by trade, learnt from its events as a participant would; each block is read once."""

from contracts.chain import Chain
from contracts.leaves import Leaf
from contracts.settlement import Settlement


class LockedLeaves:
    """The leaves of all batches that were settled from a block on. Call `look` before asking."""

    def __init__(self, chain: Chain, settlement: Settlement, *, from_block: int) -> None:
        self._chain = chain
        self._settlement = settlement
        self._next_block = from_block
        self._of_batch: dict[int, tuple[Leaf, ...]] = {}
        self._of_trade: dict[int, Leaf] = {}

    def look(self) -> None:
        """Read the blocks that came since the last look."""
        last = self._chain.block_number()
        if last < self._next_block:
            return
        for outcome in self._settlement.outcomes(self._chain, from_block=self._next_block, to_block=last):
            self._of_batch[outcome.batch_number] = outcome.locked
            self._of_trade |= {leaf.trade_number: leaf for leaf in outcome.locked}
        self._next_block = last + 1

    def batches(self, *, after: int) -> dict[int, tuple[Leaf, ...]]:
        """Return the leaves of the batches with greater numbers, in their sequence."""
        return {number: leaves for number, leaves in self._of_batch.items() if number > after}

    def leaf_of(self, trade_number: int) -> Leaf:
        """Return the leaf of a trade that is locked or was."""
        return self._of_trade[trade_number]
