"""A row that was changed and sealed anew is found by the row after it, which no longer follows: in a database, in a file."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import pytest
from sqlalchemy import update

from ledger import portable
from ledger import record as record_module
from ledger.audit import audit
from ledger.database import open_database
from ledger.portable import RecordFile, write_record
from ledger.record import BrokenChain, Record, RecordedBatch, RecordReader
from ledger.tables import RecordRow, table
from tests.campaigns import Tally
from tests.ledger.days import a_whole_day
from tests.ledger.recorded import recorded
from tests.ledger.resealing import Forged, reseal_database, reseal_file, resealed
from tests.ledger.test_record import GENESIS, write

RECORD = table(RecordRow)
SEED = 7
POSITIONS = 400
"""Half of them in a database, half in an exported file."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    recorded(a_whole_day(), url=f"sqlite:///{tmp_path / 'day.db'}").dispose()
    return tmp_path / "day.db"


def forged_third(rows: list[RecordedBatch]) -> RecordedBatch:
    found = resealed(rows[2], "time_us", rows[2].time_us - 1)
    assert found is not None
    return found


def test_in_a_database_the_row_after_it_is_named(url: str) -> None:
    engine = open_database(url)
    record = Record(engine, GENESIS)
    write(record, 1, 5)
    record.close()
    rows = list(record.rows())
    forged = forged_third(rows)
    with engine.begin() as connection:
        third = update(RECORD).where(RECORD.c.number == 3)
        connection.execute(third.values(time_us=forged.time_us, hash=forged.hash))
    with pytest.raises(BrokenChain) as caught:
        RecordReader(engine).verify()
    assert str(caught.value) == (
        f"record row 4: found previous hash {rows[2].hash.hex()}, expected {forged.hash.hex()}"
    )
    assert [(each.check, each.where) for each in audit(RecordReader(engine)).findings] == [("chain", "row 4")]
    engine.dispose()


def test_in_an_exported_file_the_row_after_it_is_named(path: Path) -> None:
    engine = open_database(f"sqlite:///{path}")
    record = RecordReader(engine)
    rows = list(record.rows())
    out = BytesIO()
    write_record(Forged(record.genesis, [*rows[:2], forged_third(rows), *rows[3:]]), out)
    file = path.with_suffix(".ccei")
    file.write_bytes(out.getvalue())
    with pytest.raises(BrokenChain, match="record row 4: found previous hash"):
        list(RecordFile(file).verified_rows())
    engine.dispose()


def test_the_first_row_follows_the_genesis(path: Path) -> None:
    """Sealed after the genesis of another market, all rows fit together and none of them belongs here."""
    engine = open_database(f"sqlite:///{path}")
    record = RecordReader(engine)
    another = replace(record.genesis, name="another market")
    rows, previous = [], another.hash
    for row in record.rows():
        moved = replace(row, previous=previous)
        rows.append(replace(moved, hash=moved.header().hash))
        previous = rows[-1].hash
    with pytest.raises(BrokenChain, match="record row 1: found previous hash"):
        list(record_module.verified(rows, previous=record.genesis.hash))
    assert len(list(record_module.verified(rows, previous=another.hash))) == len(rows)
    engine.dispose()


def test_a_flipped_byte_in_a_row_that_is_sealed_anew_is_found_and_named(path: Path, tally: Tally) -> None:
    done, misses = reseal_database(path, positions=POSITIONS // 2, seed=SEED)
    tally.line(f"rows sealed anew in a database: {done:,}, not found or wrongly named {len(misses)}")
    assert (done, misses) == (POSITIONS // 2, [])
    done, misses = reseal_file(path, path.with_suffix(".ccei"), positions=POSITIONS // 2, seed=SEED)
    tally.line(f"rows sealed anew in an exported file: {done:,}, not found or wrongly named {len(misses)}")
    assert (done, misses) == (POSITIONS // 2, [])


def _unlinked(rows: Iterable[RecordedBatch], *, previous: bytes, after: int = 0) -> Iterator[RecordedBatch]:
    """The bug: every row is checked by itself, and none against the one before."""
    for row in rows:
        record_module.sealed_header(row)
        yield row


def test_the_campaign_catches_a_reader_that_checks_no_link(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (record_module, portable):
        monkeypatch.setattr(module, "verified", _unlinked)
    _, misses = reseal_database(path, positions=50, seed=SEED)
    assert len(misses) == 50
    _, misses = reseal_file(path, path.with_suffix(".ccei"), positions=50, seed=SEED)
    assert len(misses) == 50
