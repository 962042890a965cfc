"""Open the database of a market, SQLite or PostgreSQL: a commit is on the disk when it returns, on both."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, Engine
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError

from ledger import postgres, schema, sqlite
from ledger.unusable import DatabaseUnusable, RecordInUse, named, unusable
from ledger.writer import sole_holder, take_writers_place

__all__ = [
    "MEMORY_URL",
    "DatabaseUnusable",
    "RecordInUse",
    "file_of",
    "new_database",
    "open_database",
    "parse",
    "remove_database",
]

MEMORY_URL = "sqlite://"
_EXPECTED_URL = (
    "sqlite:///relative/market.db, sqlite:////absolute/market.db, sqlite:// (in memory) or "
    "postgresql://user@host/database"
)
_SQLITE = ("sqlite", "sqlite+pysqlite")
_POSTGRES = ("postgresql", "postgresql+psycopg", "postgres")


def parse(url: str | URL) -> URL:
    """Return the URL of a database.

    Raises:
        DatabaseUnusable: if it is none, or of a kind that is unknown. What stands in it is not repeated: it may be a
            password.
    """
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        kind, colon, _ = str(url).partition(":")
        raise DatabaseUnusable(
            f"database: found {kind + (colon and ':…')!r}, expected {_EXPECTED_URL}"
        ) from None
    if parsed.drivername not in (*_SQLITE, *_POSTGRES):
        raise DatabaseUnusable(f"database: found {parsed.drivername}, expected {_EXPECTED_URL}")
    if parsed.drivername in _SQLITE and any((parsed.username, parsed.password, parsed.host, parsed.port)):
        raise DatabaseUnusable(f"database: found sqlite:// with a host, expected {_EXPECTED_URL}")
    return parsed


def open_database(url: str | URL, *, must_exist: bool = False, bring_forward: bool = False) -> Engine:
    """Open the database at `url`, create its tables where it is new, bring it forward where it is of an earlier version.

    In memory (`sqlite://`), nothing outlives the engine: for tests and for comparing. `must_exist` is for those who only
    read: it refuses to create anything, and to bring an earlier version forward unless told so. Bringing forward leaves
    the record alone, and empties the readable tables where their shape has changed: a rebuild fills them.

    Raises:
        DatabaseUnusable: if the URL is unknown, the database cannot be opened or written, does not promise to keep what
            is committed, is not of this program, or has the schema of another version.
        RecordInUse: if it has to be brought forward, and another process writes it.
    """
    engine = _engine(url, must_exist=must_exist)
    with _usable(engine):
        with engine.connect() as connection:
            if connection.dialect.name == "sqlite":
                # the driver begins no transaction for reading: what is seen could change between two looks
                connection.exec_driver_sql("BEGIN")
            if must_exist and not bring_forward:
                schema.check_schema(connection)
            elif must_exist:
                schema.check_market(connection)
            current = schema.is_current(connection)
            _check_durable(connection)
        if not current:
            _bring_forward(engine)
    return engine


@contextmanager
def new_database(url: str | URL) -> Iterator[Connection]:
    """Make the tables of a new database, for the caller to fill within the same transaction: all of it, or nothing.

    The connection is that of the one writer, so that no market begins there meanwhile.

    Raises:
        DatabaseUnusable: if the URL is unknown, the database cannot be written, does not promise to keep what is
            committed, or has tables already.
        RecordInUse: if another process writes it.
    """
    engine = _engine(url, must_exist=False)
    with _usable(engine):
        with engine.connect() as connection:
            _check_durable(connection)
        place = take_writers_place(engine)
    try:
        with schema.in_one_transaction(place.record.connection):
            with _usable(engine):
                schema.create(place.record.connection)
            yield place.record.connection
    finally:
        place.close()
        engine.dispose()


def remove_database(url: str) -> None:
    """Remove the file of a database, and what SQLite keeps beside it. One in memory has none. The lock file stays.

    Raises:
        DatabaseUnusable: if the URL is unknown or no file's, or a directory stands there.
        RecordInUse: if somebody writes it.
    """
    parsed = parse(url)
    if parsed.drivername not in _SQLITE:
        raise DatabaseUnusable(
            f"database {named(parsed)}: found a server's database, expected a file to replace"
        )
    path = sqlite.path_of(parsed)
    if path is None:
        return
    sqlite.check_path(path, must_exist=False)
    with sole_holder(path):
        for suffix in ("", "-wal", "-shm"):
            Path(f"{path}{suffix}").unlink(missing_ok=True)


def file_of(engine: Engine) -> Path | None:
    """Return the file behind an engine, None for one in memory or on a server."""
    path = sqlite.path_of(engine.url) if engine.dialect.name == "sqlite" else None
    return None if path is None else path.resolve()


def _engine(url: str | URL, *, must_exist: bool) -> Engine:
    parsed = parse(url)
    if parsed.drivername in _SQLITE:
        return sqlite.sqlite_engine(parsed, must_exist=must_exist)
    return postgres.postgres_engine(parsed)


def _check_durable(connection: Connection) -> None:
    (sqlite if connection.dialect.name == "sqlite" else postgres).check_durable(connection)


@contextmanager
def _usable(engine: Engine) -> Iterator[None]:
    """Dispose of the engine where what is done with it fails; say what the database said."""
    try:
        yield
    except DBAPIError as error:
        engine.dispose()
        raise unusable(engine.url, error) from None
    except BaseException:
        engine.dispose()
        raise


def _bring_forward(engine: Engine) -> None:
    place = take_writers_place(engine)
    try:
        schema.bring_forward(place.record.connection)
    finally:
        place.close()
