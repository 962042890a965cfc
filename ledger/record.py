"""The record: the append-only history, one row per batch, each sealed with the hash of the row before. The only truth.

The row before the first is the *genesis*: the hash of what makes this market this market. Whoever holds one hash (the
contract keeps them, one per settlement batch) can tell whether anything before it was changed. `ledger.seal` says what
the hash of a row is taken of.
"""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

import msgspec
from sqlalchemy import Connection, Engine, func, insert, select
from sqlalchemy.exc import DBAPIError, MultipleResultsFound, OperationalError, SQLAlchemyError

from ledger import codec
from ledger.seal import Header, header_of
from ledger.tables import GenesisRow, RecordRow, table
from ledger.unusable import DatabaseUnusable, named
from ledger.writer import take_writers_place
from market.events import Event
from market.orders import Address, Batch

_ROWS_PER_READ = 256

_GENESIS = table(GenesisRow)
_RECORD = table(RecordRow)
_COLUMN_TYPES = {
    "time_us": int,
    "version": int,
    "commands": bytes,
    "events": bytes,
    "state_hash": bytes,
    "hash": bytes,
}
"""SQLite stores what it is given, whatever the column's type."""


class RecordFailed(Exception):
    """A batch could not be made durable. Nothing of it may be acknowledged: the process must end and rebuild."""


class WrongMarket(Exception):
    """The record belongs to another market. Says which, and which was expected."""


class BrokenChain(Exception):
    """A row of the record is not the one that was written. `number` names it."""

    def __init__(self, number: int, message: str) -> None:
        super().__init__(f"record row {number}: {message}")
        self.number = number


@dataclass(frozen=True, slots=True)
class Genesis:
    """What makes a market this market: where it settles, and the rules that its replay depends on.

    `name` tells apart markets that are otherwise equal; `settlement` is the address of the contract on `chain_id`.
    """

    name: str
    notice_period_s: int
    withdrawal_margin_s: int
    chain_id: int
    settlement: Address

    @property
    def hash(self) -> bytes:
        """The hash that stands before row 1."""
        fields = (
            "ccei-market",
            self.name,
            self.notice_period_s,
            self.withdrawal_margin_s,
            str(self.chain_id),
            self.settlement,
        )
        return hashlib.sha256(msgspec.msgpack.encode(fields)).digest()

    def __str__(self) -> str:
        return (
            f"{self.name!r} (settlement 0x{self.settlement.hex()} on chain {self.chain_id}, notice period "
            f"{self.notice_period_s} s, withdrawal margin {self.withdrawal_margin_s} s)"
        )


@dataclass(frozen=True, slots=True)
class RecordedBatch:
    """One row of the record. `state_hash` is empty unless the writer noted the state after this batch."""

    number: int
    time_us: int
    version: int
    commands: bytes
    events: bytes
    state_hash: bytes
    previous: bytes
    hash: bytes

    def header(self) -> Header:
        """Return what the row's hash is taken of.

        Raises:
            BadEncoding: if commands or events cannot be told apart.
        """
        return header_of(
            previous=self.previous,
            number=self.number,
            time_us=self.time_us,
            version=self.version,
            commands=self.commands,
            events=self.events,
            state_hash=self.state_hash,
        )

    def batch(self) -> Batch:
        """Return the stamped commands.

        Raises:
            BadEncoding: if they cannot be read.
        """
        commands = codec.decode_commands(self.commands, version=self.version)
        return Batch(self.number, self.time_us, commands)

    def told(self) -> tuple[Event, ...]:
        """Return the events.

        Raises:
            BadEncoding: if they cannot be read.
        """
        return codec.decode_events(self.events, version=self.version)


class Rows(Protocol):
    """A record wherever it is kept: whose it is, and its rows, each checked before it is handed out."""

    genesis: Genesis

    def verified_rows(self) -> Iterator[RecordedBatch]:
        """Iterate over all rows.

        Raises:
            BrokenChain: naming the first row that is missing, changed or does not follow the row before.
        """
        ...


