"""What the exchange knows, and the one transition that changes it: what an event changes outside the order books.

Nothing here decides. `exchange.py` says how deciding and absorbing share it; the books' part is in `book_moves.py`.
"""

from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256
from typing import Any, ClassVar, get_args

from market.agenda import Agenda
from market.book import OrderBook
from market.book_content import load_book
from market.book_moves import BookMoves
from market.canonical import line
from market.capacity import Capacity
from market.events import (
    DeadManSet,
    Event,
    OrderAccepted,
    OrderCancelled,
    OrderReduced,
    OrderReplaced,
    OrderTriggered,
    Session,
    SessionChanged,
    TradeAgreed,
    TradingHalted,
)
from market.instruments import from_id
from market.keeping import Kept
from market.listed import Listed, ListedImage
from market.listing import InstrumentListed, ListInstrument, MeterRegistered, PriceTermsSet, SetPriceTerms
from market.negotiation_register import NegotiationRegister
from market.negotiations import Negotiation, NegotiationEvent, NegotiationState
from market.notice_register import NoticeEvent, NoticeRegister
from market.open_orders import OpenOrder, OpenOrders
from market.orders import Address
from market.proposals import NegotiationOpened
from market.sessions import MICROS_PER_SECOND, following
from market.settlement import ReadingReceived
from market.sides import BUY, SELL
from market.trade_register import OVER, TradeEvent, TradeRegister
from market.trades import TradeState
from market.units import InvariantBroken, Lots


