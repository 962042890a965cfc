"""Copy a market while it is being written, and put a copy back: whole and verified, or not at all.

A copy is a SQLite file, whatever database it was made from, and can be put into either: so a market can move, too.
"""

import errno
import os
import sqlite3
import stat
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import URL, Connection, Engine
from sqlalchemy.exc import DBAPIError

from ledger.copying import Told, copy_market, untold
from ledger.database import DatabaseUnusable, file_of, new_database, open_database, parse
from ledger.genesis import WrongMarket, stored_genesis
from ledger.record import RecordReader, read_rows, verified
from ledger.sqlite import path_of
from ledger.unusable import named

_BESIDE = ("", "-wal", "-journal")
"""What SQLite would take for a part of a database of that name."""
_NO_LINKS = (errno.EPERM, errno.EOPNOTSUPP)
"""How file systems without hard links refuse one."""
_LASTING = "expected one that lasts: sqlite:///FILE or postgresql://…"


@dataclass(frozen=True, slots=True)
class Copied:
    """What a copy holds: so many batches, the last with this hash."""

    batches: int
    head: bytes


def back_up(url: str | URL, target: Path, *, told: Told = untold) -> Copied:
    """Copy the market at `url` to a new file, also while it runs, and verify the copy.

    The copy is the database as it stood between two commits: all batches up to one, and none after. The writer does not
    wait for it. Of SQLite the pages are copied, and its write-ahead log grows meanwhile; of PostgreSQL the rows, of which
    `told` hears.

    Raises:
        DatabaseUnusable: if there is no database of a market, or something stands where the copy would go.
        WrongMarket: if no market was ever recorded there.
        BrokenChain: if the copied record is not whole; there is then no copy.
    """
    engine = open_database(url, must_exist=True)
    try:
        if engine.dialect.name == "sqlite" and file_of(engine) is None:
            raise DatabaseUnusable(f"database {url}: found one in memory, {_LASTING}")
        with _new_file(target, like=file_of(engine)) as part:
            RecordReader(engine)  # says so if there is no market
            if engine.dialect.name == "sqlite":
                _copy_pages(engine, part)
            else:
                with engine.connect() as source, new_database(_url_of(part)) as copy:
                    copy_market(source, copy, told=told)
            return _verified_file(part)
    finally:
        engine.dispose()


def restore(copy: Path, url: str, *, told: Told = untold) -> Copied:
    """Make a market at `url`, of either kind of database, from a copy, and verify it.

    Nothing is replaced: no database may be there, nor what one left; on PostgreSQL, no tables. `told` hears of the rows
    that are copied there.

    Raises:
        DatabaseUnusable, WrongMarket, BrokenChain: as for `back_up`.
        RecordInUse: if another process is about to make a market there.
    """
    parsed = parse(url)
    if parsed.get_backend_name() == "sqlite":
        file = path_of(parsed)
        if file is None:
            raise DatabaseUnusable(f"database {url}: found one in memory, {_LASTING}")
        return back_up(_url_of(copy), file)
    source = open_database(_url_of(copy), must_exist=True)
    try:
        with source.connect() as connection:
            _check_pages(connection)
            _verified(connection)
        with source.connect() as connection, new_database(url) as target:
            copy_market(connection, target, told=told)
            return _verified(target)
    finally:
        source.dispose()


@contextmanager
def _new_file(target: Path, *, like: Path | None) -> Iterator[Path]:
    """Give a neighbour of a file to write to; it gets the file's name if all goes well, and else is gone.

    Whoever may read the file that it is like may read it; without one, its owner alone.
    """
    if not target.parent.is_dir():
        raise DatabaseUnusable(
            f"{target}: found no directory {target.parent}, expected one to put the copy in"
        )
    _check_free(target)
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.", suffix=".part")
    part = Path(name)
    try:
        if like is not None:
            os.fchmod(handle, stat.S_IMODE(like.stat().st_mode))
        yield part
        _put_into_place(part, target)
    finally:
        os.close(handle)
        for suffix in (*_BESIDE, "-shm", ".lock"):
            with suppress(OSError):
                part.with_name(part.name + suffix).unlink()


def _check_free(target: Path) -> None:
    for suffix in _BESIDE:
        there = target.with_name(target.name + suffix)
        if there.exists():
            raise DatabaseUnusable(
                f"{target}: found {there.name} there, expected nothing. A copy replaces nothing: move it away first"
            )


def _copy_pages(engine: Engine, part: Path) -> None:
    try:
        with engine.connect() as source, closing(sqlite3.connect(part)) as copy:
            # all pages in one step: a single read transaction, which a writer can neither change nor restart
            _sqlite_of(source).backup(copy)
    except sqlite3.Error as error:
        raise DatabaseUnusable(f"{part}: found {error}, expected room for a copy") from None


def _sqlite_of(connection: Connection) -> sqlite3.Connection:
    found = connection.connection.driver_connection
    if not isinstance(found, sqlite3.Connection):
        raise DatabaseUnusable(
            f"database: found a connection of {type(found).__name__}, expected one of sqlite3"
        )
    return found


def _verified_file(path: Path) -> Copied:
    """Read a copy back: its pages fit together, and its record is whole."""
    engine = open_database(_url_of(path), must_exist=True)
    try:
        with engine.connect() as connection:
            _check_pages(connection)
            return _verified(connection)
    finally:
        engine.dispose()


def _check_pages(connection: Connection) -> None:
    found = _condition(connection)
    if found != "ok":
        raise DatabaseUnusable(
            f"database {named(connection.engine.url)}: found {found}, expected a sound database"
        )


def _verified(connection: Connection) -> Copied:
    """Check the record as a connection sees it, which may not have committed it yet."""
    genesis = stored_genesis(connection)
    if genesis is None:
        raise WrongMarket(f"{named(connection.engine.url)}: found no market, expected the record of one")
    copied = Copied(0, genesis.hash)
    for row in verified(read_rows(lambda: nullcontext(connection)), previous=genesis.hash):
        copied = Copied(row.number, row.hash)
    return copied


def _condition(connection: Connection) -> str:
    """Return "ok", or in SQLite's words the first thing that is wrong with the pages of a database."""
    try:
        return str(connection.exec_driver_sql("PRAGMA integrity_check(1)").scalar_one())
    except DBAPIError as error:  # a page that not even the check can read
        return str(error.orig)


def _put_into_place(part: Path, target: Path) -> None:
    """Give a copy its name, with the content on the disk before, and the name after; nothing is replaced.

    What came to stand there meanwhile, such as a market that was started, has the name already: two names for the copy,
    of which the other one goes, tell that, as renaming would not.
    """
    _sync(part)
    _check_free(target)
    try:
        os.link(part, target)
    except FileExistsError:
        _check_free(target)
        raise
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        raise DatabaseUnusable(
            f"{target}: found a file system that gives a file no second name, expected one with hard links: copy to one "
            "that has them, and move the copy"
        ) from None
    part.unlink()
    _sync(target.parent)


def _url_of(path: Path) -> URL:
    return URL.create("sqlite", database=str(path))


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
