"""Snapshots: the memory of a market as it was after a batch, so that a restart need not begin at the first one.

A snapshot is several pieces and a seal, which is stored last. The seal carries the number of the batch, the hash of its row
in the record, and the hash of all this and of the pieces:

    hash = sha256(msgpack([format, number, record hash, rows, [sha256(piece), …]]))

A snapshot is never the truth. One that does not fit the record, or this program, is named and not used; it can be dropped
and made again at any time. `verify_snapshots` compares the state hash of what each holds with a replay from the first batch.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import msgspec
from sqlalchemy import Engine, delete, insert, inspect, select
from sqlalchemy.exc import DBAPIError

from ledger.finding import IMPOSSIBLE
from ledger.genesis import Genesis
from ledger.record import BrokenChain, RecordReader
from ledger.snapshot_encoding import UnreadableSnapshot, decode, format_of
from ledger.tables import SnapshotRow, table
from ledger.venue import Venue
from market.keeping import Kept, restore
from market.tape import Tapes

KEPT = 2
"""How many snapshots are kept: the latest, and the one before in case that is damaged."""
_SNAPSHOTS = table(SnapshotRow)
_SEAL = 0


class Standing(Kept):
    """A market in memory as it stands after a batch: all that follows from the record."""

    venue: Venue
    tapes: Tapes

    def __init__(self, genesis: Genesis) -> None:
        """Start as the empty market that a genesis describes."""
        self.venue = Venue(
            notice_period_s=genesis.notice_period_s, withdrawal_margin_s=genesis.withdrawal_margin_s
        )
        self.tapes = Tapes()


@dataclass(frozen=True, slots=True)
class Seal:
    """What identifies a snapshot and proves it whole. `rows` is how much it holds, a measure of what reading it takes."""

    format: bytes
    number: int
    record_hash: bytes
    rows: int
    piece_hashes: tuple[bytes, ...]

    FORMAT: ClassVar[bytes] = format_of(Standing)

    @property
    def hash(self) -> bytes:
        """The hash of the snapshot."""
        content = (
            self.format,
            self.number,
            self.record_hash,
            self.rows,
            self.piece_hashes,
        )
        return hashlib.sha256(msgspec.msgpack.encode(content)).digest()


class SnapshotStore:
    """The snapshots beside a record. Each write is a transaction of its own, short enough to come between batches."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def numbers(self) -> tuple[int, ...]:
        """Return the batch numbers of the snapshots that are finished, the latest first."""
        if not inspect(self._engine).has_table(_SNAPSHOTS.name):
            return ()
        statement = select(_SNAPSHOTS.c.batch_number).where(_SNAPSHOTS.c.piece == _SEAL)
        with self._engine.connect() as connection:
            return tuple(connection.scalars(statement.order_by(_SNAPSHOTS.c.batch_number.desc())))

    def begin(self, number: int) -> None:
        """Drop what is left of snapshots that were never finished, and of one with this number."""
        unfinished = _SNAPSHOTS.c.batch_number.not_in(
            select(_SNAPSHOTS.c.batch_number).where(_SNAPSHOTS.c.piece == _SEAL)
        )
        with self._engine.begin() as connection:
            # whoever dropped the table may have dropped it whole
            _SNAPSHOTS.create(connection, checkfirst=True)
            connection.execute(delete(_SNAPSHOTS).where(unfinished | (_SNAPSHOTS.c.batch_number == number)))

    def write(self, number: int, piece: int, content: bytes) -> None:
        """Store one piece; they count from 1."""
        with self._engine.begin() as connection:
            connection.execute(
                insert(_SNAPSHOTS), {"batch_number": number, "piece": piece, "content": content}
            )

    def seal(self, seal: Seal) -> None:
        """Finish a snapshot, and drop all but the latest."""
        content = msgspec.msgpack.encode((seal.hash, seal))
        with self._engine.begin() as connection:
            connection.execute(
                insert(_SNAPSHOTS), {"batch_number": seal.number, "piece": _SEAL, "content": content}
            )
        for number in self.numbers()[KEPT:]:
            with self._engine.begin() as connection:
                connection.execute(delete(_SNAPSHOTS).where(_SNAPSHOTS.c.batch_number == number))

    def read(self, number: int, record: RecordReader) -> tuple[Seal, Standing]:
        """Return the seal of a snapshot and the market that it holds.

        Raises:
            UnreadableSnapshot: if it is not whole, of another program, or does not fit the record.
        """
        statement = select(_SNAPSHOTS).where(_SNAPSHOTS.c.batch_number == number).order_by(_SNAPSHOTS.c.piece)
        try:
            with self._engine.connect() as connection:
                pieces = {row.piece: row.content for row in connection.execute(statement)}
        except DBAPIError as error:  # SQLite may find text, and text that is none, where bytes were written
            raise UnreadableSnapshot(f"a piece cannot be read: {error.orig}") from None
        for piece, content in pieces.items():
            if type(content) is not bytes:
                raise UnreadableSnapshot(
                    f"piece {piece}: found {type(content).__name__}, expected the bytes written"
                )
        seal = _read_seal(pieces.pop(_SEAL, b""), number)
        found = tuple(hashlib.sha256(content).digest() for content in pieces.values())
        if found != seal.piece_hashes:
            raise UnreadableSnapshot(
                f"found {len(found)} pieces that are not the {len(seal.piece_hashes)} sealed"
            )
        row = record.row(number)
        if row is None or row.hash != seal.record_hash:
            found_row = "no such intact row" if row is None else row.hash.hex()
            raise UnreadableSnapshot(
                f"found {found_row} in the record, expected the hash {seal.record_hash.hex()}"
            )
        standing = Standing(record.genesis)
        try:
            restore(standing, decode(Standing, pieces.values()))
        except IMPOSSIBLE as error:
            raise UnreadableSnapshot(f"what it holds cannot be: {error}") from None
        if standing.venue.number != number:
            raise UnreadableSnapshot(f"found the state after batch {standing.venue.number} in it")
        return seal, standing


