"""A statement leads from the opening to the closing balance of each account, whatever the period."""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from ledger import statements
from ledger.accounts import CUSTODY, VENUE, Account, AccountKind
from ledger.database import open_database
from ledger.entries import Posting
from ledger.projections import Projector
from ledger.projections.journal import BALANCES, ENTRIES, Journal
from ledger.statements import (
    AccountStatement,
    Movement,
    Statement,
    TablesBehind,
    TooManyMovements,
    read_statement,
)
from market.orders import Address
from market.units import InvariantBroken, Malformed
from tests.ledger.builders import ALICE, BOB, CALL_S, CAROL, CONTINUOUS_S, GATE_S, SOLAR, at, deposited
from tests.ledger.days import SmallDay, a_whole_day
from tests.ledger.kept import kept, url_of

TOKEN = 1_000_000
ALWAYS = {"from_us": 0, "to_us": at(SOLAR.end_s + 1_000_000)}
OF_FREE = "account_number IN (SELECT account_number FROM accounts WHERE kind = 'free')"
OF_DEPOSITS = (
    "(batch_number, event_position) IN "
    "(SELECT batch_number, event_position FROM postings WHERE event = 'Deposited')"
)
FREE, WITHDRAWAL_HOLD = AccountKind.FREE, AccountKind.WITHDRAWAL_HOLD


@pytest.fixture(scope="module")
def day() -> SmallDay:
    return a_whole_day()


@pytest.fixture(scope="module")
def engine(day: SmallDay, tmp_path_factory: pytest.TempPathFactory) -> Engine:
    return kept(day, tmp_path_factory.mktemp("statements"))


def of(statement: Statement, kind: AccountKind) -> AccountStatement:
    return next(each for each in statement.accounts if each.account.kind is kind)


def test_a_statement_of_all_time_ends_in_the_balances_of_the_books(engine: Engine, day: SmallDay) -> None:
    for who in (ALICE, BOB, CAROL, VENUE):
        found = {each.account: each.closing for each in read_statement(engine, who, **ALWAYS).accounts}
        expected = dict(day.venue.books.balances.items())
        assert {account: amount for account, amount in found.items() if amount} == {
            account: amount for account, amount in expected.items() if account.participant == who
        }


def test_either_database_states_the_same(engine: Engine, day: SmallDay, url: str, tmp_path: Path) -> None:
    again = kept(day, tmp_path, url=url)
    for who in (ALICE, BOB, CAROL, VENUE):
        for period in (ALWAYS, {"from_us": at(CALL_S) + 1, "to_us": at(CONTINUOUS_S)}):
            assert read_statement(again, who, **period) == read_statement(engine, who, **period)
    again.dispose()


def test_a_movement_says_when_why_and_what_is_left(engine: Engine) -> None:
    free = of(read_statement(engine, CAROL, **ALWAYS), FREE)
    assert free.opening == 0
    transaction = f"0x{'dd' * 32}"
    first = free.movements[0]
    position = first.event_position
    amounts = 3 * TOKEN, 3 * TOKEN
    assert first == Movement(at(CALL_S - 1000), 1, position, "Deposited", "", transaction, *amounts)
    hold = of(read_statement(engine, CAROL, **ALWAYS), WITHDRAWAL_HOLD)
    told = [(each.event, each.reference, each.amount) for each in hold.movements]
    assert told[:3] == [
        ("WithdrawalApproved", "withdrawal 1", 370_000),
        ("WithdrawalApproved", "withdrawal 2", 18_500),
        ("Withdrawn", "withdrawal 1", -370_000),
    ]
    assert (hold.opening, hold.closing) == (0, 0)


def test_trades_and_orders_are_named(engine: Engine) -> None:
    statement = read_statement(engine, ALICE, **ALWAYS)
    named = {(each.event, each.reference) for account in statement.accounts for each in account.movements}
    assert ("OrderAccepted", "order 1") in named
    assert ("TradeAgreed", "trade 1") in named
    assert any(event == "TradeLocked" for event, _ in named)


@pytest.mark.parametrize("who", [ALICE, BOB, CAROL, VENUE])
def test_periods_join_without_a_gap(engine: Engine, who: Address) -> None:
    cuts = [0, at(CALL_S), at(CALL_S) + 1, at(CONTINUOUS_S), at(GATE_S), at(SOLAR.end_s), ALWAYS["to_us"]]
    parts = [read_statement(engine, who, from_us=first, to_us=last) for first, last in pairwise(cuts)]
    for earlier, later in pairwise(parts):
        assert later.first_batch == earlier.last_batch + 1
        closing = {each.account: each.closing for each in earlier.accounts if each.closing}
        assert closing == {each.account: each.opening for each in later.accounts if each.opening}
    whole = read_statement(engine, who, **ALWAYS)
    for account in whole.accounts:
        joined = [
            movement
            for part in parts
            for each in part.accounts
            if each.account == account.account
            for movement in each.movements
        ]
        assert tuple(joined) == account.movements


def test_a_batch_belongs_to_the_period_that_begins_with_it(engine: Engine) -> None:
    until, since = {"from_us": 0, "to_us": at(CALL_S)}, {"from_us": at(CALL_S), "to_us": at(CALL_S) + 1}
    assert read_statement(engine, ALICE, **until).last_batch == 1
    stated = read_statement(engine, ALICE, **since)
    assert (stated.first_batch, stated.last_batch) == (2, 2)


