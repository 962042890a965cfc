"""What participants cause: orders placed, replaced and cancelled, one or all at once, and dead-man timers."""

from typing import Protocol

from market import admission
from market.book_moves import asked
from market.cost import hold_micros
from market.events import CancelReason, DeadManSet, Event, OrderAccepted, OrderReplaced, Refused
from market.listed import Listed
from market.meeting import tell
from market.open_orders import fingerprint
from market.orders import (
    Address,
    CancelOrder,
    MassCancel,
    PlaceOrder,
    ReplaceOrder,
    SetDeadManTimer,
    Side,
)
from market.placement import Placement
from market.refusals import No, Refusal
from market.refusing import refuse, unknown_instrument
from market.routing import no_requirement, route
from market.sessions import MICROS_PER_SECOND
from market.state import State
from market.timekeeping import cancel_all
from market.units import InvariantBroken, Micros

TIMEOUT_MAX_S = 24 * 3600
"""The longest that a dead-man timer runs."""


class Funding(Protocol):
    """Who says whether the participant of an order can set aside what it needs."""

    def __call__(self, command: PlaceOrder | ReplaceOrder, *, hold_micros: Micros) -> Refused | None:
        """Refuse an order that its participant cannot fund; `hold_micros` is what the order will set aside."""
        ...


def enter(state: State, command: PlaceOrder | ReplaceOrder, funding: Funding | None = None) -> list[Event]:
    """Bring an order to its book unless something speaks against it: what `refusal_of` finds, its funds, its book.

    Without `funding` there is money enough.
    """
    refused = refusal_of(state, command)
    if refused is not None:
        return [refused]
    hold = hold_for(state, command)
    refused = funding(command, hold_micros=hold) if funding is not None else None
    if refused is not None:
        return [refused]
    return place(state, command, hold) if isinstance(command, PlaceOrder) else replace(state, command, hold)


def refusal_of(state: State, command: PlaceOrder | ReplaceOrder) -> Refused | None:
    """Return why an order may not enter, None if only its funds and what its book can fill are left to find out.

    The first that applies, in this order: the client order id is used, or was cancelled on chain; (replacing) the order
    is unknown, closed, somebody else's, or of another instrument or side; the instrument is unknown; then
    what `admission.refusal_of` finds.
    """
    no = _no_repetition(state, command) or _no_cancelled_id(state, command)
    if no is None and isinstance(command, ReplaceOrder):
        no = _no_such_order(state, command.order_id, command.terms.participant)
        no = no or _no_other_instrument(state, command)
    if no is None:
        no = _no_admission(state, command)
    return refuse(command, no) if no is not None else None


def hold_for(state: State, command: PlaceOrder | ReplaceOrder) -> Micros:
    """Return what is set aside, in micros, when an order enters that nothing speaks against."""
    return hold_micros(state.listed, _entering(state, command), command.terms.quantity_lots)


def place(state: State, command: PlaceOrder, hold: Micros) -> list[Event]:
    """Bring an order that may enter to its book. What only the book can say is asked first: a refusal changes nothing."""
    if command.eligible:
        return route(state, command, hold)
    terms, order_id = command.terms, state.orders.last_id + 1
    listed = state.listed[terms.instrument_id]
    placement = listed.book.place(
        order_id,
        terms.side,
        command.order_type,
        command.time_in_force,
        listed.price_ticks(terms.price_micros),
        terms.quantity_lots,
        **asked(listed, command, state.orders.owner(terms.participant)),
    )
    if placement.refusal is not None:
        return [refuse(command, _no_placement(listed, command, placement.refusal))]
    accepted = OrderAccepted(
        order_id=order_id,
        terms=terms,
        signature=command.signature,
        order_type=command.order_type,
        time_in_force=command.time_in_force,
        post_only=command.post_only,
        hold_micros=hold,
        conditions=command.conditions,
    )
    return _tell(state, listed, accepted, placement)


def replace(state: State, command: ReplaceOrder, hold: Micros) -> list[Event]:
    """Put new terms in place of an order's that may enter. It stays where it is if nothing but its quantity shrinks."""
    order, terms = state.orders.get(command.order_id), command.terms
    kept = order.keeps_place(terms)
    replaced = OrderReplaced(order.order_id, terms, command.signature, kept, hold)
    if kept:
        return [state.happen(replaced)]
    listed, renewed = state.listed[terms.instrument_id], order.renewed(terms, command.signature)
    placement = listed.book.replace(
        order.order_id,
        renewed.order_type,
        renewed.time_in_force,
        listed.price_ticks(terms.price_micros),
        terms.quantity_lots,
        **asked(listed, renewed, state.orders.owner(terms.participant)),
    )
    if placement.refusal is not None:
        return [refuse(command, _no_placement(listed, renewed, placement.refusal))]
    return _tell(state, listed, replaced, placement)


def cancel(state: State, command: CancelOrder) -> list[Event]:
    """Take an order off the book."""
    no = _no_such_order(state, command.order_id, command.participant)
    if no is not None:
        return [refuse(command, no)]
    return cancel_all(state, [command.order_id], CancelReason.BY_PARTICIPANT)


def mass_cancel(state: State, command: MassCancel) -> list[Event]:
    """Take all of a participant's orders, or those of an instrument or a side, off the books, oldest first."""
    order_ids = [
        order.order_id
        for order in state.orders.of(command.participant)
        if command.instrument_id in (None, order.terms.instrument_id)
        and command.side in (None, order.terms.side)
    ]
    return cancel_all(state, order_ids, CancelReason.MASS_CANCEL)


