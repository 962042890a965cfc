"""Small days as a service leaves them: recorded, and projected into the readable tables."""

from sqlalchemy import Engine

from ledger.database import open_database
from ledger.projections import Projector
from ledger.record import Record
from market.events import Event
from tests.ledger.days import GENESIS, SmallDay


def recorded(
    day: SmallDay, *, forge: dict[int, tuple[Event, ...]] | None = None, url: str = "sqlite://"
) -> Engine:
    """Record and project a day; `forge` puts other events into some batches, sealed as if they were true."""
    engine = open_database(url)
    record, projector = Record(engine, GENESIS), Projector(engine)
    for batch, decision in day.history:
        told = (forge or {}).get(batch.number, decision.events)
        last = batch.number == len(day.history)
        record.append(batch, told, state_hash=day.venue.state_hash() if last else b"")
        projector.apply(batch, decision.events, decision.postings)
    record.close()
    return engine
