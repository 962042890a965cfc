"""Rebuild a market, and the tables that lag behind, from the record: what a start, and a restart, does."""

from collections.abc import Callable
from dataclasses import dataclass

from ledger.collecting import collector_at_rest
from ledger.genesis import Genesis
from ledger.projections import Projector
from ledger.record import RecordReader, verified
from ledger.snapshot_encoding import UnreadableSnapshot
from ledger.snapshots import Seal, SnapshotStore, Standing
from ledger.unusable import DatabaseUnusable, named
from ledger.venue import Venue
from market.orders import Batch
from market.tape import Tapes

_BATCHES_PER_COMMIT = 64


def _untold(_number: int) -> None:
    """Tell nobody."""


@dataclass(frozen=True)
class Recovery:
    """A market brought back to the end of its record, and how: from which snapshot, and which could not be used, and why."""

    standing: Standing
    seal: Seal | None
    batches: int
    events: int
    unused: tuple[str, ...]

    @property
    def venue(self) -> Venue:
        """Exchange and books."""
        return self.standing.venue

    @property
    def tapes(self) -> Tapes:
        """What has traded."""
        return self.standing.tapes

    def __str__(self) -> str:
        start = f"the snapshot of batch {self.seal.number}" if self.seal is not None else "the first batch"
        told = f"recovered from {start}: {self.batches} batches with {self.events} events replayed"
        return "; ".join((told, *self.unused))


def open_venue(genesis: Genesis) -> Venue:
    """Return the empty venue that a genesis describes."""
    return Standing(genesis).venue


def rebuild(record: RecordReader, *, projector: Projector | None = None) -> Venue:
    """Apply every recorded event to a fresh venue, and bring the projector's tables forward to the end of the record.

    Raises:
        BrokenChain: if a row is not the one that was written.
        BadEncoding: if a row cannot be read.
        InvariantBroken: if the events cannot have happened.
        DatabaseUnusable: if the tables are ahead of the record.
    """
    with collector_at_rest():
        return _replay(record, Standing(record.genesis), None, projector, ()).venue


def recover(
    record: RecordReader, *, projector: Projector | None = None, told: Callable[[int], None] = _untold
) -> Recovery:
    """Go on from the latest snapshot that fits the record and is not ahead of the tables; `rebuild` where there is none.

    Rows before the snapshot are not read: `ccei audit` is what proves all of them. `told` hears the number
    of each batch that is applied.

    Raises:
        BrokenChain, BadEncoding, InvariantBroken, DatabaseUnusable: as `rebuild` does.
    """
    with collector_at_rest():
        return _recover(record, SnapshotStore(record.engine), projector, told)


def _recover(
    record: RecordReader, store: SnapshotStore, projector: Projector | None, told: Callable[[int], None]
) -> Recovery:
    unused = []
    for number in store.numbers():
        if projector is not None and projector.position < number:
            unused.append(
                f"snapshot of batch {number} not used: the readable tables stand at batch {projector.position}"
            )
            continue
        try:
            seal, standing = store.read(number, record)
        except UnreadableSnapshot as error:
            unused.append(f"snapshot of batch {number} not used: {error}")
            continue
        return _replay(record, standing, seal, projector, tuple(unused), told=told)
    return _replay(record, Standing(record.genesis), None, projector, tuple(unused), told=told)


def _replay(
    record: RecordReader,
    standing: Standing,
    seal: Seal | None,
    projector: Projector | None,
    unused: tuple[str, ...],
    *,
    told: Callable[[int], None] = _untold,
) -> Recovery:
    """Apply the rows after a snapshot, or all."""
    batches = events = 0
    rows = record.verified_rows()
    if seal is not None:
        rows = verified(record.rows(after=seal.number), previous=seal.record_hash, after=seal.number)
    for row in rows:
        # events say all that happened, so what was asked for need not be read
        batch, happened = Batch(row.number, row.time_us, ()), row.told()
        postings = standing.venue.absorb(batch, happened)
        standing.tapes.note(happened, time_us=batch.time_us)
        if projector is not None and row.number > projector.noted:
            projector.note(batch, happened, postings)
            if projector.lag.batches >= _BATCHES_PER_COMMIT:
                projector.flush()
        batches += 1
        events += len(happened)
        told(row.number)
    if projector is not None:
        if projector.noted > standing.venue.number:
            raise DatabaseUnusable(
                f"readable tables of {named(record.engine.url)}: found batch {projector.noted}, expected at most "
                f"{standing.venue.number}, the record's last: is this the whole record? If it is, run `ccei rebuild`"
            )
        projector.flush()
    return Recovery(standing, seal, batches, events, unused)
