"""A record that is put in by several statements is put in whole or not at all, whatever fails between them."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from ledger import portable
from ledger.database import DatabaseUnusable, open_database
from ledger.genesis import WrongMarket
from ledger.portable import RecordFile, import_record, write_record
from ledger.record import BrokenChain, Record, RecordReader
from tests.ledger.aborting import refused
from tests.ledger.test_portable import frames_of
from tests.ledger.test_record import GENESIS, write

ROWS = 2 * portable._ROWS_PER_INSERT + 88
LATE = ROWS - 50
"""A row that comes when two statements have been sent."""


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("long") / "long.ccei"
    record = Record(open_database("sqlite://"), GENESIS)
    write(record, 1, ROWS)
    with path.open("wb") as out:
        write_record(record, out)
    record.close()
    return path.read_bytes()


@pytest.fixture
def file(whole: bytes, tmp_path: Path) -> Path:
    path = tmp_path / "long.ccei"
    path.write_bytes(whole)
    return path


@pytest.fixture
def engine(url: str) -> Iterator[Engine]:
    engine = open_database(url)
    yield engine
    engine.dispose()


def is_empty(engine: Engine) -> bool:
    with pytest.raises(WrongMarket, match="found no market"):
        RecordReader(engine)
    with engine.connect() as connection:
        return connection.exec_driver_sql("SELECT count(*) FROM record").scalar_one() == 0


def test_all_rows_come_in(engine: Engine, file: Path) -> None:
    assert import_record(RecordFile(file), engine) == ROWS
    assert RecordReader(engine).verify() == ROWS


def test_a_file_that_is_cut_late_leaves_nothing(engine: Engine, file: Path, whole: bytes) -> None:
    file.write_bytes(whole[: frames_of(whole)[LATE][1] - 1])
    with pytest.raises(BrokenChain, match=f"record row {LATE}: .*the file is cut short"):
        import_record(RecordFile(file), engine)
    assert is_empty(engine)


def test_a_changed_row_late_in_the_file_leaves_nothing(engine: Engine, file: Path, whole: bytes) -> None:
    _, end = frames_of(whole)[LATE]
    file.write_bytes(whole[: end - 1] + bytes([whole[end - 1] ^ 1]) + whole[end:])
    with pytest.raises(BrokenChain, match=f"record row {LATE}: found hash"):
        import_record(RecordFile(file), engine)
    assert is_empty(engine)


def test_a_disk_that_is_full_late_leaves_nothing(engine: Engine, file: Path) -> None:
    with (
        refused(engine, "record", column="number", value=LATE),
        pytest.raises(DatabaseUnusable, match=r"(?s)found disk is full.*, nothing was imported"),
    ):
        import_record(RecordFile(file), engine)
    assert is_empty(engine)
    assert import_record(RecordFile(file), engine) == ROWS
