import pytest

from market.events import Session
from market.orders import Schedule
from market.sessions import begins_us, fault_in, following, schedule_before_delivery

from .builders import CALL_OPENS_S, CONTINUOUS_OPENS_S, GATE_CLOSES_S, SOLAR, a_schedule, us


def test_the_gate_closes_fifteen_minutes_before_delivery_unless_told_otherwise() -> None:
    usual = schedule_before_delivery(SOLAR, call_opens_s=10, continuous_opens_s=20)
    late = schedule_before_delivery(SOLAR, call_opens_s=10, continuous_opens_s=20, gate_lead_s=60)
    assert usual == Schedule(10, 20, SOLAR.start_s - 900)
    assert late.gate_closes_s == SOLAR.start_s - 60


@pytest.mark.parametrize(
    ("session", "begins_s"),
    [
        (Session.PENDING, 0),
        (Session.CALL, CALL_OPENS_S),
        (Session.CONTINUOUS, CONTINUOUS_OPENS_S),
        (Session.CLOSED, GATE_CLOSES_S),
        (Session.DELIVERY, SOLAR.start_s),
        (Session.SETTLED, SOLAR.start_s + 3600),
    ],
)
def test_each_session_begins_at_its_moment_of_the_schedule(session: Session, begins_s: int) -> None:
    assert begins_us(session, SOLAR, a_schedule()) == us(begins_s)


def test_sessions_follow_each_other_and_end() -> None:
    session: Session | None = Session.PENDING
    life = []
    while session is not None:
        life.append(session)
        session = following(session)
    assert life == list(Session)


@pytest.mark.parametrize(
    ("schedule", "fault"),
    [
        (Schedule(20, 10, 30), "found that the call opens at 20 s and continuous trading opens at 10 s"),
        (Schedule(10, 40, 30), "found that continuous trading opens at 40 s and the gate closes at 30 s"),
        (
            Schedule(10, 20, SOLAR.start_s + 1),
            f"the gate closes at {SOLAR.start_s + 1} s and delivery starts",
        ),
        (Schedule(-1, 20, 30), "found that the call opens at -1 s, expected a Unix time"),
    ],
)
def test_a_schedule_out_of_order_is_named(schedule: Schedule, fault: str) -> None:
    assert fault in (fault_in(schedule, SOLAR) or "")


def test_moments_of_a_schedule_may_coincide() -> None:
    assert fault_in(Schedule(10, 10, 10), SOLAR) is None
