"""Taking snapshots while the market runs: the memory is copied at once, and written in small steps between batches."""

import hashlib
from collections.abc import Iterator

from ledger.rebuild import Recovery
from ledger.record import Record
from ledger.snapshot_encoding import encode, prepare
from ledger.snapshots import Seal, SnapshotStore, Standing
from market.keeping import capture

EVERY_EVENTS = 25_000


class Snapshotter:
    """Takes the snapshots of one record, for its one writer.

    One is due after `every_events` events, and not before there were as many as the latest snapshot holds rows: to read a
    row takes about as long as to replay an event, so that a restart never takes much longer than reading the snapshot
    twice, and taking snapshots never more work than the events themselves, however long the history.
    """

    def __init__(
        self,
        record: Record,
        recovery: Recovery,
        *,
        every_events: int = EVERY_EVENTS,
    ) -> None:
        """Begin beside a market that was brought back to the end of its record."""
        prepare(Standing)
        self._record = record
        self._standing = recovery.standing
        self._store = SnapshotStore(record.engine)
        self._every_events = every_events
        self._events = recovery.events
        self._rows = recovery.seal.rows if recovery.seal is not None else 0
        self._writing: Iterator[None] | None = None

    @property
    def due(self) -> bool:
        """Whether there is something to do: a snapshot to begin, or to go on with."""
        return self._writing is not None or self._events >= max(self._every_events, self._rows)

    @property
    def begins(self) -> bool:
        """Whether the next step begins a snapshot. The readable tables must not be behind the record then."""
        return self._writing is None and self.due

    @property
    def events(self) -> int:
        """Events since the latest snapshot was begun."""
        return self._events

    def count(self, events: int) -> None:
        """Count the events of a batch that was recorded and applied."""
        self._events += events

    def step(self) -> None:
        """Go a step on with the snapshot in hand, or begin the one that is due; a batch may come after any step.

        Beginning copies the memory, but not the values in it: milliseconds for a hundred thousand orders and trades. Each
        later step encodes and stores some hundred rows.
        """
        if self.begins:
            self._writing = self._take()
        if self._writing is not None and next(self._writing, self) is self:
            self._writing = None

    def begin(self) -> None:
        """Begin a snapshot now, whether one is due or not, in place of one in hand; `step` goes on with it."""
        self._writing = self._take()

    def take(self) -> None:
        """Take a snapshot now, whether one is due or not."""
        self.begin()
        while self._writing is not None:
            self.step()

    def _take(self) -> Iterator[None]:
        number, record_hash, store = self._record.number, self._record.hash, self._store
        self._events = 0
        captured = capture(self._standing)
        yield
        store.begin(number)
        piece_hashes, rows = [], 0
        for piece, (content, count) in enumerate(encode(Standing, captured), start=1):
            store.write(number, piece, content)
            piece_hashes.append(hashlib.sha256(content).digest())
            rows += count
            yield
        store.seal(Seal(Seal.FORMAT, number, record_hash, rows, tuple(piece_hashes)))
        self._rows = rows
