import os
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Engine, delete, text, update

from ledger.database import RecordInUse, open_database
from ledger.genesis import Genesis, WrongMarket
from ledger.record import BrokenChain, Record, RecordedBatch, RecordFailed, RecordReader
from ledger.tables import RecordRow, table
from ledger.unusable import DatabaseUnusable
from market.orders import Batch
from market.transfers import Deposited
from market.units import Micros
from tests.ledger.builders import ALICE, a_deposit, deposited

RECORD = table(RecordRow)
GENESIS = Genesis("test", 3600, 120, 31337, ALICE)


@pytest.fixture
def engine(url: str) -> Iterator[Engine]:
    engine = open_database(url)
    yield engine
    engine.dispose()


FULL = {
    "sqlite": ["CREATE TRIGGER disk BEFORE INSERT ON record BEGIN SELECT RAISE(ABORT, 'disk is full'); END"],
    "postgresql": [
        "CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'disk is full'; END $$",
        "CREATE TRIGGER disk BEFORE INSERT ON record EXECUTE FUNCTION fail()",
    ],
}


def a_batch(number: int) -> Batch:
    return Batch(number, 1_000_000 * number, (a_deposit(log_index=number),))


def write(record: Record, first: int, last: int) -> None:
    for number in range(first, last + 1):
        record.append(a_batch(number), (deposited(log_index=number),))


def test_what_was_appended_is_read_back_in_order(engine: Engine) -> None:
    record = Record(engine, GENESIS)
    write(record, 1, 300)
    rows = list(RecordReader(engine).rows())
    assert [row.number for row in rows] == list(range(1, 301))
    assert rows[6].batch() == a_batch(7)
    assert rows[6].told() == (deposited(log_index=7),)
    assert rows[6].time_us == 7_000_000
    assert rows[-1].hash == record.hash
    assert record.head() == (300, record.hash)
    assert record.verify() == 300


def test_each_row_is_sealed_with_the_hash_before_it(engine: Engine) -> None:
    record = Record(engine, GENESIS)
    write(record, 1, 3)
    rows = list(record.rows())
    assert [row.previous for row in rows] == [GENESIS.hash, rows[0].hash, rows[1].hash]
    assert len({row.hash for row in rows}) == 3


def test_the_hash_covers_everything(engine: Engine) -> None:
    (plain,) = _sealed(Genesis("test", 3600, 120, 31337, ALICE), 1_000_000, 1, b"")
    others = [
        _sealed(Genesis("other", 3600, 120, 31337, ALICE), 1_000_000, 1, b""),
        _sealed(GENESIS, 1_000_001, 1, b""),
        _sealed(GENESIS, 1_000_000, 2, b""),
        _sealed(GENESIS, 1_000_000, 1, b"state"),
    ]
    assert len({plain.hash, *(rows[0].hash for rows in others)}) == 5


def _sealed(genesis: Genesis, time_us: int, log_index: int, state_hash: bytes) -> list[RecordedBatch]:
    record = Record(open_database("sqlite://"), genesis)
    event = deposited(log_index=log_index)
    record.append(Batch(1, time_us, ()), (event,), state_hash=state_hash)
    return list(record.rows())


def test_a_flipped_bit_is_found_and_its_row_named(engine: Engine) -> None:
    record = Record(engine, GENESIS)
    write(record, 1, 20)
    record.close()
    columns = ("time_us", "commands", "events", "state_hash", "previous", "hash", "version")
    for number, name in enumerate(columns, start=5):
        (row,) = (row for row in RecordReader(engine).rows() if row.number == number)
        change(engine, number, **{name: _flipped(getattr(row, name))})
        with pytest.raises(BrokenChain, match=f"record row {number}: ") as caught:
            RecordReader(engine).verify()
        assert caught.value.number == number
        change(engine, number, **{name: getattr(row, name)})
    assert RecordReader(engine).verify() == 20


def change(engine: Engine, number: int, **values: int | bytes) -> None:
    with engine.begin() as connection:
        connection.execute(update(RECORD).where(RECORD.c.number == number).values(values))


def _flipped(value: int | bytes) -> int | bytes:
    if isinstance(value, int):
        return value ^ 1
    return bytes([value[0] ^ 1]) + value[1:] if value else b"\x00"


def test_a_missing_row_is_named(engine: Engine) -> None:
    record = Record(engine, GENESIS)
    write(record, 1, 5)
    record.close()
    with engine.begin() as connection:
        connection.execute(delete(RECORD).where(RECORD.c.number == 3))
    with pytest.raises(BrokenChain, match="record row 3: missing; the next one found is 4"):
        RecordReader(engine).verify()


def test_a_row_that_was_changed_and_sealed_again_breaks_the_chain_at_the_next(engine: Engine) -> None:
    record = Record(engine, GENESIS)
    write(record, 1, 5)
    record.close()
    (third,) = (row for row in RecordReader(engine).rows() if row.number == 3)
    forged = replace(third, time_us=third.time_us + 1)
    change(engine, 3, time_us=forged.time_us, hash=forged.header().hash)
    with pytest.raises(BrokenChain, match="record row 4: found previous hash ") as caught:
        RecordReader(engine).verify()
    assert caught.value.number == 4


