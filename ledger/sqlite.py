"""SQLite: one file in WAL mode, where a commit is on the disk when it returns."""

import sqlite3
from functools import partial
from pathlib import Path

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL
from sqlalchemy.pool import ConnectionPoolEntry, StaticPool

from ledger.unusable import DatabaseUnusable

APPLICATION_ID = 0x43434549
"""Marks a file as ours: the letters CCEI."""
BUSY_TIMEOUT_MS = 30_000


def path_of(url: URL) -> Path | None:
    """Return the file of a SQLite URL, None for one in memory."""
    path = url.database or ""
    return None if path in ("", ":memory:") else Path(path)


def sqlite_engine(url: URL, *, must_exist: bool) -> Engine:
    """Return an engine on the file of a URL, which is created when first used unless it must exist.

    Raises:
        DatabaseUnusable: if there cannot be a file, there is none and there must be, or the URL says more than its path.
    """
    if url.query or (url.database or "").startswith("file:"):
        raise DatabaseUnusable(
            f"database {url.database}: found parameters, or SQLite's own form of URL, expected sqlite:///FILE: "
            "one file would have two names, and two writers"
        )
    path = path_of(url)
    if path is not None:
        check_path(path, must_exist=must_exist)
    pool = {"poolclass": StaticPool} if path is None else {}
    engine = create_engine(url, connect_args={"check_same_thread": False}, **pool)
    event.listen(engine, "connect", partial(_prepare, may_begin=not must_exist))
    return engine


def check_path(path: Path, *, must_exist: bool) -> None:
    """Check that a database file can be at a path.

    Raises:
        DatabaseUnusable: if a directory is there, nothing to put a file in, or no file where there must be one.
    """
    if path.is_dir():
        raise DatabaseUnusable(f"database {path}: found a directory, expected a file")
    if not path.parent.is_dir():
        raise DatabaseUnusable(
            f"database {path}: found no directory {path.parent}, expected one to put it in"
        )
    if must_exist and not path.exists():
        raise DatabaseUnusable(f"database {path}: found nothing, expected an existing database")


def check_durable(connection: Connection) -> None:
    """Check that a commit will be on the disk when it returns.

    Raises:
        DatabaseUnusable: if the file system does not do what that needs.
    """
    path = path_of(connection.engine.url)
    mode = connection.exec_driver_sql("PRAGMA journal_mode").scalar_one()
    if path is not None and mode != "wal":
        raise DatabaseUnusable(
            f"database {path}: found journal mode {mode}, expected wal (is it on a network file system?)"
        )


def _prepare(connection: sqlite3.Connection, _entry: ConnectionPoolEntry, *, may_begin: bool) -> None:
    for pragma in (f"busy_timeout = {BUSY_TIMEOUT_MS}", "synchronous = FULL"):
        connection.execute(f"PRAGMA {pragma}")
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (is_used,) = connection.execute("PRAGMA schema_version").fetchone()
    if application == APPLICATION_ID or (may_begin and not is_used):
        # the mode is kept in the file: another program's stays as it is
        connection.execute("PRAGMA journal_mode = WAL")
