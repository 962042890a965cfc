"""The projector: it notes what each batch changes in the readable tables, and writes several batches in one commit."""

from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from threading import Lock

from sqlalchemy import Engine, select, text, update

from ledger.entries import Posting
from ledger.projections.candles import CANDLES
from ledger.projections.instruments import CLEARINGS, INSTRUMENTS, Instruments
from ledger.projections.journal import ACCOUNTS, BALANCES, ENTRIES, POSTINGS, Journal
from ledger.projections.orders import ORDERS, Orders
from ledger.projections.part import Part, Rule
from ledger.projections.trades import GUARANTEES, SETTLEMENT_BATCHES, TRADES, Trades
from ledger.projections.writing import writer_to
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
    ACCOUNTS,
    POSTINGS,
    ENTRIES,
    BALANCES,
)
_PROJECTED = table(ProjectedRow)
_Note = tuple[Batch, tuple[Event, ...], tuple[Posting, ...]]


@dataclass(frozen=True, slots=True)
class Lag:
    """How far the readable tables are behind what was noted: batches, and microseconds of the market's time."""

    batches: int
    time_us: int


class Projector:
    """Keeps the readable tables of one database behind the record: noted at once, written a little later.

    What is noted and not yet written is lost with the process, and comes back from the record: it is never the only
    copy. Notes and flushes may come from different threads, and a note does not wait for a flush. What fails leaves the
    tables as they were, and is the last thing that this projector does: what it has in memory may then be in no table.
    """

    def __init__(self, engine: Engine) -> None:
        """Go on from where the tables stand; see `position`.

        Raises:
            DatabaseUnusable: if they are damaged.
        """
        self._engine = engine
        self._writer = writer_to(engine.dialect, TABLES)
        self._turn = Lock()
        """Held while tables are written."""
        self._noting = Lock()
        """Held while the notes change, or are looked at."""
        self._failed = False
        self._position = self._noted = 0
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
        with self._noting:
            if not self._notes:
                return Lag(0, 0)
            first, last = self._notes[0][0], self._notes[-1][0]
            return Lag(len(self._notes), last.time_us - first.time_us)

    def note(self, batch: Batch, events: tuple[Event, ...], postings: Iterable[Posting]) -> None:
        """Note what a batch changes, for the next `flush`: an answer waits for no more of the tables than this.

        Raises:
            InvariantBroken: if the batch is not the one after `noted`, or anything failed before.
        """
        with self._noting, self._wholly():
            if batch.number != self._noted + 1:
                raise InvariantBroken(
                    f"readable tables: found batch {batch.number}, expected {self._noted + 1}"
                )
            self._notes.append((batch, events, tuple(postings)))
            self._noted = batch.number

    def flush(self, *, events_max: int | None = None) -> None:
        """Write what was noted, in one commit: all of it, or only the oldest batches that together have so many events.

        At least one batch is written, if there is one: `lag` says whether there are more.

        Raises:
            InvariantBroken: if an event does not fit the tables, or anything failed before.
        """
        with self._turn, self._wholly():
            with self._noting:
                notes = self._oldest(events_max)
            if not notes:
                return
            for note in notes:
                self._enter(*note)
            position = notes[-1][0].number
            with self._engine.begin() as connection:
                if connection.dialect.name == "postgresql":
                    # The record brings back what a crash takes of these; its own commits wait for the disk all the same.
                    connection.execute(text("SET LOCAL synchronous_commit = off"))
                for changes in chain(*(part.take() for part in self._parts), self._journal.take()):
                    self._writer.write(connection, changes)
                connection.execute(update(_PROJECTED).values(batch_number=position))
            with self._noting:
                self._position = position
                for _ in notes:
                    self._notes.popleft()

    def apply(self, batch: Batch, events: tuple[Event, ...], postings: Iterable[Posting]) -> None:
        """Note a batch and write it.

        Raises:
            InvariantBroken: as `note` and `flush`.
        """
        self.note(batch, events, postings)
        self.flush()

    def reset(self) -> None:
        """Drop the readable tables and make them again, empty: the next batch is number 1.

        Raises:
            InvariantBroken: if anything failed before.
        """
        with self._turn, self._wholly():
            with self._engine.begin() as connection:
                make_readable(connection)
            with self._noting:
                self._load()

    def _oldest(self, events_max: int | None) -> list[_Note]:
        """Return the notes to write next."""
        if events_max is None:
            return list(self._notes)
        found: list[_Note] = []
        events = 0
        for note in self._notes:
            events += len(note[1])
            if found and events > events_max:
                break
            found.append(note)
        return found

    def _enter(self, batch: Batch, events: tuple[Event, ...], postings: tuple[Posting, ...]) -> None:
        """Change the rows in memory as a batch says."""
        for position, event in enumerate(events):
            for rule in self._rules.get(type(event), ()):
                rule(event, batch, position)
        self._journal.book(events, postings)

    @contextmanager
    def _wholly(self) -> Iterator[None]:
        """Do something to its end, or let nothing be done after it."""
        if self._failed:
            raise InvariantBroken(
                f"readable tables: found them at batch {self._position} after a failure; end the process, the next "
                "start brings them forward from the record"
            )
        try:
            yield
        except BaseException:
            self._failed = True
            raise

    def _load(self) -> None:
        """Take into memory what may still change."""
        self._notes: deque[_Note] = deque()
        self._parts: tuple[Part, ...] = (Instruments(), Orders(), Trades())
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
        except (InvariantBroken, LookupError, TypeError, ValueError) as error:
            raise DatabaseUnusable(
                f"readable tables of {named(self._engine.url)}: found them damaged ({error}), expected what the record "
                "makes of them: run `ccei rebuild`"
            ) from error


def position_of(engine: Engine) -> int:
    """Return the number of the last batch in the readable tables of a database."""
    with engine.connect() as connection:
        return int(connection.execute(select(_PROJECTED.c.batch_number)).scalar_one())
