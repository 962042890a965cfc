"""Sessions: where an instrument is in its life, and when the next one begins. Pure functions of schedule and time.

    PENDING → CALL → (one uncrossing auction) → CONTINUOUS → CLOSED → DELIVERY → SETTLED
                                                 ↓       ↑
                                                HALTED → (one uncrossing auction)

Time alone moves an instrument, one session at a time; only the last step also waits for its trades to be over. A halt
begins with a price that would leave the collar and ends by itself; the gate does not wait for it.
"""

from datetime import UTC, datetime
from itertools import pairwise

from market.events import Session
from market.instruments import Instrument
from market.listing import Schedule

GATE_LEAD_S = 15 * 60
"""How long before delivery the gate closes, unless the instrument's schedule says otherwise."""
MICROS_PER_SECOND = 1_000_000

COLLECTING = frozenset({Session.CALL, Session.HALTED})
"""The sessions in which orders collect for an auction."""
OVER = frozenset({Session.CLOSED, Session.DELIVERY, Session.SETTLED})
"""The sessions after the gate has closed."""

_AFTER = {
    Session.PENDING: Session.CALL,
    Session.CALL: Session.CONTINUOUS,
    Session.CONTINUOUS: Session.CLOSED,
    Session.CLOSED: Session.DELIVERY,
    Session.DELIVERY: Session.SETTLED,
}


def schedule_before_delivery(
    instrument: Instrument, *, call_opens_s: int, continuous_opens_s: int, gate_lead_s: int = GATE_LEAD_S
) -> Schedule:
    """Return the schedule of an instrument whose gate closes `gate_lead_s` before its delivery starts."""
    return Schedule(call_opens_s, continuous_opens_s, instrument.start_s - gate_lead_s)


def following(
    session: Session, instrument: Instrument, schedule: Schedule, *, halted_until_us: int
) -> tuple[Session, int] | None:
    """Return the session after this one and when it begins, Unix microseconds; None after the last.

    SETTLED begins then at the earliest. `halted_until_us` counts in a halt alone.
    """
    gate_us = schedule.gate_closes_s * MICROS_PER_SECOND
    if session is Session.HALTED:
        ends = halted_until_us < gate_us
        return (Session.CONTINUOUS, halted_until_us) if ends else (Session.CLOSED, gate_us)
    after = _AFTER.get(session)
    if after is None:
        return None
    begins_s = {
        Session.CALL: schedule.call_opens_s,
        Session.CONTINUOUS: schedule.continuous_opens_s,
        Session.CLOSED: schedule.gate_closes_s,
        Session.DELIVERY: instrument.start_s,
        Session.SETTLED: instrument.end_s,
    }
    return after, begins_s[after] * MICROS_PER_SECOND


def fault_in(schedule: Schedule, instrument: Instrument) -> str | None:
    """Return what is wrong with a schedule, None if its moments follow each other up to the start of delivery.

    Two moments may coincide: a call that opens with the continuous session is no call.
    """
    moments = (
        ("the call opens", schedule.call_opens_s),
        ("continuous trading opens", schedule.continuous_opens_s),
        ("the gate closes", schedule.gate_closes_s),
        ("delivery starts", instrument.start_s),
    )
    for (earlier, earlier_s), (later, later_s) in pairwise(moments):
        if earlier_s > later_s:
            return (
                f"found that {earlier} at {earlier_s} s and {later} at {later_s} s, expected the other order"
            )
    if schedule.call_opens_s < 0:
        return f"found that the call opens at {schedule.call_opens_s} s, expected a Unix time"
    return None


def moment_of(time_s: int) -> str:
    """Return a Unix time in words, UTC; a number of seconds beyond the calendar stays one.

    >>> moment_of(1_647_046_800), moment_of(10**15)
    ('2022-03-12T01:00:00Z', '1000000000000000 s after 1970')
    """
    try:
        return datetime.fromtimestamp(time_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (ValueError, OverflowError, OSError):
        return f"{time_s} s after 1970"
