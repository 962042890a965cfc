"""Flip bytes of a record, one at a time, and see whether the reader notices and names the place.

A place is the number of a row, `genesis`, or, in an exported file, the number after the last row for its end.
"""

import random
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO

from sqlalchemy import Engine

from ledger.database import DatabaseUnusable, open_database
from ledger.portable import MAGIC, NoRecordFile, RecordFile
from ledger.record import BrokenChain, RecordedBatch, RecordReader, verified

ROW_COLUMNS = ("number", "time_us", "version", "commands", "events", "state_hash", "previous", "hash")
GENESIS_COLUMNS = ("hash", "name", "notice_period_s", "withdrawal_margin_s", "chain_id", "settlement")
GENESIS = "genesis"
UNNOTICED = None
Place = int | str | None


@dataclass(frozen=True)
class Miss:
    """A flipped byte that was not noticed, or named at another place."""

    what: str
    expected: Place
    found: Place


def as_bytes(value: int | str | bytes) -> bytes:
    """Return what is stored; an integer as the eight bytes of two's complement."""
    if isinstance(value, int):
        return value.to_bytes(8, "big", signed=True)
    return value.encode() if isinstance(value, str) else value


def like(value: int | str | bytes, changed: bytes) -> tuple[str, int | bytes]:
    """Return changed bytes as a value of the same kind, and the SQL that stores them so, valid text or not."""
    if isinstance(value, int):
        return "?", int.from_bytes(changed, "big", signed=True)
    return ("CAST(? AS TEXT)" if isinstance(value, str) else "?"), changed


def flipped(content: bytes, at: int, mask: int) -> bytes:
    return content[:at] + bytes([content[at] ^ mask]) + content[at + 1 :]


def place_in_database(engine: Engine) -> Place:
    """Read a whole database; return where it is broken."""
    try:
        RecordReader(engine).verify()
    except DatabaseUnusable as error:
        return GENESIS if str(error).startswith("genesis: ") else UNNOTICED
    except BrokenChain as error:
        return error.number
    return UNNOTICED


def place_in_file(path: Path) -> Place:
    """Read a whole exported file; return where it is broken."""
    try:
        for _ in RecordFile(path).verified_rows():
            pass
    except NoRecordFile:
        return GENESIS
    except BrokenChain as error:
        return error.number
    return UNNOTICED


def flip_database(path: Path, *, positions: int, seed: int) -> tuple[int, list[Miss]]:
    """Flip bytes in the columns of a stored record; return how many, and what was missed."""
    chance, misses, done = random.Random(seed), [], 0
    engine = open_database(f"sqlite:///{path}", must_exist=True)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA synchronous = OFF")  # nobody pulls the plug
        cells = list(_cells(connection))
        numbers = {number for table, _, number, _ in cells if table == "record"}
        while done < positions:
            table, column, number, value = chance.choice(cells)
            stored = as_bytes(value)
            kind, changed = like(
                value, flipped(stored, chance.randrange(len(stored)), chance.randrange(1, 256))
            )
            if column == "number" and changed in numbers:
                continue  # a primary key: two rows cannot have one number
            moved_to = changed if column == "number" else number
            update = f"UPDATE {table} SET {column} = {{}}" + (" WHERE number = ?" if number else "")
            connection.execute(update.format(kind), (changed, number) if number else (changed,))
            found = place_in_database(engine)
            expected = number or GENESIS
            if column == "number" and isinstance(changed, int) and changed < 1:
                expected = changed  # where it stands now: no row can be missed there
            if found != expected:
                misses.append(Miss(f"{table}.{column} as {changed!r}", expected, found))
            connection.execute(update.format("?"), (value, moved_to) if number else (value,))
            done += 1
    if place_in_database(engine) is not UNNOTICED:
        raise AssertionError("not every byte was put back")
    engine.dispose()
    return done, misses


def _cells(connection: sqlite3.Connection) -> Iterator[tuple[str, str, int | None, int | str | bytes]]:
    """Yield table, column, row number and content of all that can be flipped."""
    for table, columns in (("genesis", GENESIS_COLUMNS), ("record", ROW_COLUMNS)):
        for row in connection.execute(f"SELECT {', '.join(columns)} FROM {table}"):
            for column, value in zip(columns, row, strict=True):
                if as_bytes(value):
                    yield table, column, row[0] if table == "record" else None, value


def flip_file(path: Path, positions: Iterable[int], *, seed: int) -> tuple[int, list[Miss]]:
    """Flip bytes of an exported file; return how many, and what was missed."""
    chance, misses, done = random.Random(seed), [], 0
    whole = path.read_bytes()
    place_of = _places(whole)
    with path.open("r+b") as file:
        for at in positions:
            _put(file, at, whole[at] ^ chance.randrange(1, 256))
            found, expected = place_in_file(path), place_of(at)
            if found != expected:
                misses.append(Miss(f"byte {at}", expected, found))
            _put(file, at, whole[at])
            done += 1
    if place_in_file(path) is not UNNOTICED:
        raise AssertionError("not every byte was put back")
    return done, misses


def flip_rows(rows: Iterable[RecordedBatch], first_previous: bytes, *, seed: int) -> tuple[int, list[Miss]]:
    """Flip every byte of every column of rows, reading each row as the chain does; return how many, and what was missed."""
    chance, misses, done, previous = random.Random(seed), [], 0, first_previous
    for row in rows:
        for column in ROW_COLUMNS:
            value = getattr(row, column)
            stored = as_bytes(value)
            for at in range(len(stored)):
                _, changed = like(value, flipped(stored, at, chance.randrange(1, 256)))
                if not _is_found(replace(row, **{column: changed}), previous, row.number):
                    misses.append(Miss(f"row {row.number}, {column}, byte {at}", row.number, UNNOTICED))
                done += 1
        previous = row.hash
    return done, misses


def _is_found(row: RecordedBatch, previous: bytes, number: int) -> bool:
    try:
        next(verified([row], previous=previous, after=number - 1))
    except BrokenChain as error:
        return error.number == number
    return False


def _put(file: BinaryIO, at: int, byte: int) -> None:
    file.seek(at)
    file.write(bytes([byte]))
    file.flush()


def _places(whole: bytes) -> Callable[[int], Place]:
    """Return what tells the place of each byte of an exported file."""
    begins = [0, *_begins(whole)]
    places: list[Place] = [GENESIS, GENESIS, *range(1, len(begins))]
    ranges = list(pairwise([*begins, len(whole)]))
    return lambda at: next(
        place for (begin, end), place in zip(ranges, places, strict=False) if begin <= at < end
    )


def _begins(whole: bytes) -> Iterator[int]:
    at = len(MAGIC)
    while at < len(whole):
        yield at
        at += 4 + int.from_bytes(whole[at : at + 4], "big")