def set_dead_man_timer(state: State, command: SetDeadManTimer) -> list[Event]:
    """Wind a participant's timer up again, or disarm it."""
    timeout_s = command.timeout_s
    if not 0 <= timeout_s <= TIMEOUT_MAX_S:
        detail = f"found a timeout of {timeout_s} s, expected 0 to {TIMEOUT_MAX_S} s"
        return [refuse(command, (Refusal.TIMEOUT_OUT_OF_RANGE, detail))]
    expires_us = state.time_us + timeout_s * MICROS_PER_SECOND if timeout_s else 0
    return [state.happen(DeadManSet(command.participant, expires_us))]


def _tell(
    state: State, listed: Listed, entered: OrderAccepted | OrderReplaced, placement: Placement
) -> list[Event]:
    """Tell that an order entered, and what its book did with it."""
    state.apply(entered)
    return [entered, *tell(state, listed, placement, entered.order_id)]


def _entering(state: State, command: PlaceOrder | ReplaceOrder) -> PlaceOrder:
    """Return the order that a command asks to enter."""
    if isinstance(command, PlaceOrder):
        return command
    return state.orders.get(command.order_id).renewed(command.terms, command.signature)


def _no_repetition(state: State, command: PlaceOrder | ReplaceOrder) -> No | None:
    terms = command.terms
    used = state.orders.used(terms.participant, terms.client_order_id)
    if used is None:
        return None
    if used[1] == fingerprint(command):
        return Refusal.ALREADY_APPLIED, f"found the same request again, it is order {used[0]}"
    found = f"found client order id {terms.client_order_id} of order {used[0]} under other terms"
    return Refusal.CLIENT_ORDER_ID_REUSED, f"{found}, expected an id never used before"


def _no_cancelled_id(state: State, command: PlaceOrder | ReplaceOrder) -> No | None:
    terms = command.terms
    from_s = state.notices.cancelled_from_s(terms.participant, terms.client_order_id)
    if from_s is None:
        return None
    found = f"found client order id {terms.client_order_id} cancelled on chain from {from_s} s on"
    return Refusal.CANCELLED_ON_CHAIN, f"{found}, expected one that is not"


def _no_such_order(state: State, order_id: int, participant: Address) -> No | None:
    last_id = state.orders.last_id
    if not 1 <= order_id <= last_id:
        return Refusal.UNKNOWN_ORDER, f"found order {order_id}, expected 1 to {last_id}"
    order = state.orders.find(order_id)
    if order is None:
        return Refusal.ORDER_ALREADY_CLOSED, f"found order {order_id} closed, expected an open order"
    if order.terms.participant != participant:
        return (
            Refusal.NOT_YOUR_ORDER,
            f"found order {order_id} of another participant, expected one of yours",
        )
    return None


def _no_other_instrument(state: State, command: ReplaceOrder) -> No | None:
    old, new = state.orders.get(command.order_id).terms, command.terms
    if (old.instrument_id, old.side) == (new.instrument_id, new.side):
        return None
    expected = f"{state.listed[old.instrument_id].instrument} {old.side.name}"
    listed = state.listed.get(new.instrument_id)
    found = f"{listed.instrument if listed is not None else 'an unknown instrument'} {new.side.name}"
    return Refusal.REPLACE_CHANGES_INSTRUMENT, f"found {found}, expected {expected}"


def _no_admission(state: State, command: PlaceOrder | ReplaceOrder) -> No | None:
    order, instrument_id = _entering(state, command), command.terms.instrument_id
    if order.eligible:
        return no_requirement(state, order)
    listed = state.listed.get(instrument_id)
    if listed is None:
        return unknown_instrument(instrument_id)
    replaces = state.orders.get(command.order_id) if isinstance(command, ReplaceOrder) else None
    return admission.refusal_of(
        order,
        listed,
        state.capacity,
        time_us=state.time_us,
        notice_period_s=state.notice_period_s,
        replaces=replaces,
    )


def _no_placement(listed: Listed, order: PlaceOrder, refusal: Refusal) -> No:
    """Say in words why the book does not take an order: what it would have had to find."""
    terms = order.terms
    limit = listed.price_text(terms.price_micros)
    match refusal:
        case Refusal.WOULD_TAKE:
            best = listed.book.best_ask() if terms.side is Side.BUY else listed.book.best_bid()
            other = "an offer" if terms.side is Side.BUY else "a bid"
            if best is not None:
                found = f"found {other} at {listed.price_text(listed.price_micros(best))}"
                return refusal, f"{found}, expected none that {limit} meets"
        case Refusal.CANNOT_FILL_WHOLLY | Refusal.CANNOT_FILL_MINIMUM:
            whole = refusal is Refusal.CANNOT_FILL_WHOLLY
            needed = listed.quantity_text(terms.quantity_lots if whole else order.conditions.minimum_lots)
            return (
                refusal,
                f"found less than {needed} that it can take at {limit} or better, expected as much",
            )
        case Refusal.BOOK_FULL:
            return refusal, f"found {len(listed.book)} orders in the book, expected room for one more"
    raise InvariantBroken(f"found that the book of {listed.instrument} says {refusal}, expected no refusal")
