"""Whatever is asked of the market, its books sum to zero, nobody's free balance is negative, and no entry is lost.

A day is written in bytes, four an action, so that thousands are quickly made up. After every batch the books are held
against a model that knows nothing of them: what the events say was paid in and out, what the exchange says its open orders
set aside, the journal added up anew, and of certificates what a model of their contract says that everybody has.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from random import Random

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from ledger.accounts import CUSTODY, VENUE, Account, AccountKind
from ledger.assets import TOKEN, Asset, asset_of
from ledger.entries import Posting
from market.certificates import CertificatesRetired, CertificatesUnlocked
from market.events import Event, OrderCancelled, Refused, TradeAgreed
from market.notices import Exited
from market.transfers import Deposited, WithdrawalApproved, Withdrawn
from market.units import InvariantBroken
from tests.campaigns import Tally
from tests.ledger.days import (
    CERTIFICATE_KINDS,
    CONDITION_KINDS,
    ESCROW_KINDS,
    HOURS_S,
    MONEY_KINDS,
    NOTICE_KINDS,
    ORDER_KINDS,
    PARTICIPANTS,
    Action,
    SmallDay,
)

ORDERS = ("bid", "offer")
TRADING = ORDERS * 4 + ORDER_KINDS + CONDITION_KINDS + MONEY_KINDS + ("withdraw",)
NOTICES = (*NOTICE_KINDS, *ESCROW_KINDS, "confirm_withdrawal")
KINDS_BY_HOUR = (
    ORDERS * 4 + ("withdraw",),
    TRADING,
    TRADING + NOTICES + CERTIFICATE_KINDS,
    (*ORDERS, *NOTICES, "lock", "lock", "lock", "lock", "void"),
    (*NOTICES, *MONEY_KINDS, "lock", "deliver", "deliver", "open", "open"),
    (*NOTICES, "open", "deliver", "pay", "pay", "left"),
    (*NOTICES, *CERTIFICATE_KINDS, "deliver", "pay", "pay", "pay"),
)
"""What is asked for in each of `HOURS_S`."""
MUST_HAPPEN = {
    "Deposited", "OrderAccepted", "OrderReplaced", "OrderReduced", "OrderCancelled", "TradeAgreed", "TradeVoided",
    "TradeLocked", "TradeDelivered", "GuaranteePaid", "EscrowSecured", "EscrowShared", "WithdrawalApproved",
    "WithdrawalExpired", "Withdrawn", "ExitRequested", "Exited", "CertificatesMoved", "CertificatesLocked",
    "CertificatesUnlocked", "CertificatesRetired",
}  # fmt: skip
"""Every event that moves value: a campaign that misses one has not tried the books."""
DAY_BYTES = 72
DAYS = st.integers(0, 2**64 - 1).map(lambda seed: Random(seed).randbytes(DAY_BYTES))
"""From seeds: bytes that Hypothesis makes up itself are mostly small ones, and few of their days come to a delivery."""

Plant = Callable[[SmallDay], None]


class LedgerDay:
    """A day run from bytes, checked after every batch."""

    def __init__(self, plant: Plant | None = None) -> None:
        self.day = SmallDay()
        self.counts: Counter[str] = Counter(days=1)
        self._paid_in = 0
        self._approved: dict[tuple[bytes, int], int] = {}
        self._journal: Counter[Account] = Counter()
        self._seen = 0
        self._check()
        if plant is not None:
            plant(self.day)

    def run(self, written: bytes) -> None:
        hour, second, wanted = 0, 0, list[Action]()
        for at in range(0, len(written) - 3, 4):
            kind, price, quantity, flow = written[at : at + 4]
            kinds = KINDS_BY_HOUR[hour]
            at_price = 490 + price % 21 if price >= 64 else price % 4
            wanted.append(Action(kinds[kind % len(kinds)], price // 4 % 3, at_price, 1 + quantity * 40))
            if flow % 2:
                self._act(HOURS_S[hour] + second, wanted)
                second, wanted = second + 1, []
            if flow % 4 >= 2 and hour + 1 < len(HOURS_S):
                self._act(HOURS_S[hour] + second, wanted)
                hour, second, wanted = hour + 1, 0, []
        self._act(HOURS_S[hour] + second, wanted)
        self.day.run(HOURS_S[-1] + 30_000)  # withdrawals that were not used expire
        self._check()

    def _act(self, seconds: int, wanted: list[Action]) -> None:
        self.day.act(seconds, wanted)
        self.counts["actions"] += len(wanted)
        self._check()

    def _check(self) -> None:
        for _, decision in self.day.history[self._seen :]:
            for event in decision.events:
                self.counts[type(event).__name__] += 1
                self._note(event)
            for posting in decision.postings:
                self._add(posting)
        self._seen = len(self.day.history)
        books = self.day.venue.books
        balances = dict(books.balances.items())
        assert books.trial_balance().unbalanced == {}
        assert {each.kind for each, amount in balances.items() if amount < 0} <= {AccountKind.CUSTODY}
        assert balances == {account: amount for account, amount in self._journal.items() if amount}
        assert balances.get(CUSTODY, 0) == -self._paid_in
        for who in PARTICIPANTS:
            held = sum(order.hold_micros for order in self.day.venue.exchange.open_orders(who))
            assert balances.get(Account(AccountKind.ORDER_HOLD, who), 0) == held
        self._check_certificates(balances)

    def _check_certificates(self, balances: Mapping[Account, int]) -> None:
        """Require that the books say of certificates what the model of their contract does, and nothing else."""
        model = self.day.certificates
        expected = {
            Account(kind, held.owner, asset_of(held.certificate_id)): amount
            for kind, amounts in (
                (AccountKind.FREE, model.free),
                (AccountKind.LOCKED, model.locked),
                (AccountKind.RETIRED, model.retired),
            )
            for held, amount in amounts.items()
        }
        for certificate_id, amount in model.issued.items():
            expected[Account(AccountKind.CUSTODY, VENUE, asset_of(certificate_id))] = -amount
        found = {account: amount for account, amount in balances.items() if account.asset != TOKEN}
        assert found == {account: amount for account, amount in expected.items() if amount}

    def _note(self, event: Event) -> None:
        match event:
            case Deposited():
                self._paid_in += event.amount_micros
            case WithdrawalApproved():
                self._approved[event.participant, event.nonce] = event.amount_micros
            case Withdrawn():
                self._paid_in -= self._approved[event.participant, event.nonce]
            case Exited():
                self._paid_in -= event.amount_micros

    def _add(self, posting: Posting) -> None:
        sums: Counter[Asset] = Counter()
        for account, amount in posting.entries:
            self._journal[account] += amount
            sums[account.asset] += amount
        assert not any(sums.values())
        self.counts["entries"] += len(posting.entries)


def campaign(examples: int, tally: Tally, plant: Plant | None = None) -> Counter[str]:
    """Run so many days and return what was in them."""
    counts: Counter[str] = Counter()
    phases = (Phase.generate,) if plant is not None else (Phase.generate, Phase.shrink)

    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        derandomize=True,
        phases=phases,
        suppress_health_check=list(HealthCheck),
    )
    @given(DAYS)
    def run(written: bytes) -> None:
        day = LedgerDay(plant)
        day.run(written)
        counts.update(day.counts)
        tally.reach(counts["days"], examples)

    run()
    return counts


def books_balance(days: int, tally: Tally) -> None:
    """Run so many days, in which everything that can happen must happen."""
    counts = campaign(days, tally)
    tally.counts(
        "books", {name: counts[name] for name in ("days", "actions", "entries", *sorted(MUST_HAPPEN))}
    )
    assert counts["days"] >= days
    assert {name for name in MUST_HAPPEN if not counts[name]} == set()


@pytest.mark.timeout(900)  # a campaign: minutes, where the machine is busy
def test_books_sum_to_zero_and_nobody_is_overdrawn(tally: Tally) -> None:
    books_balance(5_000, tally)


@pytest.mark.soak
@pytest.mark.timeout(0)
def test_books_sum_to_zero_over_many_days(tally: Tally) -> None:
    books_balance(200_000, tally)


def an_entry_is_lost(day: SmallDay) -> None:
    rules = day.venue.books._rules
    agreed = rules[TradeAgreed]
    rules[TradeAgreed] = lambda event: agreed(event)[:-1]


def a_cancel_frees_nothing(day: SmallDay) -> None:
    day.venue.books._rules[OrderCancelled] = lambda _: []


def a_posting_is_lost(day: SmallDay) -> None:
    post = day.venue.books.post

    def forgetful(event: Event, *, batch_number: int, event_position: int) -> Posting | None:
        found = post(event, batch_number=batch_number, event_position=event_position)
        return None if isinstance(event, TradeAgreed) else found

    day.venue.books.post = forgetful  # type: ignore[method-assign]


def a_deposit_counts_twice(day: SmallDay) -> None:
    rules = day.venue.books._rules
    deposited = rules[Deposited]
    rules[Deposited] = lambda event: deposited(event) * 2


def a_retirement_is_booked_twice(day: SmallDay) -> None:
    rules = day.venue.books._rules
    retired = rules[CertificatesRetired]
    rules[CertificatesRetired] = lambda event: retired(event) * 2


def what_is_told_again_is_booked_again(day: SmallDay) -> None:
    pytest.MonkeyPatch().setattr(day.venue.certificates, "is_noted", lambda *_: False)  # goes with the day


def a_lock_is_never_over(day: SmallDay) -> None:
    day.venue.books._rules[CertificatesUnlocked] = lambda _: []


def nobody_checks_the_funds(day: SmallDay) -> None:
    def anything(*_: object, **__: object) -> Refused | None:
        return None

    day.venue.books.check = anything  # type: ignore[method-assign]


@pytest.mark.parametrize(
    "plant",
    [
        an_entry_is_lost,
        a_cancel_frees_nothing,
        a_posting_is_lost,
        a_deposit_counts_twice,
        a_retirement_is_booked_twice,
        what_is_told_again_is_booked_again,
        a_lock_is_never_over,
        nobody_checks_the_funds,
    ],
)
def test_a_planted_bug_is_caught(plant: Plant, tally: Tally) -> None:
    with pytest.raises((AssertionError, InvariantBroken, ExceptionGroup)):
        campaign(500, tally, plant)
