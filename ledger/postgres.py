"""PostgreSQL: one database per market, its tables in a schema of their own, commits flushed before they return."""

import os
import socket
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import URL
from sqlalchemy.pool import ConnectionPoolEntry

from ledger.unusable import DatabaseUnusable, named

if TYPE_CHECKING:
    import psycopg

SCHEMA = "ccei"
LOCK_TIMEOUT_S = 30
OLDEST_VERSION = 140_000
"""PostgreSQL 14: earlier ones cannot keep a session that waits for its next batch from being ended."""

_SESSION = {
    "search_path": SCHEMA,
    "synchronous_commit": "on",
    # A transaction sees one state from its first statement on, as in SQLite.
    "default_transaction_isolation": "repeatable read",
    "lock_timeout": f"{LOCK_TIMEOUT_S}s",
    # Some accounts have a line and some have millions: no plan for one is kept for the next.
    "plan_cache_mode": "force_custom_plan",
    # The writer's place ends with its session: nothing but a broken connection may end that.
    "statement_timeout": "0",
    "idle_session_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
    # The server gives a machine that has gone silent up as soon as we would give up the server (`_PATIENCE`).
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
    "timezone": "UTC",
}
_DEMANDED = {
    "fsync": "on",
    "full_page_writes": "on",
    "synchronous_commit": "on",
    "server_encoding": "UTF8",
}
_PATIENCE: dict[str, str | int] = {
    "connect_timeout": 10,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}
"""How soon a server that has gone silent is given up: seconds, the last in milliseconds."""


def postgres_engine(url: URL) -> Engine:
    """Return an engine on the database of a URL; other connection parameters in it are libpq's, and win."""
    name = f"ccei, process {os.getpid()} on {socket.gethostname()}"[:63]
    ours = {"application_name": name, "client_encoding": "utf8", **_PATIENCE}
    arguments = {name: value for name, value in ours.items() if name not in url.query}
    engine = create_engine(url.set(drivername="postgresql+psycopg"), connect_args=arguments)
    event.listen(engine, "connect", _prepare)
    return engine


def check_durable(connection: Connection) -> None:
    """Check that a commit will be on the server's disk when it returns.

    Raises:
        DatabaseUnusable: naming the first setting of the server that does not promise it.
    """
    where = f"database {named(connection.engine.url)}"
    rows = connection.execute(
        text("SELECT name, setting FROM pg_settings WHERE name = ANY(:names)"), {"names": list(_DEMANDED)}
    )
    found = {row.name: row.setting for row in rows}
    for name, expected in _DEMANDED.items():
        if found[name] != expected:
            raise DatabaseUnusable(
                f"{where}: found {name} = {found[name]}, expected {expected}: "
                "the server does not promise that what is committed is kept"
            )


def _prepare(connection: "psycopg.Connection[object]", _entry: ConnectionPoolEntry) -> None:
    version = connection.info.server_version
    if version < OLDEST_VERSION:
        # an earlier one does not know every setting that follows
        raise DatabaseUnusable(
            f"database {connection.info.dbname}: found PostgreSQL {version // 10_000}, expected "
            f"{OLDEST_VERSION // 10_000} or later"
        )
    connection.autocommit = True
    with connection.cursor() as cursor:
        for name, value in _SESSION.items():
            cursor.execute("SELECT set_config(%s, %s, false)", (name, value))
    connection.autocommit = False
