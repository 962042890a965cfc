"""The writer's place: there is one per record, and it is lost with the process, or with a connection, that holds it.

A SQLite file has a lock file beside it, which the operating system releases when the process ends, however it ends. On
PostgreSQL each of the writer's sessions holds an advisory lock of its own: one appends to the record, the other writes the
outbox and the bookmarks, from another thread. Whoever has lost a lock cannot write over its session, and nobody takes the
place before both are free: so nothing is written any more when a new writer reads what there is. Readable tables and
snapshots go over other sessions; they are made again from the record. `confirm` is for whoever writes nothing for a while.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError, OperationalError

from ledger.sqlite import path_of
from ledger.unusable import DatabaseUnusable, RecordInUse, named, said

_RECORD_KEY = 0x43434549
_OUTBOX_KEY = 0x4343454F
"""The letters CCEI and CCEO; PostgreSQL keeps such keys per database."""

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
class WritersSession:
    """A connection over which only the writer writes. Use it from one thread at a time."""

    connection: Connection
    _key: int
    _file: TextIO | None

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        """Begin a transaction that can be committed only while the place is ours.

        Raises:
            PlaceLost: if it is not, or the session has ended.
        """
        self._expect_held()
        try:
            with self.connection.begin():
                yield self.connection
        except DBAPIError as error:
            if not error.connection_invalidated:
                raise
            raise self._lost(said(error)) from error

    def confirm(self) -> None:
        """Make sure that the place is still held. Nobody tells a writer that has nothing to write.

        Raises:
            PlaceLost: if it is not, or the database does not answer.
        """
        self._expect_held()
        if self.connection.dialect.name != "postgresql":
            return
        try:
            with self.connection.begin():
                held = self.connection.scalar(_IS_HELD, {"key": self._key})
        except DBAPIError as error:
            raise self._lost(said(error)) from error
        if not held:
            raise PlaceLost(f"{self._where}: found a session without the writer's lock, expected ours")

    def _expect_held(self) -> None:
        """Look at what costs nothing to look at: the lock file, and whether the session was seen to end."""
        if self._file is not None and not _is_still(self._file):
            raise PlaceLost(f"{self._where}: found another lock file, or none, expected {self._file.name}")
        # what is asked of it next would go over a new session, without the lock
        if self.connection.invalidated:
            raise self._lost("the session has ended")

    def _lost(self, found: str) -> PlaceLost:
        return PlaceLost(f"{self._where}: found {found}, expected the writer's session")

    @property
    def _where(self) -> str:
        return f"record {named(self.connection.engine.url)}"


@dataclass(slots=True)
class WritersPlace:
    """The writer's place, until `close`: a session for the record, and one for what another thread writes beside it."""

    record: WritersSession
    beside: WritersSession
    _file: TextIO | None

    @property
    def engine(self) -> Engine:
        """The database."""
        return self.record.connection.engine

    def close(self) -> None:
        """Give up the place."""
        self.record.connection.close()
        self.beside.connection.close()
        if self._file is not None:
            self._file.close()


def take_writers_place(engine: Engine) -> WritersPlace:
    """Take the writer's place of the record in a database. In memory, where nobody else comes, it is always free.

    Raises:
        RecordInUse: if another writer holds it, naming him.
        DatabaseUnusable: if the lock file beside a SQLite file cannot be written.
    """
    path = path_of(engine.url) if engine.dialect.name == "sqlite" else None
    with ExitStack() as taken:
        file = None if path is None else taken.enter_context(_lock_file(path.resolve()))
        record, beside = (
            WritersSession(taken.enter_context(_session(engine, key)), key, file)
            for key in (_RECORD_KEY, _OUTBOX_KEY)
        )
        taken.pop_all()
    return WritersPlace(record, beside, file)


@contextmanager
def sole_holder(path: Path) -> Iterator[None]:
    """Hold the writer's place of a SQLite file that need not be there.

    Raises:
        RecordInUse: if somebody else holds it.
    """
    with _lock_file(path.resolve()):
        yield


def _session(engine: Engine, key: int) -> Connection:
    """Connect, and on PostgreSQL take the lock of this key for as long as the session lasts."""
    connection = engine.connect()
    if engine.dialect.name != "postgresql":
        return connection
    try:
        connection.detach()  # closing it ends the session, and the lock with it
        connection.execute(text(f"SET LOCAL lock_timeout = {_PREDECESSOR_MS}"))
        try:
            connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": key})
        except OperationalError as error:
            connection.rollback()
            holder = connection.execute(_HOLDER, {"key": key}).first()
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
