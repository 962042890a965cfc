"""Sums of one side of a book up to a price, for all orders but one owner's, for many owners at once."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from pricing.auctions.orders import Integers, Reals


@dataclass(frozen=True, slots=True, eq=False)
class Prefix:
    """Running totals of lots and of lots times price, by price level, of everybody and of each owner.

    The orders of an owner stand together, from `start[owner]` on, sorted by level under the key owner × levels + level.
    """

    levels: int
    all_lots: Integers
    all_values: Reals
    keys: Integers
    start: Integers
    own_lots: Integers
    own_values: Reals

    @classmethod
    def of(
        cls, ranks: Integers, prices: Reals, lots: Integers, owners: Integers, *, levels: int, size: int
    ) -> Self:
        """Return the totals of orders whose price is that of level `ranks`, owned by some of `size` owners.

        >>> side = Prefix.of(
        ...     np.array([0, 1]), np.array([5.0, 7.0]), np.array([1, 1]), np.array([0, 1]), levels=2, size=2
        ... )
        >>> [each.tolist() for each in side.up_to(np.array([0, 1]), np.array([1, 1]))]
        [[1, 1], [7.0, 5.0]]
        """
        keys = owners * levels + ranks
        order = np.argsort(keys, kind="stable")
        values = lots * prices
        lots_by_level = np.zeros(levels, np.int64)
        np.add.at(lots_by_level, ranks, lots)
        return cls(
            levels=levels,
            all_lots=np.cumsum(lots_by_level),
            all_values=np.cumsum(np.bincount(ranks, values, levels)),
            keys=keys[order],
            start=np.searchsorted(keys[order], np.arange(size + 1) * levels),
            own_lots=np.concatenate(([0], np.cumsum(lots[order]))),
            own_values=np.concatenate(([0.0], np.cumsum(values[order]))),
        )

    def owned(self, owners: Integers) -> Integers:
        """Return the lots of each of the owners."""
        return np.asarray(self.own_lots[self.start[owners + 1]] - self.own_lots[self.start[owners]])

    def up_to(self, owners: Integers, level: Integers) -> tuple[Integers, Reals]:
        """Return the lots at `level` or below, and their values, of all but each of the owners."""
        start = self.start[owners]
        stop = np.searchsorted(self.keys, owners * self.levels + level, side="right")
        lots = self.all_lots[level] - (self.own_lots[stop] - self.own_lots[start])
        return lots, self.all_values[level] - (self.own_values[stop] - self.own_values[start])

    def above(self, owners: Integers, level: Integers) -> tuple[Integers, Reals]:
        """Return the lots above `level`, and their values, of all but each of the owners."""
        lots, values = self.up_to(owners, level)
        start, end = self.start[owners], self.start[owners + 1]
        all_lots = self.all_lots[-1] - (self.own_lots[end] - self.own_lots[start])
        return all_lots - lots, self.all_values[-1] - (self.own_values[end] - self.own_values[start]) - values
