"""What can be wrong with a database, beside what stands in it, and how messages name it."""

from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError


class DatabaseUnusable(Exception):
    """The database cannot be opened or written, or holds something else. Says what was found and expected."""


class DatabaseSilent(DatabaseUnusable):
    """No server answers, or it is only just starting: it may do later."""


class RecordInUse(Exception):
    """Another process writes this record. There is one writer, ever."""


def unusable(url: URL, error: DBAPIError) -> DatabaseUnusable:
    """Return what to tell of a database that cannot be opened, in one line."""
    found = said(error)
    # a server that answers and says no calls it fatal; it says so too while it starts
    is_silent = url.get_backend_name() != "sqlite" and (
        "FATAL" not in found or "starting up" in found or "shutting down" in found
    )
    kind = DatabaseSilent if is_silent else DatabaseUnusable
    return kind(f"database {named(url)}: found {found}, expected a database that can be written")


def named(url: URL) -> str:
    """Return how messages name a database: a file by its path, any other by its URL, never with its password."""
    path = url.database if url.get_backend_name() == "sqlite" else None
    return path or shown(url)


def shown(url: URL) -> str:
    """Return a URL as it may be shown: of what follows the `?`, where a password may stand too, the host alone."""
    query = {name: value for name, value in url.query.items() if name == "host"}
    bare = url.set(drivername=url.get_backend_name(), query=query)
    return bare.render_as_string(hide_password=True).replace("%2F", "/")


def said(error: DBAPIError) -> str:
    """Return what the database said, in one line, without the statement and all its values."""
    return " ".join(str(error.orig).split())
