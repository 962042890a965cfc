"""Headers of rows are read once, and none is handed out that the record does not have."""

from dataclasses import replace
from itertools import islice

import pytest
from sqlalchemy import event

from ledger import headers as room
from ledger.headers import Headers
from ledger.record import BrokenChain, RecordReader
from tests.ledger.days import a_whole_day
from tests.ledger.recorded import recorded


@pytest.fixture
def record() -> RecordReader:
    return RecordReader(recorded(a_whole_day()))


def expected(record: RecordReader, first: int) -> list[bytes]:
    return [row.hash for row in record.rows(after=first - 1)]


def hashes(headers: Headers, first: int) -> list[bytes]:
    return [header.hash for header in headers.since(first)]


def rows_read(record: RecordReader) -> list[str]:
    """Return where statements that read rows are noted from now on."""
    noted: list[str] = []

    def note(_c: object, _k: object, statement: str, *_rest: object) -> None:
        if "FROM record" in statement:
            noted.append(statement)

    event.listen(record.engine, "before_cursor_execute", note)
    return noted


@pytest.mark.parametrize("order", [(1, 5, 10), (10, 5, 1), (5, 1, 3, 10, 2)])
def test_headers_are_those_of_the_rows_in_whatever_sequence_they_are_asked_for(
    record: RecordReader, order: tuple[int, ...]
) -> None:
    headers = Headers(record)
    for first in order:
        list(islice(headers.since(first), 2))
        assert hashes(headers, first) == expected(record, first)
    assert hashes(headers, 11) == []


def test_a_row_is_read_once(record: RecordReader) -> None:
    headers = Headers(record)
    hashes(headers, 3)
    noted = rows_read(record)
    list(islice(headers.since(3), 8))
    assert noted == []
    hashes(headers, 3)  # looks for a row after the last
    assert len(noted) == 1


def test_only_so_many_are_kept(record: RecordReader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "HEADERS_KEPT", 4)
    headers = Headers(record)
    for first in (1, 4, 1):
        assert hashes(headers, first) == expected(record, first)
    assert len(headers._kept) == 4


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (
            "UPDATE record SET time_us = 1 WHERE number = 4",
            "record row 4: found hash .* its content hashes to",
        ),
        ("UPDATE record SET events = x'c0' WHERE number = 4", "record row 4: its content has no hash"),
        ("DELETE FROM record WHERE number = 4", "record row 4: missing; the next one found is 5"),
    ],
)
def test_a_damaged_row_is_named(record: RecordReader, damage: str, told: str) -> None:
    with record.engine.begin() as connection:
        connection.exec_driver_sql(damage)
    with pytest.raises(BrokenChain, match=told):
        hashes(Headers(record), 2)
    assert hashes(Headers(record), 5) == expected(record, 5)


def test_a_row_that_does_not_follow_is_named(record: RecordReader) -> None:
    row = record.row(4)
    assert row is not None
    other = replace(row, time_us=row.time_us + 1)
    with record.engine.begin() as connection:
        connection.exec_driver_sql(
            "UPDATE record SET time_us = ?, hash = ? WHERE number = 4", (other.time_us, other.header().hash)
        )
    with pytest.raises(BrokenChain, match="record row 5: found previous hash"):
        hashes(Headers(record), 2)
