"""The projector: it notes what each batch changes in the readable tables, and writes several batches in one commit."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from threading import RLock

from sqlalchemy import Engine, select, text, update

from ledger.candles import CANDLES
from ledger.entries import Posting
from ledger.projections.instruments import CLEARINGS, INSTRUMENTS, Instruments
from ledger.projections.journal import BALANCES, ENTRIES, Journal
from ledger.projections.orders import ORDERS, Orders
from ledger.projections.part import Part, Rule
from ledger.projections.symbols import Symbols
from ledger.projections.trades import GUARANTEES, SETTLEMENT_BATCHES, TRADES, Trades
from ledger.projections.upsert import Writer
from ledger.schema import make_readable
from ledger.tables import ProjectedRow, table
from ledger.unusable import DatabaseUnusable, named
from market.events import Event
from market.orders import Batch
from market.units import InvariantBroken

TABLES = (
    INSTRUMENTS,
    CLEARINGS,
    ORDERS,
    TRADES,
    CANDLES,
    GUARANTEES,
    SETTLEMENT_BATCHES,
    ENTRIES,
    BALANCES,
)
_PROJECTED = table(ProjectedRow)


@dataclass(frozen=True, slots=True)
class Lag:
    """How far the readable tables are behind what was noted: batches, and microseconds of the market's time."""

    batches: int
    time_us: int


class Projector:
    """Keeps the readable tables of one database behind the record: noted at once, written a little later.

    What is noted and not yet written is lost with the process, and comes back from the record: it is never the only
    copy. Notes and flushes may come from different threads. What fails leaves the tables as they were, and is the last
    thing that this projector does: what it has in memory may then be in no table.
    """

    def __init__(self, engine: Engine) -> None:
        """Go on from where the tables stand; see `position`.

        Raises:
            DatabaseUnusable: if they are damaged.
        """
        self._engine = engine
        self._writer = Writer(TABLES, engine.dialect.name)
        self._turn = RLock()
        self._position = self._noted = 0
        self._noted_us = self._waiting_since_us = 0
        self._failed = False
        self._load()

    @property
    def position(self) -> int:
        """The number of the last batch in the tables."""
        return self._position

    @property
    def noted(self) -> int:
        """The number of the last batch that was noted."""
        return self._noted

    @property
    def lag(self) -> Lag:
        """How far the tables are behind."""
        with self._turn:
            waits = self._noted - self._position
            return Lag(waits, self._noted_us - self._waiting_since_us if waits else 0)

    def note(self, batch: Batch, events: tuple[Event, ...], postings: Iterable[Posting]) -> None:
        """Note what a batch changes, for the next `flush`: an answer waits for no more of the tables than this.

        Raises:
            InvariantBroken: if the batch is not the one after `noted`, or anything failed before.
        """
        with self._wholly():
            if batch.number != self._noted + 1:
                raise InvariantBroken(
                    f"readable tables: found batch {batch.number}, expected {self._noted + 1}"
                )
            self._notes.append((batch, events, tuple(postings)))
            if self._noted == self._position:
                self._waiting_since_us = batch.time_us
            self._noted, self._noted_us = batch.number, batch.time_us

    def flush(self) -> None:
        """Write what was noted, in one commit.

        Raises:
            InvariantBroken: if an event does not fit the tables, or anything failed before.
        """
        with self._wholly():
            if self._noted == self._position:
                return
            for note in self._notes:
                self._enter(*note)
            self._notes.clear()
            with self._engine.begin() as connection:
                if connection.dialect.name == "postgresql":
                    # The record brings back what a crash takes of these; its own commits wait for the disk all the same.
                    connection.execute(text("SET LOCAL synchronous_commit = off"))
                for target, rows in chain(*(part.take() for part in self._parts), self._journal.take()):
                    self._writer.write(connection, target, rows)
                connection.execute(update(_PROJECTED).values(batch_number=self._noted))
            self._position = self._noted

    def apply(self, batch: Batch, events: tuple[Event, ...], postings: Iterable[Posting]) -> None:
        """Note a batch and write it.

        Raises:
            InvariantBroken: as `note` and `flush`.
        """
        self.note(batch, events, postings)
        self.flush()

    def _enter(self, batch: Batch, events: tuple[Event, ...], postings: tuple[Posting, ...]) -> None:
        """Change the rows in memory as a batch says."""
        for position, event in enumerate(events):
            for rule in self._rules.get(type(event), ()):
                rule(event, batch, position)
        self._journal.book(events, postings)

    def reset(self) -> None:
        """Drop the readable tables and make them again, empty: the next batch is number 1.

        Raises:
            InvariantBroken: if anything failed before.
        """
        with self._wholly():
            with self._engine.begin() as connection:
                make_readable(connection)
            self._load()

    @contextmanager
    def _wholly(self) -> Iterator[None]:
        """Take the turn for something that is done to its end, or leaves nothing to be done after it."""
        with self._turn:
            if self._failed:
                raise InvariantBroken(
                    f"readable tables: found them at batch {self._position} after a failure; end the process, the next "
                    "start brings them forward from the record"
                )
            self._failed = True
            yield
            self._failed = False

    def _load(self) -> None:
        """Take into memory what may still change."""
        self._notes: list[tuple[Batch, tuple[Event, ...], tuple[Posting, ...]]] = []
        names = Symbols()
        self._parts: tuple[Part, ...] = (Instruments(names), Orders(names), Trades(names))
        self._journal = Journal()
        self._rules: dict[type, tuple[Rule, ...]] = {}
        for part in self._parts:
            for event, rule in part.rules.items():
                self._rules[event] = (*self._rules.get(event, ()), rule)
        self._position = self._noted = position_of(self._engine)
        try:
            with self._engine.connect() as connection:
                for part in self._parts:
                    part.load(connection)
                self._journal.load(connection)
        except (InvariantBroken, LookupError, ValueError) as error:
            raise DatabaseUnusable(
                f"readable tables of {named(self._engine.url)}: found them damaged ({error}), expected what the record "
                "makes of them: run `ccei rebuild`"
            ) from error


def position_of(engine: Engine) -> int:
    """Return the number of the last batch in the readable tables of a database."""
    with engine.connect() as connection:
        return int(connection.execute(select(_PROJECTED.c.batch_number)).scalar_one())
