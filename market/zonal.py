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

from market.auctions import TIE_RULES, share
from market.listing import Allocation
from market.orders import Side
from market.units import InvariantBroken, Lots, Malformed, Ticks
from market.zonal_shares import Floats, Integers, Shares, optimum

__all__ = ["Line", "ZonalClearing", "ZonalOrder", "clear_zonal"]

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
        programme = self._at_the_price(places, signs, low, high)
        equal = programme.matrix @ np.concatenate((taken, flows))
        totals = programme.whole_near(programme.fairest(lots, equal), lots, equal)
        for group, total in zip(groups.values(), totals, strict=True):
            for at, each in zip(group, share(total, self.lots[group]).tolist(), strict=True):
                shared[at] = each
        fixed = np.array(shared, np.int64)
        return self._solve(self.places, self.signs, fixed, fixed, np.zeros(len(fixed)))

    def _standing(self, at: int) -> tuple[int, bool, int]:
        order = self.orders[at]
        buys = order.side is Side.BUY
        return order.price_ticks, buys, -at if buys else at

    def _at_the_price(self, places: Integers, signs: Integers, low: Integers, high: Integers) -> Shares:
        """Return the programme over groups of orders and lines: what each zone takes in, and what all bids buy."""
        matrix = np.zeros((len(self.zones) + 1, len(places) + len(self.lines)))
        matrix[places, np.arange(len(places))] = signs
        matrix[-1, : len(places)] = signs > 0
        across = len(places) + np.arange(len(self.lines))
        matrix[self.starts, across] = 1
        matrix[self.ends, across] = -1
        return Shares(matrix, low, high)

    def _solve(
        self, places: Integers, signs: Integers, least: Integers, most: Integers, costs: Floats
    ) -> tuple[list[int], list[int]]:
        """Return the fills between `least` and `most`, and the flows, of least cost; each lot on a line costs 1."""
        from scipy.sparse import coo_array  # scipy is slow to import, and most markets have one zone

        orders, lines = len(places), len(self.lines)
        if not orders:
            return [], [0] * lines
        entries = np.concatenate((signs, np.ones(lines), -np.ones(lines), -np.ones(lines), np.ones(lines)))
        rows = np.concatenate((places, self.starts, self.ends, self.starts, self.ends))
        forward, backward = orders + np.arange(lines), orders + lines + np.arange(lines)
        columns = np.concatenate((np.arange(orders), forward, forward, backward, backward))
        solved = optimum(
            np.concatenate((costs, np.ones(2 * lines))),
            least=np.concatenate((least, np.zeros(2 * lines))),
            most=np.concatenate((most, self.forward, self.backward)),
            A_eq=coo_array((entries, (rows, columns)), (len(self.zones), orders + 2 * lines)).tocsr(),
            b_eq=np.zeros(len(self.zones)),
        )
        whole = np.rint(solved.x).astype(np.int64)
        return whole[:orders].tolist(), (whole[forward] - whole[backward]).tolist()


def _check_input(zones: Sequence[str], lines: Sequence[Line], orders: Sequence[ZonalOrder]) -> None:
    known = set(zones)
    if len(known) < len(zones):
        raise Malformed(f"zones: found {list(zones)}, expected each once")
    for at, line in enumerate(lines):
        if not {line.start, line.end} <= known:
            raise Malformed(f"line {at}: found {line.start} to {line.end}, expected two of {list(zones)}")
        if line.start == line.end:
            raise Malformed(f"line {at}: found {line.start} at both ends, expected two zones")
        if min(line.forward_lots, line.backward_lots) < 0:
            found = f"{line.forward_lots} forward and {line.backward_lots} backward"
            raise Malformed(f"line {at}: found {found}, expected capacities of at least 0 lots")
    for at, order in enumerate(orders):
        if order.zone not in known:
            raise Malformed(f"order {at}: found zone {order.zone}, expected one of {list(zones)}")
        if order.quantity_lots < 1:
            raise Malformed(f"order {at}: found {order.quantity_lots} lots, expected at least 1")
    total = sum(order.quantity_lots for order in orders)
    if total >= LOTS_LIMIT:
        raise Malformed(f"orders: found {total} lots together, expected less than {LOTS_LIMIT}")


