"""Exits on chain: what somebody wants to take out is set aside at once, and what really left is booked."""

import pytest

from ledger.accounts import AccountKind
from ledger.rebuild import open_venue
from ledger.venue import Decision, Venue
from market.events import CancelReason, OrderCancelled, Refused
from market.fault import LEFT
from market.notices import ConfirmExit, Exited, ExitRequested, NoteExit
from market.orders import Address, Command
from market.refusals import Refusal
from market.settlement import TradeVoided, VoidTrade
from market.trades import TradeState
from market.transfers import ConfirmWithdrawal, RequestWithdrawal, Withdrawn
from market.units import Lots, Micros
from tests.ledger.builders import ALICE, BOB, CONTINUOUS_S, NOTICE_S, Day, a_bid, a_deposit, an_offer, opening
from tests.ledger.days import GENESIS

FREE, ORDER_HOLD, TRADE_HOLD, WITHDRAWAL_HOLD, _, _, _, EXIT_HOLD, *_ = AccountKind
TX = b"\xee" * 32
TOKEN = 1_000_000
BID_HOLD = 501_000
"""10,000 Wh at 500 ticks, and 20 basis points."""


class Desk:
    """A venue in continuous trading in which Alice and Bob have 100 tokens each."""

    def __init__(self) -> None:
        self.venue: Venue = open_venue(GENESIS)
        self._day = Day()
        self._logs = 0
        self.history: list[Decision] = []
        self.run(*opening(), seconds=CONTINUOUS_S - 10)

    def run(self, *commands: Command, seconds: int = CONTINUOUS_S) -> tuple[object, ...]:
        decision = self.venue.decide(self._day.batch(seconds, *commands))
        self.history.append(decision)
        return tuple(event for answer in decision.answers for event in answer)

    def ask(self, micros: int, *, by: Address = ALICE) -> NoteExit:
        self._logs += 1
        return NoteExit(by, Micros(micros), CONTINUOUS_S + NOTICE_S, TX, self._logs)

    def leave(self, micros: int, *, by: Address = ALICE) -> ConfirmExit:
        self._logs += 1
        return ConfirmExit(by, Micros(micros), TX, self._logs)

    def money(self, who: Address = ALICE) -> dict[AccountKind, int]:
        kinds = (FREE, ORDER_HOLD, TRADE_HOLD, WITHDRAWAL_HOLD, EXIT_HOLD)
        return {kind: found for kind in kinds if (found := self.venue.books.balances.of(kind, who))}


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_what_is_wanted_is_set_aside_and_no_order_gets_it(desk: Desk) -> None:
    asked = desk.ask(99_600_000)
    assert desk.run(asked) == (ExitRequested(ALICE, Micros(99_600_000), CONTINUOUS_S + NOTICE_S, TX, 1),)
    assert desk.money() == {FREE: 400_000, EXIT_HOLD: 99_600_000}
    (refused,) = desk.run(a_bid())
    assert isinstance(refused, Refused)
    assert refused.refusal is Refusal.INSUFFICIENT_FUNDS


def test_in_one_batch_an_order_after_the_notice_does_not_get_the_money_either(desk: Desk) -> None:
    _, refused = desk.run(desk.ask(100 * TOKEN), a_bid())
    assert isinstance(refused, Refused)
    assert "found 0 tokens spendable" in refused.detail


def test_another_request_replaces_the_first_and_zero_takes_it_back(desk: Desk) -> None:
    desk.run(desk.ask(60 * TOKEN))
    desk.run(desk.ask(20 * TOKEN))
    assert desk.money() == {FREE: 80 * TOKEN, EXIT_HOLD: 20 * TOKEN}
    desk.run(desk.ask(0))
    assert desk.money() == {FREE: 100 * TOKEN}
    assert desk.venue.exchange.exit_of(ALICE) is None


def test_the_newest_orders_leave_where_an_exit_wants_their_cover(desk: Desk) -> None:
    for client_order_id in (1, 2, 3):
        desk.run(a_bid(client_order_id=client_order_id))
    answer = desk.run(desk.ask(98_900_000))
    assert answer[1:] == (OrderCancelled(3, Lots(10_000), CancelReason.EXIT_ON_CHAIN),)
    assert desk.money() == {FREE: 98_000, ORDER_HOLD: 2 * BID_HOLD, EXIT_HOLD: 98_900_000}


def test_who_wants_everything_has_no_order_left(desk: Desk) -> None:
    desk.run(a_bid(client_order_id=1), a_bid(client_order_id=2))
    answer = desk.run(desk.ask((1 << 128) - 1))
    assert [type(event) for event in answer] == [ExitRequested, OrderCancelled, OrderCancelled]
    assert desk.money() == {EXIT_HOLD: 100 * TOKEN}
    assert desk.venue.state_hash()  # more than 64 bits


def test_what_becomes_free_later_is_set_aside_too(desk: Desk) -> None:
    desk.run(desk.ask(150 * TOKEN))
    desk.run(a_deposit(ALICE, 30, log_index=7))
    assert desk.money() == {EXIT_HOLD: 130 * TOKEN}
    assert not desk.venue.books.is_exit_covered(ALICE)
    desk.run(a_deposit(ALICE, 30, log_index=8))
    assert desk.money() == {FREE: 10 * TOKEN, EXIT_HOLD: 150 * TOKEN}
    assert desk.venue.books.is_exit_covered(ALICE)


