"""Copy a market's database while it is being written, and put a copy back: whole and verified, or not at all."""

import os
import sqlite3
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, Engine, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError

from ledger.database import DatabaseUnusable, file_of, open_database
from ledger.record import RecordReader
from ledger.unusable import named

_BESIDE = ("", "-wal", "-journal")
"""What SQLite would take for a part of a database of that name."""


@dataclass(frozen=True, slots=True)
class Copied:
    """What a copy holds: so many batches, the last with this hash, in a file of this size."""

    batches: int
    head: bytes
    size_bytes: int


def back_up(url: str, target: Path) -> Copied:
    """Copy the database at `url` to a new file, also while a market writes it, and verify the copy.

    The copy is the database as it stood between two commits: all batches up to one, and none after. The writer does not
    wait for it; its write-ahead log grows meanwhile.

    Raises:
        DatabaseUnusable: if there is no SQLite database of a market, or something stands where the copy would go.
        WrongMarket: if no market was ever recorded there.
        BrokenChain: if the copied record is not whole; there is then no copy.
    """
    engine = open_database(url, must_exist=True)
    try:
        if engine.dialect.name != "sqlite" or file_of(engine) is None:
            raise DatabaseUnusable(
                f"database {named(engine.url)}: found {engine.dialect.name}, expected an SQLite file "
                "(PostgreSQL has pg_dump and pg_restore for this)"
            )
        return _copy(engine, target)
    finally:
        engine.dispose()


def restore(copy: Path, url: str) -> Copied:
    """Make a database at `url` from a copy, and verify it. A market must not be there, nor what one left.

    Raises:
        DatabaseUnusable, WrongMarket, BrokenChain: as for `back_up`.
    """
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise DatabaseUnusable(f"database: found {url!r}, expected sqlite:///FILE") from None
    if parsed.get_backend_name() != "sqlite" or not parsed.database or parsed.database == ":memory:":
        raise DatabaseUnusable(f"database: found {parsed}, expected sqlite:///FILE")
    return back_up(f"sqlite:///{copy}", Path(parsed.database))


def _copy(engine: Engine, target: Path) -> Copied:
    if not target.parent.is_dir():
        raise DatabaseUnusable(
            f"{target}: found no directory {target.parent}, expected one to put the copy in"
        )
    for suffix in _BESIDE:
        there = target.with_name(target.name + suffix)
        if there.exists():
            raise DatabaseUnusable(
                f"{target}: found {there.name} there, expected nothing. A copy replaces nothing: move it away first"
            )
    RecordReader(engine)  # says so if there is no market
    part = target.with_name(f".{target.name}.part")
    try:
        part.unlink(missing_ok=True)
        with engine.connect() as source, closing(sqlite3.connect(part)) as copy:
            # all pages in one step: a single read transaction, which a writer can neither change nor restart
            _sqlite_of(source).backup(copy)
        copied = _verified(part)
        _put_into_place(part, target)
    except sqlite3.Error as error:
        raise DatabaseUnusable(f"{target}: found {error}, expected room for a copy") from None
    finally:
        for suffix in (*_BESIDE, "-shm"):
            with suppress(OSError):
                part.with_name(part.name + suffix).unlink()
    return copied


def _sqlite_of(connection: Connection) -> sqlite3.Connection:
    found = connection.connection.driver_connection
    if not isinstance(found, sqlite3.Connection):
        raise DatabaseUnusable(
            f"database: found a connection of {type(found).__name__}, expected one of sqlite3"
        )
    return found


def _verified(path: Path) -> Copied:
    """Read a copy back: its pages fit together, and its record is whole."""
    engine = open_database(f"sqlite:///{path}", must_exist=True)
    try:
        with engine.connect() as connection:
            found = _condition(connection)
        if found != "ok":
            raise DatabaseUnusable(f"copy: found {found}, expected a sound database")
        record = RecordReader(engine)
        record.verify()
        number, head = record.head()
    finally:
        engine.dispose()
    return Copied(number, head, path.stat().st_size)


def _condition(connection: Connection) -> str:
    """Return "ok", or in SQLite's words the first thing that is wrong with the pages of a database."""
    try:
        return str(connection.exec_driver_sql("PRAGMA integrity_check(1)").scalar_one())
    except DBAPIError as error:  # a page that not even the check can read
        return str(error.orig)


def _put_into_place(part: Path, target: Path) -> None:
    """Rename, with the content on the disk before, and the name after."""
    _sync(part)
    part.rename(target)
    _sync(target.parent)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
