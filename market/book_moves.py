"""What events do to the order books: a rebuild, an auction and the passing of time change them without matching.

The kernel does the same to its book while it matches, step by step in the same order, so that a book is equal whether it
matched or was told.
"""

from collections.abc import Callable, Mapping
from typing import Any, TypedDict

from market.book import OrderBook
from market.events import (
    Event,
    OrderAccepted,
    OrderCancelled,
    OrderReduced,
    OrderReplaced,
    OrderTriggered,
    SessionChanged,
    TradeAgreed,
)
from market.listed import Listed
from market.open_orders import OpenOrders
from market.orders import PLAIN, PlaceOrder, SelfTrade
from market.sessions import COLLECTING
from market.sides import BUY, SELL
from market.units import Lots, Ticks


class Asked(TypedDict, total=False):
    """What an order asks of its book beyond side, price and quantity: the keywords of `OrderBook.place`."""

    owner: int
    self_trade: SelfTrade
    post_only: bool
    all_or_none: bool
    minimum_lots: Lots
    display_lots: Lots | None
    stop_ticks: Ticks | None
    budget: int | None


def asked(listed: Listed, order: PlaceOrder | OrderAccepted, owner: int) -> Asked:
    """Return what an order asks of its book, in ticks and lots. `owner` is its participant's number."""
    conditions = order.conditions
    if conditions is PLAIN:
        return Asked(owner=owner, self_trade=conditions.self_trade, post_only=order.post_only)
    return Asked(
        owner=owner,
        self_trade=conditions.self_trade,
        post_only=order.post_only,
        all_or_none=conditions.all_or_none,
        minimum_lots=conditions.minimum_lots,
        display_lots=conditions.display_lots,
        stop_ticks=None if conditions.stop_micros is None else listed.price_ticks(conditions.stop_micros),
        budget=budget_in_book(listed, order),
    )


def budget_in_book(listed: Listed, order: PlaceOrder | OrderAccepted) -> int | None:
    """Return what a budget buys, in ticks times lots, None where it does not bind before limit and quantity do."""
    if order.conditions.budget_micros is None:
        return None
    terms = order.terms
    buys = order.conditions.budget_micros * listed.instrument.commodity.lots_per_unit // listed.tick_micros
    return None if buys >= listed.price_ticks(terms.price_micros) * terms.quantity_lots else buys


class BookMoves:
    """Keeps the books in step with events, as far as these are not what the books did themselves."""

    def __init__(self, listings: Mapping[int, Listed], orders: OpenOrders) -> None:
        self._listings = listings
        self._orders = orders
        self._rules: dict[type, Callable[[Any], None]] = {
            OrderAccepted: self._accepted,
            OrderTriggered: self._triggered,
            OrderReplaced: self._replaced,
            OrderReduced: self._reduced,
            OrderCancelled: self._cancelled,
            TradeAgreed: self._agreed,
            SessionChanged: self._session_changed,
        }

    def follow(self, event: Event) -> None:
        """Do to the book what the event says happened in it. Orders are looked up as they were before the event."""
        rule = self._rules.get(type(event))
        if rule is not None:
            rule(event)

    def _accepted(self, event: OrderAccepted) -> None:
        if not event.eligible:
            self._rest(event.order_id, event)

    def _triggered(self, event: OrderTriggered) -> None:
        self._book_of(event.order_id).trigger(event.order_id)

    def _replaced(self, event: OrderReplaced) -> None:
        book = self._book_of(event.order_id)
        if event.kept_priority:
            book.reduce(event.order_id, event.terms.quantity_lots)
        else:
            book.cancel(event.order_id)
            self._rest(event.order_id, self._orders.get(event.order_id).renewed(event.terms, event.signature))

    def _reduced(self, event: OrderReduced) -> None:
        order = self._orders.get(event.order_id)
        if not order.eligible:
            left = Lots(order.remaining_lots - event.by_lots)
            self._book_of(event.order_id).reduce(event.order_id, left)

    def _cancelled(self, event: OrderCancelled) -> None:
        if not self._orders.get(event.order_id).eligible:
            self._book_of(event.order_id).cancel(event.order_id)

    def _agreed(self, event: TradeAgreed) -> None:
        book, lots, taker = self._listings[event.instrument_id].book, event.quantity_lots, event.taker
        if not self._orders.get(event.buy_order_id).eligible:
            book.take(event.buy_order_id, lots, incoming=taker is BUY)
        if not self._orders.get(event.sell_order_id).eligible:
            book.take(event.sell_order_id, lots, incoming=taker is SELL)
        book.note_price(event.price_ticks)

    def _session_changed(self, event: SessionChanged) -> None:
        book = self._listings[event.instrument_id].book
        if event.session in COLLECTING:
            book.halt()
        else:
            book.resume()

    def _book_of(self, order_id: int) -> OrderBook:
        return self._listings[self._orders.get(order_id).terms.instrument_id].book

    def _rest(self, order_id: int, order: PlaceOrder | OrderAccepted) -> None:
        """Put an order where it belongs without matching it; what it traded or lost follows in events of its own."""
        terms = order.terms
        listed = self._listings[terms.instrument_id]
        listed.book.rest(
            order_id,
            terms.side,
            listed.price_ticks(terms.price_micros),
            terms.quantity_lots,
            order_type=order.order_type,
            time_in_force=order.time_in_force,
            **asked(listed, order, self._orders.owner(terms.participant)),
        )
