import pytest

from market.events import Session
from market.listing import Schedule
from market.sessions import COLLECTING, OVER, fault_in, following, schedule_before_delivery

from .builders import CALL_OPENS_S, CONTINUOUS_OPENS_S, GATE_CLOSES_S, SOLAR, a_schedule, us


def test_the_gate_closes_fifteen_minutes_before_delivery_unless_told_otherwise() -> None:
    usual = schedule_before_delivery(SOLAR, call_opens_s=10, continuous_opens_s=20)
    late = schedule_before_delivery(SOLAR, call_opens_s=10, continuous_opens_s=20, gate_lead_s=60)
    assert usual == Schedule(10, 20, SOLAR.start_s - 900)
    assert late.gate_closes_s == SOLAR.start_s - 60


def after(session: Session, *, halted_until_us: int = 0) -> tuple[Session, int] | None:
    return following(session, SOLAR, a_schedule(), halted_until_us=halted_until_us)


def test_sessions_follow_each_other_at_the_moments_of_the_schedule() -> None:
    assert [after(session) for session in list(Session)[:6]] == [
        (Session.CALL, us(CALL_OPENS_S)),
        (Session.CONTINUOUS, us(CONTINUOUS_OPENS_S)),
        (Session.CLOSED, us(GATE_CLOSES_S)),
        (Session.DELIVERY, us(SOLAR.start_s)),
        (Session.SETTLED, us(SOLAR.start_s + 3600)),
        None,
    ]


def test_a_halt_ends_in_continuous_trading_unless_the_gate_closes_no_later() -> None:
    gate_us = us(GATE_CLOSES_S)
    assert after(Session.HALTED, halted_until_us=gate_us - 1) == (Session.CONTINUOUS, gate_us - 1)
    assert after(Session.HALTED, halted_until_us=gate_us) == (Session.CLOSED, gate_us)
    assert after(Session.HALTED, halted_until_us=gate_us + 1) == (Session.CLOSED, gate_us)


def test_every_session_is_before_the_gate_or_after_it() -> None:
    assert set(Session) - OVER - COLLECTING == {Session.PENDING, Session.CONTINUOUS}


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
