"""What traders are given: what each unit is worth to a buyer, and what it costs a seller."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Self

import numpy as np
from numpy.typing import NDArray

from pricing.errors import EmptySide, PricingError, number, vector, whole
from pricing.experiments.equilibrium import CompetitiveEquilibrium, competitive_equilibrium

PRICE_TICKS_MAX = 1 << 40
"""Beyond every price in ticks, and far from what 64 bits hold."""


@dataclass(frozen=True, slots=True)
class Environment:
    """Buyers' values and sellers' costs in money per unit: a tuple per trader, whose best unit trades first.

    `reference_price` is what prices and profits are measured against: P0, the middle of the equilibrium, if none is given.

    >>> market = Environment(values=((3.0, 2.0), (2.5,)), costs=((1.0,), (2.0,)))
    >>> market.equilibrium.quantity, market.reference_price
    (2, 2.25)

    Raises:
        EmptySide: if a side has no trader, or a trader no unit.
        PricingError: if a figure is not a number, or the reference price is not positive.
    """

    values: tuple[tuple[float, ...], ...]
    costs: tuple[tuple[float, ...], ...]
    reference_price: float = 0.0
    name: str = "market"
    equilibrium: CompetitiveEquilibrium = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        for what in ("values", "costs"):
            side = getattr(self, what)
            if not side or not all(side):
                raise EmptySide(f"{what}: found {side!r}, expected traders with at least one unit each")
            checked = tuple(
                tuple(sorted(vector(f"{what}[{i}]", units).tolist(), reverse=what == "values"))
                for i, units in enumerate(side)
            )
            object.__setattr__(self, what, checked)
        equilibrium = competitive_equilibrium(
            (value for units in self.values for value in units),
            (cost for units in self.costs for cost in units),
        )
        object.__setattr__(self, "equilibrium", equilibrium)
        price = self.reference_price or equilibrium.price
        object.__setattr__(self, "reference_price", number("reference_price", price, low=0, open_low=True))

    @classmethod
    def of_units(
        cls,
        values: Iterable[float],
        costs: Iterable[float],
        *,
        buyers: int | None = None,
        sellers: int | None = None,
        reference_price: float = 0.0,
        name: str = "market",
    ) -> Self:
        """Deal units round, highest values and lowest costs first: of n traders, trader i gets the (i + n·k)th for each k.

        Each unit has a trader of its own unless told how many there are.

        >>> Environment.of_units([9, 7, 8, 6], [1, 2], buyers=2).values
        ((9.0, 7.0), (8.0, 6.0))

        Raises:
            EmptySide: if a side has nobody.
            PricingError: if a figure is not a number, or a number of traders is not from 1 to the number of units.
        """
        sides = []
        for what, units, count, order in (("buyers", values, buyers, -1), ("sellers", costs, sellers, 1)):
            ordered = np.sort(vector(f"units of {what}", units))[::order].tolist()
            if not ordered:
                raise EmptySide(f"{what}: found none, expected at least one")
            traders = len(ordered) if count is None else count
            if whole(what, traders, low=1) > len(ordered):
                raise PricingError(f"{what}: found {count}, expected at most the {len(ordered)} units")
            sides.append(tuple(tuple(ordered[trader::traders]) for trader in range(traders)))
        return cls(sides[0], sides[1], reference_price, name)

    @property
    def traders(self) -> int:
        """How many traders there are on both sides together."""
        return len(self.values) + len(self.costs)

    def ladder(self, *, tick: float) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Return what every trader's units are worth in ticks, and how many each has: buyers first, a row per trader.

        Rows are filled up with zeros, which nobody may trade.

        >>> Environment(((3.0, 2.0),), ((1.0,),)).ladder(tick=0.5)
        (array([[6., 4.],
               [2., 0.]]), array([2, 1]))

        Raises:
            PricingError: if the tick is not positive, or too small for the prices.
        """
        size = number("tick", tick, low=0, open_low=True)
        rows = (*self.values, *self.costs)
        counts = np.array([len(row) for row in rows], np.int64)
        limits = np.zeros((len(rows), int(counts.max())))
        for trader, row in enumerate(rows):
            limits[trader, : len(row)] = row
        if np.abs(limits).max() > PRICE_TICKS_MAX * size:
            raise PricingError(f"tick: found {tick:g}, expected at most {PRICE_TICKS_MAX} ticks in a price")
        # 3.3 / 0.1 is 32.99999999999999: what is a whole number of ticks has to be one
        ticks = limits / size
        whole = np.rint(ticks)
        return np.where(np.abs(ticks - whole) < 1e-9 * np.maximum(1, np.abs(whole)), whole, ticks), counts
