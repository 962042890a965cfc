"""The one writer: what happens to an order, in one place.

Gather all that has arrived into one batch, stamp its time and number, decide (checks, holds, matching, books), commit the
batch to the record, and only then bring the tapes forward and answer. The readable tables follow a little behind: when
nothing waits, or when they are too far behind. If a commit fails, or a promise of the machine is broken, the process
ends; the next start rebuilds from the record. It never carries on.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import RLock
from typing import NoReturn

from api.arrivals import Arrivals
from api.clock import Clock
from api.halting import halt
from ledger.projections import Lag, Projector
from ledger.record import Record
from ledger.snapshotting import Snapshotter
from ledger.venue import Decision, Venue
from market.events import Event
from market.orders import Batch, Command
from market.quick import quickly_made
from market.tape import Tapes

_PAUSE_S = 0.005
"""How long the writer waits for orders between two steps of a snapshot, seconds."""
_WRITTEN_AT_ONCE = 1_000
"""Events of one commit to the readable tables: newcomers wait for no more of it, some hundredths of a second."""
OWN_AT_ONCE = 500
"""Commands of the market's own that wait at a time, beyond the queue's limit."""


class QueueFull(Exception):
    """More commands wait than the settings allow. Try again in a moment; nothing was taken in."""


@quickly_made
@dataclass(frozen=True, slots=True)
class Answer:
    """What one command caused; `earlier_order_id` is set when the same signed order had been taken in before."""

    events: tuple[Event, ...]
    earlier_order_id: int | None = None


class Sequencer:
    """Turns what arrives into recorded batches, one after the other.

    `process` is synchronous and belongs to one thread, in a service the event loop's own: while it waits for the
    disk, newcomers queue up and become the next batch (group commit), and routes never see a half-applied batch.
    """

    def __init__(
        self,
        venue: Venue,
        record: Record,
        projector: Projector,
        tapes: Tapes,
        clock: Clock,
        *,
        queue_limit: int = 10_000,
        batch_limit: int = 1_000,
        lag_limit: int = 16,
        snapshotter: Snapshotter | None = None,
        on_broken: Callable[[Exception], NoReturn] = halt,
    ) -> None:
        self.venue = venue
        self.record = record
        self._projector = projector
        self.tapes = tapes
        """What traded so far: as far as the record is."""
        self.quiet = RLock()
        """Held while a batch changes the venue: another thread that reads more than one thing at a time takes it."""
        self._clock = clock
        self._snapshotter = snapshotter
        self._batch_limit = batch_limit
        self._lag_limit = lag_limit
        self._on_broken = on_broken
        self._queue_limit = queue_limit
        self._ended = False
        self._arrivals: Arrivals[Answer] = Arrivals()

    @property
    def waiting(self) -> int:
        """Commands that wait for the next batch."""
        return len(self._arrivals)

    @property
    def lag(self) -> Lag:
        """How far the readable tables are behind the record."""
        return self._projector.lag

    def now_s(self) -> int:
        """Return the clock's Unix second."""
        return self._clock.now_us() // 1_000_000

    def process(self, commands: Sequence[Command]) -> list[Answer]:
        """Take the commands as one batch: decide, record, project; return one answer per command.

        Without commands, only what time alone causes happens.
        """
        answers = self._take(commands)
        self.catch_up()
        return answers

    def process_ahead(self, commands: Sequence[Command]) -> list[Answer]:
        """Do as `process`, and leave the readable tables behind: not further than the limit, and until `catch_up`."""
        answers = self._take(commands)
        if self.lag.batches >= self._lag_limit:
            self.catch_up()
        return answers

    def catch_up(self, events_max: int | None = None) -> None:
        """Bring the readable tables to the end of the record, or nearer by about so many events, from any thread."""
        try:
            self._projector.flush(events_max=events_max)
        except Exception as error:
            self._on_broken(error)

    def _take(self, commands: Sequence[Command]) -> list[Answer]:
        # A clock that was set back must not turn time around: the batch then keeps the time of the one before.
        time_us = max(self._clock.now_us(), self.venue.time_us)
        batch = Batch(self.venue.number + 1, time_us, tuple(commands))
        try:
            with self.quiet:
                decision = self.venue.decide(batch)
                self.record.append(batch, decision.events)
                self._projector.note(batch, decision.events, decision.postings)
                self.tapes.note(decision.events, time_us=time_us)
            if self._snapshotter is not None:
                self._snapshotter.count(len(decision.events))
        except Exception as error:
            self._on_broken(error)
        return _answers(decision)

    def tick(self) -> None:
        """Let due sessions change and due orders expire; record nothing where nothing is due."""
        if self._due():
            self.process(())

    def _due(self) -> bool:
        return self.venue.next_due_us() <= self._clock.now_us()

    def _confirm(self) -> None:
        """Find out that the writer's place is lost before the next order does."""
        try:
            self.record.confirm()
        except Exception as error:
            self._on_broken(error)

    def rest(self) -> bool:
        """Do a step of what can wait between batches, the snapshot that is due; return whether there is more of it."""
        if self._snapshotter is None or not self._snapshotter.due:
            return False
        try:
            if self._snapshotter.begins:
                self._projector.flush()  # a start from this snapshot brings the tables forward from here on
            self._snapshotter.step()
        except Exception as error:
            self._on_broken(error)
        return self._snapshotter.due

    def rest_at_last(self, *, within_s: float) -> bool:
        """Take a snapshot after the last batch, so that the next start replays nothing; return whether it is there.

        One that takes longer (seconds) is given up: it costs the next start that time, and not this stop.
        """
        if self._snapshotter is None:
            return False
        if not self._snapshotter.events:
            return True
        deadline = time.monotonic() + within_s
        self.catch_up()
        self._snapshotter.begin()
        while self._snapshotter.due:
            if time.monotonic() > deadline:
                return False
            self._snapshotter.step()
        return True

    async def submit(self, command: Command) -> Answer:
        """Queue a command and wait until its batch is durable.

        Raises:
            QueueFull: if too many wait already; nothing was taken in.
        """
        return (await self.submit_many([command]))[0]

    async def submit_many(self, commands: Sequence[Command]) -> list[Answer]:
        """Queue commands in this order, all or none, and wait until their batches are durable.

        Raises:
            QueueFull: if they do not all fit; none was taken in.
        """
        if self.waiting + len(commands) > self._queue_limit:
            raise QueueFull(
                f"{self.waiting} commands wait and {len(commands)} came, expected at most {self._queue_limit}"
            )
        return await self._queued(commands)

    async def submit_own(self, commands: Sequence[Command]) -> list[Answer]:
        """Queue commands of the market's own, part by part, and wait until the last of them is durable.

        They have room beyond the limit, which keeps newcomers out: what the market owes to those who are in, such as what
        the chain told or a new hour to trade, is bounded by what it knows already, and must not be lost to a crowd.
        """
        answers: list[Answer] = []
        for start in range(0, len(commands), OWN_AT_ONCE):
            answers += await self._queued(commands[start : start + OWN_AT_ONCE])
        return answers

    async def _queued(self, commands: Sequence[Command]) -> list[Answer]:
        if self._ended:
            raise QueueFull("the market is closing: nobody takes commands any more")
        return await self._arrivals.put(commands) if commands else []

    async def run(self) -> None:
        """Serve the queue until cancelled, and let time pass for the sessions once a second.

        What can wait is done after the answers have gone out, and whenever nobody asks for anything: a snapshot in small
        steps, the tables in a thread of their own, some batches at a time; newcomers wait for either as if it were a
        batch. Whatever fails here ends the process: nobody would take orders any more. What still waits at the end gets
        no answer.
        """
        self._ended = False
        try:
            with ThreadPoolExecutor(1, thread_name_prefix="tables") as tables:
                await self._serve(tables)
        except Exception as error:
            self._on_broken(error)
        finally:
            self._ended = True
            self._arrivals.cancel()

    async def _serve(self, tables: ThreadPoolExecutor) -> NoReturn:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(0)
            more_to_do = self.rest() or self.lag.batches > 0
            commands = await self._arrivals.next_batch(
                most=self._batch_limit, within_s=_PAUSE_S if more_to_do else 1.0
            )
            if commands:
                self._arrivals.answer(self._take(commands))
            elif self._due():
                self._take(())
            elif not more_to_do:
                self._confirm()
            behind = self.lag.batches
            if behind >= self._lag_limit or (behind and not self.waiting):
                await loop.run_in_executor(tables, self.catch_up, _WRITTEN_AT_ONCE)


def _answers(decision: Decision) -> list[Answer]:
    earlier = decision.earlier
    return [Answer(events, earlier.get(index)) for index, events in enumerate(decision.answers)]
