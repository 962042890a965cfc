"""Follow the orders of a record through its events, and prove trade by trade that nobody was passed over.

This knows nothing of the matching kernel: a second opinion in few lines. At each trade in continuous trading the resting
order must stand before all others of its side that could have traded,

1. by price: no order with a better limit was left standing;
2. by time: where the book allots by time, no fully shown order of the same limit that came before it was;

both limits are kept, and neither order gives more than it has left: all by the orders as they were taken in, not by what the
trade says of them. After an auction the same holds of whatever was filled, at the one price that was told. An order
that trades wholly or not at all, or would have met its own participant, may be passed over; time says nothing of orders
that hide something, since each slice joins the queue anew, nor where a book allots in proportion.
"""

from bisect import bisect_left, insort
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from market.events import (
    Cleared,
    Event,
    OrderAccepted,
    OrderCancelled,
    OrderReduced,
    OrderReplaced,
    OrderTriggered,
    SessionChanged,
    TradeAgreed,
)
from market.instruments import from_id
from market.listing import Allocation, InstrumentListed
from market.orders import Address, OrderTerms, Side


class _Rank(NamedTuple):
    """Where an order stands on its side, the first before all others: by price, then by when it came."""

    price: int
    came: int
    order_id: int


@dataclass(slots=True)
class _Order:
    participant: Address
    instrument_id: int
    side: Side
    rank: _Rank
    left_lots: int
    wholly: bool
    shown: bool
    waits: bool


@dataclass(slots=True)
class _Routed:
    """A bid for any of several instruments."""

    participant: Address
    limit_micros: int
    left_lots: int


_Queue = tuple[int, Side]