def test_what_left_is_booked_and_what_was_set_aside_beyond_it_is_free(desk: Desk) -> None:
    desk.run(desk.ask(60 * TOKEN))
    assert desk.run(desk.leave(45 * TOKEN)) == (Exited(ALICE, Micros(45 * TOKEN), TX, 2),)
    assert desk.money() == {FREE: 55 * TOKEN}
    assert desk.venue.books.balances.by_kind()[AccountKind.CUSTODY] == -155 * TOKEN


def test_an_exit_nobody_heard_of_takes_free_money_then_orders_then_withdrawals_then_trades(
    desk: Desk,
) -> None:
    desk.run(an_offer(client_order_id=5), an_offer(client_order_id=6))
    desk.run(a_bid(client_order_id=1), a_bid(client_order_id=2))  # two trades
    desk.run(a_bid(client_order_id=3))
    desk.run(RequestWithdrawal(ALICE, Micros(10 * TOKEN), 1, CONTINUOUS_S + 900))
    assert desk.money() == {
        FREE: 90 * TOKEN - 3 * BID_HOLD,
        ORDER_HOLD: BID_HOLD,
        TRADE_HOLD: 2 * BID_HOLD,
        WITHDRAWAL_HOLD: 10 * TOKEN,
    }
    answer = desk.run(desk.leave(100 * TOKEN - 2 * BID_HOLD + 1))
    assert answer[:2] == (
        OrderCancelled(5, Lots(10_000), CancelReason.EXIT_ON_CHAIN),
        TradeVoided(2, LEFT, ALICE),
    )
    assert isinstance(answer[-1], Exited)
    # one trade stays whole; of the other's hold all but one micro stays with the withdrawal
    assert desk.money() == {TRADE_HOLD: BID_HOLD, WITHDRAWAL_HOLD: BID_HOLD - 1}
    assert desk.money(BOB)[TRADE_HOLD] == 50_000
    assert [trade.state for trade in desk.venue.exchange.trades()] == [TradeState.AGREED, TradeState.VOID]


def test_a_withdrawal_whose_hold_an_exit_took_finds_its_money_elsewhere(desk: Desk) -> None:
    desk.run(RequestWithdrawal(ALICE, Micros(100 * TOKEN), 1, CONTINUOUS_S + 900))
    desk.run(desk.leave(80 * TOKEN))
    assert desk.money() == {WITHDRAWAL_HOLD: 20 * TOKEN}
    desk.run(a_deposit(ALICE, 85, log_index=7))
    desk.run(an_offer(), a_bid(quantity=120_000))  # 4,800,000 and its fee; the rest of the bid holds
    answer = desk.run(ConfirmWithdrawal(ALICE, 1, TX))
    assert answer[-1] == Withdrawn(ALICE, 1, TX)
    assert any(isinstance(event, OrderCancelled) for event in answer)
    assert sum(desk.money().values()) == 5 * TOKEN


def test_a_withdrawal_that_the_books_cannot_have_is_refused_not_broken(desk: Desk) -> None:
    desk.run(RequestWithdrawal(ALICE, Micros(100 * TOKEN), 1, CONTINUOUS_S + 900))
    desk.run(desk.leave(80 * TOKEN))
    (refused,) = desk.run(ConfirmWithdrawal(ALICE, 1, TX))
    assert isinstance(refused, Refused)
    assert refused.refusal is Refusal.INSUFFICIENT_FUNDS


def test_a_withdrawal_that_expires_frees_what_the_exit_left_of_it(desk: Desk) -> None:
    desk.run(RequestWithdrawal(ALICE, Micros(100 * TOKEN), 1, CONTINUOUS_S + 900))
    desk.run(desk.leave(80 * TOKEN))
    desk.run(seconds=CONTINUOUS_S + 900 + 200)
    assert desk.money() == {FREE: 20 * TOKEN}
    assert desk.venue.books.taken_of(ALICE, 1) == 0


def test_a_voided_trade_gives_a_waiting_exit_what_it_held(desk: Desk) -> None:
    desk.run(an_offer(), a_bid())
    desk.run(desk.ask(100 * TOKEN))
    assert desk.money() == {TRADE_HOLD: BID_HOLD, EXIT_HOLD: 100 * TOKEN - BID_HOLD}
    desk.run(VoidTrade(1, "late"))
    assert desk.money() == {EXIT_HOLD: 100 * TOKEN}


@pytest.mark.parametrize(
    ("amount", "refusal"),
    [(0, Refusal.AMOUNT_NOT_POSITIVE), (100 * TOKEN + 1, Refusal.INSUFFICIENT_FUNDS)],
)
def test_an_exit_that_cannot_have_been_is_refused(desk: Desk, amount: int, refusal: Refusal) -> None:
    before = desk.venue.books.state_bytes()
    (refused,) = desk.run(desk.leave(amount))
    assert isinstance(refused, Refused)
    assert (refused.refusal, desk.venue.books.state_bytes()) == (refusal, before)


def test_a_notice_that_comes_twice_changes_nothing(desk: Desk) -> None:
    asked, left = desk.ask(60 * TOKEN), desk.leave(60 * TOKEN)
    desk.run(asked, left)
    before = desk.venue.books.state_bytes(), desk.venue.exchange.state_bytes()
    answer = desk.run(asked, left)
    assert [event.refusal for event in answer if isinstance(event, Refused)] == [Refusal.ALREADY_APPLIED] * 2
    assert (desk.venue.books.state_bytes(), desk.venue.exchange.state_bytes()) == before


def test_books_without_exits_have_the_bytes_that_they_always_had(desk: Desk) -> None:
    before = desk.venue.books.state_bytes()
    desk.run(desk.ask(1))
    assert desk.venue.books.state_bytes() != before
    desk.run(desk.ask(0))
    assert desk.venue.books.state_bytes() == before
