"""The exchange: commands and time go in, events come out, over many instruments.

`execute` decides what a command causes and applies it; `absorb` applies an event that was decided before. Both go
through `_apply`, the one transition of everything outside the books. The books change in the kernel while it matches, and in
`_move_book` otherwise: what a match did is what its events do one by one, so a rebuild ends in the same state.
"""

from collections.abc import Iterator
from hashlib import sha256
from heapq import heappop, heappush

from market.admission import Application, No, refusal_of
from market.auctions import clear_uniform, pair
from market.book import OrderBook
from market.canonical import line
from market.capacity import Capacity
from market.events import (
    CancelReason,
    Cleared,
    Event,
    GuaranteeOpened,
    GuaranteePaid,
    InstrumentListed,
    MeterRegistered,
    OrderAccepted,
    OrderCancelled,
    OrderReplaced,
    PriceTermsSet,
    ReadingReceived,
    Refused,
    Session,
    SessionChanged,
    TradeAgreed,
    TradeDelivered,
    TradeLocked,
    TradeVoided,
)
from market.instruments import SECONDS_PER_HOUR, Instrument, from_id
from market.listed import Listed, fault_in_listing, fault_in_money, fault_in_price_terms
from market.open_orders import OpenOrder, OpenOrders, SignedOrder, fingerprint
from market.orders import (
    Address,
    CancelOrder,
    Command,
    ConfirmDelivery,
    ConfirmLocks,
    ConfirmOpening,
    ConfirmPayout,
    ListInstrument,
    PlaceOrder,
    RegisterMeter,
    ReplaceOrder,
    SetPriceTerms,
    Side,
    SubmitReading,
    VoidTrade,
)
from market.refusals import Refusal
from market.sessions import MICROS_PER_SECOND, begins_us, following
from market.trade_register import OVER, TradeEvent, TradeRegister
from market.trade_steps import StepCommand, refusal_of_steps, steps_of
from market.trades import Trade, TradeState, collateral_price
from market.units import InvariantBroken, Lots, Malformed, Micros, Ticks, fee_micros, floor_money

NEVER = 1 << 62
"""A time that does not come, Unix microseconds."""
OPERATOR = Address(bytes(20))
"""The participant of a refusal that answers the operator."""


