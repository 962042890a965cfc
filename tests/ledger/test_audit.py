from dataclasses import replace

import pytest
from sqlalchemy import Engine, insert, update

from api.notary import Notary
from ledger import codec
from ledger.accounts import AccountKind
from ledger.audit import AuditReport, audit
from ledger.database import open_database
from ledger.projections import Projector
from ledger.reconciliation import ChainBalance, ChainValues
from ledger.record import Record, RecordedBatch, RecordReader
from ledger.tables import RecordRow, table
from market.events import Event, Refused, TradeAgreed
from market.orders import Address
from market.refusals import Refusal
from market.transfers import Deposited
from market.units import Micros, Ticks
from tests.ledger.builders import ALICE, BOB, CAROL
from tests.ledger.days import GENESIS, SmallDay, a_whole_day
from tests.ledger.recorded import recorded

FEE_RECIPIENT = Address(b"\xfe" * 20)


@pytest.fixture(scope="module")
def day() -> SmallDay:
    return a_whole_day()


def on_chain(day: SmallDay, **changes: int) -> ChainValues:
    of = day.venue.books.balances.of
    held = (
        AccountKind.FREE,
        AccountKind.ORDER_HOLD,
        AccountKind.TRADE_HOLD,
        AccountKind.WITHDRAWAL_HOLD,
        AccountKind.EXIT_HOLD,
    )
    balances = {
        who: ChainBalance(
            Micros(sum(int(of(kind, who)) for kind in held)), Micros(of(AccountKind.LOCKED, who))
        )
        for who in (ALICE, BOB, CAROL)
    }
    fees = day.venue.books.trial_balance().by_kind[AccountKind.FEES]
    balances[FEE_RECIPIENT] = ChainBalance(Micros(fees + changes.get("fees", 0)), Micros(0))
    alice = balances[ALICE]
    balances[ALICE] = ChainBalance(
        Micros(alice.free_micros + changes.get("free", 0)),
        Micros(alice.locked_micros + changes.get("locked", 0)),
    )
    return ChainValues(balances, FEE_RECIPIENT)


def run(engine: Engine, chain: ChainValues | None = None) -> AuditReport:
    return audit(RecordReader(engine), tables=engine, chain=chain)


def found(report: AuditReport) -> list[tuple[str, str]]:
    return [(finding.check, finding.where) for finding in report.findings]


def test_an_honest_day_has_no_findings(day: SmallDay, url: str) -> None:
    engine = recorded(day, url=url)
    chain = replace(on_chain(day), record_hashes=(RecordReader(engine).head()[1],))
    report = run(engine, chain)
    assert report.findings == ()
    assert report.batches == len(day.history)
    assert report.events == sum(len(decision.events) for _, decision in day.history)
    assert report.state_hash == day.venue.state_hash()
    assert report.trial_balance.total_micros == 0
    engine.dispose()


def test_a_changed_row_is_named(day: SmallDay) -> None:
    engine = recorded(day)
    record = table(RecordRow)
    with engine.begin() as connection:
        connection.execute(update(record).where(record.c.number == 4).values(events=b"\x90"))
    report = audit(RecordReader(engine))
    assert found(report) == [("chain", "row 4")]
    assert report.batches == 3


def test_an_invented_price_is_found_by_running_the_commands_again(day: SmallDay) -> None:
    number, position, trade = _first_trade(day)
    events = list(day.history[number - 1][1].events)
    events[position] = replace(trade, price_ticks=Ticks(trade.price_ticks - 1))
    report = audit(RecordReader(recorded(day, forge={number: tuple(events)})))
    assert found(report)[0] == ("replay", f"batch {number}, event {position}")
    assert ("state", f"batch {len(day.history)}") in found(report)


def test_an_event_left_out_is_found(day: SmallDay) -> None:
    number, position, _ = _first_trade(day)
    events = day.history[number - 1][1].events
    shortened = (*events[:position], *events[position + 1 :])
    report = audit(RecordReader(recorded(day, forge={number: shortened})))
    assert found(report)[0] == ("replay", f"batch {number}, event {position}")


def test_events_that_cannot_have_happened_end_the_walk(day: SmallDay) -> None:
    number, position, trade = _first_trade(day)
    events = list(day.history[number - 1][1].events)
    events[position] = replace(trade, payment_micros=Micros(10**9))
    report = audit(RecordReader(recorded(day, forge={number: tuple(events)})))
    assert ("books", f"batch {number}") in found(report)
    events[position] = replace(trade, instrument_id=5)
    report = audit(RecordReader(recorded(day, forge={number: tuple(events)})))
    assert ("books", f"batch {number}") in found(report)


