import pytest

from ledger.accounts import CUSTODY
from ledger.bookkeeping import Books
from ledger.funds import Funds, FundsCommand
from market.events import Event, Refused
from market.refusals import Refusal
from market.transfers import (
    ConfirmWithdrawal,
    CreditDeposit,
    Deposited,
    RequestWithdrawal,
    WithdrawalApproved,
    WithdrawalExpired,
    Withdrawn,
)
from market.units import MONEY_MAX, Micros
from tests.ledger.builders import ALICE, BOB, MARGIN_S, a_deposit, at

TX = b"\x77" * 32
DEADLINE_S = 10_000


class Till:
    """Funds and books side by side, as the venue runs them."""

    def __init__(self) -> None:
        self.books = Books()
        self.funds = Funds(self.books, withdrawal_margin_s=MARGIN_S)

    def run(self, command: FundsCommand, *, seconds: int = 1_000) -> Event:
        return self._apply(self.funds.decide(command, time_us=at(seconds)))

    def wait(self, seconds: int, extra_us: int = 0) -> list[Event]:
        return [self._apply(event) for event in self.funds.begin(at(seconds) + extra_us)]

    def _apply(self, event: Event) -> Event:
        self.funds.absorb(event)
        self.books.post(event, batch_number=1, event_position=0)
        return event


@pytest.fixture
def till() -> Till:
    till = Till()
    till.run(a_deposit(ALICE, 100))
    till.books.begin_batch()
    return till


def a_withdrawal(tokens: int = 40, nonce: int = 1, deadline_s: int = DEADLINE_S) -> RequestWithdrawal:
    return RequestWithdrawal(ALICE, Micros(tokens * 1_000_000), nonce, deadline_s)


def refusal_of(event: Event) -> Refusal:
    assert isinstance(event, Refused)
    return event.refusal


def test_a_deposit_is_credited_once_per_transaction_and_log(till: Till) -> None:
    again = till.run(a_deposit(ALICE, 100))
    assert refusal_of(again) is Refusal.ALREADY_APPLIED
    assert isinstance(till.run(a_deposit(ALICE, 100, log_index=1)), Deposited)
    till.books.begin_batch()
    assert till.books.spendable(ALICE) == 200_000_000


def test_a_deposit_of_nothing_is_refused(till: Till) -> None:
    assert refusal_of(till.run(CreditDeposit(ALICE, Micros(0), TX, 0))) is Refusal.AMOUNT_NOT_POSITIVE


def test_the_books_take_in_what_a_database_can_count_and_no_more(till: Till) -> None:
    held = -till.books.balances.on(CUSTODY)
    room = Micros(MONEY_MAX - held)
    refused = till.run(CreditDeposit(BOB, Micros(room + 1), TX, 7))
    assert refusal_of(refused) is Refusal.TOO_MUCH_MONEY
    assert isinstance(till.run(CreditDeposit(BOB, room, TX, 8)), Deposited)
    assert refusal_of(till.run(CreditDeposit(ALICE, Micros(1), TX, 9))) is Refusal.TOO_MUCH_MONEY
    assert till.books.balances.on(CUSTODY) == -(2**63 - 1)


def test_a_withdrawal_is_approved_confirmed_and_booked_once(till: Till) -> None:
    assert till.run(a_withdrawal()) == WithdrawalApproved(ALICE, Micros(40_000_000), 1, DEADLINE_S)
    assert till.funds.open_withdrawal(ALICE, 1) is not None
    confirm = ConfirmWithdrawal(ALICE, 1, TX)
    assert till.run(confirm) == Withdrawn(ALICE, 1, TX)
    assert refusal_of(till.run(confirm)) is Refusal.ALREADY_APPLIED
    assert till.funds.open_withdrawal(ALICE, 1) is None
    assert till.books.spendable(ALICE) == 60_000_000


def test_a_nonce_is_used_once_per_participant(till: Till) -> None:
    till.run(a_withdrawal())
    assert refusal_of(till.run(a_withdrawal(tokens=1))) is Refusal.ALREADY_APPLIED
    other = RequestWithdrawal(BOB, Micros(1), 1, DEADLINE_S)
    assert refusal_of(till.run(other)) is Refusal.INSUFFICIENT_FUNDS


@pytest.mark.parametrize(
    ("command", "refusal"),
    [
        (a_withdrawal(tokens=0), Refusal.AMOUNT_NOT_POSITIVE),
        (a_withdrawal(tokens=-1), Refusal.AMOUNT_NOT_POSITIVE),
        (a_withdrawal(tokens=101), Refusal.INSUFFICIENT_FUNDS),
        (a_withdrawal(deadline_s=1_000), Refusal.DEADLINE_PASSED),
        (ConfirmWithdrawal(ALICE, 5, TX), Refusal.UNKNOWN_WITHDRAWAL),
    ],
)
def test_refusals_change_nothing(till: Till, command: FundsCommand, refusal: Refusal) -> None:
    before = till.books.state_bytes(), till.funds.state_bytes()
    assert refusal_of(till.run(command)) is refusal
    assert (till.books.state_bytes(), till.funds.state_bytes()) == before


def test_what_came_within_the_batch_cannot_leave_within_it(till: Till) -> None:
    till.run(a_deposit(ALICE, 100, log_index=1))
    assert refusal_of(till.run(a_withdrawal(tokens=101))) is Refusal.INSUFFICIENT_FUNDS


def test_an_unused_withdrawal_expires_only_after_deadline_and_margin(till: Till) -> None:
    till.run(a_withdrawal())
    assert till.wait(DEADLINE_S + MARGIN_S) == []
    assert till.wait(DEADLINE_S + MARGIN_S, extra_us=1) == [WithdrawalExpired(ALICE, 1)]
    assert till.wait(DEADLINE_S * 2) == []
    till.books.begin_batch()
    assert till.books.spendable(ALICE) == 100_000_000
    late = till.run(ConfirmWithdrawal(ALICE, 1, TX))
    assert isinstance(late, Refused)
    assert late.refusal is Refusal.UNKNOWN_WITHDRAWAL
    assert "one that has expired" in late.detail


def test_a_used_withdrawal_does_not_expire(till: Till) -> None:
    till.run(a_withdrawal())
    till.run(ConfirmWithdrawal(ALICE, 1, TX))
    assert till.wait(DEADLINE_S * 2) == []


def test_withdrawals_expire_by_deadline_then_nonce(till: Till) -> None:
    till.run(a_withdrawal(tokens=1, nonce=3, deadline_s=5_000))
    till.run(a_withdrawal(tokens=1, nonce=2, deadline_s=5_000))
    till.run(a_withdrawal(tokens=1, nonce=1, deadline_s=6_000))
    assert till.wait(7_000) == [WithdrawalExpired(ALICE, nonce) for nonce in (2, 3, 1)]
