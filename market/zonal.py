"""Zonal auctions: the orders of one hour in several zones, joined by lines; one price in each zone.

The most welfare is taken that the lines can carry; of all ways to it, those with the most volume; of these, the orders with
the best prices and among equals the earlier (or all in proportion); and then the least flow over all lines together. Hours
do not depend on one another: clear each by itself.

Whether an outcome is in equilibrium depends on comparisons only: of limits with the price of their zone, and of the prices
at the two ends of a line. So the linear programme (HiGHS) is given the *ranks* of the orders, small integers, instead of
their prices. Its matrix is that of a network, hence a vertex of it is whole lots. Prices then follow exactly, in integers,
from who trades and which lines are full, and their existence proves that the outcome is the best one (duality).

Where several prices are equilibria, each zone has an interval of them, and the price is its middle, rounded down. All
middles together are an equilibrium again, since every condition between two zones only says which price is the higher.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from market.auctions import TIE_RULES, share
from market.orders import Allocation, Side
from market.units import InvariantBroken, Lots, Malformed, Ticks

__all__ = ["Line", "ZonalClearing", "ZonalOrder", "clear_zonal"]

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]
Interval = tuple[Ticks | None, Ticks | None]

LOTS_LIMIT = 1 << 53
"""All lots together stay below this: up to here the solver's floating point counts them exactly."""
PRICE_RULE = "midpoint"


@dataclass(frozen=True, slots=True)
class ZonalOrder:
    """An order in a zone; divisible."""

    side: Side
    zone: str
    price_ticks: Ticks
    quantity_lots: Lots


@dataclass(frozen=True, slots=True)
class Line:
    """A line between two zones that carries so many lots forward, from start to end, or so many backward."""

    start: str
    end: str
    forward_lots: Lots
    backward_lots: Lots


@dataclass(frozen=True, slots=True, eq=False)
class ZonalClearing:
    """The outcome of a zonal auction.

    `fills` (lots) are by order, `flows` (lots, positive from start to end) by line. `prices` and the `intervals` of all
    equilibrium prices are by zone. Where an interval has an open end (None) nothing trades, and the price is None.
    `volume_lots` is what is bought in all zones, `welfare` the surplus of all trades, and `congestion_rent` the part of it
    that the lines earn, both in ticks times lots.
    """

    prices: dict[str, Ticks | None]
    intervals: dict[str, Interval]
    fills: tuple[Lots, ...]
    flows: tuple[int, ...]
    volume_lots: Lots
    welfare: int
    congestion_rent: int
    price_rule: str
    tie_rule: str


def clear_zonal(
    zones: Sequence[str],
    lines: Sequence[Line],
    orders: Sequence[ZonalOrder],
    *,
    ties: Allocation = Allocation.TIME,
) -> ZonalClearing:
    """Clear one hour over several zones. Orders are given in the order of arrival.

    With `Allocation.PRO_RATA`, orders at the price of their zone are filled in proportion to their quantities, over all
    zones of one price as far as the lines let them: the least share is as large as can be, then the next, each to a lot.

    >>> orders = [ZonalOrder(Side.BUY, "A", 90, 40), ZonalOrder(Side.SELL, "A", 10, 100), ZonalOrder(Side.BUY, "B", 90, 60)]
    >>> clearing = clear_zonal(["A", "B"], [Line("A", "B", 20, 20)], orders)
    >>> clearing.prices, clearing.fills, clearing.flows, clearing.congestion_rent
    ({'A': 10, 'B': 90}, (40, 60, 20), (20,), 1600)

    Raises:
        Malformed: if a zone is given twice or is not known, a line joins a zone to itself or has a negative capacity, an
            order has no lots, or all lots together are too many.
        InvariantBroken: if the outcome is found not to be an equilibrium.
    """
    _check_input(zones, lines, orders)
    network = _Network(zones, lines, orders)
    fills, flows = network.best()
    intervals = _intervals(zones, lines, orders, fills, flows)
    prices = {zone: _middle(interval) for zone, interval in intervals.items()}
    if ties is Allocation.PRO_RATA:
        fills, flows = network.in_proportion(fills, flows, prices)
        if _intervals(zones, lines, orders, fills, flows) != intervals:
            raise InvariantBroken("ties: found other equilibrium prices after sharing, expected the same")
    _check_balances(zones, lines, orders, fills, flows)
    bought = [
        (order, lots) for order, lots in zip(orders, fills, strict=True) if lots and order.side is Side.BUY
    ]
    sold = [
        (order, lots) for order, lots in zip(orders, fills, strict=True) if lots and order.side is Side.SELL
    ]
    return ZonalClearing(
        prices=prices,
        intervals=intervals,
        fills=tuple(map(Lots, fills)),
        flows=tuple(flows),
        volume_lots=Lots(sum(lots for _, lots in bought)),
        welfare=_worth(bought) - _worth(sold),
        congestion_rent=sum(
            flow * _difference(prices, line) for line, flow in zip(lines, flows, strict=True) if flow
        ),
        price_rule=PRICE_RULE,
        tie_rule=TIE_RULES[ties],
    )


