from dataclasses import replace
from io import BytesIO
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import Engine

from ledger import portable
from ledger.audit import audit
from ledger.database import DatabaseUnusable, RecordInUse, open_database
from ledger.genesis import WrongMarket
from ledger.portable import MAGIC, NoRecordFile, RecordFile, import_record, write_record
from ledger.projections import Projector
from ledger.rebuild import rebuild
from ledger.record import BrokenChain, Record, RecordReader
from ledger.tables import RecordRow, table
from ledger.writer import take_writers_place
from tests.ledger.builders import ALICE
from tests.ledger.days import GENESIS, SmallDay, a_whole_day
from tests.ledger.recorded import recorded
from tests.ledger.test_seal import a_row, stored


@pytest.fixture(scope="module")
def day() -> SmallDay:
    return a_whole_day()


@pytest.fixture(scope="module")
def whole(day: SmallDay) -> bytes:
    return exported(recorded(day))


def exported(engine: Engine) -> bytes:
    out = BytesIO()
    write_record(RecordReader(engine), out)
    return out.getvalue()


@pytest.fixture
def path(tmp_path: Path, whole: bytes) -> Path:
    path = tmp_path / "market.ccei"
    path.write_bytes(whole)
    return path


def frames_of(whole: bytes) -> list[tuple[int, int]]:
    """Where each frame begins and ends: the genesis, a row per batch, the end."""
    at, found = len(MAGIC), []
    while at < len(whole):
        length = int.from_bytes(whole[at : at + 4], "big")
        found.append((at, at + 4 + length))
        at += 4 + length
    return found


def test_a_record_comes_back_as_it_was(day: SmallDay, path: Path, url: str) -> None:
    original = RecordReader(recorded(day))
    told: list[int] = []
    engine = open_database(url)
    assert import_record(RecordFile(path), engine, progress=told.append) == len(day.history)
    assert told == list(range(1, len(day.history) + 1))
    assert list(RecordReader(engine).verified_rows()) == list(original.rows())
    assert exported(engine) == path.read_bytes()
    venue = rebuild(RecordReader(engine), projector=Projector(engine))
    assert venue.state_hash() == day.venue.state_hash()
    assert audit(RecordReader(engine), tables=engine).findings == ()
    Record(engine, GENESIS).close()
    engine.dispose()


def test_a_file_is_audited_as_it_is(day: SmallDay, path: Path) -> None:
    report = audit(RecordFile(path))
    assert report.findings == ()
    assert report.batches == len(day.history)


def test_rows_of_all_versions_are_exported() -> None:
    rows, previous = [], GENESIS.hash
    for number in range(1, 7):
        rows.append(a_row(number, previous=previous, number=number))
        previous = rows[-1].hash
    whole = exported(stored(*rows))
    assert [whole[begin] for begin, _ in frames_of(whole)] == [0] * 8


def test_an_empty_record_is_exported_and_imported(tmp_path: Path) -> None:
    engine = open_database("sqlite://")
    Record(engine, GENESIS).close()
    (tmp_path / "empty").write_bytes(exported(engine))
    other = open_database("sqlite://")
    assert import_record(RecordFile(tmp_path / "empty"), other) == 0
    assert RecordReader(other).genesis == GENESIS


def test_a_broken_record_is_not_exported(day: SmallDay) -> None:
    engine = recorded(day)
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE record SET time_us = 1 WHERE number = 3")
    with pytest.raises(BrokenChain, match="record row 3: found hash"):
        exported(engine)


def test_a_file_cut_anywhere_says_at_which_row_and_imports_nothing(
    path: Path, whole: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(portable, "_ROWS_PER_INSERT", 3)
    frames = frames_of(whole)
    engine = open_database("sqlite://")
    for number, (begin, end) in enumerate(frames[1:], start=1):
        for cut in (begin, begin + 2, begin + 4, end - 1):
            path.write_bytes(whole[:cut])
            with pytest.raises(BrokenChain, match=f"record row {number}: .*the file is cut short"):
                import_record(RecordFile(path), engine)
            with engine.connect() as connection:
                assert connection.exec_driver_sql("SELECT count(*) FROM record").scalar_one() == 0
            with pytest.raises(WrongMarket, match="found no market"):
                RecordReader(engine)
    path.write_bytes(whole)
    import_record(RecordFile(path), engine)


def test_a_file_cut_in_its_genesis_is_named(path: Path, whole: bytes) -> None:
    for cut in range(frames_of(whole)[0][1]):
        path.write_bytes(whole[:cut])
        with pytest.raises(
            NoRecordFile, match=r"found an empty file|no exported record|genesis: the file is cut"
        ):
            RecordFile(path)


def test_more_after_the_end_is_named(path: Path, whole: bytes) -> None:
    path.write_bytes(whole + b"more")
    with pytest.raises(BrokenChain, match="and 4 bytes after it, expected"):
        list(RecordFile(path).rows())


def test_a_row_left_out_is_named(path: Path, whole: bytes) -> None:
    begin, end = frames_of(whole)[3]
    path.write_bytes(whole[:begin] + whole[end:])
    with pytest.raises(BrokenChain, match="record row 3: missing; the next one found is 4"):
        list(RecordFile(path).verified_rows())


def test_another_genesis_in_the_middle_is_named(path: Path, whole: bytes) -> None:
    (begin, end), *rest = frames_of(whole)
    path.write_bytes(whole[: rest[2][0]] + whole[begin:end] + whole[rest[2][0] :])
    with pytest.raises(BrokenChain, match=r"record row 3: .* found another genesis"):
        list(RecordFile(path).verified_rows())


def test_a_file_that_begins_with_a_row_is_no_record(path: Path, whole: bytes) -> None:
    (begin, end), *_ = frames_of(whole)
    path.write_bytes(whole[:begin] + whole[end:])
    with pytest.raises(NoRecordFile, match="expected the genesis of a market"):
        RecordFile(path)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "found an empty file, expected what ccei record export writes"),
        (b"CCEI", "found no exported record, expected what ccei record export writes"),
        (b"PK\x03\x04" * 50, "found no exported record, expected what ccei record export writes"),
        (b"SQLite format 3\x00" * 9, "found a SQLite database, .* by its URL, sqlite:///"),
    ],
)
def test_what_is_no_record_is_refused(path: Path, content: bytes, told: str) -> None:
    path.write_bytes(content)
    with pytest.raises(NoRecordFile, match=told):
        RecordFile(path)


