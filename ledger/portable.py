"""A record in one file that anybody can check: `ccei record export` writes it, `import` and `audit` read it.

    file  = "CCEI record 1\n" frame*          frame = length (4 bytes, big-endian) || msgpack
    frame = genesis, then a row per batch, then the end: the number of rows, and the SHA-256 of all before its frame

Every row carries its seal, so that a changed byte is named with its row; the end tells a whole file from one cut short.
Both directions go row by row: a record of any size takes no more memory than its largest row.
"""

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

import msgspec
from sqlalchemy import Connection, Engine, insert
from sqlalchemy.exc import DBAPIError

from ledger.database import DatabaseUnusable
from ledger.genesis import Genesis, claim, stored_genesis
from ledger.record import BrokenChain, RecordedBatch, Rows, verified
from ledger.seal import Stored
from ledger.tables import RecordRow, table
from ledger.unusable import named
from ledger.writer import take_writers_place
from market.orders import Address
from market.units import Malformed

MAGIC = b"CCEI record 1\n"
_SQLITE_MAGIC = b"SQLite format 3\0"
_LENGTH_BYTES = 4
_ROWS_PER_INSERT = 256
_RECORD = table(RecordRow)


class NoRecordFile(Malformed):
    """A file that is no exported record, or whose beginning was changed."""


class _GenesisFrame(msgspec.Struct, array_like=True, tag="genesis", frozen=True):
    name: str
    notice_period_s: Stored
    withdrawal_margin_s: Stored
    chain_id: str
    settlement: bytes
    hash: bytes


class _RowFrame(msgspec.Struct, array_like=True, tag="row", frozen=True):
    number: Stored
    time_us: Stored
    version: Stored
    commands: bytes
    events: bytes
    state_hash: bytes
    previous: bytes
    hash: bytes


class _EndFrame(msgspec.Struct, array_like=True, tag="end", frozen=True):
    rows: int
    digest: bytes


_Frame = _GenesisFrame | _RowFrame | _EndFrame
_DECODER = msgspec.msgpack.Decoder(_Frame)
_ROW_FIELDS = _RowFrame.__struct_fields__


def write_record(record: Rows, out: IO[bytes], *, progress: Callable[[int], None] = lambda _: None) -> int:
    """Write a record, checking it on the way; return the number of rows. `progress` is told each row's number.

    Raises:
        BrokenChain: if a row is not the one that was written. What is written by then is no whole file.
    """
    digest, rows = hashlib.sha256(), 0

    def write(content: bytes) -> None:
        digest.update(content)
        out.write(content)

    write(MAGIC)
    genesis = record.genesis
    write(
        _framed(
            _GenesisFrame(
                genesis.name,
                genesis.notice_period_s,
                genesis.withdrawal_margin_s,
                str(genesis.chain_id),
                genesis.settlement,
                genesis.hash,
            )
        )
    )
    for row in record.verified_rows():
        write(_framed(_RowFrame(*(getattr(row, name) for name in _ROW_FIELDS))))
        rows = row.number
        progress(rows)
    out.write(_framed(_EndFrame(rows, digest.digest())))
    return rows


def import_record(
    file: "RecordFile", engine: Engine, *, progress: Callable[[int], None] = lambda _: None
) -> int:
    """Put the record of a file into a database that has none, whole or not at all; return the number of rows.

    It takes the writer's place meanwhile, so that no market starts there. The readable tables stay empty: a rebuild fills
    them.

    Raises:
        RecordInUse: if another writer holds the database.
        DatabaseUnusable: if the database has a market, or cannot be written.
        BrokenChain: if the file ends early, or a row is not the one that was written. Nothing is imported.
    """
    place = take_writers_place(engine)
    try:
        with place.record.connection.begin():
            return _fill(place.record.connection, file, progress)
    except DBAPIError as error:
        raise DatabaseUnusable(
            f"database {named(engine.url)}: found {error.orig}, nothing was imported"
        ) from None
    finally:
        place.close()


def _fill(connection: Connection, file: "RecordFile", progress: Callable[[int], None]) -> int:
    """Write genesis and rows; return the number of rows."""
    found = stored_genesis(connection)
    if found is not None:
        raise DatabaseUnusable(
            f"database {named(connection.engine.url)}: found the market {found}, expected a database without one"
        )
    claim(connection, file.genesis)
    waiting: list[dict[str, object]] = []
    number = 0
    for row in file.verified_rows():
        waiting.append({name: getattr(row, name) for name in _ROW_FIELDS})
        number = row.number
        if len(waiting) == _ROWS_PER_INSERT:
            connection.execute(insert(_RECORD), waiting)
            waiting.clear()
        progress(number)
    if waiting:
        connection.execute(insert(_RECORD), waiting)
    return number


