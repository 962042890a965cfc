"""Open the database of a market, SQLite or PostgreSQL: a commit is on the disk when it returns, on both."""

from pathlib import Path

from sqlalchemy import Engine
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError

from ledger import postgres, schema, sqlite
from ledger.unusable import DatabaseUnusable, RecordInUse, named, unusable
from ledger.writer import take_writers_place

__all__ = [
    "MEMORY_URL",
    "DatabaseUnusable",
    "RecordInUse",
    "file_of",
    "open_database",
    "remove_database",
]

MEMORY_URL = "sqlite://"
_EXPECTED_URL = (
    "sqlite:///relative/market.db, sqlite:////absolute/market.db, sqlite:// (in memory) or "
    "postgresql://user@host/database"
)
_SQLITE = ("sqlite", "sqlite+pysqlite")
_POSTGRES = ("postgresql", "postgresql+psycopg", "postgres")


def open_database(url: str, *, must_exist: bool = False, bring_forward: bool = False) -> Engine:
    """Open the database at `url`, create its tables where it is new, bring it forward where it is of an earlier version.

    In memory (`sqlite://`), nothing outlives the engine: for tests and for comparing. `must_exist` is for those who only
    read: it refuses to create anything, and to bring an earlier version forward unless told so. Bringing forward leaves
    the record alone, and empties the readable tables where their shape has changed: a rebuild fills them.

    Raises:
        DatabaseUnusable: if the URL is unknown, the database cannot be opened or written, does not promise to keep what
            is committed, is not of this program, or has the schema of another version.
        RecordInUse: if it has to be brought forward, and another process writes it.
    """
    parsed = _parse(url)
    if parsed.drivername in _SQLITE:
        engine, check_durable = sqlite.sqlite_engine(parsed, must_exist=must_exist), sqlite.check_durable
    else:
        engine, check_durable = postgres.postgres_engine(parsed), postgres.check_durable
    try:
        with engine.connect() as connection:
            if connection.dialect.name == "sqlite":
                # the driver begins no transaction for reading: what is seen could change between two looks
                connection.exec_driver_sql("BEGIN")
            if must_exist and not bring_forward:
                schema.check_schema(connection)
            elif must_exist:
                schema.check_market(connection)
            current = schema.is_current(connection)
            check_durable(connection)
        if not current:
            _bring_forward(engine)
    except DBAPIError as error:
        engine.dispose()
        raise unusable(engine.url, error) from None
    except BaseException:
        engine.dispose()
        raise
    return engine


def remove_database(url: str) -> None:
    """Remove the file of a database, and what SQLite and a writer keep beside it. One in memory has none.

    Raises:
        DatabaseUnusable: if the URL is unknown or no file's, or a directory stands there.
    """
    parsed = _parse(url)
    if parsed.drivername not in _SQLITE:
        raise DatabaseUnusable(
            f"database {named(parsed)}: found a server's database, expected a file to replace"
        )
    path = sqlite.path_of(parsed)
    if path is None:
        return
    sqlite.check_path(path, must_exist=False)
    for suffix in ("", "-wal", "-shm", ".lock"):
        Path(f"{path}{suffix}").unlink(missing_ok=True)


def file_of(engine: Engine) -> Path | None:
    """Return the file behind an engine, None for one in memory or on a server."""
    path = sqlite.path_of(engine.url) if engine.dialect.name == "sqlite" else None
    return None if path is None else path.resolve()


def _bring_forward(engine: Engine) -> None:
    place = take_writers_place(engine)
    try:
        schema.bring_forward(place.connection)
    finally:
        place.close()


def _parse(url: str) -> URL:
    try:
        parsed = make_url(url)
    except ArgumentError:
        shown = url.rpartition("@")[2]  # what stands before it may be a password
        raise DatabaseUnusable(f"database: found {shown!r}, expected {_EXPECTED_URL}") from None
    if parsed.drivername not in (*_SQLITE, *_POSTGRES):
        raise DatabaseUnusable(f"database: found {parsed.drivername}, expected {_EXPECTED_URL}")
    return parsed