def _intervals(
    zones: Sequence[str],
    lines: Sequence[Line],
    orders: Sequence[ZonalOrder],
    fills: Sequence[int],
    flows: Sequence[int],
) -> dict[str, Interval]:
    """Return by zone the least and the highest price at which all orders and lines are content.

    Who trades limits the price on one side, who is left over on the other. A line that is not full towards a zone keeps
    that zone's price from being the higher one. Every price between the two ends is part of some equilibrium.

    Raises:
        InvariantBroken: if there is no such price: the outcome is then not the best.
    """
    low: dict[str, int] = {}
    high: dict[str, int] = {}

    def at_least(zone: str, price: int | None) -> bool:
        if price is None or low.get(zone, price - 1) >= price:
            return False
        low[zone] = price
        return True

    def at_most(zone: str, price: int | None) -> bool:
        if price is None or high.get(zone, price + 1) <= price:
            return False
        high[zone] = price
        return True

    for order, filled in zip(orders, fills, strict=True):
        buys = order.side is Side.BUY
        if filled:
            (at_most if buys else at_least)(order.zone, order.price_ticks)
        if filled < order.quantity_lots:
            (at_least if buys else at_most)(order.zone, order.price_ticks)
    both = list(zip(lines, flows, strict=True))
    no_dearer = [(line.end, line.start) for line, flow in both if flow < line.forward_lots]
    no_dearer += [(line.start, line.end) for line, flow in both if -flow < line.backward_lots]
    moved = True
    while moved:
        moved = False
        for cheap, dear in no_dearer:
            raised, lowered = at_least(dear, low.get(cheap)), at_most(cheap, high.get(dear))
            moved = moved or raised or lowered
    for zone in low.keys() & high.keys():
        if low[zone] > high[zone]:
            raise InvariantBroken(
                f"zone {zone}: found no price that is at least {low[zone]} and at most {high[zone]}, expected one"
            )
    return {
        zone: (
            Ticks(low[zone]) if zone in low else None,
            Ticks(high[zone]) if zone in high else None,
        )
        for zone in zones
    }


def _middle(interval: Interval) -> Ticks | None:
    low, high = interval
    return None if low is None or high is None else Ticks((low + high) // 2)


def _check_balances(
    zones: Sequence[str],
    lines: Sequence[Line],
    orders: Sequence[ZonalOrder],
    fills: Sequence[int],
    flows: Sequence[int],
) -> None:
    """Check fills and flows in integers.

    Raises:
        InvariantBroken: naming what does not hold.
    """
    net = dict.fromkeys(zones, 0)
    for at, (order, filled) in enumerate(zip(orders, fills, strict=True)):
        if not 0 <= filled <= order.quantity_lots:
            raise InvariantBroken(f"order {at}: found {filled} lots, expected 0 to {order.quantity_lots}")
        net[order.zone] += filled if order.side is Side.BUY else -filled
    for at, (line, flow) in enumerate(zip(lines, flows, strict=True)):
        if not -line.backward_lots <= flow <= line.forward_lots:
            raise InvariantBroken(
                f"line {at}: found {flow} lots, expected {-line.backward_lots} to {line.forward_lots}"
            )
        net[line.start] += flow
        net[line.end] -= flow
    if any(net.values()):
        raise InvariantBroken(
            f"zones: found bought and sent less sold and received {net}, expected 0 in each"
        )


def _worth(trading: Sequence[tuple[ZonalOrder, int]]) -> int:
    return sum(order.price_ticks * lots for order, lots in trading)


def _difference(prices: dict[str, Ticks | None], line: Line) -> int:
    start, end = prices[line.start], prices[line.end]
    if start is None or end is None:
        raise InvariantBroken(
            f"line {line.start} to {line.end}: found a flow between {start} and {end} ticks"
        )
    return end - start