class Priority:
    """The orders that stand in the books, as the events tell it. `judge` takes batch after batch."""

    def __init__(self) -> None:
        self.proven = 0
        """Trades in which nobody was passed over."""
        self._orders: dict[int, _Order] = {}
        self._routed: dict[int, _Routed] = {}
        self._queues: defaultdict[_Queue, list[_Rank]] = defaultdict(list)
        self._in_proportion: set[int] = set()
        self._auctions: dict[int, _Auction] = {}
        self._came = 0

    def judge(self, events: Sequence[Event]) -> Iterator[tuple[int, str]]:
        """Follow the events of a batch; yield trade number and complaint for each trade that passed somebody over."""
        for event in events:
            match event:
                case InstrumentListed(listing):
                    if listing.rules.allocation is Allocation.PRO_RATA:
                        self._in_proportion.add(listing.instrument_id)
                case OrderAccepted():
                    self._accept(event)
                case OrderTriggered(order_id):
                    self._trigger(order_id)
                case OrderReplaced(order_id, terms):
                    self._replace(order_id, terms, kept_priority=event.kept_priority)
                case OrderReduced(order_id, by_lots):
                    self._take(order_id, by_lots)
                case OrderCancelled(order_id):
                    self._remove(order_id)
                case Cleared(instrument_id, price_ticks):
                    if instrument_id in self._auctions:
                        yield from self._end_auction(instrument_id)
                    self._auctions[instrument_id] = _Auction(price_ticks)
                case TradeAgreed():
                    yield from self._trade(event)
                case SessionChanged(instrument_id) if instrument_id in self._auctions:
                    yield from self._end_auction(instrument_id)

    def _accept(self, event: OrderAccepted) -> None:
        terms, conditions = event.terms, event.conditions
        if event.eligible:  # takes from several books at once, and never rests
            self._routed[event.order_id] = _Routed(terms.participant, terms.price_micros, terms.quantity_lots)
            return
        self._orders[event.order_id] = order = _Order(
            terms.participant,
            terms.instrument_id,
            terms.side,
            self._rank(event.order_id, terms),
            terms.quantity_lots,
            wholly=conditions.all_or_none,
            shown=conditions.display_lots is None,
            waits=conditions.stop_micros is not None,
        )
        if not order.waits:
            insort(self._queue(order), order.rank)

    def _rank(self, order_id: int, terms: OrderTerms) -> _Rank:
        self._came += 1
        ticks = terms.price_micros // from_id(terms.instrument_id).commodity.tick_micros
        return _Rank(-ticks if terms.side is Side.BUY else ticks, self._came, order_id)

    def _queue(self, order: _Order) -> list[_Rank]:
        return self._queues[order.instrument_id, order.side]

    def _trigger(self, order_id: int) -> None:
        order = self._orders[order_id]
        self._came += 1
        order.rank, order.waits = order.rank._replace(came=self._came), False
        insort(self._queue(order), order.rank)

    def _replace(self, order_id: int, terms: OrderTerms, *, kept_priority: bool) -> None:
        order = self._orders[order_id]
        order.left_lots = terms.quantity_lots
        if not kept_priority:
            self._dequeue(order)
            order.rank = self._rank(order_id, terms)
            if not order.waits:
                insort(self._queue(order), order.rank)

    def _take(self, order_id: int, lots: int) -> None:
        order = self._orders.get(order_id) or self._routed.get(order_id)
        if order is not None:
            order.left_lots -= lots
            if order.left_lots <= 0:
                self._remove(order_id)

    def _remove(self, order_id: int) -> None:
        self._routed.pop(order_id, None)
        order = self._orders.pop(order_id, None)
        if order is not None:
            self._dequeue(order)

    def _dequeue(self, order: _Order) -> None:
        queue = self._queue(order)
        at = bisect_left(queue, order.rank)
        if at < len(queue) and queue[at] == order.rank:
            del queue[at]

    def _trade(self, event: TradeAgreed) -> Iterator[tuple[int, str]]:
        complaint = self._misfit(event, Side.BUY) or self._misfit(event, Side.SELL)
        if complaint is not None:
            pass
        elif event.taker is not None:
            complaint = self._passed_over(event, event.taker)
        else:
            complaint = self._fill_in_auction(event)
        if complaint is None:
            self.proven += 1
        else:
            yield event.trade_number, complaint
        self._take(event.buy_order_id, event.quantity_lots)
        self._take(event.sell_order_id, event.quantity_lots)

    def _misfit(self, event: TradeAgreed, side: Side) -> str | None:
        """Say how a trade does not fit the order on one of its sides, None if it does."""
        buys = side is Side.BUY
        order_id, party = (event.buy_order_id, event.buyer) if buys else (event.sell_order_id, event.seller)
        if buys and (routed := self._routed.get(order_id)) is not None:
            limit_ticks = routed.limit_micros // from_id(event.instrument_id).commodity.tick_micros
            return _excess(event, order_id, party, routed, limit_ticks)
        order = self._orders.get(order_id)
        if order is None or (order.instrument_id, order.side) != (event.instrument_id, side):
            what = "bid" if buys else "offer"
            return f"found order {order_id} as its {what}, expected one that stands in the book"
        return _excess(event, order_id, party, order, -order.rank.price if buys else order.rank.price)

    def _passed_over(self, event: TradeAgreed, taker: Side) -> str | None:
        """Say whom a trade in continuous trading passed over, None if nobody."""
        buys = taker is Side.BUY
        maker_id = event.sell_order_id if buys else event.buy_order_id
        maker = self._orders.get(maker_id)
        if maker is None or maker.waits:
            return f"found order {maker_id} taken, expected one that stands in the book"
        taker_id = event.buy_order_id if buys else event.sell_order_id
        taking = self._routed.get(taker_id) or self._orders[taker_id]
        excused = {taking.participant}
        first = self._first_before(maker.rank, (event.instrument_id, maker.side), excused)
        return None if first is None else f"found order {maker_id} taken, expected order {first} before it"

    def _first_before(self, rank: _Rank, queue: _Queue, excused: set[Address]) -> int | None:
        """Return the first order that should have traded before the one of this rank, None if there is none."""
        by_time = queue[0] not in self._in_proportion
        for other in self._queues[queue]:
            if other >= rank:
                return None
            order = self._orders[other.order_id]
            if order.wholly or order.participant in excused:
                continue
            if other.price < rank.price or (by_time and order.shown):
                return other.order_id
        return None

    def _fill_in_auction(self, event: TradeAgreed) -> str | None:
        auction = self._auctions.get(event.instrument_id)
        if auction is None:
            return "found an auction's trade, expected the auction to be told before it"
        if event.price_ticks != auction.price_ticks:
            return f"found price {event.price_ticks}, expected the auction's one price {auction.price_ticks}"
        for order_id in (event.buy_order_id, event.sell_order_id):
            order = self._orders.get(order_id)
            if order is None or order.waits:
                return f"found order {order_id} filled, expected one that stands in the book"
            auction.fill(order, event.trade_number)
        return None

    def _end_auction(self, instrument_id: int) -> Iterator[tuple[int, str]]:
        """Look whether the last that was filled on each side had anybody before it who was not."""
        auction = self._auctions.pop(instrument_id)
        named = set()
        for side, (rank, trade_number) in auction.last.items():
            across = self._queues[instrument_id, Side.SELL if side is Side.BUY else Side.BUY]
            excused = auction.participants | {self._orders[each.order_id].participant for each in across}
            first = self._first_before(rank, (instrument_id, side), excused)
            if first is not None and trade_number not in named:
                named.add(trade_number)
                self.proven -= 1
                yield trade_number, f"found order {rank.order_id} filled, expected order {first} before it"


def _excess(
    event: TradeAgreed, order_id: int, party: Address, order: _Order | _Routed, limit_ticks: int
) -> str | None:
    """Say where a trade goes beyond what an order has left and its limit, or names another participant."""
    if order.participant != party:
        return (
            f"found 0x{party.hex()} for order {order_id}, expected 0x{order.participant.hex()}, who placed it"
        )
    if event.quantity_lots > order.left_lots:
        return f"found {event.quantity_lots} lots of order {order_id}, expected {order.left_lots} at most, all it has left"
    is_kept = (
        event.price_ticks <= limit_ticks
        if event.buy_order_id == order_id
        else limit_ticks <= event.price_ticks
    )
    if not is_kept:
        return f"found price {event.price_ticks}, expected the limit {limit_ticks} of order {order_id} to be kept"
    return None


class _Auction:
    """One auction while its trades are told: the last order that was filled on each side, and who took part in both."""

    def __init__(self, price_ticks: int) -> None:
        self.price_ticks = price_ticks
        self.last: dict[Side, tuple[_Rank, int]] = {}
        self._filled: dict[Side, set[Address]] = {Side.BUY: set(), Side.SELL: set()}

    @property
    def participants(self) -> set[Address]:
        """Those who were filled on both sides: what would have met itself was left out."""
        return self._filled[Side.BUY] & self._filled[Side.SELL]

    def fill(self, order: _Order, trade_number: int) -> None:
        """Take note of a filled order."""
        self._filled[order.side].add(order.participant)
        last = self.last.get(order.side)
        if last is None or last[0] < order.rank:
            self.last[order.side] = order.rank, trade_number
