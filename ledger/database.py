"""Open the database: SQLite in WAL mode, where a commit is on the disk when it returns."""

import sqlite3
from pathlib import Path

from sqlalchemy import Connection, Engine, create_engine, event, inspect
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.pool import ConnectionPoolEntry, StaticPool

from ledger.tables import SCHEMA_VERSION, Readable, Truth

APPLICATION_ID = 0x43434549
"""Marks a SQLite file as ours: the letters CCEI."""
BUSY_TIMEOUT_MS = 30_000
MEMORY_URL = "sqlite://"
_EXPECTED_URL = "sqlite:///relative/market.db, sqlite:////absolute/market.db or sqlite:// (in memory)"


class DatabaseUnusable(Exception):
    """The database cannot be opened or written, or holds something else. Says what was found and expected."""


def open_database(url: str, *, must_exist: bool = False) -> Engine:
    """Open the database at `url`, and create its tables where it is new.

    In memory (`sqlite://`), nothing outlives the engine: for tests and for comparing. `must_exist` is for those who only
    read: it refuses to create a file, or to bring one of an earlier schema version forward. Otherwise that drops the
    readable tables and makes them again, empty: a rebuild fills them from the record, which it leaves alone.

    Raises:
        DatabaseUnusable: if the URL is unknown, the file cannot be opened or written, is no database of this
            program, or has another schema version.
    """
    parsed = _parse(url)
    path = parsed.database or ""
    in_memory = path in ("", ":memory:")
    if not in_memory:
        _check_path(Path(path), must_exist=must_exist)
    pool = {"poolclass": StaticPool} if in_memory else {}
    engine = create_engine(parsed, connect_args={"check_same_thread": False}, **pool)
    event.listen(engine, "connect", _prepare)
    try:
        with engine.begin() as connection:
            # sqlite3 begins no transaction for DDL by itself: a crash would leave half of the tables
            connection.exec_driver_sql("BEGIN" if must_exist else "BEGIN IMMEDIATE")
            _check_schema(connection, path, bring_forward=not must_exist)
            mode = connection.exec_driver_sql("PRAGMA journal_mode").scalar_one()
        if not in_memory and mode != "wal":
            raise DatabaseUnusable(
                f"database {path}: found journal mode {mode}, expected wal (is it on a network file system?)"
            )
    except DBAPIError as error:
        engine.dispose()
        raise DatabaseUnusable(f"database {path}: found {error.orig}, expected a writable database") from None
    except DatabaseUnusable:
        engine.dispose()
        raise
    return engine


def remove_database(url: str) -> None:
    """Remove the file of a database, and what SQLite and a writer keep beside it. One in memory has none.

    Raises:
        DatabaseUnusable: if the URL is unknown, or a directory stands there.
    """
    path = _parse(url).database or ""
    if path in ("", ":memory:"):
        return
    _check_path(Path(path), must_exist=False)
    for suffix in ("", "-wal", "-shm", ".lock"):
        Path(path + suffix).unlink(missing_ok=True)


def file_of(engine: Engine) -> Path | None:
    """Return the file behind an engine, None for one in memory."""
    path = engine.url.database or ""
    return None if path in ("", ":memory:") else Path(path).resolve()


def _parse(url: str) -> URL:
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise DatabaseUnusable(f"database: found {url!r}, expected {_EXPECTED_URL}") from None
    if parsed.drivername not in ("sqlite", "sqlite+pysqlite"):
        raise DatabaseUnusable(f"database: found {parsed.drivername}, expected {_EXPECTED_URL}")
    return parsed


def _check_path(path: Path, *, must_exist: bool) -> None:
    if path.is_dir():
        raise DatabaseUnusable(f"database {path}: found a directory, expected a file")
    if not path.parent.is_dir():
        raise DatabaseUnusable(
            f"database {path}: found no directory {path.parent}, expected one to put it in"
        )
    if must_exist and not path.exists():
        raise DatabaseUnusable(f"database {path}: found nothing, expected an existing database")


def _prepare(connection: sqlite3.Connection, _entry: ConnectionPoolEntry) -> None:
    for pragma in (f"busy_timeout = {BUSY_TIMEOUT_MS}", "synchronous = FULL"):
        connection.execute(f"PRAGMA {pragma}")
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (is_used,) = connection.execute("PRAGMA schema_version").fetchone()
    if (
        application == APPLICATION_ID or not is_used
    ):  # the mode is kept in the file: another program's stays as it is
        connection.execute("PRAGMA journal_mode = WAL")


def _check_schema(connection: Connection, path: str, *, bring_forward: bool) -> None:
    """Create the tables of a new database, bring an earlier one forward; refuse any other."""
    application = connection.exec_driver_sql("PRAGMA application_id").scalar_one()
    version = connection.exec_driver_sql("PRAGMA user_version").scalar_one()
    if application == APPLICATION_ID:
        if version == SCHEMA_VERSION:
            return
        if not 1 <= version < SCHEMA_VERSION or not bring_forward:
            earlier = " (start the market on it once to bring it forward)" if version < SCHEMA_VERSION else ""
            raise DatabaseUnusable(
                f"database {path}: found schema version {version}, expected {SCHEMA_VERSION}{earlier}"
            )
        Readable.metadata.drop_all(connection)
    else:
        tables = inspect(connection).get_table_names()
        if tables or application:
            raise DatabaseUnusable(
                f"database {path}: found another program's database (tables {', '.join(tables) or 'none'}), "
                "expected a new one or one of this market"
            )
    Truth.metadata.create_all(connection)
    Readable.metadata.create_all(connection)
    connection.exec_driver_sql(f"PRAGMA user_version = {SCHEMA_VERSION}")
    connection.exec_driver_sql(f"PRAGMA application_id = {APPLICATION_ID}")
