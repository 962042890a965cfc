"""What time alone causes: orders expire, timers go off, negotiations lapse, sessions change with the auctions between."""

from market import negotiating
from market.events import (
    CancelReason,
    DeadManSet,
    Event,
    OrderCancelled,
    Session,
    SessionChanged,
)
from market.listed import Listed
from market.meeting import tell
from market.orders import Side
from market.state import State
from market.uncrossing import uncross


def begin(state: State, time_us: int) -> list[Event]:
    """Take note of the time and return what it causes.

    First orders past their last moment expire, by that moment and order id; then dead-man timers go off, by their moment
    and participant; then negotiations lapse, by their moment and number; then sessions change, by the time they were due
    and instrument id. So an auction held late trades no
    order past the last moment it was signed for, and none of somebody who had fallen silent before.

    Raises:
        InvariantBroken: if time goes backwards.
    """
    state.advance(time_us)
    events = _expire(state)
    events += _cancel_for_the_silent(state)
    events += negotiating.lapse(state)
    while (due := state.changes.take(time_us)) is not None:
        _, instrument_id = due
        events += change_sessions(state, state.listed[instrument_id])
    return events


def next_due_us(state: State) -> int:
    """Return when time alone may next cause something, Unix microseconds; `NEVER` if nothing is waiting."""
    return min(
        agenda.next_us() for agenda in (state.expiries, state.timeouts, state.deadlines, state.changes)
    )


def change_sessions(state: State, listed: Listed) -> list[Event]:
    """Take an instrument through every session that is due, finishing what each one owes before the next begins."""
    events: list[Event] = []
    while (session := _due_session(state, listed)) is not None:
        trades = session is Session.CONTINUOUS and not state.gate_has_closed(listed.listing)
        if trades:
            events += uncross(state, listed)
        elif session is Session.CLOSED:
            events += cancel_all(state, resting(listed), CancelReason.GATE_CLOSED)
        events.append(state.happen(SessionChanged(listed.id, session)))
        if trades:
            events += tell(state, listed, listed.book.activate())
    return events


def cancel_all(state: State, order_ids: list[int], reason: CancelReason) -> list[Event]:
    """Cancel orders one after the other."""
    return [
        state.happen(OrderCancelled(each, state.orders.get(each).remaining_lots, reason))
        for each in order_ids
    ]


def resting(listed: Listed) -> list[int]:
    """Return the ids of all orders in a book, waiting stops included, oldest first."""
    book = listed.book
    rows = (found for side in Side for found in (book.orders(side), book.stops(side)))
    return sorted(order_id for found in rows for order_id in found["order_id"].tolist())


def _expire(state: State) -> list[Event]:
    events: list[Event] = []
    while (due := state.expiries.take(state.time_us)) is not None:
        moment_us, order_id = due
        order = state.orders.find(order_id)
        if order is not None and order.until_us + 1 == moment_us:
            events += cancel_all(state, [order_id], CancelReason.EXPIRED)
    return events


def _cancel_for_the_silent(state: State) -> list[Event]:
    events: list[Event] = []
    while (due := state.timeouts.take(state.time_us)) is not None:
        moment_us, participant = due
        if state.timers.get(participant) == moment_us:
            order_ids = [order.order_id for order in state.orders.of(participant)]
            events += cancel_all(state, order_ids, CancelReason.DEAD_MAN)
            events.append(state.happen(DeadManSet(participant, 0)))
    return events


def _due_session(state: State, listed: Listed) -> Session | None:
    following = state.next_session(listed)
    if following is None or following[1] > state.time_us:
        return None
    session, _ = following
    return None if session is Session.SETTLED and listed.unfinished_trades else session
