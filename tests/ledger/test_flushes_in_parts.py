"""A flush may write a part of what was noted, whole batches, and nobody who notes waits for it."""

import threading

import pytest
from sqlalchemy import Engine, event

from ledger.database import open_database
from ledger.projections import Lag, Projector
from tests.ledger.days import SmallDay, a_whole_day
from tests.ledger.test_projections import contents, projected


@pytest.fixture(scope="module")
def day() -> SmallDay:
    return a_whole_day()


def noted(day: SmallDay, engine: Engine) -> Projector:
    projector = Projector(engine)
    for batch, decision in day.history:
        projector.note(batch, decision.events, decision.postings)
    return projector


@pytest.mark.parametrize("events_max", [0, 1, 7, 30, 10_000])
def test_parts_are_whole_batches_of_no_more_events_and_make_the_same_tables(
    day: SmallDay, events_max: int
) -> None:
    engine = open_database("sqlite://")
    projector = noted(day, engine)
    sizes = [len(decision.events) for _, decision in day.history]
    while projector.lag.batches:
        before = projector.position
        projector.flush(events_max=events_max)
        written = sizes[before : projector.position]
        assert len(written) == 1 or sum(written) <= events_max
        following = sizes[projector.position : projector.position + 1]
        assert not following or sum(written + following) > events_max
    assert contents(engine) == contents(projected(day))


def test_the_lag_is_counted_from_the_oldest_batch_that_waits(day: SmallDay) -> None:
    projector = noted(day, open_database("sqlite://"))
    times = [batch.time_us for batch, _ in day.history]
    assert projector.lag == Lag(len(times), times[-1] - times[0])
    projector.flush(events_max=0)
    assert projector.lag == Lag(len(times) - 1, times[-1] - times[1])
    projector.flush()
    assert projector.lag == Lag(0, 0)


def test_neither_a_note_nor_a_look_at_the_lag_waits_for_a_flush(day: SmallDay) -> None:
    """The event loop notes and tells the lag: a flush that is held up holds nobody else up."""
    engine = open_database("sqlite://")
    *first, (batch, decision) = day.history
    projector = Projector(engine)
    for earlier, decided in first:
        projector.note(earlier, decided.events, decided.postings)
    begun, go_on = threading.Event(), threading.Event()

    def held_up(*_: object) -> None:
        begun.set()
        assert go_on.wait(10)

    event.listen(engine, "commit", held_up)
    flush = threading.Thread(target=projector.flush)
    flush.start()
    assert begun.wait(10)
    projector.note(batch, decision.events, decision.postings)
    assert (projector.position, projector.noted) == (0, len(day.history))
    assert projector.lag.batches == len(day.history)
    go_on.set()
    flush.join()
    event.remove(engine, "commit", held_up)
    assert projector.position == len(first)
    assert projector.lag == Lag(1, 0)
    projector.flush()
    assert contents(engine) == contents(projected(day))