def test_a_stranger_has_an_empty_statement(engine: Engine) -> None:
    assert read_statement(engine, Address(b"\x99" * 20), **ALWAYS).accounts == ()


def test_a_period_before_the_market_is_empty(engine: Engine) -> None:
    statement = read_statement(engine, ALICE, from_us=0, to_us=1)
    assert (statement.first_batch, statement.last_batch, statement.accounts) == (1, 0, ())


def test_a_period_must_end_after_it_begins(engine: Engine) -> None:
    with pytest.raises(Malformed, match="found an end at 5 us, expected one after its beginning at 5 us"):
        read_statement(engine, ALICE, from_us=5, to_us=5)


def test_more_movements_than_were_asked_for_are_not_read(engine: Engine) -> None:
    with pytest.raises(TooManyMovements, match=r"found more than 3 movements: ask for a shorter"):
        read_statement(engine, ALICE, **ALWAYS, movements_max=3)


def test_tables_that_lag_behind_the_period_are_named(day: SmallDay, tmp_path: Path) -> None:
    engine = kept(day, tmp_path, projected=2)
    assert read_statement(engine, ALICE, from_us=0, to_us=at(CALL_S) + 1).last_batch == 2
    with pytest.raises(TablesBehind, match=f"found them at batch 2, expected batch {len(day.history)}"):
        read_statement(engine, ALICE, **ALWAYS)


@pytest.mark.parametrize(
    ("harm", "where"),
    [
        (f"DELETE FROM entries WHERE {OF_FREE} AND batch_number = 2", r"batch \d+"),
        (f"UPDATE entries SET amount = amount + 1 WHERE {OF_DEPOSITS}", "batch 1"),
        (f"UPDATE entries SET balance = balance + 1 WHERE {OF_DEPOSITS}", "batch 1"),
        ("DELETE FROM postings WHERE event = 'Deposited'", r"(batch \d+|the closing balance)"),
        (f"UPDATE balances SET amount = amount - 1 WHERE {OF_FREE}", "the balance of today"),
        ("DELETE FROM entries WHERE batch_number > 5", "the balance of today"),
        ("DELETE FROM balances", "the balance of today"),
    ],
)
def test_a_journal_that_does_not_lead_to_the_balances_gives_no_statement(
    harm: str, where: str, day: SmallDay, tmp_path: Path
) -> None:
    engine = kept(day, tmp_path)
    with engine.begin() as connection:
        connection.exec_driver_sql(harm)
    with pytest.raises(
        InvariantBroken, match=rf", {where}: found .* micros, expected .*ccei audit says where"
    ):
        read_statement(engine, ALICE, **ALWAYS)
    engine.dispose()


@pytest.mark.parametrize("harm", ["asset = 'x'", "kind = 'nobody'"])
def test_an_account_that_is_none_of_the_chart_gives_no_statement(
    harm: str, day: SmallDay, tmp_path: Path
) -> None:
    engine = kept(day, tmp_path)
    with engine.begin() as connection:
        connection.exec_driver_sql(f"UPDATE accounts SET {harm} WHERE account_number = 2")
    with pytest.raises(InvariantBroken, match=r"journal: found account .*, expected one of the chart"):
        read_statement(engine, ALICE, **ALWAYS)
    engine.dispose()


def test_tables_that_are_made_again_meanwhile_change_nothing(
    day: SmallDay, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine, other = kept(day, tmp_path), open_database(url_of(tmp_path))
    expected = read_statement(engine, ALICE, **ALWAYS)
    read = statements._accounts

    def after_a_reset(*asked: Any) -> Iterator[Any]:
        Projector(other).reset()
        return read(*asked)

    monkeypatch.setattr(statements, "_accounts", after_a_reset)
    assert read_statement(engine, ALICE, **ALWAYS) == expected
    with pytest.raises(TablesBehind, match="found them at batch 0"):
        read_statement(engine, ALICE, **ALWAYS)
    engine.dispose()
    other.dispose()


def test_every_line_says_what_it_left_on_its_account_also_where_one_has_two() -> None:
    free, journal = Account(FREE, ALICE), Journal()
    lines = ((free, 9), (CUSTODY, -9), (free, -2), (CUSTODY, 2))
    journal.book((deposited(),), [Posting(1, 0, lines), Posting(2, 0, ((free, 5), (CUSTODY, -5)))])
    written = {changes.table: changes for changes in journal.take()}
    assert written[ENTRIES].added == [
        (1, 1, 0, 0, 9, 9),
        (1, 1, 0, 2, -2, 7),
        (1, 2, 0, 0, 5, 12),
        (2, 1, 0, 1, -9, -9),
        (2, 1, 0, 3, 2, -7),
        (2, 2, 0, 1, -5, -12),
    ]
    assert written[BALANCES].added == [(1, 12), (2, -12)]


def test_a_statement_whose_balances_do_not_run_on_cannot_exist() -> None:
    movement = Movement(1, 1, 0, "Deposited", "", "", 5, 6)
    with pytest.raises(InvariantBroken, match="batch 1: found 6 micros, expected 5"):
        AccountStatement(Account(FREE, ALICE), 0, (movement,), 6)