class RecordFile:
    """An exported record, read from its file each time."""

    def __init__(self, path: Path) -> None:
        """Look at the beginning of the file.

        Raises:
            NoRecordFile: if it is no exported record.
            OSError: if it cannot be read.
        """
        self.path = path
        with path.open("rb") as file:
            self.genesis = _Frames(path, file).genesis()

    def rows(self) -> Iterator[RecordedBatch]:
        """Iterate over the rows as they stand in the file, and then check its end.

        Raises:
            BrokenChain: if the file is cut short, or holds what an export does not write; with the row that it is about.
        """
        with self.path.open("rb") as file:
            frames = _Frames(self.path, file)
            frames.genesis()
            yield from frames.rows()

    def verified_rows(self) -> Iterator[RecordedBatch]:
        """Iterate over the rows, checking the chain before each is handed out, and the end of the file after the last.

        Raises:
            BrokenChain: naming the first row that is missing, changed or does not follow the row before.
        """
        return verified(self.rows(), previous=self.genesis.hash)


class _Frames:
    """One reading of a file, from its beginning to its end."""

    def __init__(self, path: Path, file: IO[bytes]) -> None:
        self._path = path
        self._file = file
        self._left = path.stat().st_size
        self._digest = hashlib.sha256()

    def genesis(self) -> Genesis:
        """Read what stands before the first row.

        Raises:
            NoRecordFile: if it is not that.
        """
        begin = self._read(len(MAGIC))
        if begin != MAGIC:
            raise NoRecordFile(f"{self._path}: {_instead(self._path, begin)}")
        try:
            frame = self._frame()
            if not isinstance(frame, _GenesisFrame):
                raise NoRecordFile(f"{self._path}: found {frame}, expected the genesis of a market")
            genesis = Genesis(
                name=frame.name,
                notice_period_s=frame.notice_period_s,
                withdrawal_margin_s=frame.withdrawal_margin_s,
                chain_id=int(frame.chain_id),
                settlement=Address(frame.settlement),
            )
        except ValueError as error:
            raise NoRecordFile(f"{self._path}, genesis: {error}") from None
        if genesis.hash != frame.hash:
            raise NoRecordFile(
                f"{self._path}, genesis: found {genesis} under hash {frame.hash.hex()}, "
                f"but it hashes to {genesis.hash.hex()}"
            )
        return genesis

    def rows(self) -> Iterator[RecordedBatch]:
        """Read the rows and the end.

        Raises:
            BrokenChain: if they are not that.
        """
        number = 1
        while True:
            before = self._digest.digest()
            try:
                frame = self._frame()
            except ValueError as error:
                raise BrokenChain(number, f"{self._path}: {error}") from None
            if isinstance(frame, _EndFrame):
                break
            if isinstance(frame, _GenesisFrame):
                raise BrokenChain(number, f"{self._path}: found another genesis, expected a row or the end")
            yield RecordedBatch(**{name: getattr(frame, name) for name in _ROW_FIELDS})
            number += 1
        if (frame.rows, frame.digest) != (number - 1, before) or self._left:
            raise BrokenChain(
                number,
                f"{self._path}: found the end of a file of {frame.rows} rows with digest {frame.digest.hex()} and "
                f"{self._left} bytes after it, expected {number - 1} rows, {before.hex()} and none",
            )

    def _frame(self) -> _Frame:
        """Read one frame.

        Raises:
            ValueError: if it is cut short, or is not what an export writes.
        """
        if self._left < _LENGTH_BYTES:
            raise ValueError(f"the file is cut short: found {self._left} bytes, expected another frame")
        length = int.from_bytes(self._read(_LENGTH_BYTES), "big")
        if length > self._left:
            raise ValueError(f"the file is cut short: found {self._left} bytes, expected {length} more")
        content = self._read(length)
        try:
            frame: _Frame = _DECODER.decode(content)
        except msgspec.MsgspecError as error:
            raise ValueError(f"found a frame that cannot be read: {error}") from None
        if msgspec.msgpack.encode(frame) != content:
            raise ValueError("found a frame written in another way than an export writes it")
        return frame

    def _read(self, length: int) -> bytes:
        content = self._file.read(length)
        self._left -= len(content)
        self._digest.update(content)
        return content


def _instead(path: Path, begin: bytes) -> str:
    """Say what was found in place of an exported record, by how a file begins, and what to do."""
    if _SQLITE_MAGIC.startswith(begin) and begin:
        return f"found a SQLite database, expected an exported record: name a market's database by its URL, sqlite:///{path}"
    return (
        f"found {'no exported record' if begin else 'an empty file'}, expected what ccei record export writes"
    )


def _framed(frame: _Frame) -> bytes:
    content = msgspec.msgpack.encode(frame)
    return len(content).to_bytes(_LENGTH_BYTES, "big") + content