def verified(rows: Iterable[RecordedBatch], *, previous: bytes, after: int = 0) -> Iterator[RecordedBatch]:
    """Hand rows on, each once it is proven to follow the one before; `previous` is the hash of row `after`.

    Raises:
        BrokenChain: naming the first row that is missing, changed or does not follow the row before.
    """
    for number, row in enumerate(rows, start=after + 1):
        if row.number != number:
            raise BrokenChain(number, f"missing; the next one found is {row.number}")
        if row.previous != previous:
            raise BrokenChain(
                number, f"found previous hash {_shown(row.previous)}, expected {previous.hex()}"
            )
        _check_seal(row)
        previous = row.hash
        yield row


class RecordReader:
    """The record as anybody may read it, also while it is being written."""

    def __init__(self, engine: Engine) -> None:
        """Read the record in an open database.

        Raises:
            WrongMarket: if no market was ever recorded there.
            DatabaseUnusable: if the genesis row was tampered with.
        """
        self.engine = engine
        with engine.connect() as connection:
            genesis = stored_genesis(connection)
        if genesis is None:
            raise WrongMarket(f"{named(engine.url)}: found no market, expected the record of one")
        self.genesis = genesis

    def head(self) -> tuple[int, bytes]:
        """Return number and hash of the last row; 0 and the genesis hash when there is none."""
        statement = select(_RECORD.c.number, _RECORD.c.hash).order_by(_RECORD.c.number.desc()).limit(1)
        with self.engine.connect() as connection:
            row = connection.execute(statement).first()
        return (0, self.genesis.hash) if row is None else (row.number, row.hash)

    def rows(self, *, after: int = 0) -> Iterator[RecordedBatch]:
        """Iterate over the rows after a number, in order, a few at a time."""
        while True:
            statement = (
                select(_RECORD)
                .where(_RECORD.c.number > after)
                .order_by(_RECORD.c.number)
                .limit(_ROWS_PER_READ)
            )
            with self.engine.connect() as connection:
                found = connection.execute(statement).all()
            for row in found:
                yield RecordedBatch(**row._mapping)
            if len(found) < _ROWS_PER_READ:
                return
            after = found[-1].number

    def number_of(self, hash_: bytes) -> int | None:
        """Return the number of the row with a hash, None if no row has it."""
        with self.engine.connect() as connection:
            return connection.execute(select(_RECORD.c.number).where(_RECORD.c.hash == hash_)).scalar()

    def row(self, number: int) -> RecordedBatch | None:
        """Return a row if its content is what was sealed, None if there is no such row, or not this one any more."""
        found = next(self.rows(after=number - 1), None)
        if found is None or found.number != number:
            return None
        try:
            _check_seal(found)
        except BrokenChain:
            return None
        return found

    def verified_rows(self) -> Iterator[RecordedBatch]:
        """Iterate over all rows, checking the chain before each is handed out.

        Raises:
            BrokenChain: naming the first row that is missing, changed or does not follow the row before.
        """
        with self.engine.connect() as connection:
            stray = connection.execute(select(func.min(_RECORD.c.number))).scalar_one()
        if stray is not None and stray < 1:
            raise BrokenChain(stray, "found under this number, expected rows from 1 on")
        yield from verified(self.rows(), previous=self.genesis.hash)

    def verify(self) -> int:
        """Check the whole chain and return the number of rows.

        Raises:
            BrokenChain: naming the first row that is wrong.
        """
        return sum(1 for _ in self.verified_rows())


