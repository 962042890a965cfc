"""A start checks every row after the snapshot that it goes on from: a damaged one stops it, and is named."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, update

from ledger.database import open_database
from ledger.rebuild import recover
from ledger.record import BrokenChain, RecordReader
from ledger.tables import RecordRow, table
from tests.ledger.resealing import resealed
from tests.ledger.test_snapshots import Live

RECORD = table(RecordRow)


@pytest.fixture
def engine() -> Iterator[Engine]:
    """A market of ten batches with a snapshot of batch 6."""
    market = Live(open_database("sqlite://"))
    market.go_on(6)
    market.snapshotter.take()
    market.go_on(4)
    market.record.close()
    yield market.record.engine
    market.record.engine.dispose()


def change(engine: Engine, number: int, **values: int | bytes) -> None:
    with engine.begin() as connection:
        connection.execute(update(RECORD).where(RECORD.c.number == number).values(values))


def test_a_start_reads_only_what_follows_the_snapshot(engine: Engine) -> None:
    change(engine, 3, time_us=1)
    recovery = recover(RecordReader(engine))
    assert recovery.seal is not None
    assert (recovery.seal.number, recovery.batches, recovery.unused) == (6, 4, ())


@pytest.mark.parametrize("number", [7, 8, 9, 10])
def test_a_changed_row_stops_the_start(engine: Engine, number: int) -> None:
    row = RecordReader(engine).row(number)
    assert row is not None
    change(engine, number, time_us=row.time_us + 1)
    with pytest.raises(BrokenChain, match=f"record row {number}: found hash"):
        recover(RecordReader(engine))


@pytest.mark.parametrize("number", [7, 8, 9])
def test_a_changed_row_that_was_sealed_anew_stops_the_start_at_the_next(engine: Engine, number: int) -> None:
    row = RecordReader(engine).row(number)
    assert row is not None
    forged = resealed(row, "time_us", row.time_us + 1)
    assert forged is not None
    change(engine, number, time_us=forged.time_us, hash=forged.hash)
    with pytest.raises(BrokenChain, match=f"record row {number + 1}: found previous hash"):
        recover(RecordReader(engine))


def test_a_row_sealed_after_another_than_the_snapshot_s_stops_the_start(engine: Engine) -> None:
    row = RecordReader(engine).row(7)
    assert row is not None
    forged = resealed(row, "previous", bytes(32))
    assert forged is not None
    change(engine, 7, previous=forged.previous, hash=forged.hash)
    with pytest.raises(BrokenChain, match=f"record row 7: found previous hash {'00' * 32}"):
        recover(RecordReader(engine))
