"""A flush that fails anywhere leaves position and tables as they were, and is the last thing that its projector does."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.exc import DBAPIError

from ledger.database import open_database
from ledger.projections import TABLES, Projector
from ledger.rebuild import rebuild
from ledger.record import RecordReader
from ledger.tables import ProjectedRow, table
from market.units import InvariantBroken
from tests.ledger.aborting import refused
from tests.ledger.days import SmallDay, a_whole_day
from tests.ledger.kept import kept
from tests.ledger.test_projections import contents

WRITTEN = 4
"""Batches in the tables before the flush that fails."""
PROJECTED = table(ProjectedRow)


@pytest.fixture(scope="module")
def day() -> SmallDay:
    return a_whole_day()


@pytest.fixture
def engine(day: SmallDay, url: str, tmp_path: Path) -> Iterator[Engine]:
    """A recorded day, of which the tables have the first batches."""
    engine = kept(day, tmp_path, projected=WRITTEN, url=url)
    yield engine
    engine.dispose()


def noted(day: SmallDay, engine: Engine) -> Projector:
    """A projector that has noted the rest of the day."""
    projector = Projector(engine)
    for batch, decision in day.history[WRITTEN:]:
        projector.note(batch, decision.events, decision.postings)
    return projector


def written(engine: Engine) -> tuple[object, ...]:
    with engine.connect() as connection:
        return connection.execute(select(PROJECTED.c.batch_number)).scalar_one(), contents(engine)


def test_what_was_written_before_stands_and_nothing_else(day: SmallDay, engine: Engine) -> None:
    before = written(engine)
    assert before[0] == WRITTEN
    for full in (
        each.name for each in TABLES if each.name != "clearings"
    ):  # of which the rest of the day has none
        projector = noted(day, engine)
        with refused(engine, full), pytest.raises(DBAPIError, match="disk is full"):
            projector.flush()
        assert written(engine) == before, full
        assert projector.position == WRITTEN


LATER: tuple[Callable[[Projector, SmallDay], None], ...] = (
    lambda projector, _: projector.flush(),
    lambda projector, _: projector.reset(),
    lambda projector, day: projector.note(day.history[-1][0], (), ()),
    lambda projector, day: projector.apply(day.history[-1][0], (), ()),
)


def test_a_projector_that_failed_does_nothing_more(day: SmallDay, engine: Engine) -> None:
    before = written(engine)
    projector = noted(day, engine)
    with refused(engine, "entries"), pytest.raises(DBAPIError, match="disk is full"):
        projector.flush()
    for later in LATER:
        with pytest.raises(InvariantBroken, match=f"found them at batch {WRITTEN} after a failure"):
            later(projector, day)
    assert written(engine) == before


def test_the_next_start_brings_the_tables_forward(day: SmallDay, engine: Engine) -> None:
    projector = noted(day, engine)
    with refused(engine, "entries"), pytest.raises(DBAPIError, match="disk is full"):
        projector.flush()
    rebuild(RecordReader(engine), projector=Projector(engine))
    whole = open_database("sqlite://")
    rebuild(RecordReader(engine), projector=Projector(whole))
    assert written(engine) == written(whole)


def test_an_event_that_does_not_fit_is_the_last_thing_noted(day: SmallDay, engine: Engine) -> None:
    projector = Projector(engine)
    with pytest.raises(InvariantBroken, match=f"found batch {len(day.history)}, expected {WRITTEN + 1}"):
        projector.note(day.history[-1][0], (), ())
    batch, decision = day.history[WRITTEN]
    with pytest.raises(InvariantBroken, match="after a failure"):
        projector.note(batch, decision.events, decision.postings)
