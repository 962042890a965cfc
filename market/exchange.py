"""The exchange: commands and time go in, events come out, over many instruments.

`execute` and `begin` decide and apply; `absorb` applies an event that was decided before. All go through `State.apply`,
the one transition of everything outside the books. The books change in the kernel while it matches, and in
`book_moves.py` otherwise: what a match did is what its events do one by one, so a rebuild ends in the same state.

Where to read on: `order_entry.py` and `routing.py` (participants), `negotiating.py` (long-term contracts),
`operating.py` (operator, settler, meters), `honouring.py` (exits and cancels on chain), `timekeeping.py` and
`uncrossing.py` (time, auctions, halts), `meeting.py` (from a book's fills to events).
"""

from collections.abc import Callable, Iterator
from typing import Any, get_args

from market import honouring, negotiating, operating, order_entry, timekeeping
from market.book import OrderBook
from market.events import Event, Refused
from market.fault import Taking
from market.instruments import Instrument
from market.keeping import Kept
from market.listed import Listed
from market.listing import ListInstrument, RegisterMeter, SetPriceTerms
from market.negotiations import Negotiation
from market.notices import ConfirmExit, ExitRequested, NoteCancel, NoteCancelBelow, NoteExit
from market.open_orders import OpenOrder, SignedOrder, fingerprint
from market.order_entry import Funding
from market.orders import Address, CancelOrder, Command, MassCancel, PlaceOrder, ReplaceOrder, SetDeadManTimer
from market.proposals import (
    ConcludeNegotiation,
    RequestNegotiation,
    RevealReservation,
    SealReservation,
    SignAgreement,
)
from market.settlement import ReadingReceived, SubmitReading
from market.state import State
from market.trade_steps import StepCommand
from market.trades import Trade, TradeState
from market.uncrossing import Indicative, indicate
from market.units import InvariantBroken, Lots, Micros

_RULES: dict[type, Callable[[State, Any], list[Event]]] = {
    PlaceOrder: order_entry.enter,
    ReplaceOrder: order_entry.enter,
    CancelOrder: order_entry.cancel,
    MassCancel: order_entry.mass_cancel,
    SetDeadManTimer: order_entry.set_dead_man_timer,
    ListInstrument: operating.list_instrument,
    SetPriceTerms: operating.set_price_terms,
    RegisterMeter: operating.register_meter,
    SubmitReading: operating.receive_reading,
    RequestNegotiation: negotiating.request,
    SealReservation: negotiating.seal,
    RevealReservation: negotiating.reveal,
    ConcludeNegotiation: negotiating.conclude,
    SignAgreement: negotiating.sign,
    NoteCancel: honouring.cancel,
    NoteCancelBelow: honouring.cancel_below,
    **dict.fromkeys(get_args(StepCommand), operating.take_steps),
}