class _Network:
    """The orders and lines as arrays, and the linear programmes over them."""

    def __init__(self, zones: Sequence[str], lines: Sequence[Line], orders: Sequence[ZonalOrder]) -> None:
        at = {zone: index for index, zone in enumerate(zones)}
        self.zones = zones
        self.lines = lines
        self.orders = orders
        self.starts = np.array([at[line.start] for line in lines], np.int64)
        self.ends = np.array([at[line.end] for line in lines], np.int64)
        lots = sum(order.quantity_lots for order in orders)  # no line carries more
        self.forward = np.array([min(line.forward_lots, lots) for line in lines], np.int64)
        self.backward = np.array([min(line.backward_lots, lots) for line in lines], np.int64)
        self.places = np.array([at[order.zone] for order in orders], np.int64)
        self.signs = np.array([1 if order.side is Side.BUY else -1 for order in orders], np.int64)
        self.lots = np.array([order.quantity_lots for order in orders], np.int64)

    def best(self) -> tuple[list[int], list[int]]:
        """Return who trades how much, and what flows, by welfare, volume, time and least flow.

        Ranks are unique: by price, then bids before offers of that price (so that they trade), then time. One more lot of a
        better rank is worth more than a detour over all lines.
        """
        ranks = np.zeros(len(self.orders))
        for rank, order in enumerate(sorted(range(len(self.orders)), key=self._standing)):
            ranks[order] = rank
        detour = len(self.lines) + 1
        return self._solve(
            self.places, self.signs, np.zeros_like(self.lots), self.lots, -self.signs * ranks * detour
        )

    def in_proportion(
        self, fills: Sequence[int], flows: Sequence[int], prices: dict[str, Ticks | None]
    ) -> tuple[list[int], list[int]]:
        """Share out among the orders at the price of their zone, in place of time, what trades there."""
        groups: dict[tuple[int, int], list[int]] = {}  # the orders at the price, by zone and sign
        for at, order in enumerate(self.orders):
            if order.price_ticks == prices[order.zone]:
                groups.setdefault((int(self.places[at]), int(self.signs[at])), []).append(at)
        if not groups:
            return list(fills), list(flows)
        shared = list(fills)
        places, signs = (np.array(each, np.int64) for each in zip(*groups, strict=True))
        lots = np.array([int(self.lots[group].sum()) for group in groups.values()], np.int64)
        taken = np.array([sum(fills[at] for at in group) for group in groups.values()], np.int64)
        low, high = -self.backward, self.forward.copy()
        for at, line in enumerate(self.lines):
            if prices[line.start] != prices[line.end]:  # such a line stays as it is, full
                low[at] = high[at] = flows[at]
        wanted = self._fairest(places, signs, lots, taken, low, high)
        for group, total in zip(
            groups.values(), self._whole(places, signs, lots, taken, low, high, wanted), strict=True
        ):
            for at, each in zip(group, share(total, self.lots[group]).tolist(), strict=True):
                shared[at] = each
        fixed = np.array(shared, np.int64)
        return self._solve(self.places, self.signs, fixed, fixed, np.zeros(len(fixed)))

    def _standing(self, at: int) -> tuple[int, bool, int]:
        order = self.orders[at]
        buys = order.side is Side.BUY
        return order.price_ticks, buys, -at if buys else at

    def _balances(self, places: Integers, signs: Integers) -> NDArray[np.float64]:
        """Return the matrix of what each zone takes in (rows) through orders and lines forward (columns)."""
        matrix = np.zeros((len(self.zones), len(places) + len(self.lines)))
        matrix[places, np.arange(len(places))] = signs
        across = len(places) + np.arange(len(self.lines))
        matrix[self.starts, across] = 1
        matrix[self.ends, across] = -1
        return matrix

    def _solve(
        self, places: Integers, signs: Integers, least: Integers, most: Integers, costs: Floats
    ) -> tuple[list[int], list[int]]:
        """Return the fills between `least` and `most`, and the flows, of least cost; each lot on a line costs 1."""
        from scipy.optimize import linprog  # slow to import, and most markets have one zone
        from scipy.sparse import coo_array

        orders, lines = len(places), len(self.lines)
        if not orders:
            return [], [0] * lines
        entries = np.concatenate((signs, np.ones(lines), -np.ones(lines), -np.ones(lines), np.ones(lines)))
        rows = np.concatenate((places, self.starts, self.ends, self.starts, self.ends))
        forward, backward = orders + np.arange(lines), orders + lines + np.arange(lines)
        columns = np.concatenate((np.arange(orders), forward, forward, backward, backward))
        solved = linprog(
            np.concatenate((costs, np.ones(2 * lines))),
            A_eq=coo_array((entries, (rows, columns)), (len(self.zones), orders + 2 * lines)).tocsr(),
            b_eq=np.zeros(len(self.zones)),
            bounds=np.column_stack(
                (
                    np.concatenate((least, np.zeros(2 * lines))),
                    np.concatenate((most, self.forward, self.backward)),
                )
            ),
            method="highs-ds",  # ends at a vertex
            options={"presolve": False},  # faster on programmes of this shape
        )
        if solved.status != 0:
            raise InvariantBroken(f"zonal programme: found {solved.message!r}, expected a solution")
        whole = np.rint(solved.x).astype(np.int64)
        return whole[:orders].tolist(), (whole[forward] - whole[backward]).tolist()

    def _fairest(
        self, places: Integers, signs: Integers, lots: Integers, taken: Integers, low: Integers, high: Integers
    ) -> Floats:
        """Return how many lots each group gets so that the least share is as large as can be, then the next, and so on.

        Each round raises the shares of all groups together until some cannot follow: those keep what they have (their dual
        is not zero, so in no solution do they have more).
        """
        from scipy.optimize import linprog

        groups, lines = len(lots), len(self.lines)
        scale = float(max(lots.max(), np.abs(low).max(initial=0), np.abs(high).max(initial=0)))
        equal, sums = self._totals(places, signs, taken, flows_taken=self._rest(places, signs, taken))
        equal = np.hstack((equal, np.zeros((len(equal), 1))))
        kept = np.full(groups, np.nan)
        while np.isnan(kept).any():
            free = np.flatnonzero(np.isnan(kept))
            follow = np.zeros((len(free), groups + lines + 1))
            follow[np.arange(len(free)), free] = -1
            follow[:, -1] = lots[free] / scale
            least = np.where(np.isnan(kept), 0, kept)
            most = np.where(np.isnan(kept), lots / scale, kept)
            solved = linprog(
                np.append(np.zeros(groups + lines), -1),
                A_ub=follow,
                b_ub=np.zeros(len(free)),
                A_eq=equal,
                b_eq=sums / scale,
                bounds=np.column_stack(
                    (
                        np.concatenate((least, low / scale, [0])),
                        np.concatenate((most, high / scale, [1])),
                    )
                ),
                method="highs-ds",
            )
            if solved.status != 0:
                raise InvariantBroken(f"shares: found {solved.message!r}, expected a solution")
            stuck = free[np.abs(solved.ineqlin.marginals) > 1e-9]
            stuck = stuck if len(stuck) else free  # all have everything
            kept[stuck] = np.minimum(solved.x[-1], 1) * lots[stuck] / scale
        return kept * scale