def test_bytes_that_became_text_are_found_and_their_row_named() -> None:
    engine = open_database("sqlite://")
    record = Record(engine, GENESIS)
    write(record, 1, 5)
    for stored in ("X'FF'", "X'41'"):
        with engine.begin() as connection:
            connection.execute(text(f"UPDATE record SET events = CAST({stored} AS TEXT) WHERE number = 3"))
        with pytest.raises(BrokenChain, match="record row 3: "):
            RecordReader(engine).verify()
        assert RecordReader(engine).row(3) is None
        assert RecordReader(engine).row(2) is not None
    record.close()


@pytest.mark.parametrize("column", ["hash", "settlement"])
def test_a_genesis_of_other_types_is_named(column: str) -> None:
    engine = open_database("sqlite://")
    Record(engine, GENESIS).close()
    with engine.begin() as connection:
        connection.execute(text(f"UPDATE genesis SET {column} = 'x'"))
    with pytest.raises(DatabaseUnusable, match=f"genesis: found {column} 'x', expected bytes"):
        RecordReader(engine)


def test_a_restart_goes_on_where_it_stopped(engine: Engine) -> None:
    record = Record(engine, GENESIS)
    write(record, 1, 2)
    record.close()
    again = Record(engine, GENESIS)
    write(again, 3, 4)
    assert again.verify() == 4


def test_a_writer_does_not_go_on_from_a_changed_row(engine: Engine) -> None:
    record = Record(engine, GENESIS)
    write(record, 1, 2)
    record.close()
    change(engine, 2, time_us=5)
    with pytest.raises(BrokenChain, match="record row 2"):
        Record(engine, GENESIS)


def test_there_is_one_writer(engine: Engine, url: str) -> None:
    record = Record(engine, GENESIS)
    other = open_database(url)
    with pytest.raises(RecordInUse, match=f"another writer holds it .*process {os.getpid()}"):
        Record(other, GENESIS)
    assert RecordReader(other).head() == (0, GENESIS.hash)
    record.close()
    Record(other, GENESIS).close()
    other.dispose()


def test_a_writer_that_went_around_the_lock_breaks_nothing(engine: Engine) -> None:
    record = Record(engine, GENESIS)
    write(record, 1, 1)
    with engine.begin() as connection:
        connection.exec_driver_sql(
            "INSERT INTO record SELECT 2, time_us, version, commands, events, state_hash, previous, hash "
            "FROM record"
        )
    with pytest.raises(RecordFailed, match="batch 2"):
        write(record, 2, 2)


def test_another_market_is_refused_by_name(engine: Engine) -> None:
    Record(engine, GENESIS).close()
    other = Genesis("test", 7200, 120, 31337, ALICE)
    with pytest.raises(WrongMarket, match=r"'test' .*notice period 3600 s.*expected 'test' .*7200 s"):
        Record(engine, other)
    Record(engine, GENESIS).close()


def test_an_empty_database_has_no_record_to_read(engine: Engine) -> None:
    with pytest.raises(WrongMarket, match="found no market"):
        RecordReader(engine)


def test_a_gap_in_the_numbers_is_refused(engine: Engine) -> None:
    record = Record(engine, GENESIS)
    with pytest.raises(RecordFailed, match="found batch 2, expected 1"):
        write(record, 2, 2)


def test_after_a_failed_commit_nothing_is_appended_any_more(engine: Engine) -> None:
    record = Record(engine, GENESIS)
    write(record, 1, 1)
    with engine.begin() as connection:
        for statement in FULL[engine.dialect.name]:
            connection.execute(text(statement))
    with pytest.raises(RecordFailed, match="disk is full"):
        write(record, 2, 2)
    with engine.begin() as connection:
        on_table = " ON record" if engine.dialect.name == "postgresql" else ""
        connection.execute(text(f"DROP TRIGGER disk{on_table}"))
    with pytest.raises(RecordFailed, match="an earlier batch failed"):
        write(record, 2, 2)
    assert record.verify() == 1


@pytest.mark.parametrize(
    ("event", "told"),
    [
        ("not an event", "KeyError"),
        (Deposited(ALICE, "a lot", b"", 0), "TypeError"),
        (Deposited(ALICE, Micros(1), b"", object()), "TypeError"),
    ],
)
def test_what_cannot_be_encoded_ends_as_a_failed_commit_does(engine: Engine, event: Any, told: str) -> None:
    record = Record(engine, GENESIS)
    with pytest.raises(
        RecordFailed, match=rf"batch 1: found {told} .* when it was encoded, expected commands"
    ):
        record.append(a_batch(1), (event,))
    with pytest.raises(RecordFailed, match="an earlier batch failed"):
        write(record, 1, 1)
    assert record.verify() == 0


def test_an_amount_of_any_size_is_recorded(engine: Engine) -> None:
    record = Record(engine, GENESIS)
    event = Deposited(ALICE, Micros(2**200), b"", 0)
    record.append(a_batch(1), (event,))
    assert next(record.rows()).told() == (event,)