class Record(RecordReader):
    """The record as its one writer holds it, until `close`."""

    def __init__(self, engine: Engine, genesis: Genesis) -> None:
        """Take the writer's place for this market; a new database becomes its record.

        Raises:
            RecordInUse: if another writer holds it.
            WrongMarket: if the database holds the record of another market.
            BrokenChain: if the last row is not the one that was written.
        """
        self._place = take_writers_place(engine)
        self._connection = self._place.connection
        try:
            with self._connection.begin():
                claim(self._connection, genesis)
            super().__init__(engine)
            self.number, self.hash = self.head()
            for row in self.rows(after=self.number - 1):
                _check_seal(row)
        except BaseException:
            self._place.close()
            raise
        self._failed = False

    def append(self, batch: Batch, events: tuple[Event, ...], *, state_hash: bytes = b"") -> bytes:
        """Make a batch and its events durable in one commit, and return the row's hash.

        When this returns, the row survives a crash. `state_hash` notes the state after the batch; computing it costs
        a walk over all state, so it is for now and then.

        Raises:
            RecordFailed: if it did not become durable, or the number is not the next. Every later call fails too.
        """
        if self._failed:
            raise RecordFailed(f"batch {batch.number}: an earlier batch failed; end the process and rebuild")
        self._failed = True
        if batch.number != self.number + 1:
            raise RecordFailed(f"found batch {batch.number}, expected {self.number + 1}")
        row = RecordedBatch(
            number=batch.number,
            time_us=batch.time_us,
            version=codec.VERSION,
            commands=codec.encode_commands(batch.commands),
            events=codec.encode_events(events),
            state_hash=state_hash,
            previous=self.hash,
            hash=b"",
        )
        sealed = row.header().hash
        # a column collection iterates over columns, not names
        values = {name: getattr(row, name) for name in _RECORD.c.keys()} | {"hash": sealed}  # noqa: SIM118
        try:
            with self._connection.begin():
                self._connection.execute(insert(_RECORD), values)
        except SQLAlchemyError as error:
            # SQLAlchemy's own words repeat the statement with all its values
            cause = error.orig if isinstance(error, DBAPIError) else error
            raise RecordFailed(
                f"batch {batch.number}: found {cause}, expected it to become durable in {named(self.engine.url)}"
            ) from error
        self.number, self.hash = batch.number, sealed
        self._failed = False
        return sealed

    def close(self) -> None:
        """Give up the writer's place."""
        self._failed = True
        self._place.close()


def _check_seal(row: RecordedBatch) -> None:
    for name, expected in _COLUMN_TYPES.items():
        found = getattr(row, name)
        if type(found) is not expected:
            raise BrokenChain(row.number, f"{name}: found {found!r}, expected {expected.__name__}")
    try:
        computed = row.header().hash
    except codec.BadEncoding as error:
        raise BrokenChain(row.number, f"its content has no hash: {error}") from None
    if row.hash != computed:
        raise BrokenChain(
            row.number, f"found hash {row.hash.hex()}, but its content hashes to {computed.hex()}"
        )


def _shown(found: object) -> str:
    return found.hex() if isinstance(found, bytes) else repr(found)


def claim(connection: Connection, genesis: Genesis) -> None:
    """Write the genesis of a new record.

    Raises:
        WrongMarket: if there is the record of another market.
    """
    stored = stored_genesis(connection)
    if stored is None:
        connection.execute(
            insert(_GENESIS),
            {
                "hash": genesis.hash,
                "name": genesis.name,
                "notice_period_s": genesis.notice_period_s,
                "withdrawal_margin_s": genesis.withdrawal_margin_s,
                "chain_id": str(genesis.chain_id),
                "settlement": genesis.settlement,
            },
        )
    elif stored != genesis:
        raise WrongMarket(f"the record belongs to market {stored}, expected {genesis}")


def stored_genesis(connection: Connection) -> Genesis | None:
    """Return whose record a database holds, None if there is none.

    Raises:
        DatabaseUnusable: if that was changed.
    """
    try:
        row = connection.execute(select(_GENESIS)).one_or_none()
        if row is None:
            return None
        stored = Genesis(
            name=row.name,
            notice_period_s=row.notice_period_s,
            withdrawal_margin_s=row.withdrawal_margin_s,
            chain_id=int(row.chain_id),
            settlement=Address(row.settlement),
        )
    except (ValueError, OperationalError, MultipleResultsFound) as error:  # text that is none, or no number
        raise DatabaseUnusable(f"genesis: found {error}, expected the one row that was written") from None
    if stored.hash != row.hash:
        raise DatabaseUnusable(
            f"genesis: found {stored} under hash {row.hash.hex()}, but it hashes to {stored.hash.hex()}"
        )
    return stored
