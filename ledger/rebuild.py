"""Rebuild the venue, and the tables that lag behind, from the record: what a start, and a restart, does."""

from collections.abc import Callable

from ledger.projections import Projector
from ledger.record import Genesis, RecordReader
from ledger.venue import Venue

_BATCHES_PER_COMMIT = 64


def open_venue(genesis: Genesis) -> Venue:
    """Return the empty venue that a genesis describes."""
    return Venue(notice_period_s=genesis.notice_period_s, withdrawal_margin_s=genesis.withdrawal_margin_s)


def rebuild(
    record: RecordReader,
    *,
    projector: Projector | None = None,
    told: Callable[[int], None] = lambda _: None,
) -> Venue:
    """Apply every recorded event to a fresh venue, and bring the projector's tables forward to the end of the record.

    `told` hears the number of each batch that is applied.

    Raises:
        BrokenChain: if a row is not the one that was written.
        BadEncoding: if a row cannot be read.
        InvariantBroken: if the events cannot have happened, or the tables are ahead of the record.
    """
    venue = open_venue(record.genesis)
    for row in record.verified_rows():
        batch, events = row.batch(), row.told()
        postings = venue.absorb(batch, events)
        if projector is not None and row.number > projector.noted:
            projector.note(batch, events, postings)
            if projector.lag.batches >= _BATCHES_PER_COMMIT:
                projector.flush()
        told(row.number)
    if projector is not None:
        projector.flush()
    return venue