def test_a_number_written_longer_than_it_needs_to_be_is_found(path: Path, whole: bytes) -> None:
    """msgpack writes 5 in many ways; an export in one."""
    begin, end = frames_of(whole)[1]
    row = whole[begin + 4 : end]
    at = row.index(b"\xa3row") + 4
    assert row[at] == 1
    longer = row[:at] + b"\xcc\x01" + row[at + 1 :]
    assert msgspec.msgpack.decode(longer) == msgspec.msgpack.decode(row)
    path.write_bytes(whole[:begin] + len(longer).to_bytes(4, "big") + longer + whole[end:])
    with pytest.raises(BrokenChain, match=r"record row 1: .* written in another way"):
        list(RecordFile(path).rows())


def test_a_database_with_a_market_is_refused(day: SmallDay, path: Path) -> None:
    engine = recorded(day)
    with pytest.raises(
        DatabaseUnusable, match=r"found the market 'a small day' .*expected a database without one"
    ):
        import_record(RecordFile(path), engine)
    assert RecordReader(engine).verify() == len(day.history)


def test_an_import_waits_for_nobody_who_writes_the_database(path: Path, url: str) -> None:
    """A market that starts while rows come in would be a second one in the same database."""
    engine = open_database(url)
    place = take_writers_place(engine)
    with pytest.raises(RecordInUse, match="another writer holds it"):
        import_record(RecordFile(path), engine)
    place.close()
    with pytest.raises(WrongMarket):
        RecordReader(engine)
    engine.dispose()


def test_no_market_starts_in_a_database_while_a_record_is_imported(path: Path, url: str) -> None:
    engine, other = open_database(url), open_database(url)
    refused = []

    def start(number: int) -> None:
        if number == 3:
            with pytest.raises(RecordInUse) as caught:
                Record(other, replace(GENESIS, name="another"))
            refused.append(caught.value)

    import_record(RecordFile(path), engine, progress=start)
    assert len(refused) == 1
    Record(other, GENESIS).close()
    engine.dispose()
    other.dispose()


@pytest.mark.parametrize("number", [1 << 63, (1 << 64) - 1])
def test_a_number_that_no_database_holds_is_named_with_its_row(path: Path, whole: bytes, number: int) -> None:
    begin, end = frames_of(whole)[2]
    row = msgspec.msgpack.decode(whole[begin + 4 : end])
    row[2] = number
    larger = msgspec.msgpack.encode(row)
    path.write_bytes(whole[:begin] + len(larger).to_bytes(4, "big") + larger + whole[end:])
    engine = open_database("sqlite://")
    with pytest.raises(BrokenChain, match=r"record row 2: .*Expected `int` <= 9223372036854775807"):
        import_record(RecordFile(path), engine)
    with pytest.raises(WrongMarket, match="found no market"):
        RecordReader(engine)


def test_a_period_that_no_database_holds_is_named(path: Path) -> None:
    period = replace(GENESIS, notice_period_s=1 << 63)
    values = (getattr(period, name) for name in ("name", "notice_period_s", "withdrawal_margin_s"))
    content = msgspec.msgpack.encode(("genesis", *values, "31337", period.settlement, period.hash))
    path.write_bytes(MAGIC + len(content).to_bytes(4, "big") + content)
    with pytest.raises(NoRecordFile, match=r"genesis: .*Expected `int` <= 9223372036854775807"):
        RecordFile(path)


def test_a_row_sealed_anew_is_found_by_the_row_after_it(path: Path, day: SmallDay) -> None:
    """Whoever changes a row and gives it the hash of what it holds now has to go on to the last."""
    engine = recorded(day)
    row = RecordReader(engine).row(3)
    assert row is not None
    sealed = replace(row, time_us=row.time_us + 1).header().hash
    with engine.begin() as connection:
        changed = {"time_us": row.time_us + 1, "hash": sealed}
        connection.execute(table(RecordRow).update().where(table(RecordRow).c.number == 3).values(changed))
    with pytest.raises(BrokenChain, match=r"record row 4: found previous hash .*, expected"):
        exported(engine)


def test_the_record_of_another_market_does_not_open_as_ours(path: Path) -> None:
    engine = open_database("sqlite://")
    import_record(RecordFile(path), engine)
    with pytest.raises(WrongMarket, match="the record belongs to market 'a small day'"):
        Record(engine, type(GENESIS)("another", 1, 1, 1, ALICE))


def test_a_disk_that_cannot_take_it_imports_nothing(path: Path) -> None:
    engine = open_database("sqlite://")
    with engine.begin() as connection:
        connection.exec_driver_sql(
            "CREATE TRIGGER full BEFORE INSERT ON record WHEN NEW.number = 4 "
            "BEGIN SELECT RAISE(ABORT, 'disk is full'); END"
        )
    with pytest.raises(DatabaseUnusable, match="found disk is full, nothing was imported"):
        import_record(RecordFile(path), engine)
    with engine.connect() as connection:
        assert connection.execute(table(RecordRow).select()).all() == []
