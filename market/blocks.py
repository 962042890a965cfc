"""Auctions over many hours, with blocks: one price an hour, no block accepted at a loss, the largest welfare of all.

Step orders are in equilibrium with the prices: what is strictly better trades, what is strictly worse does not. Blocks
cannot all be: one that loses at the prices is never accepted (none is *paradoxically accepted*), but one that would gain may
be rejected (*paradoxically rejected*; they are reported), because accepting it would move the prices. In detail:

* A family of linked blocks is judged together: a block may lose if its accepted descendants gain as much. So no accepted
  block loses together with all that is accepted under it; one without children never loses.
* A block accepted in part is at the money: it gains less than one tick a lot, unless its group or its parent holds it back.
* Of all acceptances with prices in whole ticks that do all this, the one with the most welfare is taken.

The choice is made in floating point (`market.block_relaxation`, `block_search`, `block_rest`, `block_tree`), and each result
is made and checked anew in integers here.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from market.auctions import TIE_RULES, share
from market.block_book import Book, Floats, scaled_book
from market.block_orders import Block, StepOrder
from market.block_outcome import Auction, Outcome
from market.block_prices import PRICE_RULE
from market.block_relaxation import Relaxation, divide, relax
from market.block_rest import plant, rest_of
from market.block_search import search
from market.block_tree import FINISHED, LEAF, NEAR, SLACK, explore
from market.listing import Allocation
from market.orders import Side
from market.units import PPM_ONE, InvariantBroken, Lots, Ticks

NODES = 4096
"""Nodes of the search tree between two questions whether to stop."""


@dataclass(frozen=True, slots=True, eq=False)
class BlockClearing:
    """The result of an auction with blocks.

    By hour: `prices` (None where nobody could say), the `intervals` that the step orders leave them, `volumes` in lots.
    `step_fills` are by step order, `block_fills` by block and hour of its profile. No acceptance has more welfare than
    `welfare_bound`; the two are equal if the result is `optimal`. Welfare is in ticks times lots.
    """

    hours: tuple[int, ...]
    prices: tuple[Ticks | None, ...]
    intervals: tuple[tuple[Ticks | None, Ticks | None], ...]
    volumes: tuple[Lots, ...]
    step_fills: tuple[Lots, ...]
    block_fills: tuple[tuple[Lots, ...], ...]
    paradoxically_rejected: tuple[int, ...]
    welfare: int
    welfare_bound: int
    optimal: bool
    price_rule: str
    tie_rule: str

    @property
    def accepted(self) -> tuple[int, ...]:
        """The blocks that trade, wholly or in part."""
        return tuple(at for at, fills in enumerate(self.block_fills) if any(fills))

    @property
    def gap(self) -> float:
        """How much more welfare there might be, as a share of the bound."""
        return (self.welfare_bound - self.welfare) / max(1, abs(self.welfare_bound))


def clear_blocks(
    orders: Sequence[StepOrder],
    blocks: Sequence[Block],
    *,
    ties: Allocation = Allocation.TIME,
    price_limits: tuple[Ticks, Ticks] | None = None,
    stop: Callable[[], bool] | None = None,
) -> BlockClearing:
    """Clear an auction over many hours.

    `price_limits` are the least and the highest price allowed; `stop` is asked now and then whether time is up, and the
    best result so far is returned if it is.

    >>> from market.block_orders import simple_order
    >>> buy, sell = Side.BUY, Side.SELL
    >>> hourly = [simple_order(buy, 1, 50, 11), simple_order(buy, 1, 10, 14)]
    >>> clearing = clear_blocks(hourly, [Block(sell, 5, ((1, 10),)), Block(sell, 10, ((1, 20),))])
    >>> clearing.prices, clearing.accepted, clearing.paradoxically_rejected, clearing.welfare
    ((50,), (0,), (1,), 450)

    Raises:
        Malformed: if orders, blocks or limits cannot be (see `market.block_orders`).
        InvariantBroken: if the result does not pass its checks.
    """
    auction = Auction(orders, blocks, price_limits)
    clearing = _clearing(auction, _best(auction, priced=True, stop=stop), ties)
    _check(auction, clearing)
    return clearing


def largest_welfare(orders: Sequence[StepOrder], blocks: Sequence[Block]) -> int:
    """Return the welfare (ticks times lots) that blocks could reach if no prices had to support them.

    What `clear_blocks` falls short of it is what one price an hour costs.
    """
    auction = Auction(orders, blocks, None)
    return _best(auction, priced=False, stop=None).outcome.welfare


@dataclass(frozen=True, slots=True)
class _Best:
    """The best outcome found, and the welfare that none exceeds; None if that is its own."""

    outcome: Outcome
    bound: int | None


def _best(auction: Auction, *, priced: bool, stop: Callable[[], bool] | None) -> _Best:
    """Find the acceptance of largest welfare that has prices (if `priced`)."""
    nothing = auction.outcome([0.0] * len(auction.blocks), priced=priced)
    if nothing is None:
        raise InvariantBroken("found no prices where no block is accepted, expected some")
    if not auction.blocks:
        return _Best(nothing, None)
    book = scaled_book(auction.merits, auction.hours, auction.blocks, auction.price_limits)
    relaxation = relax(book)
    first = search(book, relaxation, priced=priced)
    best, loss = nothing, _loss(book, relaxation, np.zeros(len(auction.blocks)))
    found = auction.outcome(first.ratios.tolist(), priced=priced)
    if found is not None:
        best, loss = found, first.loss
    limit = min(first.loss, loss)
    while True:
        planted = plant(
            book, relaxation, rest_of(book, relaxation, limit + SLACK, priced=priced), priced=priced
        )
        while (state := explore(planted.tree, relaxation.bound, limit, priced, NODES)) != FINISHED:
            if state == LEAF:
                accepted, in_part = planted.leaf()
                ratios = divide(book, accepted, in_part) if in_part.any() else accepted
                lost = np.inf if ratios is None else _loss(book, relaxation, ratios)
                if ratios is None or lost >= limit or (priced and not relaxation.may_stand(book, ratios)):
                    continue
                found = auction.outcome(ratios.tolist(), priced=priced)
                if found is not None:
                    best, loss = found, lost
                    limit = lost - NEAR * (1 + lost)
            elif stop is not None and stop():
                least = min(planted.least_loss(), loss)
                bound = (relaxation.bound - least) * book.price_scale * book.lot_scale
                return _Best(best, max(best.welfare, int(np.ceil(bound))))
        if loss <= limit * (1 + 2 * NEAR) + 2 * NEAR:
            return _Best(best, None)
        limit = min(2 * limit + SLACK, loss)  # what the local search found has no prices in whole ticks


def _loss(book: Book, relaxation: Relaxation, ratios: Floats) -> float:
    intakes, surpluses = book.signed.T @ ratios, book.surpluses(relaxation.prices) @ ratios
    return float(relaxation.losses(intakes[None], np.array([surpluses]))[0])


def _clearing(auction: Auction, best: _Best, ties: Allocation) -> BlockClearing:
    """Share out what the step orders trade, and report."""
    outcome = best.outcome
    step_fills = [0] * len(auction.orders)
    volumes = []
    for hour, price in zip(auction.hours, outcome.prices, strict=True):
        sold = bought = 0
        for block, fills in zip(auction.blocks, outcome.fills, strict=True):
            lots = sum(lots for (at, _), lots in zip(block.profile, fills, strict=True) if at == hour)
            sold, bought = (sold + lots, bought) if block.side is Side.SELL else (sold, bought + lots)
        volumes.append(Lots(sold + _fill_steps(auction, step_fills, hour, price, sold - bought, ties)))
    rejected = _paradoxically_rejected(auction, outcome)
    return BlockClearing(
        hours=auction.hours,
        prices=tuple(None if price is None else Ticks(price) for price in outcome.prices),
        intervals=tuple(
            (None if low is None else Ticks(low), None if high is None else Ticks(high))
            for low, high in outcome.intervals
        ),
        volumes=tuple(volumes),
        step_fills=tuple(map(Lots, step_fills)),
        block_fills=tuple(tuple(map(Lots, fills)) for fills in outcome.fills),
        paradoxically_rejected=rejected,
        welfare=outcome.welfare,
        welfare_bound=outcome.welfare if best.bound is None else best.bound,
        optimal=best.bound is None,
        price_rule=PRICE_RULE,
        tie_rule=TIE_RULES[ties],
    )


def _fill_steps(
    auction: Auction, step_fills: list[int], hour: int, price: int | None, intake: int, ties: Allocation
) -> int:
    """Fill an hour's step orders at its price so that they take in this much; return what they sell.

    What is better than the price trades wholly; at the price as much trades as can.
    """
    strictly = {Side.BUY: 0, Side.SELL: 0}
    level: dict[Side, list[tuple[int, int]]] = {Side.BUY: [], Side.SELL: []}
    for at, order in enumerate(auction.orders):
        for step in order.steps if order.hour == hour and price is not None else ():
            better = (step.price_ticks - (price or 0)) * (1 if order.side is Side.BUY else -1)
            if better > 0:
                step_fills[at] += step.quantity_lots
                strictly[order.side] += step.quantity_lots
            elif better == 0:
                level[order.side].append((at, step.quantity_lots))
    bids, offers = (sum(lots for _, lots in level[side]) for side in (Side.BUY, Side.SELL))
    net = intake - strictly[Side.BUY] + strictly[Side.SELL]
    bought = min(bids, offers + net)
    for side, lots in ((Side.BUY, bought), (Side.SELL, bought - net)):
        quantities = np.array([lots for _, lots in level[side]], np.int64)
        if ties is Allocation.PRO_RATA:
            shares = share(lots, quantities)
        else:
            shares = np.diff(np.minimum(np.cumsum(quantities), lots), prepend=0)
        for (at, _), filled in zip(level[side], shares.tolist(), strict=True):
            step_fills[at] += filled
    return strictly[Side.SELL] + bought - net


def _paradoxically_rejected(auction: Auction, outcome: Outcome) -> tuple[int, ...]:
    """Return the rejected blocks that would gain at the prices.

    A block whose parent is rejected is judged with it: with the best of its descendants a family would gain, and so would
    those of them that add to it. In an exclusive group a block would gain if it earned more than what its group accepts.
    """
    accepted = {at for at, fills in enumerate(outcome.fills) if any(fills)}
    held: dict[str, int] = {}
    for at in accepted:
        group = auction.blocks[at].group
        if group is not None:
            held[group] = held.get(group, 0) + (auction.gain(at, outcome.prices, outcome.fills[at]) or 0)
    children: dict[int, list[int]] = {}
    for at, block in enumerate(auction.blocks):
        if block.parent is not None:
            children.setdefault(block.parent, []).append(at)
    would: dict[int, int] = {}
    for at in sorted(
        set(range(len(auction.blocks))) - accepted, key=lambda each: len(auction.families[each])
    ):
        own = auction.gain(at, outcome.prices)
        if own is not None:  # a family is larger than those of its members, so these are known
            helped = sum(max(0, would.get(child, 0)) for child in children.get(at, ()))
            would[at] = own + helped - held.get(auction.blocks[at].group or "", 0)
    rejected: list[int] = []
    tops = [at for at in would if auction.blocks[at].parent is None or auction.blocks[at].parent in accepted]
    while tops:
        at = tops.pop()
        if would[at] > 0:
            rejected.append(at)
            tops += [child for child in children.get(at, ()) if child in would]
    return tuple(sorted(rejected))


def _check(auction: Auction, clearing: BlockClearing) -> None:
    """Check a result in integers, from nothing but the orders and what is reported.

    Raises:
        InvariantBroken: naming what does not hold.
    """
    prices, welfare = clearing.prices, 0
    net = dict.fromkeys(auction.hours, 0)
    for at, (order, filled) in enumerate(zip(auction.orders, clearing.step_fills, strict=True)):
        price = prices[auction.place[order.hour]]
        buys = order.side is Side.BUY
        left = int(filled)
        for step in order.steps:
            lots = min(left, step.quantity_lots)
            left -= lots
            worth = step.price_ticks if buys else -step.price_ticks
            welfare += lots * worth
            better = worth - (0 if price is None else price if buys else -price)
            if (better > 0 and lots < step.quantity_lots) or (better < 0 and lots):
                raise InvariantBroken(f"step order {at}: found {filled} lots at price {price} for {order}")
        if left:
            raise InvariantBroken(f"step order {at}: found {filled} lots, expected no more than it has")
        net[order.hour] += filled if buys else -filled
    for at, (block, fills) in enumerate(zip(auction.blocks, clearing.block_fills, strict=True)):
        buys = block.side is Side.BUY
        for (hour, lots), filled in zip(block.profile, fills, strict=True):
            if not 0 <= filled <= lots:
                raise InvariantBroken(f"block {at}: found {filled} lots in hour {hour}, expected 0 to {lots}")
            net[hour] += filled if buys else -filled
            welfare += filled * (block.price_ticks if buys else -block.price_ticks)
        _check_ratio(auction, clearing, at)
    if any(net.values()):
        raise InvariantBroken(f"hours: found bought less sold {net}, expected nothing in each")
    for at in clearing.accepted:
        members = [(each, clearing.block_fills[each]) for each in auction.families[at]]
        gain = sum(auction.gain(each, prices, fills) or 0 for each, fills in members if any(fills))
        if gain < 0:
            raise InvariantBroken(f"block {at}: found it accepted at a loss of {-gain}, expected none")
    if not welfare == clearing.welfare <= clearing.welfare_bound:
        found = f"{welfare} in the fills, {clearing.welfare} told, {clearing.welfare_bound} at most"
        raise InvariantBroken(f"welfare: found {found}, expected the same twice and no less")


def _check_ratio(auction: Auction, clearing: BlockClearing, at: int) -> None:
    """Check a block's ratio in all its hours, to a lot: its minimum, its parent's ratio, its group's sum."""
    block, fills = auction.blocks[at], clearing.block_fills[at]
    ratio = _ratio(auction, clearing, at)
    if not ratio:
        return
    if any(abs(filled - ratio * lots) > 1 for (_, lots), filled in zip(block.profile, fills, strict=True)):
        raise InvariantBroken(f"block {at}: found {fills} of {block.profile}, expected one ratio")
    rounding = Fraction(1, min(lots for _, lots in block.profile))
    if ratio < Fraction(block.minimum_ppm, PPM_ONE) - rounding:
        raise InvariantBroken(f"block {at}: found ratio {ratio}, expected {block.minimum_ppm} ppm or more")
    if block.parent is not None:
        most = _ratio(auction, clearing, block.parent)
        least_lots = min(lots for _, lots in auction.blocks[block.parent].profile)
        if not most or ratio > most + rounding + Fraction(1, least_lots):
            raise InvariantBroken(f"block {at}: found ratio {ratio}, expected at most its parent's {most}")
    if block.group is not None:
        members = [each for each in clearing.accepted if auction.blocks[each].group == block.group]
        total = sum(_ratio(auction, clearing, each) for each in members)
        spare = sum(Fraction(1, min(lots for _, lots in auction.blocks[each].profile)) for each in members)
        if len(members) > 1 and total > 1 + spare:
            raise InvariantBroken(
                f"group {block.group}: found ratios that sum to {total}, expected 1 at most"
            )


def _ratio(auction: Auction, clearing: BlockClearing, at: int) -> Fraction:
    return Fraction(sum(clearing.block_fills[at]), sum(lots for _, lots in auction.blocks[at].profile))
