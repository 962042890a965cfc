"""What can be wrong with a database, beside what stands in it, and how messages name it."""

import sqlite3
from typing import Final

from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError, ProgrammingError

_EXPECTED: Final = {
    sqlite3.SQLITE_NOTADB: "one of this market",
    sqlite3.SQLITE_CORRUPT: "a sound one: keep its files, and restore the last copy that audits well",
    sqlite3.SQLITE_FULL: "room on its disk: make some, and keep all its files",
    sqlite3.SQLITE_IOERR: "a disk that works and has room: look at the system's log",
}
"""What to tell of SQLite's primary result codes, beside what it says itself."""


class DatabaseUnusable(Exception):
    """The database cannot be opened or written, or holds something else. Says what was found and expected."""


class DatabaseSilent(DatabaseUnusable):
    """No server answers, or it is only just starting: it may do later."""


class RecordInUse(Exception):
    """Another process writes this record. There is one writer, ever."""


def unusable(url: URL, error: DBAPIError) -> DatabaseUnusable:
    """Return what to tell of a database that cannot be opened, in one line."""
    found = said(error)
    # a server that answers and says no calls it fatal; it says so too while it starts. Of a URL with a parameter that it
    # does not know, the driver says that the program is wrong
    is_silent = (
        url.get_backend_name() != "sqlite"
        and not isinstance(error, ProgrammingError)
        and ("FATAL" not in found or "starting up" in found or "shutting down" in found)
    )
    if is_silent:
        return DatabaseSilent(f"database {named(url)}: found {found}, expected a server that answers")
    code = (
        getattr(error.orig, "sqlite_errorcode", sqlite3.SQLITE_OK) & 0xFF
    )  # without what it adds to a primary one
    expected = _EXPECTED.get(code, "a database that can be written")
    return DatabaseUnusable(f"database {named(url)}: found {found}, expected {expected}")


def named(url: URL) -> str:
    """Return how messages name a database: a file by its path, any other by its URL, never with its password."""
    path = url.database if url.get_backend_name() == "sqlite" else None
    return path or shown(url)


def shown(url: URL) -> str:
    """Return a URL as it may be shown: of what follows the `?`, where a password may stand too, host and port alone."""
    query = {name: value for name, value in url.query.items() if name in ("host", "port")}
    bare = url.set(drivername=url.get_backend_name(), query=query)
    return bare.render_as_string(hide_password=True).replace("%2F", "/")


def said(error: DBAPIError) -> str:
    """Return what the database said, in one line, without the statement and all its values."""
    return " ".join(str(error.orig).split())
