"""A small day as a lasting database has it: record and readable tables."""

from pathlib import Path

from sqlalchemy import Engine

from ledger.database import open_database
from ledger.projections import Projector
from ledger.record import Record
from tests.ledger.days import GENESIS, SmallDay


def url_of(folder: Path) -> str:
    return f"sqlite:///{folder / 'day.db'}"


def kept(day: SmallDay, folder: Path, *, projected: int | None = None, url: str = "") -> Engine:
    """Keep a day in a file, or at a URL; `projected` is how many of its batches the tables have, all if not given."""
    engine = open_database(url or url_of(folder))
    record, projector = Record(engine, GENESIS), Projector(engine)
    for batch, decision in day.history:
        record.append(batch, decision.events)
        if projected is None or batch.number <= projected:
            projector.apply(batch, decision.events, decision.postings)
    record.close()
    return engine
