"""Cancelling many orders at once: on request, or because their participant fell silent."""

import pytest

from market.agenda import NEVER
from market.events import CancelReason, DeadManSet, OrderCancelled, SessionChanged
from market.exchange import Exchange
from market.orders import MassCancel, SetDeadManTimer, Side

from .builders import (
    ALICE,
    BOB,
    CALL_OPENS_S,
    CONTINUOUS_OPENS_S,
    H100,
    SOLAR,
    SUN,
    a_bid,
    a_listing,
    an_exchange,
    an_offer,
    us,
)

NOON_S = CONTINUOUS_OPENS_S


def with_orders() -> Exchange:
    """Return an exchange with SUN's offer 1 and bid 2 of SOLAR, ALICE's bid 3, SUN's bid 4 of H100, and SUN's stop 5."""
    exchange = an_exchange(a_listing(), a_listing(H100))
    exchange.execute(an_offer(price=600))
    exchange.execute(a_bid(by=SUN, price=400))
    exchange.execute(a_bid(price=400))
    exchange.execute(a_bid(by=SUN, price=400, instrument=H100))
    exchange.execute(a_bid(by=SUN, price=550, stop=540))
    return exchange


def cancelled(events: list[object], reason: CancelReason) -> list[int]:
    assert all(isinstance(event, OrderCancelled) and event.reason is reason for event in events)
    return [event.order_id for event in events if isinstance(event, OrderCancelled)]


@pytest.mark.parametrize(
    ("command", "order_ids"),
    [
        (MassCancel(SUN), [1, 2, 4, 5]),
        (MassCancel(SUN, instrument_id=SOLAR.id), [1, 2, 5]),
        (MassCancel(SUN, side=Side.BUY), [2, 4, 5]),
        (MassCancel(SUN, H100.id, Side.BUY), [4]),
        (MassCancel(SUN, H100.id, Side.SELL), []),
        (MassCancel(ALICE), [3]),
        (MassCancel(BOB), []),
        (MassCancel(SUN, instrument_id=7), []),
    ],
)
def test_a_mass_cancel_takes_the_orders_that_it_names_oldest_first(
    command: MassCancel, order_ids: list[int]
) -> None:
    exchange = with_orders()
    assert cancelled([*exchange.execute(command)], CancelReason.MASS_CANCEL) == order_ids
    left = [order.order_id for who in (ALICE, SUN) for order in exchange.open_orders(who)]
    assert sorted(left) == [each for each in (1, 2, 3, 4, 5) if each not in order_ids]


def test_a_mass_cancel_that_finds_nothing_changes_nothing() -> None:
    exchange = with_orders()
    before = exchange.state_bytes()
    assert exchange.execute(MassCancel(BOB)) == []
    assert exchange.state_bytes() == before


def test_a_timer_that_runs_out_cancels_all_orders_and_is_disarmed() -> None:
    exchange = with_orders()
    assert exchange.execute(SetDeadManTimer(SUN, 30)) == [DeadManSet(SUN, us(NOON_S + 30))]
    assert (exchange.next_due_us(), exchange.dead_man_expires_us(SUN)) == (us(NOON_S + 30), us(NOON_S + 30))
    assert exchange.begin(us(NOON_S + 30) - 1) == []
    *gone, disarmed = exchange.begin(us(NOON_S + 30))
    assert cancelled(gone, CancelReason.DEAD_MAN) == [1, 2, 4, 5]
    assert disarmed == DeadManSet(SUN, 0)
    exchange.execute(a_bid(by=SUN, price=400))
    assert exchange.begin(us(NOON_S + 90)) == []
    assert [order.order_id for order in exchange.open_orders(SUN)] == [6]


def test_a_sign_of_life_winds_the_timer_up_again() -> None:
    exchange = with_orders()
    exchange.execute(SetDeadManTimer(SUN, 30))
    exchange.begin(us(NOON_S + 20))
    exchange.execute(SetDeadManTimer(SUN, 30))
    assert exchange.begin(us(NOON_S + 30)) == []
    assert len(exchange.begin(us(NOON_S + 50))) == 5


def test_a_timer_of_0_disarms() -> None:
    exchange = with_orders()
    exchange.execute(SetDeadManTimer(SUN, 30))
    assert exchange.execute(SetDeadManTimer(SUN, 0)) == [DeadManSet(SUN, 0)]
    assert exchange.dead_man_expires_us(SUN) is None
    assert exchange.begin(us(NOON_S + 60)) == []


def test_timers_go_off_by_their_moment_then_by_participant() -> None:
    exchange = an_exchange()
    for who, seconds in ((SUN, 20), (BOB, 10), (ALICE, 20)):
        exchange.execute(SetDeadManTimer(who, seconds))
    assert exchange.begin(us(NOON_S + 60)) == [DeadManSet(BOB, 0), DeadManSet(ALICE, 0), DeadManSet(SUN, 0)]


def test_an_auction_held_late_trades_no_order_of_somebody_who_fell_silent() -> None:
    exchange = an_exchange(at_s=CALL_OPENS_S)
    exchange.execute(a_bid(price=600))
    exchange.execute(an_offer(price=400))
    exchange.execute(SetDeadManTimer(ALICE, 7200 + 5))
    gone, disarmed, changed = exchange.begin(us(CONTINUOUS_OPENS_S + 5))
    assert gone == OrderCancelled(1, 1000, CancelReason.DEAD_MAN)
    assert disarmed == DeadManSet(ALICE, 0)
    assert isinstance(changed, SessionChanged)


def test_a_timer_is_part_of_the_state_and_nothing_else_is_due_after_it() -> None:
    exchange = an_exchange()
    before = exchange.state_hash()
    exchange.execute(SetDeadManTimer(SUN, 5))
    assert exchange.state_hash() != before
    exchange.begin(us(SOLAR.end_s))
    assert exchange.next_due_us() == NEVER