class State(Kept):
    """All instruments, orders, trades and negotiations, what is due when, and the time. Changed by events alone."""

    IMAGES: ClassVar[tuple[str, ...]] = ("listings",)
    notice_period_s: int
    time_us: int
    orders: OpenOrders
    trades: TradeRegister
    negotiations: NegotiationRegister
    notices: NoticeRegister
    capacity: Capacity
    readings: dict[tuple[Address, int], ReadingReceived]
    timers: dict[Address, int]
    expiries: Agenda[int]
    timeouts: Agenda[Address]
    changes: Agenda[int]
    deadlines: Agenda[int]

    def __init__(self, *, notice_period_s: int) -> None:
        self.notice_period_s = notice_period_s
        self.time_us = 0
        self.listed: dict[int, Listed] = {}
        self.orders = OpenOrders()
        self.trades = TradeRegister()
        self.negotiations = NegotiationRegister()
        self.notices = NoticeRegister()
        self.capacity = Capacity()
        self.readings = {}
        self.timers = {}
        self.expiries = Agenda()
        self.timeouts = Agenda()
        self.changes = Agenda()
        self.deadlines = Agenda()
        self._books = BookMoves(self.listed, self.orders)
        self._rules: dict[type, Callable[[Any], None]] = {
            InstrumentListed: self._instrument_listed,
            PriceTermsSet: self._price_terms_set,
            MeterRegistered: self._meter_registered,
            SessionChanged: self._session_changed,
            TradingHalted: self._trading_halted,
            OrderAccepted: self._order_accepted,
            OrderTriggered: self._order_triggered,
            OrderReplaced: self._order_replaced,
            OrderReduced: self._order_reduced,
            OrderCancelled: self._order_cancelled,
            DeadManSet: self._dead_man_set,
            TradeAgreed: self._trade_agreed,
            ReadingReceived: self._reading_received,
            **dict.fromkeys(get_args(TradeEvent), self._trade_moved),
            **dict.fromkeys(get_args(NegotiationEvent), self._negotiation_moved),
            NegotiationOpened: self._negotiation_opened,
            **dict.fromkeys(get_args(NoticeEvent), self.notices.take),
        }

    def advance(self, time_us: int) -> None:
        """Take note of the time, Unix microseconds.

        Raises:
            InvariantBroken: if time goes backwards.
        """
        if time_us < self.time_us:
            raise InvariantBroken(f"time: found {time_us} µs, expected {self.time_us} µs or later")
        self.time_us = time_us

    def happen(self, event: Event) -> Event:
        """Change everything, the book included, as the event says, and return it."""
        self._books.follow(event)
        self.apply(event)
        return event

    def apply(self, event: Event) -> None:
        """Change everything outside the books as the event says. Events of accounts change nothing here."""
        rule = self._rules.get(type(event))
        if rule is not None:
            rule(event)

    def next_session(self, listed: Listed) -> tuple[Session, int] | None:
        """Return the session after an instrument's own and when it begins, Unix microseconds; None after the last."""
        return following(
            listed.session, listed.instrument, listed.listing.schedule, halted_until_us=listed.halted_until_us
        )

    def gate_has_closed(self, listing: ListInstrument) -> bool:
        """Return whether a listing's gate has closed by now, whatever its session says."""
        return listing.schedule.gate_closes_s * MICROS_PER_SECOND <= self.time_us

    def state_bytes(self) -> bytes:
        """Return all content in canonical order, a line per fact: equal content gives equal bytes on any machine.

        Reads everything, so the cost grows with the history: for checkpoints, not for every order.
        """
        return b"".join(self._lines())

    def state_hash(self) -> bytes:
        """Return the SHA-256 of `state_bytes`."""
        return sha256(self.state_bytes()).digest()

    @property
    def listings(self) -> list[ListedImage]:
        """What is listed as it is now, in the order of listing."""
        return [listed.image() for listed in self.listed.values()]

    @listings.setter
    def listings(self, images: Sequence[ListedImage]) -> None:
        """List what nothing is listed of yet, and let the open orders rest in its books."""
        for image in images:
            listed = self._list(image.listing, image.terms)
            listed.session = image.session
            listed.halted_until_us = image.halted_until_us
            listed.last_price_ticks = image.last_price_ticks
            listed.volume_lots = image.volume_lots
            listed.unfinished_trades = image.unfinished_trades
            listed.open_lots[:] = image.open_lots
            load_book(listed.book, image.book, owner_of=self._owner_of)

    def _owner_of(self, order_id: int) -> int:
        return self.orders.owner(self.orders.get(order_id).terms.participant)

    def _lines(self) -> Iterator[bytes]:
        yield line("exchange", self.notice_period_s, self.time_us)
        for image in sorted(self.listings, key=lambda each: each.listing.instrument_id):
            instrument_id = image.listing.instrument_id
            yield line("listing", image.listing, image.terms)
            yield line(
                "session",
                instrument_id,
                image.session,
                image.halted_until_us,
                image.last_price_ticks,
                image.volume_lots,
            )
            yield line("book", instrument_id, image.book)
        for part in (self.orders, self.trades, self.negotiations, self.capacity, self.notices):
            for facts in part.state():
                yield line(*facts)
        for participant, expires_us in sorted(self.timers.items()):
            yield line("timer", participant, expires_us)
        for _, reading in sorted(self.readings.items()):
            yield line("reading", reading)

    def _instrument_listed(self, event: InstrumentListed) -> None:
        listing = event.listing
        terms = SetPriceTerms(
            listing.instrument_id,
            listing.reference_ticks,
            listing.band_low_ticks,
            listing.band_high_ticks,
            listing.weight_ppm,
        )
        self._await_next_session(self._list(listing, terms))

    def _list(self, listing: ListInstrument, terms: SetPriceTerms) -> Listed:
        """List an instrument, with an empty book."""
        instrument = from_id(listing.instrument_id)
        listed = Listed(
            id=listing.instrument_id,
            instrument=instrument,
            resource=instrument.resource,
            listing=listing,
            terms=terms,
            book=OrderBook(allocation=listing.rules.allocation),
        )
        self.listed[listing.instrument_id] = listed
        return listed

    def _price_terms_set(self, event: PriceTermsSet) -> None:
        self.listed[event.terms.instrument_id].set_terms(event.terms)

    def _meter_registered(self, event: MeterRegistered) -> None:
        self.capacity.register(event.registration)

    def _session_changed(self, event: SessionChanged) -> None:
        listed = self.listed[event.instrument_id]
        listed.session = event.session
        self._await_next_session(listed)

    def _trading_halted(self, event: TradingHalted) -> None:
        self.listed[event.instrument_id].halted_until_us = event.until_us

    def _order_accepted(self, event: OrderAccepted) -> None:
        order = self.orders.accept(event, time_us=self.time_us)
        self._count_open(order, order.remaining_lots)
        self._await_expiry(order)

    def _order_triggered(self, event: OrderTriggered) -> None:
        self.orders.wake(event.order_id)

    def _order_replaced(self, event: OrderReplaced) -> None:
        before = self.orders.get(event.order_id).remaining_lots
        order = self.orders.renew(event, time_us=self.time_us)
        self._count_open(order, order.remaining_lots - before)
        self._await_expiry(order)

    def _order_reduced(self, event: OrderReduced) -> None:
        order = self.orders.get(event.order_id)
        self.orders.shrink(event.order_id, quantity_lots=event.by_lots, hold_micros=event.hold_micros)
        self._count_open(order, -event.by_lots)

    def _order_cancelled(self, event: OrderCancelled) -> None:
        order = self.orders.close(event.order_id)
        if order.remaining_lots != event.remaining_lots:
            raise InvariantBroken(
                f"order {event.order_id}: found {event.remaining_lots} lots cancelled, "
                f"expected {order.remaining_lots}"
            )
        self._count_open(order, -event.remaining_lots)

    def _dead_man_set(self, event: DeadManSet) -> None:
        if event.expires_us:
            self.timers[event.participant] = event.expires_us
            self.timeouts.note(event.expires_us, event.participant)
        else:
            self.timers.pop(event.participant, None)

    def _trade_agreed(self, event: TradeAgreed) -> None:
        listed = self.listed[event.instrument_id]
        if not event.ask_ticks <= event.price_ticks <= event.bid_ticks or event.quantity_lots < 1:
            raise InvariantBroken(
                f"trade {event.trade_number}: found {event.quantity_lots} lots at {event.price_ticks} ticks, "
                f"expected at least 1 lot at {event.ask_ticks} to {event.bid_ticks}"
            )
        lots, start_hour = event.quantity_lots, listed.instrument.start_hour
        shrink = self.orders.shrink
        buy = shrink(event.buy_order_id, quantity_lots=lots, hold_micros=event.buy_hold_micros)
        sell = shrink(event.sell_order_id, quantity_lots=lots, hold_micros=event.sell_hold_micros)
        self.trades.agree(event, start_hour=start_hour, buy=buy.signed, sell=sell.signed)
        if not buy.eligible:
            listed.open_lots[BUY] -= lots
        if not sell.eligible:
            listed.open_lots[SELL] -= lots
        self.capacity.sell(listed.resource, start_hour, lots)
        listed.last_price_ticks = event.price_ticks
        listed.volume_lots = Lots(listed.volume_lots + lots)
        listed.unfinished_trades += 1

    def _trade_moved(self, event: TradeEvent) -> None:
        trade = self.trades.move(event)
        listed = self.listed[trade.agreed.instrument_id]
        if trade.state in OVER:
            listed.unfinished_trades -= 1
        if trade.state is TradeState.VOID:
            start_hour, quantity = listed.instrument.start_hour, trade.agreed.quantity_lots
            self.capacity.sell(listed.resource, start_hour, -quantity)
            self.capacity.commit(trade.agreed.seller, listed.resource, start_hour, -quantity)

    def _reading_received(self, event: ReadingReceived) -> None:
        self.readings[event.meter, event.start_hour] = event

    def _negotiation_opened(self, event: NegotiationOpened) -> None:
        self._await_answers(self.negotiations.open(event))

    def _negotiation_moved(self, event: NegotiationEvent) -> None:
        negotiation = self.negotiations.move(event)
        if negotiation.state is NegotiationState.SIGNED:
            proposal, resource = negotiation.proposal, negotiation.proposal.instrument.resource
            for hour, lots in proposal.slots:
                self.capacity.commit(proposal.seller, resource, hour, lots)
                self.capacity.sell(resource, hour, lots)
        else:
            self._await_answers(negotiation)

    def _await_answers(self, negotiation: Negotiation) -> None:
        """Note when a negotiation lapses unless it moves on."""
        if negotiation.lapses_us is not None:
            self.deadlines.note(negotiation.lapses_us, negotiation.number)

    def _count_open(self, order: OpenOrder, lots: int) -> None:
        """Count a change of what is open on the book, and of the capacity that offers commit."""
        if order.eligible:  # a bid that is in no book
            return
        terms = order.signed.terms
        listed = self.listed[terms.instrument_id]
        listed.open_lots[terms.side] += lots
        if terms.side is SELL:
            self.capacity.commit(terms.participant, listed.resource, listed.instrument.start_hour, lots)

    def _await_expiry(self, order: OpenOrder) -> None:
        """Note when an order expires, unless it cannot rest or the gate closes no later."""
        if order.eligible:
            return
        if order.until_us < self.listed[order.signed.terms.instrument_id].gate_closes_us:
            self.expiries.note(order.until_us + 1, order.order_id)

    def _await_next_session(self, listed: Listed) -> None:
        following = self.next_session(listed)
        if following is not None:
            self.changes.note(following[1], listed.id)
