"""Change a row of a record and seal it anew, as somebody would who wants to hide it: the row after it no longer follows.

The last row is left out. Sealed anew it is another history, whole in itself: only who knows the hash of the one that was
there can tell.
"""

import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from ledger.database import open_database
from ledger.genesis import Genesis
from ledger.layout import BadEncoding
from ledger.portable import write_record
from ledger.record import RecordedBatch, RecordReader
from tests.ledger.flips import UNNOTICED, Miss, as_bytes, flipped, like, place_in_database, place_in_file

CONTENT_COLUMNS = ("time_us", "version", "commands", "events", "state_hash")
"""What a row tells, beside its place in the chain."""


@dataclass(frozen=True)
class Forged:
    """A record as its forger hands it on: nothing is checked."""

    genesis: Genesis
    rows: list[RecordedBatch]

    def verified_rows(self) -> Iterator[RecordedBatch]:
        return iter(self.rows)


def resealed(row: RecordedBatch, column: str, value: int | bytes) -> RecordedBatch | None:
    """Return a row with another value in a column, under the hash that this gives it; None if it has none."""
    try:
        changed = replace(row, **{column: value})
        return replace(changed, hash=changed.header().hash)
    except (BadEncoding, OverflowError):
        return None


def forgeries(
    rows: list[RecordedBatch], positions: int, chance: random.Random
) -> Iterator[tuple[str, RecordedBatch]]:
    """Yield so many rows with one byte flipped, each sealed anew, and the column where it was."""
    while positions:
        row, column = chance.choice(rows), chance.choice(CONTENT_COLUMNS)
        value = getattr(row, column)
        if not (stored := as_bytes(value)):
            continue
        _, changed = like(value, flipped(stored, chance.randrange(len(stored)), chance.randrange(1, 256)))
        if (forged := resealed(row, column, changed)) is not None:
            yield column, forged
            positions -= 1


def reseal_database(path: Path, *, positions: int, seed: int) -> tuple[int, list[Miss]]:
    """Flip bytes of a stored record, sealing each row anew; return how many, and what was missed."""
    engine, misses, done = open_database(f"sqlite:///{path}", must_exist=True), [], 0
    rows = list(RecordReader(engine).rows())
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA synchronous = OFF")  # nobody pulls the plug
        for column, forged in forgeries(rows[:-1], positions, random.Random(seed)):
            update = f"UPDATE record SET {column} = ?, hash = ? WHERE number = {forged.number}"
            connection.execute(update, (getattr(forged, column), forged.hash))
            expected, found = forged.number + 1, place_in_database(engine)
            if found != expected:
                misses.append(Miss(f"row {forged.number}, {column}, sealed anew", expected, found))
            whole = rows[forged.number - 1]
            connection.execute(update, (getattr(whole, column), whole.hash))
            done += 1
    if place_in_database(engine) is not UNNOTICED:
        raise AssertionError("not every row was put back")
    engine.dispose()
    return done, misses


def reseal_file(database: Path, path: Path, *, positions: int, seed: int) -> tuple[int, list[Miss]]:
    """Export a record to `path` with a byte flipped, its row sealed anew and the file's end summed up over it.

    Return how often, and what was missed.
    """
    engine, misses, done = open_database(f"sqlite:///{database}", must_exist=True), [], 0
    record = RecordReader(engine)
    rows = list(record.rows())
    engine.dispose()
    for column, forged in forgeries(rows[:-1], positions, random.Random(seed)):
        told = [*rows[: forged.number - 1], forged, *rows[forged.number :]]
        with path.open("wb") as out:
            write_record(Forged(record.genesis, told), out)
        expected, found = forged.number + 1, place_in_file(path)
        if found != expected:
            misses.append(Miss(f"row {forged.number}, {column}, sealed anew", expected, found))
        done += 1
    return done, misses
