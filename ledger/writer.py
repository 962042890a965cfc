"""The writer's place: there is one per record, and it is lost with the process, or with the connection, that holds it.

A SQLite file has a lock file beside it, which the operating system releases when the process ends, however it ends. On
PostgreSQL the place is an advisory lock of the very session that appends: whoever has lost the one cannot do the other.
What is written beside the record (outbox, tables, snapshots) goes over other sessions; `confirm` is for whoever appends
nothing for a while.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError, OperationalError

from ledger.sqlite import path_of
from ledger.unusable import DatabaseUnusable, RecordInUse, named, said

_LOCK_KEY = 0x43434549
"""The letters CCEI; PostgreSQL keeps such keys per database."""

_PREDECESSOR_MS = 2_000
"""How long the server may take to notice that the session of a process that was killed is gone."""

_HOLDER = text(
    "SELECT pid, application_name, client_addr FROM pg_locks JOIN pg_stat_activity USING (pid) "
    "WHERE locktype = 'advisory' AND granted AND classid = 0 AND objid = :key AND objsubid = 1 "
    "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
)


_IS_HELD = text(
    "SELECT count(*) FROM pg_locks WHERE pid = pg_backend_pid() AND locktype = 'advisory' AND granted "
    "AND classid = 0 AND objid = :key AND objsubid = 1"
)


class PlaceLost(Exception):
    """The writer's place is not ours any more: another process may have taken it. Write nothing more."""


@dataclass(slots=True)
class WritersPlace:
    """The writer's place, until `close`. What only the writer may do goes over its connection."""

    connection: Connection
    _file: TextIO | None

    def confirm(self) -> None:
        """Make sure that the place is still held. Nobody tells a writer that has nothing to write.

        Raises:
            PlaceLost: if it is not, or the database does not answer.
        """
        where = named(self.connection.engine.url)
        if self._file is not None and not _is_still(self._file):
            raise PlaceLost(f"record {where}: found another lock file, or none, expected {self._file.name}")
        if self.connection.dialect.name != "postgresql":
            return
        try:
            with self.connection.begin():
                held = self.connection.scalar(_IS_HELD, {"key": _LOCK_KEY})
        except DBAPIError as error:
            raise PlaceLost(f"record {where}: found {said(error)}, expected the writer's session") from error
        if not held:
            raise PlaceLost(f"record {where}: found a session without the writer's lock, expected ours")

    def close(self) -> None:
        """Give up the place."""
        self.connection.close()
        if self._file is not None:
            self._file.close()


def take_writers_place(engine: Engine) -> WritersPlace:
    """Take the writer's place of the record in a database. In memory, where nobody else comes, it is always free.

    Raises:
        RecordInUse: if another writer holds it, naming him.
        DatabaseUnusable: if the lock file beside a SQLite file cannot be written.
    """
    if engine.dialect.name == "postgresql":
        return WritersPlace(_lock_session(engine), None)
    path = path_of(engine.url)
    file = None if path is None else _lock_file(path.resolve())
    try:
        return WritersPlace(engine.connect(), file)
    except BaseException:
        if file is not None:
            file.close()
        raise


@contextmanager
def sole_holder(path: Path) -> Iterator[None]:
    """Hold the writer's place of a SQLite file that need not be there.

    Raises:
        RecordInUse: if somebody else holds it.
    """
    with _lock_file(path.resolve()):
        yield


def _lock_session(engine: Engine) -> Connection:
    connection = engine.connect()
    try:
        connection.detach()  # closing it ends the session, and the lock with it
        connection.execute(text(f"SET LOCAL lock_timeout = {_PREDECESSOR_MS}"))
        try:
            connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": _LOCK_KEY})
        except OperationalError as error:
            connection.rollback()
            holder = connection.execute(_HOLDER, {"key": _LOCK_KEY}).first()
            if holder is None:
                raise
            at = f" at {holder.client_addr}" if holder.client_addr is not None else ""
            raise RecordInUse(
                f"record {named(engine.url)}: another writer holds it (session {holder.pid}, "
                f"{holder.application_name!r}{at}); there can be one"
            ) from error
        connection.commit()
    except BaseException:
        connection.close()
        raise
    return connection


def _is_still(file: TextIO) -> bool:
    """Tell whether a file that was opened is the one that stands under its name."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), Path(file.name).stat())
    except FileNotFoundError:
        return False


def _lock_file(path: Path) -> TextIO:
    beside = path.with_name(path.name + ".lock")
    try:
        handle = beside.open("a+", encoding="ascii")
    except OSError as error:  # somebody else's, or no room
        raise DatabaseUnusable(
            f"{beside}: found {(error.strerror or str(error)).lower()}, expected a lock file that can be written"
        ) from None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        handle.seek(0)
        holder = handle.read().strip() or "unknown"
        handle.close()
        raise RecordInUse(
            f"record {path}: another writer holds it (process {holder}); there can be one"
        ) from None
    handle.truncate(0)
    handle.write(f"{os.getpid()}\n")
    handle.flush()
    return handle