class Exchange(Kept):
    """All instruments, orders and trades of a market, and the rules they follow. Time comes in, it is never asked for."""

    _state: State

    def __init__(self, *, notice_period_s: int) -> None:
        self._state = State(notice_period_s=notice_period_s)

    # --- what time causes --------------------------------------------------------------------------------------

    def advance(self, time_us: int) -> None:
        """Take note of the time, Unix microseconds, and cause nothing: a rebuild absorbs what time had caused.

        Raises:
            InvariantBroken: if time goes backwards.
        """
        self._state.advance(time_us)

    def next_due_us(self) -> int:
        """Return when time alone may next cause something, Unix microseconds; `agenda.NEVER` if nothing is waiting."""
        return timekeeping.next_due_us(self._state)

    def begin(self, time_us: int) -> list[Event]:
        """Open a batch: take note of the time and return what it causes, as `timekeeping.begin` says.

        Raises:
            InvariantBroken: if time goes backwards.
        """
        return timekeeping.begin(self._state, time_us)

    # --- what a command causes ---------------------------------------------------------------------------------

    def execute(self, command: Command) -> list[Event]:
        """Return what a command causes, applied already: its events in order, or one `Refused` that changes nothing."""
        rule = _RULES.get(type(command))
        if rule is None:
            raise InvariantBroken(f"{type(command).__name__}: found at the exchange, expected at the ledger")
        return rule(self._state, command)

    def enter(self, command: PlaceOrder | ReplaceOrder, funding: Funding) -> list[Event]:
        """Return what an order causes, applied already, where `funding` has the last word before its book."""
        return order_entry.enter(self._state, command, funding)

    def request_exit(self, command: NoteExit, *, free_micros: int) -> list[Event]:
        """Return what the wish for an exit causes, as `honouring.request_exit` says, applied already."""
        return honouring.request_exit(self._state, command, free_micros=free_micros)

    def confirm_exit(self, command: ConfirmExit, *, free_micros: int, withdrawals_micros: int) -> list[Event]:
        """Return what an exit causes, as `honouring.confirm_exit` says, applied already."""
        return honouring.confirm_exit(
            self._state, command, free_micros=free_micros, withdrawals_micros=withdrawals_micros
        )

    def make_room(
        self, participant: Address, needed_micros: int, *, between_micros: int, taking: Taking
    ) -> list[Event]:
        """Free money that was taken otherwise, as `honouring.make_room` says; return what happened, applied already."""
        return honouring.make_room(
            self._state, participant, needed_micros, between_micros=between_micros, taking=taking
        )

    def earlier(self, command: PlaceOrder | ReplaceOrder) -> int | None:
        """Return the order id that this very request got when it came before, None if it did not."""
        used = self._state.orders.used(command.terms.participant, command.terms.client_order_id)
        return used[0] if used is not None and used[1] == fingerprint(command) else None

    def refusal_of(self, command: PlaceOrder | ReplaceOrder) -> Refused | None:
        """Return why an order may not enter, as `order_entry.refusal_of` says. Changes nothing."""
        return order_entry.refusal_of(self._state, command)

    def hold_for(self, command: PlaceOrder | ReplaceOrder) -> Micros:
        """Return what is set aside, in micros, when an order enters that nothing speaks against."""
        return order_entry.hold_for(self._state, command)

    # --- what an event changes ---------------------------------------------------------------------------------

    def absorb(self, event: Event) -> None:
        """Apply an event that was decided before, without matching; the time must be that of its batch."""
        self._state.happen(event)

    # --- what others may look at -------------------------------------------------------------------------------

    @property
    def time_us(self) -> int:
        """The time of the latest batch, Unix microseconds."""
        return self._state.time_us

    def listing(self, instrument_id: int) -> Listed:
        """Return a listed instrument with its terms, session and book. Raises KeyError if it is not listed."""
        return self._state.listed[instrument_id]

    def listings(self) -> tuple[Listed, ...]:
        """Return all listed instruments, in the order of listing."""
        return tuple(self._state.listed.values())

    def instruments(self) -> tuple[Instrument, ...]:
        """Return what is listed, in the order of listing."""
        return tuple(listed.instrument for listed in self._state.listed.values())

    def book(self, instrument_id: int) -> OrderBook:
        """Return the book of an instrument, to look at. Raises KeyError if it is not listed."""
        return self._state.listed[instrument_id].book

    def indicative(self, instrument_id: int) -> Indicative:
        """Return what an auction would do on the book as it is. Raises KeyError if the instrument is not listed.

        A call and a halt publish it while orders collect.
        """
        return indicate(self._state, self._state.listed[instrument_id])

    def order(self, order_id: int) -> OpenOrder | None:
        """Return an open order, None if it is closed or never was."""
        return self._state.orders.find(order_id)

    def order_id_of(self, participant: Address, client_order_id: int) -> int | None:
        """Return the order that a client order id stands for, open or closed."""
        used = self._state.orders.used(participant, client_order_id)
        return used[0] if used is not None else None

    def open_orders(self, participant: Address) -> tuple[OpenOrder, ...]:
        """Return a participant's open orders, oldest first."""
        return self._state.orders.of(participant)

    def dead_man_expires_us(self, participant: Address) -> int | None:
        """Return when a participant's orders will be cancelled, Unix microseconds; None if no timer runs."""
        return self._state.timers.get(participant)

    def trade(self, number: int) -> Trade:
        """Return a trade. Raises KeyError if no trade has this number."""
        trade = self._state.trades.find(number)
        if trade is None:
            raise KeyError(number)
        return trade

    def trades(self, state: TradeState | None = None, start_hour: int | None = None) -> Iterator[Trade]:
        """Iterate over trades by number; all, or those in a state, of a delivery hour, or both."""
        return self._state.trades.select(state=state, start_hour=start_hour)

    def signed_orders(self, trade_number: int) -> tuple[SignedOrder, SignedOrder] | None:
        """Return what buyer and seller had signed when a trade was agreed; None once it is locked or void."""
        return self._state.trades.signed(trade_number)

    def is_noted(self, transaction: bytes, log_index: int) -> bool:
        """Return whether a notice from the chain was taken in."""
        return self._state.notices.is_noted(transaction, log_index)

    def exit_of(self, participant: Address) -> ExitRequested | None:
        """Return the exit on chain that a participant waits for, None if there is none."""
        return self._state.notices.exit_of(participant)

    def cancelled_from_s(self, trade_number: int) -> int | None:
        """Return from when on the contract refuses an agreed trade, Unix seconds; None if neither order was cancelled."""
        signed = self._state.trades.signed(trade_number)
        found = self._state.notices.trade_cancelled_from(*signed) if signed is not None else None
        return None if found is None else found[0]

    def void_reason(self, trade_number: int) -> str | None:
        """Return why a trade will not settle, None unless it is void."""
        voided = self._state.trades.voided(trade_number)
        return None if voided is None else voided.reason

    def negotiation(self, number: int) -> Negotiation | None:
        """Return a negotiation, None if none has this number. It holds what its parties may not know of each other."""
        return self._state.negotiations.find(number)

    def negotiations(self, participant: Address) -> tuple[Negotiation, ...]:
        """Return the negotiations of a participant, oldest first."""
        return self._state.negotiations.of(participant)

    def negotiations_to_price(self) -> tuple[Negotiation, ...]:
        """Return the negotiations whose two reservation prices are revealed and that await their price, oldest first."""
        return self._state.negotiations.revealed()

    def load(self, resource: int, start_hour: int) -> tuple[Lots, Lots]:
        """Return what is sold of a resource in an hour and its registered capacity, in lots."""
        return self._state.capacity.load(resource, start_hour)

    def meter(self, participant: Address, resource: int) -> RegisterMeter | None:
        """Return the meter that a supplier has for a resource, with its capacity."""
        return self._state.capacity.registration(participant, resource)

    def reading(self, meter: Address, start_hour: int) -> ReadingReceived | None:
        """Return what a meter told about an hour."""
        return self._state.readings.get((meter, start_hour))

    def state_bytes(self) -> bytes:
        """Return all content in canonical order, a line per fact: equal content gives equal bytes on any machine.

        Reads everything, so the cost grows with the history: for checkpoints, not for every order.
        """
        return self._state.state_bytes()

    def state_hash(self) -> bytes:
        """Return the SHA-256 of `state_bytes`."""
        return self._state.state_hash()
