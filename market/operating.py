"""What the operator, the settler and the meters cause: listings, price terms, meters, readings, and the steps of trades."""

from dataclasses import replace

from market.events import CancelReason, Event
from market.fault import fault_in
from market.instruments import SECONDS_PER_HOUR, from_id
from market.listed import Listed, fault_in_listing, fault_in_money, fault_in_price_terms
from market.listing import (
    InstrumentListed,
    ListInstrument,
    MeterRegistered,
    PriceTermsSet,
    RegisterMeter,
    SetPriceTerms,
)
from market.orders import Side
from market.refusals import No, Refusal
from market.refusing import refuse, unknown_instrument
from market.sessions import MICROS_PER_SECOND, OVER
from market.settlement import ConfirmLocks, ReadingReceived, SubmitReading, TradeVoided
from market.state import State
from market.timekeeping import cancel_all, change_sessions
from market.trade_register import TradeEvent
from market.trade_steps import StepCommand, refusal_of_steps, steps_of
from market.units import Malformed


def list_instrument(state: State, command: ListInstrument) -> list[Event]:
    """Open an instrument, and take it through the sessions that are due already."""
    no = _no_listing(state, command)
    if no is not None:
        return [refuse(command, no)]
    listed = state.happen(InstrumentListed(command))
    return [listed, *change_sessions(state, state.listed[command.instrument_id])]


def set_price_terms(state: State, command: SetPriceTerms) -> list[Event]:
    """Move an instrument's price terms.

    Orders that the new band leaves outside are cancelled, oldest first: a band promises that no trade is outside it, and
    such an order could only stay idle or break that promise.
    """
    listed = state.listed.get(command.instrument_id)
    if listed is None:
        return [refuse(command, unknown_instrument(command.instrument_id))]
    no = _no_price_terms(listed, command)
    if no is not None:
        return [refuse(command, no)]
    moved = state.happen(PriceTermsSet(command))
    return [moved, *cancel_all(state, _outside_band(listed), CancelReason.OUTSIDE_BAND)]


def register_meter(state: State, command: RegisterMeter) -> list[Event]:
    """Admit a meter: one per supplier and resource, and no meter twice."""
    no: No | None = None
    if command.capacity_lots < 1:
        no = (
            Refusal.QUANTITY_NOT_POSITIVE,
            f"found a capacity of {command.capacity_lots} lots, expected at least 1",
        )
    elif state.capacity.has_meter(command.meter):
        no = Refusal.ALREADY_LISTED, f"found meter 0x{command.meter.hex()} registered already"
    elif state.capacity.registration(command.participant, command.resource) is not None:
        no = (
            Refusal.ALREADY_LISTED,
            f"found another meter of 0x{command.participant.hex()} for this resource",
        )
    return [refuse(command, no) if no is not None else state.happen(MeterRegistered(command))]


def receive_reading(state: State, command: SubmitReading) -> list[Event]:
    """Take a meter's word about an hour that is over; its first word stands."""
    no: No | None = None
    end_s = (command.start_hour + 1) * SECONDS_PER_HOUR
    if not state.capacity.has_meter(command.meter):
        no = Refusal.UNKNOWN_METER, f"found meter 0x{command.meter.hex()}, expected a registered one"
    elif command.delivered_lots < 0:
        no = (
            Refusal.QUANTITY_NOT_POSITIVE,
            f"found {command.delivered_lots} lots delivered, expected 0 or more",
        )
    elif state.time_us < end_s * MICROS_PER_SECOND:
        no = (
            Refusal.SLOT_NOT_OVER,
            f"found hour {command.start_hour} not over, expected its reading from {end_s} s on",
        )
    elif (first := state.readings.get((command.meter, command.start_hour))) is not None:
        no = (
            Refusal.ALREADY_APPLIED,
            f"found a first reading of {first.delivered_lots} lots, and that one stands",
        )
    if no is not None:
        return [refuse(command, no)]
    received = ReadingReceived(command.meter, command.start_hour, command.delivered_lots, command.signature)
    return [state.happen(received)]


def take_steps(state: State, command: StepCommand) -> list[Event]:
    """Take every trade that a command names one step on, or none of them; an instrument may be settled by it."""
    wrong = refusal_of_steps(command, state.trades)
    if wrong is not None:
        number, no = wrong
        return [refuse(command, no, number)]
    steps = [_with_fault(state, command, step) for step in steps_of(command)]
    events: list[Event] = [state.happen(step) for step in steps]
    for instrument_id in sorted({state.trades.get(step.trade_number).agreed.instrument_id for step in steps}):
        events += change_sessions(state, state.listed[instrument_id])
    return events


def _with_fault(state: State, command: StepCommand, step: TradeEvent) -> TradeEvent:
    """Return the step; a voided trade with who kept it from being locked and how, if the record has that notice."""
    signed = state.trades.signed(step.trade_number)
    if not isinstance(step, TradeVoided) or signed is None:
        return step
    skipped = dict(command.skipped) if isinstance(command, ConfirmLocks) else {}
    code = skipped.get(step.trade_number)
    fault = fault_in(state.notices, signed, time_us=state.time_us, skip_code=code)
    return step if fault is None else replace(step, reason=fault.reason, at_fault=fault.party)


def _no_listing(state: State, command: ListInstrument) -> No | None:
    try:
        instrument = from_id(command.instrument_id)
    except Malformed as malformed:
        return Refusal.INCONSISTENT_LISTING, str(malformed)
    if command.instrument_id in state.listed:
        return Refusal.ALREADY_LISTED, f"found {instrument} listed already"
    if instrument.hours != 1:
        return Refusal.WINDOW_NOT_HOURLY, f"found {instrument} of {instrument.hours} hours, expected 1"
    fault = fault_in_listing(command, instrument)
    if fault is not None:
        return Refusal.INCONSISTENT_LISTING, f"{instrument}: {fault}"
    if state.gate_has_closed(command):
        return Refusal.WINDOW_ALREADY_CLOSED, f"found that the gate of {instrument} has closed"
    return None


def _no_price_terms(listed: Listed, command: SetPriceTerms) -> No | None:
    if listed.session in OVER:
        return (
            Refusal.WINDOW_ALREADY_CLOSED,
            f"found {listed.instrument} {listed.session.name}, expected it open",
        )
    fault = fault_in_price_terms(command) or fault_in_money(
        listed.listing, listed.instrument, command.band_high_ticks
    )
    return (Refusal.INCONSISTENT_LISTING, f"{listed.instrument}: {fault}") if fault is not None else None


def _outside_band(listed: Listed) -> list[int]:
    """Return the ids of the orders, waiting stops included, whose limit is outside the band, oldest first."""
    low, high = listed.terms.band_low_ticks, listed.terms.band_high_ticks
    found: list[int] = []
    for side in Side:
        for rows, limit in (
            (listed.book.orders(side), "price_ticks"),
            (listed.book.stops(side), "limit_ticks"),
        ):
            found += rows["order_id"][(rows[limit] < low) | (rows[limit] > high)].tolist()
    return sorted(found)