def test_a_changed_table_is_found(day: SmallDay, url: str) -> None:
    engine = recorded(day, url=url)
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE trades SET price_micros = 1 WHERE trade_number = 2")
        connection.exec_driver_sql("UPDATE entries SET amount = 1 WHERE batch_number = 1 AND line = 1")
    assert [check for check, _ in found(run(engine))] == ["tables", "tables", "journal"]
    assert ("tables", "trades, row 2") in found(run(engine))
    engine.dispose()


@pytest.mark.parametrize(
    ("damage", "where"),
    [
        ("UPDATE accounts SET kind = 'nobody' WHERE account_number = 2", "accounts, row 2"),
        ("UPDATE accounts SET kind = 'free ' WHERE kind = 'free'", "accounts, row "),
        ("UPDATE accounts SET asset = 'x' WHERE account_number = 2", "accounts, row 2"),
        ("UPDATE accounts SET participant = '0xzz' WHERE account_number = 2", "accounts, row 2"),
        ("DELETE FROM accounts WHERE account_number = 2", "accounts, row 2"),
        ("UPDATE postings SET event = 'Withdrawn' WHERE batch_number = 1", "postings, row 1"),
        ("UPDATE entries SET account_number = 99 WHERE batch_number = 1 AND line = 1", "entries, row "),
        ("UPDATE balances SET amount = -5 WHERE account_number = 2", "balances, row 2"),
        ("UPDATE trades SET symbol = CAST(x'ff' AS TEXT)", "trades"),
        ("DELETE FROM projected", "position"),
        ("UPDATE projected SET batch_number = CAST(x'ff' AS TEXT)", "what follows"),
    ],
)
def test_whatever_is_wrong_with_a_table_is_named(day: SmallDay, damage: str, where: str) -> None:
    engine = recorded(day)
    with engine.begin() as connection:
        connection.exec_driver_sql(damage)
    first, *_ = run(engine).findings
    assert first.check == "tables"
    assert first.where.startswith(where)


def test_an_amount_that_no_table_can_hold_is_named_with_its_batch(day: SmallDay) -> None:
    events = list(day.history[0][1].events)
    at, deposit = next((i, each) for i, each in enumerate(events) if isinstance(each, Deposited))
    events[at] = replace(deposit, amount_micros=Micros(1 << 63))
    report = audit(RecordReader(recorded(day, forge={1: tuple(events)})))
    assert found(report)[0] == ("replay", f"batch 1, event {at}")


def test_an_outbox_that_cannot_be_read_is_named(day: SmallDay) -> None:
    engine = recorded(day)
    with engine.begin() as connection:
        connection.exec_driver_sql(
            "INSERT INTO outbox VALUES (1, 'settle', '1:1#1', CAST(x'ff' AS TEXT), x'00', 1, 'signed')"
        )
    report = audit(RecordReader(engine), tables=engine, notary=Notary(GENESIS))
    (finding,) = (each for each in report.findings if each.check == "outbox")
    assert "Could not decode to UTF-8 column 'raw'" in finding.detail


def test_tables_that_lag_behind_are_named(day: SmallDay) -> None:
    engine = recorded(day)
    Projector(engine).reset()
    report = run(engine)
    assert [finding.check for finding in report.findings] == ["tables"]
    assert f"found batch 0, expected {len(day.history)}" in report.findings[0].detail


@pytest.mark.parametrize(
    ("change", "where", "detail"),
    [
        ({"free": 1}, f"free of 0x{ALICE.hex()}", "tokens on chain, expected"),
        ({"locked": -1}, f"locked of 0x{ALICE.hex()}", "found -0.000001 tokens on chain, expected 0 tokens"),
        ({"fees": 7}, f"free of 0x{FEE_RECIPIENT.hex()}", "as in the books"),
    ],
)
def test_a_difference_with_the_contract_is_found_to_the_micro(
    day: SmallDay, change: dict[str, int], where: str, detail: str
) -> None:
    report = run(recorded(day), on_chain(day, **change))
    assert found(report) == [("reconciliation", where)]
    assert detail in report.findings[0].detail