class Exchange:
    """All instruments, orders and trades of a market, and the rules they follow. Time comes in, it is never asked for."""

    def __init__(self, *, notice_period_s: int) -> None:
        self._notice_period_s = notice_period_s
        self._time_us = 0
        self._listed: dict[int, Listed] = {}
        self._orders = OpenOrders()
        self._trades = TradeRegister()
        self._capacity = Capacity()
        self._readings: dict[tuple[Address, int], ReadingReceived] = {}
        # What is due when. Entries that became void stay until they are due and are passed over then.
        self._expiries: list[tuple[int, int]] = []
        self._changes: list[tuple[int, int]] = []
        # The order that `refusal_of` found nothing against, as long as nothing has changed since.
        self._admitted: PlaceOrder | ReplaceOrder | None = None

    # --- what time causes --------------------------------------------------------------------------------------

    def advance(self, time_us: int) -> None:
        """Take note of the time, Unix microseconds, and cause nothing: a rebuild absorbs what time had caused.

        Raises:
            InvariantBroken: if time goes backwards.
        """
        if time_us < self._time_us:
            raise InvariantBroken(f"time: found {time_us} µs, expected {self._time_us} µs or later")
        self._time_us = time_us
        self._admitted = None

    def next_due_us(self) -> int:
        """Return when time alone may next cause something, Unix microseconds; `NEVER` if nothing is waiting."""
        expiry = self._expiries[0][0] * MICROS_PER_SECOND + 1 if self._expiries else NEVER
        return min(expiry, self._changes[0][0] if self._changes else NEVER)

    def begin(self, time_us: int) -> list[Event]:
        """Open a batch: take note of the time and return what it causes.

        First orders past their good_until expire, by that time and order id; then sessions change, by the time they were
        due and instrument id. So an auction held late never trades an order past the last moment it was signed for.

        Raises:
            InvariantBroken: if time goes backwards.
        """
        self.advance(time_us)
        events: list[Event] = []
        while self._expiries and self._expiries[0][0] * MICROS_PER_SECOND < time_us:
            good_until_s, order_id = heappop(self._expiries)
            order = self._orders.find(order_id)
            if order is not None and order.terms.good_until_s == good_until_s:
                expired = OrderCancelled(order_id, order.remaining_lots, CancelReason.EXPIRED)
                events.append(self._happen(expired))
        while self._changes and self._changes[0][0] <= time_us:
            _, instrument_id = heappop(self._changes)
            events += self._change_sessions(self._listed[instrument_id])
        return events

    def _change_sessions(self, listed: Listed) -> list[Event]:
        """Take an instrument through every session that is due, finishing what each one owes before the next begins."""
        events: list[Event] = []
        while (session := self._due_session(listed)) is not None:
            if session is Session.CONTINUOUS and not self._gate_has_closed(listed.listing):
                events += self._uncross(listed)
            elif session is Session.CLOSED:
                events += self._clear_out(listed)
            events.append(self._happen(SessionChanged(listed.id, session)))
        return events

    def _due_session(self, listed: Listed) -> Session | None:
        session = following(listed.session)
        if session is None or begins_us(session, listed.instrument, listed.listing.schedule) > self._time_us:
            return None
        return None if session is Session.SETTLED and listed.unfinished_trades else session

    def _gate_has_closed(self, listing: ListInstrument) -> bool:
        return listing.schedule.gate_closes_s * MICROS_PER_SECOND <= self._time_us

    def _uncross(self, listed: Listed) -> list[Event]:
        """End the call: all that can trade trades at one price."""
        bids, offers = listed.book.orders(Side.BUY), listed.book.orders(Side.SELL)
        clearing = clear_uniform(
            bids["price_ticks"],
            bids["remaining_lots"],
            offers["price_ticks"],
            offers["remaining_lots"],
            reference=listed.terms.reference_ticks,
        )
        price, low, high = clearing.price_ticks, clearing.low_ticks, clearing.high_ticks
        if price is None or low is None or high is None:
            return []
        cleared = Cleared(
            instrument_id=listed.id,
            price_ticks=price,
            low_ticks=low,
            high_ticks=high,
            volume_lots=clearing.volume_lots,
            price_rule=clearing.price_rule,
            tie_rule=clearing.tie_rule,
        )
        events: list[Event] = [self._happen(cleared)]
        for bid, offer, quantity in pair(clearing.buy_fills, clearing.sell_fills):
            buy = self._orders.get(int(bids["order_id"][bid]))
            sell = self._orders.get(int(offers["order_id"][offer]))
            trade = self._agree(
                listed, buy, sell, taker=None, price_ticks=price, quantity_lots=Lots(quantity)
            )
            events.append(self._happen(trade))
        best_bid, best_ask = listed.book.best_bid(), listed.book.best_ask()
        if best_bid is not None and best_ask is not None and best_bid >= best_ask:
            raise InvariantBroken(
                f"{listed.instrument}: found the book crossed after its auction, {best_bid} over {best_ask}"
            )
        return events

    def _clear_out(self, listed: Listed) -> list[Event]:
        """Cancel all that rests when the gate closes, oldest first."""
        ids = sorted(int(each) for side in Side for each in listed.book.orders(side)["order_id"])
        return [
            self._happen(
                OrderCancelled(each, self._orders.get(each).remaining_lots, CancelReason.GATE_CLOSED)
            )
            for each in ids
        ]

    # --- what a command causes ---------------------------------------------------------------------------------

    def execute(self, command: Command) -> list[Event]:
        """Return what a command causes, applied already: its events in order, or one `Refused` that changes nothing."""
        match command:
            case PlaceOrder():
                events = self._place(command)
            case CancelOrder():
                events = self._cancel(command)
            case ReplaceOrder():
                events = self._replace(command)
            case ListInstrument():
                events = self._list(command)
            case SetPriceTerms():
                events = self._set_price_terms(command)
            case RegisterMeter():
                events = self._register(command)
            case SubmitReading():
                events = self._receive(command)
            case ConfirmLocks() | VoidTrade() | ConfirmDelivery() | ConfirmOpening() | ConfirmPayout():
                events = self._step(command)
            case _:
                raise InvariantBroken(
                    f"{type(command).__name__}: found at the exchange, expected at the ledger"
                )
        return events

    def earlier(self, command: PlaceOrder | ReplaceOrder) -> int | None:
        """Return the order id that this very request got when it came before, None if it did not."""
        used = self._orders.used(command.terms.participant, command.terms.client_order_id)
        return used[0] if used is not None and used[1] == fingerprint(command) else None

    def refusal_of(self, command: PlaceOrder | ReplaceOrder) -> Refused | None:
        """Return why an order may not enter, None if only its funds are left to check. Changes nothing.

        The first that applies, in this order: the client order id is used; (replacing) the order is unknown, closed,
        somebody else's, or of another instrument or side; the instrument is unknown; then `admission.CHECKS`.
        """
        if command is self._admitted:
            return None
        no = self._repetition(command)
        replaces = None
        if no is None and isinstance(command, ReplaceOrder):
            no = self._no_such_order(command.order_id, command.terms.participant) or self._changes_instrument(
                command
            )
            replaces = self._orders.find(command.order_id)
        if no is None:
            no = self._no_admission(command, replaces)
        if no is not None:
            return self._refuse(command, no)
        self._admitted = command
        return None

    def hold_for(self, command: PlaceOrder | ReplaceOrder) -> Micros:
        """Return what is set aside, in micros, when an order enters that nothing speaks against."""
        terms = command.terms
        listed = self._listed[terms.instrument_id]
        return listed.hold_micros(terms.side, terms.price_micros, terms.quantity_lots)

    def _repetition(self, command: PlaceOrder | ReplaceOrder) -> No | None:
        terms = command.terms
        used = self._orders.used(terms.participant, terms.client_order_id)
        if used is None:
            return None
        if used[1] == fingerprint(command):
            return Refusal.ALREADY_APPLIED, f"found the same request again, it is order {used[0]}"
        found = f"found client order id {terms.client_order_id} of order {used[0]} under other terms"
        return Refusal.CLIENT_ORDER_ID_REUSED, f"{found}, expected an id never used before"

    def _no_such_order(self, order_id: int, participant: Address) -> No | None:
        if not 1 <= order_id <= self._orders.last_id:
            return Refusal.UNKNOWN_ORDER, f"found order {order_id}, expected 1 to {self._orders.last_id}"
        order = self._orders.find(order_id)
        if order is None:
            return Refusal.ORDER_ALREADY_CLOSED, f"found order {order_id} closed, expected an open order"
        if order.terms.participant != participant:
            return (
                Refusal.NOT_YOUR_ORDER,
                f"found order {order_id} of another participant, expected one of yours",
            )
        return None

    def _changes_instrument(self, command: ReplaceOrder) -> No | None:
        old, new = self._orders.get(command.order_id).terms, command.terms
        if (old.instrument_id, old.side) == (new.instrument_id, new.side):
            return None
        expected = f"{self._listed[old.instrument_id].instrument} {old.side.name}"
        listed = self._listed.get(new.instrument_id)
        found = f"{listed.instrument if listed is not None else 'an unknown instrument'} {new.side.name}"
        return Refusal.REPLACE_CHANGES_INSTRUMENT, f"found {found}, expected {expected}"

    def _no_admission(self, command: PlaceOrder | ReplaceOrder, replaces: OpenOrder | None) -> No | None:
        listed = self._listed.get(command.terms.instrument_id)
        if listed is None:
            return _unknown_instrument(command.terms.instrument_id)
        if isinstance(command, ReplaceOrder):
            post_only = replaces is not None and replaces.post_only
            order = PlaceOrder(command.terms, command.signature, post_only=post_only)
        else:
            order = command
        return refusal_of(
            Application(order, listed, self._capacity, self._time_us, self._notice_period_s, replaces)
        )

    def _place(self, command: PlaceOrder) -> list[Event]:
        refused = self.refusal_of(command)
        if refused is not None:
            return [refused]
        accepted = OrderAccepted(
            order_id=self._orders.last_id + 1,
            terms=command.terms,
            signature=command.signature,
            order_type=command.order_type,
            time_in_force=command.time_in_force,
            post_only=command.post_only,
            hold_micros=self.hold_for(command),
        )
        self._apply(accepted)
        return [accepted, *self._match(accepted.order_id)]

    def _replace(self, command: ReplaceOrder) -> list[Event]:
        refused = self.refusal_of(command)
        if refused is not None:
            return [refused]
        order, terms = self._orders.get(command.order_id), command.terms
        kept = terms.price_micros == order.terms.price_micros and terms.quantity_lots <= order.remaining_lots
        replaced = OrderReplaced(order.order_id, terms, command.signature, kept, self.hold_for(command))
        if kept:
            return [self._happen(replaced)]
        self._listed[terms.instrument_id].book.cancel(order.order_id)
        self._apply(replaced)
        return [replaced, *self._match(order.order_id)]

    def _match(self, order_id: int) -> list[Event]:
        """Bring an order that has just entered to the book and return the trades, and what is dropped."""
        order = self._orders.get(order_id)
        terms = order.terms
        listed = self._listed[terms.instrument_id]
        price_ticks = listed.price_ticks(terms.price_micros)
        if listed.session is Session.CALL:
            listed.book.rest(order_id, terms.side, price_ticks, terms.quantity_lots)
            return []
        placement = listed.book.place(
            order_id,
            terms.side,
            order.order_type,
            order.time_in_force,
            price_ticks,
            terms.quantity_lots,
            post_only=order.post_only,
        )
        if placement.refusal is not None:
            raise InvariantBroken(
                f"order {order_id}: found that the book says {placement.refusal}, expected no refusal"
            )
        events: list[Event] = []
        for fill in placement.fills:
            taker, maker = self._orders.get(order_id), self._orders.get(fill.maker_order_id)
            buy, sell = (taker, maker) if terms.side is Side.BUY else (maker, taker)
            trade = self._agree(
                listed,
                buy,
                sell,
                taker=terms.side,
                price_ticks=fill.price_ticks,
                quantity_lots=fill.quantity_lots,
            )
            self._apply(trade)
            events.append(trade)
        if placement.dropped_lots:
            reason = CancelReason.REMAINDER_NOT_RESTING
            dropped = OrderCancelled(order_id, placement.dropped_lots, reason)
            self._apply(dropped)
            events.append(dropped)
        return events

    def _agree(
        self,
        listed: Listed,
        buy: OpenOrder,
        sell: OpenOrder,
        *,
        taker: Side | None,
        price_ticks: Ticks,
        quantity_lots: Lots,
    ) -> TradeAgreed:
        """Return the trade of a bid and an offer, with the money that it locks and what stays held for both orders."""
        commodity, tier = listed.instrument.commodity, listed.instrument.tier
        per_unit = commodity.lots_per_unit
        payment = floor_money(
            price_micros=listed.price_micros(price_ticks), quantity_lots=quantity_lots, lots_per_unit=per_unit
        )
        collateral = floor_money(
            price_micros=collateral_price(tier=tier, reference_micros=listed.reference_micros),
            quantity_lots=quantity_lots,
            lots_per_unit=per_unit,
        )
        return TradeAgreed(
            trade_number=self._trades.last_number + 1,
            instrument_id=listed.id,
            buy_order_id=buy.order_id,
            sell_order_id=sell.order_id,
            buyer=buy.terms.participant,
            seller=sell.terms.participant,
            taker=taker,
            price_ticks=price_ticks,
            bid_ticks=listed.price_ticks(buy.terms.price_micros),
            ask_ticks=listed.price_ticks(sell.terms.price_micros),
            quantity_lots=quantity_lots,
            payment_micros=payment,
            fee_micros=fee_micros(value_micros=payment, fee_bps=listed.listing.fee_bps),
            collateral_micros=collateral,
            buy_hold_micros=_hold_after(listed, buy, quantity_lots),
            sell_hold_micros=_hold_after(listed, sell, quantity_lots),
        )

    def _cancel(self, command: CancelOrder) -> list[Event]:
        no = self._no_such_order(command.order_id, command.participant)
        if no is not None:
            return [self._refuse(command, no)]
        remaining = self._orders.get(command.order_id).remaining_lots
        return [self._happen(OrderCancelled(command.order_id, remaining, CancelReason.BY_PARTICIPANT))]

    def _list(self, command: ListInstrument) -> list[Event]:
        no = self._no_listing(command)
        if no is not None:
            return [self._refuse(command, no)]
        listed = self._happen(InstrumentListed(command))
        return [listed, *self._change_sessions(self._listed[command.instrument_id])]

    def _no_listing(self, command: ListInstrument) -> No | None:
        try:
            instrument = from_id(command.instrument_id)
        except Malformed as malformed:
            return Refusal.INCONSISTENT_LISTING, str(malformed)
        if command.instrument_id in self._listed:
            return Refusal.ALREADY_LISTED, f"found {instrument} listed already"
        if instrument.hours != 1:
            return Refusal.WINDOW_NOT_HOURLY, f"found {instrument} of {instrument.hours} hours, expected 1"
        fault = fault_in_listing(command, instrument)
        if fault is not None:
            return Refusal.INCONSISTENT_LISTING, f"{instrument}: {fault}"
        if self._gate_has_closed(command):
            return Refusal.WINDOW_ALREADY_CLOSED, f"found that the gate of {instrument} has closed"
        return None

    def _set_price_terms(self, command: SetPriceTerms) -> list[Event]:
        listed = self._listed.get(command.instrument_id)
        no: No | None = None
        if listed is None:
            no = _unknown_instrument(command.instrument_id)
        elif listed.session >= Session.CLOSED:
            no = (
                Refusal.WINDOW_ALREADY_CLOSED,
                f"found {listed.instrument} {listed.session.name}, expected it open",
            )
        else:
            fault = fault_in_price_terms(command) or fault_in_money(
                listed.listing, listed.instrument, command.band_high_ticks
            )
            no = (
                (Refusal.INCONSISTENT_LISTING, f"{listed.instrument}: {fault}") if fault is not None else None
            )
        return [self._refuse(command, no) if no is not None else self._happen(PriceTermsSet(command))]

    def _register(self, command: RegisterMeter) -> list[Event]:
        no: No | None = None
        if command.capacity_lots < 1:
            no = (
                Refusal.QUANTITY_NOT_POSITIVE,
                f"found a capacity of {command.capacity_lots} lots, expected at least 1",
            )
        elif self._capacity.has_meter(command.meter):
            no = Refusal.ALREADY_LISTED, f"found meter 0x{command.meter.hex()} registered already"
        elif self._capacity.registration(command.participant, command.resource) is not None:
            no = (
                Refusal.ALREADY_LISTED,
                f"found another meter of 0x{command.participant.hex()} for this resource",
            )
        return [self._refuse(command, no) if no is not None else self._happen(MeterRegistered(command))]

    def _receive(self, command: SubmitReading) -> list[Event]:
        no: No | None = None
        end_s = (command.start_hour + 1) * SECONDS_PER_HOUR
        if not self._capacity.has_meter(command.meter):
            no = Refusal.UNKNOWN_METER, f"found meter 0x{command.meter.hex()}, expected a registered one"
        elif command.delivered_lots < 0:
            no = (
                Refusal.QUANTITY_NOT_POSITIVE,
                f"found {command.delivered_lots} lots delivered, expected 0 or more",
            )
        elif self._time_us < end_s * MICROS_PER_SECOND:
            no = (
                Refusal.SLOT_NOT_OVER,
                f"found hour {command.start_hour} not over, expected its reading from {end_s} s on",
            )
        elif (first := self.reading(command.meter, command.start_hour)) is not None:
            no = (
                Refusal.ALREADY_APPLIED,
                f"found a first reading of {first.delivered_lots} lots, and that one stands",
            )
        if no is not None:
            return [self._refuse(command, no)]
        received = ReadingReceived(
            command.meter, command.start_hour, command.delivered_lots, command.signature
        )
        return [self._happen(received)]

    def _step(self, command: StepCommand) -> list[Event]:
        """Take every trade that a command names one step on, or none of them; an instrument may be settled by it."""
        wrong = refusal_of_steps(command, self._trades)
        if wrong is not None:
            number, no = wrong
            return [self._refuse(command, no, number)]
        steps = steps_of(command)
        events: list[Event] = [self._happen(step) for step in steps]
        for instrument_id in sorted(
            {self._trades.get(step.trade_number).agreed.instrument_id for step in steps}
        ):
            events += self._change_sessions(self._listed[instrument_id])
        return events

    @staticmethod
    def _refuse(command: Command, no: No, reference: int = 0) -> Refused:
        refusal, detail = no
        participant = OPERATOR
        match command:
            case PlaceOrder(terms):
                participant, reference = terms.participant, terms.client_order_id
            case ReplaceOrder(order_id, terms):
                participant, reference = terms.participant, order_id
            case CancelOrder(participant, order_id):
                reference = order_id
        return Refused(participant, type(command).__name__, reference, refusal, detail)

    # --- what an event changes ---------------------------------------------------------------------------------

    def absorb(self, event: Event) -> None:
        """Apply an event that was decided before, without matching. Events of accounts change nothing here."""
        self._move_book(event)
        self._apply(event)

    def _happen(self, event: Event) -> Event:
        self.absorb(event)
        return event

    def _move_book(self, event: Event) -> None:
        """Do to the book what the event says happened in it."""
        match event:
            case OrderAccepted(order_id, terms):
                listed = self._listed[terms.instrument_id]
                price_ticks = listed.price_ticks(terms.price_micros)
                listed.book.rest(order_id, terms.side, price_ticks, terms.quantity_lots)
            case TradeAgreed():
                book = self._listed[event.instrument_id].book
                book.take(event.buy_order_id, event.quantity_lots)
                book.take(event.sell_order_id, event.quantity_lots)
            case OrderCancelled(order_id):
                self._listed[self._orders.get(order_id).terms.instrument_id].book.cancel(order_id)
            case OrderReplaced(order_id, terms):
                listed = self._listed[terms.instrument_id]
                if event.kept_priority:
                    listed.book.reduce(order_id, terms.quantity_lots)
                else:
                    listed.book.cancel(order_id)
                    price_ticks = listed.price_ticks(terms.price_micros)
                    listed.book.rest(order_id, terms.side, price_ticks, terms.quantity_lots)

    def _apply(self, event: Event) -> None:
        """Change everything outside the books as the event says: the one transition of deciding and absorbing."""
        self._admitted = None
        match event:
            case OrderAccepted():
                order = self._orders.accept(event)
                self._count_open(order, order.remaining_lots)
                self._await_expiry(order)
            case TradeAgreed():
                self._apply_trade(event)
            case OrderCancelled(order_id, remaining):
                order = self._orders.close(order_id)
                if order.remaining_lots != remaining:
                    raise InvariantBroken(
                        f"order {order_id}: found {remaining} lots cancelled, expected {order.remaining_lots}"
                    )
                self._count_open(order, -remaining)
            case OrderReplaced(order_id):
                before = self._orders.get(order_id).remaining_lots
                order = self._orders.renew(event)
                self._count_open(order, order.remaining_lots - before)
                self._await_expiry(order)
            case TradeLocked() | TradeVoided() | TradeDelivered() | GuaranteeOpened() | GuaranteePaid():
                self._apply_step(event)
            case InstrumentListed(listing):
                self._apply_listing(listing)
            case PriceTermsSet(terms):
                listed = self._listed[terms.instrument_id]
                listed.terms = terms
                listed.book.set_rule(listed.listing.rule, terms.weight_ppm)
            case SessionChanged(instrument_id, session):
                listed = self._listed[instrument_id]
                listed.session = session
                self._await_next_session(listed)
            case MeterRegistered(registration):
                self._capacity.register(registration)
            case ReadingReceived(meter, start_hour):
                self._readings[meter, start_hour] = event

    def _apply_listing(self, listing: ListInstrument) -> None:
        instrument = from_id(listing.instrument_id)
        listed = Listed(
            id=listing.instrument_id,
            instrument=instrument,
            resource=instrument.resource,
            listing=listing,
            terms=SetPriceTerms(
                listing.instrument_id,
                listing.reference_ticks,
                listing.band_low_ticks,
                listing.band_high_ticks,
                listing.weight_ppm,
            ),
            book=OrderBook(rule=listing.rule, weight_ppm=listing.weight_ppm),
        )
        self._listed[listing.instrument_id] = listed
        self._await_next_session(listed)

    def _apply_trade(self, event: TradeAgreed) -> None:
        listed = self._listed[event.instrument_id]
        if not event.ask_ticks <= event.price_ticks <= event.bid_ticks or event.quantity_lots < 1:
            raise InvariantBroken(
                f"trade {event.trade_number}: found {event.quantity_lots} lots at {event.price_ticks} ticks, "
                f"expected at least 1 lot at {event.ask_ticks} to {event.bid_ticks}"
            )
        buy, sell = self._orders.get(event.buy_order_id), self._orders.get(event.sell_order_id)
        start_hour = listed.instrument.start_hour
        self._trades.agree(event, start_hour=start_hour, buy=buy.signed, sell=sell.signed)
        for side, order, hold in (
            (Side.BUY, buy, event.buy_hold_micros),
            (Side.SELL, sell, event.sell_hold_micros),
        ):
            self._orders.fill(order.order_id, quantity_lots=event.quantity_lots, hold_micros=hold)
            listed.open_lots[side] -= event.quantity_lots
        self._capacity.sell(listed.resource, start_hour, event.quantity_lots)
        listed.last_price_ticks = event.price_ticks
        listed.volume_lots = Lots(listed.volume_lots + event.quantity_lots)
        listed.unfinished_trades += 1

    def _apply_step(self, event: TradeEvent) -> None:
        trade = self._trades.move(event)
        listed = self._listed[trade.agreed.instrument_id]
        if trade.state in OVER:
            listed.unfinished_trades -= 1
        if trade.state is TradeState.VOID:
            start_hour, quantity = listed.instrument.start_hour, trade.agreed.quantity_lots
            self._capacity.sell(listed.resource, start_hour, -quantity)
            self._capacity.commit(trade.agreed.seller, listed.resource, start_hour, -quantity)

    def _count_open(self, order: OpenOrder, lots: int) -> None:
        """Count a change of what is open on the book, and of the capacity that offers commit."""
        terms = order.terms
        listed = self._listed[terms.instrument_id]
        listed.open_lots[terms.side] += lots
        if terms.side is Side.SELL:
            self._capacity.commit(terms.participant, listed.resource, listed.instrument.start_hour, lots)

    def _await_expiry(self, order: OpenOrder) -> None:
        """Note when an order expires, unless the gate closes no later."""
        terms = order.terms
        if terms.good_until_s < self._listed[terms.instrument_id].listing.schedule.gate_closes_s:
            heappush(self._expiries, (terms.good_until_s, order.order_id))

    def _await_next_session(self, listed: Listed) -> None:
        session = following(listed.session)
        if session is not None:
            begins = begins_us(session, listed.instrument, listed.listing.schedule)
            heappush(self._changes, (begins, listed.id))

    # --- what others may look at -------------------------------------------------------------------------------

    @property
    def time_us(self) -> int:
        """The time of the latest batch, Unix microseconds."""
        return self._time_us

    def listing(self, instrument_id: int) -> Listed:
        """Return a listed instrument with its terms, session and book. Raises KeyError if it is not listed."""
        return self._listed[instrument_id]

    def listings(self) -> tuple[Listed, ...]:
        """Return all listed instruments, in the order of listing."""
        return tuple(self._listed.values())

    def instruments(self) -> tuple[Instrument, ...]:
        """Return what is listed, in the order of listing."""
        return tuple(listed.instrument for listed in self._listed.values())

    def book(self, instrument_id: int) -> OrderBook:
        """Return the book of an instrument, to look at. Raises KeyError if it is not listed."""
        return self._listed[instrument_id].book

    def order(self, order_id: int) -> OpenOrder | None:
        """Return an open order, None if it is closed or never was."""
        return self._orders.find(order_id)

    def order_id_of(self, participant: Address, client_order_id: int) -> int | None:
        """Return the order that a client order id stands for, open or closed."""
        used = self._orders.used(participant, client_order_id)
        return used[0] if used is not None else None

    def open_orders(self, participant: Address) -> tuple[OpenOrder, ...]:
        """Return a participant's open orders, oldest first."""
        return self._orders.of(participant)

    def trade(self, number: int) -> Trade:
        """Return a trade. Raises KeyError if no trade has this number."""
        trade = self._trades.find(number)
        if trade is None:
            raise KeyError(number)
        return trade

    def trades(self, state: TradeState | None = None, start_hour: int | None = None) -> Iterator[Trade]:
        """Iterate over trades by number; all, or those in a state, of a delivery hour, or both."""
        return self._trades.select(state=state, start_hour=start_hour)

    def signed_orders(self, trade_number: int) -> tuple[SignedOrder, SignedOrder] | None:
        """Return what buyer and seller had signed when a trade was agreed; None once it is locked or void."""
        return self._trades.signed(trade_number)

    def load(self, resource: int, start_hour: int) -> tuple[Lots, Lots]:
        """Return what is sold of a resource in an hour and its registered capacity, in lots."""
        return self._capacity.load(resource, start_hour)

    def meter(self, participant: Address, resource: int) -> RegisterMeter | None:
        """Return the meter that a supplier has for a resource, with its capacity."""
        return self._capacity.registration(participant, resource)

    def reading(self, meter: Address, start_hour: int) -> ReadingReceived | None:
        """Return what a meter told about an hour."""
        return self._readings.get((meter, start_hour))

    def state_bytes(self) -> bytes:
        """Return all content in canonical order, a line per fact: equal content gives equal bytes on any machine.

        Reads everything, so the cost grows with the history: for checkpoints, not for every order.
        """
        lines = [line("exchange", self._notice_period_s, self._time_us)]
        for _, listed in sorted(self._listed.items()):
            lines.append(line("listing", listed.listing, listed.terms))
            lines.append(
                line("session", listed.id, listed.session, listed.last_price_ticks, listed.volume_lots)
            )
            lines.append(line("book", listed.id, listed.book.state_bytes()))
        for part in (self._orders, self._trades, self._capacity):
            lines += (line(*facts) for facts in part.state())
        lines += (line("reading", reading) for _, reading in sorted(self._readings.items()))
        return b"".join(lines)

    def state_hash(self) -> bytes:
        """Return the SHA-256 of `state_bytes`."""
        return sha256(self.state_bytes()).digest()


def _unknown_instrument(instrument_id: int) -> No:
    try:
        found = str(from_id(instrument_id))
    except Malformed:
        found = f"{instrument_id:#x}"
    return Refusal.UNKNOWN_INSTRUMENT, f"found {found}, expected a listed instrument"


def _hold_after(listed: Listed, order: OpenOrder, quantity_lots: Lots) -> Micros:
    remaining = Lots(order.remaining_lots - quantity_lots)
    return listed.hold_micros(order.terms.side, order.terms.price_micros, remaining)
