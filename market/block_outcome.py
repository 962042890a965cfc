"""A block auction in integers: what an acceptance comes to, exactly, and whether prices in whole ticks support it."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from market.block_orders import Block, StepOrder, ancestors, check_blocks, check_step_orders
from market.block_prices import Interval, Row, nearest_prices
from market.merit import Merit, merit_of
from market.orders import Side
from market.units import Malformed

Fills = tuple[tuple[int, ...], ...]

SPANS = 1000
"""Prices may leave the limits of the orders, as a block may make up in one hour for another: by default so many spans."""
ALMOST = 0.999
"""Short of a tick, by more than the solvers' tolerance."""
HELD = 1e-7
"""A ratio this near its parent's, or a group's sum this near 1, holds a block back."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """An acceptance in lots (by block and hour of its profile), and the prices that support it (by hour, in ticks)."""

    fills: Fills
    prices: tuple[int | None, ...]
    intervals: tuple[tuple[int | None, int | None], ...]
    welfare: int


class Auction:
    """The orders of an auction, by hour, and what follows from accepting some blocks.

    Raises:
        Malformed: if orders, blocks or limits cannot be.
    """

    def __init__(
        self, orders: Sequence[StepOrder], blocks: Sequence[Block], price_limits: tuple[int, int] | None
    ) -> None:
        check_step_orders(orders)
        check_blocks(blocks)
        self.orders, self.blocks = orders, blocks
        named = {order.hour for order in orders} | {hour for block in blocks for hour, _ in block.profile}
        self.hours = tuple(sorted(named))
        self.place = {hour: at for at, hour in enumerate(self.hours)}
        steps: defaultdict[int, list[tuple[Side, int, int]]] = defaultdict(list)
        for order in orders:
            steps[order.hour] += [(order.side, *step) for step in order.steps]
        self.merits: tuple[Merit, ...] = tuple(merit_of(steps[hour]) for hour in self.hours)
        self.price_limits = self._within(price_limits)

    def _within(self, price_limits: tuple[int, int] | None) -> tuple[int, int]:
        limits = [price for merit in self.merits for price in merit.prices]
        limits += [block.price_ticks for block in self.blocks]
        low, high = min(limits, default=0), max(limits, default=0)
        if price_limits is None:
            beyond = SPANS * max(high - low, 1)
            return low - beyond, high + beyond
        if not price_limits[0] <= low <= high <= price_limits[1]:
            raise Malformed(
                f"price limits: found {price_limits}, expected to hold all orders' from {low} to {high}"
            )
        return price_limits

    @cached_property
    def families(self) -> tuple[tuple[int, ...], ...]:
        """Say of each block who descends from it: itself, its children, theirs and so on."""
        families: list[list[int]] = [[at] for at in range(len(self.blocks))]
        for at in range(len(self.blocks)):
            for ancestor in ancestors(self.blocks, at):
                families[ancestor].append(at)
        generation = [len(ancestors(self.blocks, at)) for at in range(len(self.blocks))]
        return tuple(tuple(sorted(family, key=generation.__getitem__)) for family in families)

    def gain(
        self, block: int, prices: Sequence[int | None], fills: Iterable[int] | None = None
    ) -> int | None:
        """Return what a block gains at these prices with these fills (or all of it); None where an hour has no price."""
        order, total = self.blocks[block], 0
        lots = fills if fills is not None else (quantity for _, quantity in order.profile)
        for (hour, _), filled in zip(order.profile, lots, strict=True):
            price = prices[self.place[hour]]
            if price is None:
                return None
            total += filled * (price - order.price_ticks)
        return total if order.side is Side.SELL else -total

    def outcome(self, ratios: Sequence[float], *, priced: bool) -> Outcome | None:
        """Return what an acceptance comes to, None if the hours cannot bear it or no prices support it."""
        acceptance = _Acceptance(self, ratios)
        return acceptance.supported() if priced else acceptance.unsupported()


class _Acceptance:
    """Blocks accepted at ratios, on the way to whole lots and prices."""

    def __init__(self, auction: Auction, ratios: Sequence[float]) -> None:
        self._auction = auction
        self._ratios = {block: ratio for block, ratio in enumerate(ratios) if ratio > 0}
        self._intakes = [0] * len(auction.hours)
        self._parts: list[list[tuple[int, int, float]]] = [[] for _ in auction.hours]
        self._fills: dict[int, list[int]] = {}
        self._in_part: list[int] = []
        for block, ratio in self._ratios.items():
            order = auction.blocks[block]
            sign = 1 if order.side is Side.SELL else -1
            self._fills[block] = [round(ratio * lots) if ratio < 1 else lots for _, lots in order.profile]
            whole = all(
                filled == lots for filled, (_, lots) in zip(self._fills[block], order.profile, strict=True)
            )
            if not whole:
                self._in_part.append(block)
            for at, (hour, lots) in enumerate(order.profile):
                self._intakes[auction.place[hour]] += sign * self._fills[block][at]
                if not whole:
                    self._parts[auction.place[hour]].append((block, at, ratio * lots))

    def unsupported(self) -> Outcome | None:
        """Return the outcome without prices."""
        if any(
            not merit.lowest <= intake <= merit.highest
            for merit, intake in zip(self._auction.merits, self._intakes, strict=True)
        ):
            return None
        nothing = (None,) * len(self._intakes)
        return Outcome(self._all_fills(), nothing, tuple((None, None) for _ in nothing), self._welfare())

    def supported(self) -> Outcome | None:
        """Return the outcome with the prices that support it."""
        auction = self._auction
        intervals = []
        for hour, (merit, intake) in enumerate(zip(auction.merits, self._intakes, strict=True)):
            loose = len(self._parts[hour])  # so many lots may yet move, by rounding
            if not merit.lowest - loose <= intake <= merit.highest + loose:
                return None
            low, _ = merit.price_range(min(max(intake + loose, merit.lowest), merit.highest))
            _, high = merit.price_range(min(max(intake - loose, merit.lowest), merit.highest))
            intervals.append(Interval(low, high, self._target(hour, low, high)))
        prices = nearest_prices(intervals, self._rows(), limits=auction.price_limits, supports=self._supports)
        if prices is None:
            return None
        traded = {hour for block in self._ratios for hour, _ in auction.blocks[block].profile}
        known = [
            price if merit.prices or hour in traded else None
            for hour, merit, price in zip(auction.hours, auction.merits, prices, strict=True)
        ]
        ranges = tuple(
            merit.price_range(intake) for merit, intake in zip(auction.merits, self._intakes, strict=True)
        )
        return Outcome(self._all_fills(), tuple(known), ranges, self._welfare())

    def _target(self, hour: int, low: int | None, high: int | None) -> float:
        """Return the price to be near: the middle of an hour's interval, or its one end, or between its blocks' limits."""
        if low is not None and high is not None:
            return (low + high) / 2
        if low is not None or high is not None:
            return float(low if low is not None else high or 0)
        accepted = (self._auction.blocks[block] for block in self._ratios)
        trading = [order for order in accepted if self._auction.hours[hour] in dict(order.profile)]
        bids = [order.price_ticks for order in trading if order.side is Side.BUY]
        offers = [order.price_ticks for order in trading if order.side is Side.SELL]
        ends = [find(limits) for find, limits in ((min, bids), (max, offers)) if limits]
        return sum(ends) / len(ends) if ends else 0.0

    def _rows(self) -> list[Row]:
        """Say that no family loses, and that blocks accepted in part gain less than a tick a lot."""
        rows = []
        for block in self._ratios:
            factors: defaultdict[int, float] = defaultdict(float)
            at_least = 0.0
            for member in self._auction.families[block]:
                ratio = self._ratios.get(member, 0.0)
                order = self._auction.blocks[member]
                for hour, lots in order.profile if ratio else ():
                    signed = ratio * lots if order.side is Side.SELL else -ratio * lots
                    factors[self._auction.place[hour]] += signed
                    at_least += signed * order.price_ticks
            rows.append(Row(tuple(factors.items()), at_least))
        for block in self._in_part:
            if not self._is_held(block):
                spare: defaultdict[int, float] = defaultdict(float)
                at_most = all_lots = 0
                for member in self._tied(block):
                    order = self._auction.blocks[member]
                    sign = -1 if order.side is Side.SELL else 1
                    for hour, quantity in order.profile:
                        spare[self._auction.place[hour]] += sign * quantity
                        at_most += sign * quantity * order.price_ticks
                        all_lots += quantity
                rows.append(Row(tuple(spare.items()), at_most - ALMOST * all_lots))
        return rows

    def _tied(self, block: int) -> list[int]:
        """Return a block accepted in part and those descendants whose ratio can only grow with its own."""
        tied = [block]
        for member in self._auction.families[block]:
            parent = self._auction.blocks[member].parent
            if parent in tied and self._ratios.get(member, 0.0) >= self._ratios[parent] - HELD:
                tied.append(member)
        return tied

    def _is_held(self, block: int) -> bool:
        """Say whether a block accepted in part is held back by its parent's ratio or by its full group."""
        order, ratio = self._auction.blocks[block], self._ratios[block]
        if order.parent is not None and ratio >= self._ratios[order.parent] - HELD:
            return True
        group = (
            r for b, r in self._ratios.items() if order.group and self._auction.blocks[b].group == order.group
        )
        return sum(group) >= 1 - HELD

    def _supports(self, prices: Sequence[int]) -> bool:
        """Make the lots of blocks accepted in part fit the prices; say whether they do and nobody loses."""
        if not all(self._fit(hour, price) for hour, price in enumerate(prices)):
            return False
        auction = self._auction
        gains = {block: auction.gain(block, prices, fills) or 0 for block, fills in self._fills.items()}
        if any(sum(gains.get(member, 0) for member in auction.families[block]) < 0 for block in gains):
            return False
        for block in self._in_part:
            tied = self._tied(block)
            lots = sum(lots for member in tied for _, lots in auction.blocks[member].profile)
            if not self._is_held(block) and sum(auction.gain(each, prices) or 0 for each in tied) >= lots:
                return False
        return True

    def _fit(self, hour: int, price: int) -> bool:
        """Round the parts of an hour's blocks so that it takes in what it does at this price: by less than a lot each."""
        merit = self._auction.merits[hour]
        least, most = merit.intake_range(price)
        for block, at, exact in self._parts[hour]:
            short = min(max(self._intakes[hour], least), most) - self._intakes[hour]
            sign = 1 if self._auction.blocks[block].side is Side.SELL else -1
            lots = self._fills[block][at] + (sign if short > 0 else -sign)
            if short and abs(lots - exact) < 1:
                self._intakes[hour] += sign * (lots - self._fills[block][at])
                self._fills[block][at] = lots
        return least <= self._intakes[hour] <= most

    def _all_fills(self) -> Fills:
        return tuple(
            tuple(self._fills[at]) if at in self._fills else (0,) * len(block.profile)
            for at, block in enumerate(self._auction.blocks)
        )

    def _welfare(self) -> int:
        auction = self._auction
        worth = sum(merit.worth(z) for merit, z in zip(auction.merits, self._intakes, strict=True))
        for block, fills in self._fills.items():
            order = auction.blocks[block]
            worth += sum(fills) * (order.price_ticks if order.side is Side.BUY else -order.price_ticks)
        return worth
