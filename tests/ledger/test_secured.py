"""Money that a module locked on chain behind the operator's back: never refused, whatever it was set aside for here."""

import pytest

from ledger.accounts import AccountKind
from market.escrow import ConfirmSecured, EscrowSecured
from market.events import CancelReason, OrderCancelled, Refused
from market.fault import LOCKED_ELSEWHERE
from market.orders import Address
from market.refusals import Refusal
from market.settlement import TradeVoided
from market.trades import TradeState
from market.transfers import ConfirmWithdrawal, RequestWithdrawal, Withdrawn
from market.units import Lots, Micros
from tests.ledger.builders import ALICE, BOB, CONTINUOUS_S, a_bid, a_deposit, an_offer
from tests.ledger.test_exits import (
    BID_HOLD,
    EXIT_HOLD,
    FREE,
    ORDER_HOLD,
    TOKEN,
    TRADE_HOLD,
    TX,
    WITHDRAWAL_HOLD,
    Desk,
)

MODULE, KEY = Address(b"\x77" * 20), b"\x01" * 32


@pytest.fixture
def desk() -> Desk:
    return Desk()


def locks(micros: int, *, by: Address = ALICE) -> ConfirmSecured:
    return ConfirmSecured(MODULE, KEY, by, Micros(micros), b"\x10" * 32, 0)


def secured(micros: int) -> EscrowSecured:
    return EscrowSecured(MODULE, KEY, ALICE, Micros(micros), b"\x10" * 32, 0)


def locked(desk: Desk) -> int:
    found = desk.venue.books.balances.of(AccountKind.LOCKED, ALICE)
    assert found == desk.venue.escrows.held(MODULE, KEY, ALICE)
    return found


def test_free_money_is_locked_and_nothing_else_happens(desk: Desk) -> None:
    desk.run(a_bid(client_order_id=1))
    assert desk.run(locks(30 * TOKEN)) == (secured(30 * TOKEN),)
    assert desk.money() == {FREE: 70 * TOKEN - BID_HOLD, ORDER_HOLD: BID_HOLD}
    assert locked(desk) == 30 * TOKEN


def test_the_newest_orders_leave_where_their_hold_was_locked(desk: Desk) -> None:
    for client_order_id in (1, 2, 3):
        desk.run(a_bid(client_order_id=client_order_id))
    wanted = 100 * TOKEN - BID_HOLD - 1
    assert desk.run(locks(wanted)) == (
        OrderCancelled(3, Lots(10_000), CancelReason.LOCKED_ON_CHAIN),
        OrderCancelled(2, Lots(10_000), CancelReason.LOCKED_ON_CHAIN),
        secured(wanted),
    )
    assert desk.money() == {FREE: 1, ORDER_HOLD: BID_HOLD}
    assert locked(desk) == wanted


def test_an_exit_keeps_its_cover_as_long_as_orders_have_some(desk: Desk) -> None:
    desk.run(a_bid(client_order_id=1))
    desk.run(desk.ask(90 * TOKEN))
    desk.run(locks(10 * TOKEN))
    assert desk.money() == {EXIT_HOLD: 90 * TOKEN}
    assert desk.venue.books.is_exit_covered(ALICE)


def test_an_exit_loses_its_cover_before_a_trade_is_void(desk: Desk) -> None:
    desk.run(an_offer(), a_bid())
    desk.run(desk.ask(90 * TOKEN))
    desk.run(locks(60 * TOKEN))
    assert desk.money() == {EXIT_HOLD: 40 * TOKEN - BID_HOLD, TRADE_HOLD: BID_HOLD}
    assert not desk.venue.books.is_exit_covered(ALICE)  # so the settler locks the trade at once
    desk.run(desk.leave(40 * TOKEN - BID_HOLD))
    assert desk.money() == {TRADE_HOLD: BID_HOLD}


def test_then_withdrawals_lose_their_holds_and_then_trades_are_void(desk: Desk) -> None:
    desk.run(an_offer(client_order_id=5), an_offer(client_order_id=6))
    desk.run(a_bid(client_order_id=1), a_bid(client_order_id=2))  # two trades
    desk.run(a_bid(client_order_id=3))
    desk.run(RequestWithdrawal(ALICE, Micros(10 * TOKEN), 1, CONTINUOUS_S + 900))
    wanted = 100 * TOKEN - 2 * BID_HOLD + 1
    assert desk.run(locks(wanted)) == (
        OrderCancelled(5, Lots(10_000), CancelReason.LOCKED_ON_CHAIN),
        TradeVoided(2, LOCKED_ELSEWHERE, ALICE),
        secured(wanted),
    )
    assert sum(desk.money().values()) == 100 * TOKEN - wanted
    assert desk.money()[TRADE_HOLD] == BID_HOLD
    assert desk.money(BOB)[TRADE_HOLD] == 50_000
    assert [trade.state for trade in desk.venue.exchange.trades()] == [TradeState.AGREED, TradeState.VOID]


def test_a_withdrawal_that_lost_its_hold_is_booked_when_the_chain_pays_it(desk: Desk) -> None:
    desk.run(RequestWithdrawal(ALICE, Micros(100 * TOKEN), 1, CONTINUOUS_S + 900))
    desk.run(locks(80 * TOKEN))
    assert desk.money() == {WITHDRAWAL_HOLD: 20 * TOKEN}
    desk.run(a_deposit(ALICE, 85, log_index=7))
    assert desk.run(ConfirmWithdrawal(ALICE, 1, TX)) == (Withdrawn(ALICE, 1, TX),)
    assert desk.money() == {FREE: 5 * TOKEN}


def test_all_that_is_not_locked_can_be_locked_and_no_more(desk: Desk) -> None:
    desk.run(an_offer(client_order_id=5), a_bid(client_order_id=1), a_bid(client_order_id=2))
    (refused,) = desk.run(locks(100 * TOKEN + 1))
    assert isinstance(refused, Refused)
    assert refused.refusal is Refusal.INSUFFICIENT_FUNDS
    assert desk.run(locks(100 * TOKEN))[-1] == secured(100 * TOKEN)
    assert desk.money() == {}
