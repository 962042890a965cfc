"""Sessions: where an instrument is in its life, and when the next one begins. Pure functions of schedule and time.

    PENDING → CALL → (one uncrossing auction) → CONTINUOUS → CLOSED → DELIVERY → SETTLED

Time alone moves an instrument, one session at a time; only the last step also waits for its trades to be over.
"""

from itertools import pairwise

from market.events import Session
from market.instruments import Instrument
from market.orders import Schedule

GATE_LEAD_S = 15 * 60
"""How long before delivery the gate closes, unless the instrument's schedule says otherwise."""
MICROS_PER_SECOND = 1_000_000


def schedule_before_delivery(
    instrument: Instrument, *, call_opens_s: int, continuous_opens_s: int, gate_lead_s: int = GATE_LEAD_S
) -> Schedule:
    """Return the schedule of an instrument whose gate closes `gate_lead_s` before its delivery starts."""
    return Schedule(call_opens_s, continuous_opens_s, instrument.start_s - gate_lead_s)


def begins_us(session: Session, instrument: Instrument, schedule: Schedule) -> int:
    """Return when a session begins, Unix microseconds; SETTLED begins then at the earliest."""
    match session:
        case Session.PENDING:
            return 0
        case Session.CALL:
            begins_s = schedule.call_opens_s
        case Session.CONTINUOUS:
            begins_s = schedule.continuous_opens_s
        case Session.CLOSED:
            begins_s = schedule.gate_closes_s
        case Session.DELIVERY:
            begins_s = instrument.start_s
        case Session.SETTLED:
            begins_s = instrument.end_s
    return begins_s * MICROS_PER_SECOND


def following(session: Session) -> Session | None:
    """Return the session after this one, None after the last."""
    return None if session is Session.SETTLED else Session(session + 1)


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
