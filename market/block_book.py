"""A block auction in scaled floating point: what the relaxation, the local search and the search tree compute with."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import median

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from market.block_orders import Block
from market.block_tree import NEAR
from market.merit import Merit
from market.orders import Side
from market.units import PPM_ONE

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Integers = NDArray[np.int64]

NONE = -1


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """A merit order, scaled: falling prices, and the intake where each begins (and the last one ends)."""

    prices: Floats
    ends: Floats

    def worths(self) -> Floats:
        """Return the welfare at each end, counted from the first."""
        return np.concatenate(([0.0], np.cumsum(self.prices * np.diff(self.ends))))

    def price_range(self, intakes: Floats, floor: float, ceiling: float) -> tuple[Floats, Floats]:
        """Return the lowest and the highest price at each intake."""
        prices = np.concatenate(([ceiling], self.prices, [floor]))
        low = prices[np.searchsorted(self.ends, intakes + NEAR, side="right")]
        high = prices[np.searchsorted(self.ends, intakes - NEAR, side="left")]
        return low, high


@dataclass(frozen=True, eq=False)
class Book:
    """An auction. Prices are within `floor` and `ceiling`, and in units of `price_scale` ticks; lots of `lot_scale`.

    `signed` holds each block's lots by hour: positive if it sells (the hour takes them in), negative if it buys. `values`
    are the blocks' welfare when wholly accepted, `minima` their least ratios, `parents` and `groups` numbers or `NONE`.
    """

    curves: Sequence[Curve]
    signed: Floats
    values: Floats
    minima: Floats
    parents: Integers
    groups: Integers
    floor: float
    ceiling: float
    price_scale: float
    lot_scale: float

    @cached_property
    def families(self) -> csr_array:
        """Say in each block's row who is in its subtree, itself included."""
        rows, members = [], []
        for block, parent in enumerate(self.parents.tolist()):
            rows.append(block)
            members.append(block)
            ancestor = parent
            while ancestor != NONE:
                rows.append(ancestor)
                members.append(block)
                ancestor = int(self.parents[ancestor])
        return csr_array((np.ones(len(rows)), (rows, members)), (len(self.values), len(self.values)))

    @cached_property
    def bonds(self) -> csr_array:
        """Hold the rows that say: ratio of a child less ratio of its parent <= 0."""
        children = np.flatnonzero(self.parents != NONE)
        rows = np.tile(np.arange(len(children)), 2)
        places = np.concatenate((children, self.parents[children]))
        factors = np.repeat([1.0, -1.0], len(children))
        return csr_array((factors, (rows, places)), (len(children), len(self.values)))

    @cached_property
    def shares(self) -> csr_array:
        """Hold the rows that say: sum of the ratios of a group <= 1."""
        members = np.flatnonzero(self.groups != NONE)
        names, rows = np.unique(self.groups[members], return_inverse=True)
        return csr_array((np.ones(len(members)), (rows, members)), (len(names), len(self.values)))

    @cached_property
    def loose(self) -> Flags:
        """Say which blocks are neither linked nor in a group."""
        linked = self.parents != NONE
        linked[self.parents[linked]] = True
        loose: Flags = ~linked & (self.groups == NONE)
        return loose

    def surpluses(self, prices: Floats) -> Floats:
        """Return what each block gains at these prices if it is wholly accepted."""
        gains: Floats = self.values + self.signed @ prices
        return gains


def scaled_book(
    merits: Sequence[Merit], hours: Sequence[int], blocks: Sequence[Block], price_limits: tuple[int, int]
) -> Book:
    """Scale an auction so that its common prices and quantities are near 1, where a solver is at its best."""
    at = {hour: place for place, hour in enumerate(hours)}
    prices = [abs(price) for merit in merits for price in merit.prices] + [
        abs(each.price_ticks) for each in blocks
    ]
    lots = [end - begin for merit in merits for begin, end in zip(merit.ends, merit.ends[1:], strict=False)]
    price_scale = float(median(prices) if prices else 1) or 1.0
    lot_scale = float(median(lots + [each for block in blocks for _, each in block.profile] or [1]))
    signed = np.zeros((len(blocks), len(hours)))
    for row, block in enumerate(blocks):
        for hour, quantity in block.profile:
            signed[row, at[hour]] = (quantity if block.side is Side.SELL else -quantity) / lot_scale
    limits = np.array([block.price_ticks for block in blocks], float) / price_scale
    names = {
        name: number
        for number, name in enumerate(dict.fromkeys(block.group for block in blocks if block.group))
    }
    return Book(
        curves=[
            Curve(np.array(merit.prices, float) / price_scale, np.array(merit.ends, float) / lot_scale)
            for merit in merits
        ],
        signed=signed,
        values=-limits * signed.sum(axis=1),
        minima=np.array([block.minimum_ppm / PPM_ONE for block in blocks], float),
        parents=np.array([NONE if block.parent is None else block.parent for block in blocks], np.int64),
        groups=np.array([names[block.group] if block.group else NONE for block in blocks], np.int64),
        floor=price_limits[0] / price_scale,
        ceiling=price_limits[1] / price_scale,
        price_scale=price_scale,
        lot_scale=lot_scale,
    )