def test_money_of_a_stranger_on_chain_is_a_difference(day: SmallDay) -> None:
    chain = on_chain(day)
    stranger = Address(b"\x99" * 20)
    balances = {**chain.balances, stranger: ChainBalance(Micros(5), Micros(0))}
    report = run(recorded(day), ChainValues(balances, FEE_RECIPIENT))
    assert found(report) == [("reconciliation", f"free of 0x{stranger.hex()}")]


def test_a_participant_who_is_missing_on_chain_is_a_difference(day: SmallDay) -> None:
    chain = on_chain(day)
    balances = {who: balance for who, balance in chain.balances.items() if who != CAROL}
    report = run(recorded(day), ChainValues(balances, FEE_RECIPIENT))
    assert found(report) == [("reconciliation", f"free of 0x{CAROL.hex()}")]


def test_a_record_cut_short_is_found_by_the_hashes_that_the_contract_keeps(day: SmallDay) -> None:
    engine = recorded(day)
    _, head = RecordReader(engine).head()
    record = table(RecordRow)
    with engine.begin() as connection:
        connection.execute(record.delete().where(record.c.number == len(day.history)))
    chain = replace(on_chain(day), record_hashes=(head,))
    report = audit(RecordReader(engine), chain=chain)
    assert ("anchors", f"settlement batch 1, 0x{head.hex()}") in found(report)


def _first_trade(day: SmallDay) -> tuple[int, int, TradeAgreed]:
    for batch, decision in day.history:
        for position, event in enumerate(decision.events):
            if isinstance(event, TradeAgreed):
                return batch.number, position, event
    raise LookupError("the day has no trade")


def _in_first_version(day: SmallDay, upto: int, *, forge: dict[int, tuple[Event, ...]]) -> Engine:
    """Record a day as a program would have that learned version 6 after batch `upto`."""
    engine = open_database("sqlite://")
    Record(engine, GENESIS).close()
    rows, previous = [], GENESIS.hash
    for batch, decision in day.history:
        version = 1 if batch.number <= upto else codec.VERSION
        events = forge.get(batch.number, decision.events)
        row = RecordedBatch(
            batch.number,
            batch.time_us,
            version,
            codec._encode(batch.commands, codec._COMMANDS[version]),
            codec._encode(events, codec._EVENTS[version]),
            b"",
            previous,
            b"",
        )
        previous = row.header().hash
        rows.append({name: getattr(row, name) for name in RecordedBatch.__slots__} | {"hash": previous})
    with engine.begin() as connection:
        connection.execute(insert(table(RecordRow)), rows)
    return engine


def test_events_that_no_table_can_hold_end_the_walk(day: SmallDay) -> None:
    number, position, deposited = next(
        (batch.number, position, event)
        for batch, decision in day.history
        for position, event in enumerate(decision.events)
        if isinstance(event, Deposited)
    )
    events = list(day.history[number - 1][1].events)
    events[position] = replace(deposited, amount_micros=Micros(1 << 63))
    report = audit(RecordReader(recorded(day, forge={number: tuple(events)})), tables=recorded(day))
    assert ("books", f"batches 1 to {len(day.history)}") in found(report)


def test_batches_of_the_first_version_are_taken_as_they_are_told(day: SmallDay) -> None:
    """What was a self-trade then would be prevented now: their commands are not run again, all after them are."""
    report = audit(RecordReader(_in_first_version(day, 4, forge={})))
    assert report.findings == ()
    assert (report.applied_only, report.batches) == (4, len(day.history))
    assert (report.trades, report.trades_in_priority) == (1, 3)
    assert report.state_hash == day.venue.state_hash()


def test_what_the_rules_of_today_would_not_cause_is_no_finding_in_the_first_version(day: SmallDay) -> None:
    event = Refused(ALICE, "PlaceOrder", 1, Refusal.WINDOW_ALREADY_CLOSED, "a rule of then")
    forge = {2: (*day.history[1][1].events, event)}
    assert audit(RecordReader(_in_first_version(day, 4, forge=forge))).findings == ()
    report = audit(RecordReader(_in_first_version(day, 1, forge=forge)))
    assert [check for check, _ in found(report)] == ["replay"]


def test_events_of_the_first_version_must_balance_still(day: SmallDay) -> None:
    number, position, trade = _first_trade(day)
    events = list(day.history[number - 1][1].events)
    events[position] = replace(trade, payment_micros=Micros(10**9))
    report = audit(RecordReader(_in_first_version(day, 4, forge={number: tuple(events)})))
    assert ("books", f"batch {number}") in found(report)
