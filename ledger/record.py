"""The record: the append-only history, one row per batch, each sealed with the hash of the row before. The only truth.

The row before the first is the *genesis*: the hash of what makes this market this market. Whoever holds one hash (the
contract keeps them, one per settlement batch) can tell whether anything before it was changed. `ledger.seal` says what
the hash of a row is taken of.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from sqlalchemy import Connection, Engine, func, insert, select
from sqlalchemy.exc import DBAPIError, OperationalError, SQLAlchemyError

from ledger import codec
from ledger.genesis import Genesis, WrongMarket, claim, stored_genesis
from ledger.layout import BadEncoding
from ledger.seal import Header, header_of
from ledger.tables import RecordRow, table
from ledger.unusable import named, said
from ledger.writer import PlaceLost, WritersPlace, take_writers_place
from market.events import Event
from market.orders import Batch

_ROWS_PER_READ = 256
"""Most rows that are read at a time."""

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


class BrokenChain(Exception):
    """A row of the record is not the one that was written. `number` names it."""

    def __init__(self, number: int, message: str) -> None:
        super().__init__(f"record row {number}: {message}")
        self.number = number


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
        sealed_header(row)
        previous = row.hash
        yield row


def read_rows(
    connect: Callable[[], AbstractContextManager[Connection]], *, after: int = 0
) -> Iterator[RecordedBatch]:
    """Iterate over the rows after a number, in order: one is read first, then ever more at a time, each time connected anew.

    Raises:
        BrokenChain: naming a row that cannot be read at all.
    """
    at_once = 1
    while True:
        statement = select(_RECORD).where(_RECORD.c.number > after).order_by(_RECORD.c.number).limit(at_once)
        with connect() as connection:
            try:
                found = connection.execute(statement).all()
            except OperationalError as error:
                if connection.dialect.name != "sqlite":
                    raise
                # where bytes were written SQLite may find text, and text that is none: which row is it?
                if at_once == 1:
                    raise BrokenChain(after + 1, f"it cannot be read: {error.orig}") from None
                at_once = 1
                continue
        for row in found:
            yield RecordedBatch(*row)
        if len(found) < at_once:
            return
        after = found[-1].number
        at_once = min(2 * at_once, _ROWS_PER_READ)


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
        """Iterate over the rows after a number, in order; nothing waits for whoever takes long over one.

        Raises:
            BrokenChain: naming a row that cannot be read at all.
        """
        return read_rows(self.engine.connect, after=after)

    def number_of(self, hash_: bytes) -> int | None:
        """Return the number of the row with a hash, None if no row has it. It looks from the last row back."""
        statement = select(_RECORD.c.number).where(_RECORD.c.hash == hash_)
        with self.engine.connect() as connection:
            return connection.execute(statement.order_by(_RECORD.c.number.desc()).limit(1)).scalar()

    def row(self, number: int) -> RecordedBatch | None:
        """Return a row if its content is what was sealed, None if there is no such row, or not this one any more."""
        try:
            with self.engine.connect() as connection:
                found = connection.execute(select(_RECORD).where(_RECORD.c.number == number)).first()
            if found is None:
                return None
            row = RecordedBatch(*found)
            sealed_header(row)
        except (BrokenChain, DBAPIError):
            return None
        return row

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

    def __init__(self, engine: Engine, genesis: Genesis, *, place: WritersPlace | None = None) -> None:
        """Take the writer's place for this market, unless it was taken (`place`); a new database becomes its record.

        Raises:
            RecordInUse: if another writer holds it.
            WrongMarket: if the database holds the record of another market.
            BrokenChain: if the last row is not the one that was written.
        """
        self.place = place or take_writers_place(engine)
        """What else the one writer writes goes over this."""
        try:
            with self.place.record.connection.begin():
                claim(self.place.record.connection, genesis)
            super().__init__(engine)
            self.number, self.hash = self.head()
            for row in self.rows(after=self.number - 1):
                sealed_header(row)
        except BaseException:
            self.place.close()
            raise
        self._failed = False

    def append(self, batch: Batch, events: tuple[Event, ...], *, state_hash: bytes = b"") -> bytes:
        """Make a batch and its events durable in one commit, and return the row's hash.

        When this returns, the row survives a crash. `state_hash` notes the state after the batch, and every audit compares
        it with a replay. It costs a walk over all state, with the market standing still, so that a service notes none; it is
        for who records a market at leisure and wants others to find where theirs goes another way.

        Raises:
            RecordFailed: if it did not become durable, cannot be encoded, or the number is not the next. Every later call
                fails too.
        """
        if self._failed:
            raise RecordFailed(f"batch {batch.number}: an earlier batch failed; end the process and rebuild")
        self._failed = True
        if batch.number != self.number + 1:
            raise RecordFailed(f"found batch {batch.number}, expected {self.number + 1}")
        row = self._row(batch, events, state_hash)
        sealed = row.header().hash
        # a column collection iterates over columns, not names
        values = {name: getattr(row, name) for name in _RECORD.c.keys()} | {"hash": sealed}  # noqa: SIM118
        try:
            with self.place.record.begin() as connection:
                connection.execute(insert(_RECORD), values)
        except PlaceLost as error:
            raise RecordFailed(f"batch {batch.number}: {error}") from error
        except SQLAlchemyError as error:
            # SQLAlchemy's own words repeat the statement with all its values
            cause = said(error) if isinstance(error, DBAPIError) else error
            raise RecordFailed(
                f"batch {batch.number}: found {cause}, expected it to become durable in {named(self.engine.url)}"
            ) from error
        self.number, self.hash = batch.number, sealed
        self._failed = False
        return sealed

    def _row(self, batch: Batch, events: tuple[Event, ...], state_hash: bytes) -> RecordedBatch:
        """Return the row of a batch, after the last one and not sealed yet.

        Raises:
            RecordFailed: if it cannot be encoded.
        """
        try:
            commands, told = codec.encode_commands(batch.commands), codec.encode_events(events)
        except Exception as error:
            # whatever is wrong with a value: it ends as any batch does that is not recorded
            raise RecordFailed(
                f"batch {batch.number}: found {type(error).__name__} ({error}) when it was encoded, expected commands and "
                f"events that version {codec.VERSION} of the encoding knows"
            ) from error
        return RecordedBatch(
            number=batch.number,
            time_us=batch.time_us,
            version=codec.VERSION,
            commands=commands,
            events=told,
            state_hash=state_hash,
            previous=self.hash,
            hash=b"",
        )

    def confirm(self) -> None:
        """Make sure, while there is nothing to append, that the writer's place is still ours.

        Raises:
            RecordFailed: if it is lost. Every later append fails too.
        """
        try:
            self.place.record.confirm()
        except PlaceLost as error:
            self._failed = True
            raise RecordFailed(str(error)) from error

    def close(self) -> None:
        """Give up the writer's place."""
        self._failed = True
        self.place.close()


def sealed_header(row: RecordedBatch) -> Header:
    """Return the header of a row whose content is what was sealed.

    Raises:
        BrokenChain: if it is not.
    """
    for name, expected in _COLUMN_TYPES.items():
        found = getattr(row, name)
        if type(found) is not expected:
            raise BrokenChain(row.number, f"{name}: found {found!r}, expected {expected.__name__}")
    try:
        header = row.header()
    except BadEncoding as error:
        raise BrokenChain(row.number, f"its content has no hash: {error}") from None
    if row.hash != (computed := header.hash):
        raise BrokenChain(
            row.number, f"found hash {row.hash.hex()}, but its content hashes to {computed.hex()}"
        )
    return header


def _shown(found: object) -> str:
    return found.hex() if isinstance(found, bytes) else repr(found)