@dataclass(frozen=True, slots=True)
class SnapshotFault:
    """What is wrong with the snapshot of a batch."""

    number: int
    detail: str


def verify_snapshots(record: RecordReader) -> Iterator[SnapshotFault]:
    """Replay the record, and compare the state that each snapshot holds.

    A record that cannot be replayed ends the comparison: that is for others to find.
    """
    store = SnapshotStore(record.engine)
    wanted = set(store.numbers())
    if not wanted:
        return
    venue = Standing(record.genesis).venue
    try:
        for row in record.verified_rows():
            venue.absorb(row.batch(), row.told())
            if row.number in wanted:
                wanted.remove(row.number)
                yield from _compare(store, row.number, record, venue.state_hash())
            if not wanted:
                return
    except (BrokenChain, *IMPOSSIBLE):
        return
    for number in sorted(wanted):
        yield SnapshotFault(
            number, f"found no batch {number} in the record, expected the one that it was taken after"
        )


def _compare(
    store: SnapshotStore, number: int, record: RecordReader, replayed: bytes
) -> Iterator[SnapshotFault]:
    try:
        _, standing = store.read(number, record)
        found = standing.venue.state_hash()
    except UnreadableSnapshot as error:
        yield SnapshotFault(number, str(error))
        return
    except OverflowError as error:
        yield SnapshotFault(number, f"what it holds has no hash: {error}")
        return
    if found != replayed:
        yield SnapshotFault(
            number, f"found state {found.hex()} held, but the replayed record has {replayed.hex()}"
        )


def _read_seal(content: bytes, number: int) -> Seal:
    try:
        noted, seal = msgspec.msgpack.decode(content, type=tuple[bytes, Seal])
    except (ValueError, TypeError) as error:
        raise UnreadableSnapshot(f"its seal cannot be read: {error}") from None
    if seal.format != Seal.FORMAT:
        raise UnreadableSnapshot(
            f"found format {seal.format.hex()}, expected {Seal.FORMAT.hex()}: another version of the program took it"
        )
    if seal.hash != noted or seal.number != number:
        raise UnreadableSnapshot(f"found seal {noted.hex()}, but its content hashes to {seal.hash.hex()}")
    return seal
