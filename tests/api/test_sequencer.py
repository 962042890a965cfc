"""The single writer: batches, limits, and what happens when the disk or an invariant fails."""

import asyncio
from pathlib import Path
from typing import NoReturn

import pytest

from api.clock import DrivenClock
from api.sequencer import OWN_AT_ONCE, QueueFull, Sequencer
from ledger.database import open_database
from ledger.genesis import Genesis
from ledger.projections import Projector
from ledger.rebuild import rebuild, recover
from ledger.record import Record, RecordFailed
from ledger.snapshots import SnapshotStore
from ledger.snapshotting import Snapshotter
from ledger.venue import Venue
from market.orders import Address, CancelOrder
from market.tape import Tapes
from tests.api.conftest import SOLAR, START_S, listing


class Stopped(Exception):
    """The process would have ended here."""


def stop(error: Exception) -> NoReturn:
    raise Stopped(str(error)) from error


@pytest.fixture
def record(tmp_path: Path) -> Record:
    engine = open_database(f"sqlite:///{tmp_path / 'market.db'}")
    genesis = Genesis(
        "test", notice_period_s=3600, withdrawal_margin_s=0, chain_id=1, settlement=Address(bytes(20))
    )
    return Record(engine, genesis)


def sequencer_of(record: Record, clock: DrivenClock, *, queue_limit: int = 10) -> Sequencer:
    venue = Venue(notice_period_s=3600, withdrawal_margin_s=0)
    return Sequencer(
        venue, record, Projector(record.engine), Tapes(), clock, queue_limit=queue_limit, on_broken=stop
    )


def test_a_rebuilt_venue_stands_where_the_live_one_did(record: Record) -> None:
    sequencer = sequencer_of(record, DrivenClock(START_S))
    sequencer.process([listing(SOLAR)])
    assert rebuild(record).state_hash() == sequencer.venue.state_hash()


def test_who_runs_ahead_leaves_the_tables_behind_up_to_the_limit(record: Record) -> None:
    projector = Projector(record.engine)
    venue = Venue(notice_period_s=3600, withdrawal_margin_s=0)
    sequencer = Sequencer(
        venue, record, projector, Tapes(), DrivenClock(START_S), lag_limit=3, on_broken=stop
    )
    written = []
    for _ in range(4):
        sequencer.process_ahead(())
        written.append(projector.position)
    assert written == [0, 0, 3, 3]
    sequencer.catch_up()
    assert (projector.position, record.number) == (4, 4)


def test_snapshots_are_taken_in_steps_when_there_is_time_for_it(record: Record) -> None:
    recovery = recover(record)
    sequencer = Sequencer(
        recovery.venue,
        record,
        Projector(record.engine),
        recovery.tapes,
        DrivenClock(START_S),
        snapshotter=Snapshotter(record, recovery, every_events=2),
        on_broken=stop,
    )
    assert not sequencer.rest()
    sequencer.process([listing(SOLAR)])

    async def serve() -> None:
        serving = asyncio.create_task(sequencer.run())
        await sequencer.submit(CancelOrder(Address(b"\x01" * 20), 1))
        while recover(record).seal is None:
            await asyncio.sleep(0)
        serving.cancel()

    asyncio.run(serve())
    again = recover(record)
    assert (again.seal is not None and again.seal.number, again.batches) == (1, 1)
    assert again.venue.state_hash() == sequencer.venue.state_hash()


def test_the_tables_are_not_behind_a_snapshot(record: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    recovery, projector = recover(record), Projector(record.engine)
    sequencer = Sequencer(
        recovery.venue,
        record,
        projector,
        recovery.tapes,
        DrivenClock(START_S),
        batch_limit=1,
        snapshotter=Snapshotter(record, recovery, every_events=3),
        on_broken=stop,
    )
    begun: list[tuple[int, int]] = []
    monkeypatch.setattr(
        SnapshotStore, "begin", lambda _, number: begun.append((number, projector.position - number))
    )

    async def under_load() -> None:
        serving = asyncio.create_task(sequencer.run())
        await sequencer.submit_many([CancelOrder(Address(b"\x01" * 20), number) for number in range(1, 9)])
        serving.cancel()

    asyncio.run(under_load())
    assert begun[0] == (3, 0)


def test_a_snapshot_that_cannot_be_stored_stops_the_machine(
    record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    recovery = recover(record)
    snapshotter = Snapshotter(record, recovery, every_events=1)
    sequencer = Sequencer(
        recovery.venue,
        record,
        Projector(record.engine),
        recovery.tapes,
        DrivenClock(START_S),
        snapshotter=snapshotter,
        on_broken=stop,
    )
    sequencer.process([listing(SOLAR)])

    def full(*_: object) -> NoReturn:
        raise OSError("no space left on device")

    monkeypatch.setattr(SnapshotStore, "write", full)
    sequencer.rest()
    with pytest.raises(Stopped, match="no space left"):
        sequencer.rest()
    assert recover(record).seal is None


def test_a_failed_commit_stops_the_machine_before_anything_is_answered(
    record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    sequencer = sequencer_of(record, DrivenClock(START_S))

    def full(*_: object, **__: object) -> NoReturn:
        raise RecordFailed("no space left on device")

    monkeypatch.setattr(record, "append", full)

    async def ask() -> None:
        asking = asyncio.create_task(sequencer.submit(CancelOrder(Address(bytes(20)), 1)))
        with pytest.raises(Stopped, match="no space left"):
            await asyncio.wait_for(sequencer.run(), timeout=10)
        done, _ = await asyncio.wait([asking], timeout=0.05)
        assert all(each.cancelled() for each in done)

    asyncio.run(ask())


def test_more_than_the_queue_holds_is_refused_whole(record: Record) -> None:
    sequencer = sequencer_of(record, DrivenClock(START_S), queue_limit=2)
    cancel = CancelOrder(Address(bytes(20)), 1)

    async def fill() -> None:
        with pytest.raises(QueueFull):
            await sequencer.submit_many([cancel] * 3)
        assert sequencer.waiting == 0

    asyncio.run(fill())


def test_the_markets_own_commands_are_taken_in_however_many_wait(record: Record) -> None:
    sequencer = sequencer_of(record, DrivenClock(START_S), queue_limit=2)
    cancel = CancelOrder(Address(bytes(20)), 1)

    async def crowd() -> None:
        serving = asyncio.create_task(sequencer.run())
        assert len(await sequencer.submit_own([cancel] * 5)) == 5
        serving.cancel()

    asyncio.run(crowd())


def test_what_waits_together_becomes_one_batch(record: Record) -> None:
    sequencer = sequencer_of(record, DrivenClock(START_S))
    cancel = CancelOrder(Address(bytes(20)), 1)

    async def together() -> None:
        task = asyncio.create_task(sequencer.run())
        answers = await asyncio.gather(*(sequencer.submit(cancel) for _ in range(5)))
        assert [len(answer.events) for answer in answers] == [1] * 5
        task.cancel()

    asyncio.run(together())
    assert record.number == 1


def test_nothing_is_recorded_while_nothing_is_due(record: Record) -> None:
    clock = DrivenClock(START_S - 10)
    sequencer = sequencer_of(record, clock)
    sequencer.process([listing(SOLAR)])
    sequencer.tick()
    assert record.number == 1
    clock.move_to(START_S)
    sequencer.tick()
    assert record.number == 2


def test_a_clock_set_back_does_not_turn_time_around(record: Record) -> None:
    clock = DrivenClock(START_S)
    sequencer = sequencer_of(record, clock)
    sequencer.process([listing(SOLAR)])
    clock._now_us -= 5_000_000
    sequencer.process([])
    assert sequencer.venue.time_us == START_S * 1_000_000


def test_the_markets_own_commands_have_room_beyond_the_limit(record: Record) -> None:
    sequencer = sequencer_of(record, DrivenClock(START_S), queue_limit=1)
    cancels = [CancelOrder(Address(bytes(20)), number) for number in range(2 * OWN_AT_ONCE + 1)]

    async def hand_in() -> None:
        task = asyncio.create_task(sequencer.run())
        answers = await sequencer.submit_own(cancels)
        assert [event.reference for answer in answers for event in answer.events] == list(range(len(cancels)))
        task.cancel()

    asyncio.run(hand_in())


def test_a_writer_that_fails_outside_of_a_batch_stops_the_machine(
    record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    sequencer = sequencer_of(record, DrivenClock(START_S))

    def no_more_threads() -> bool:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(sequencer, "rest", no_more_threads)
    with pytest.raises(Stopped, match="can't start new thread"):
        asyncio.run(sequencer.run())


def test_what_waits_when_the_writer_ends_gets_no_answer_and_waits_no_longer(record: Record) -> None:
    sequencer = sequencer_of(record, DrivenClock(START_S))

    async def end() -> None:
        cancel = CancelOrder(Address(bytes(20)), 1)
        asking = asyncio.create_task(sequencer.submit(cancel))
        await asyncio.sleep(0)
        assert sequencer.waiting == 1
        writing = asyncio.create_task(sequencer.run())
        await asyncio.sleep(0)
        writing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        with pytest.raises(QueueFull, match="nobody takes"):
            await sequencer.submit(cancel)

    asyncio.run(end())
    assert record.number == 0


def with_snapshots(record: Record) -> Sequencer:
    recovery = recover(record)
    return Sequencer(
        recovery.venue,
        record,
        Projector(record.engine),
        recovery.tapes,
        DrivenClock(START_S),
        snapshotter=Snapshotter(record, recovery),
        on_broken=stop,
    )


def test_a_last_snapshot_leaves_the_next_start_nothing_to_replay(record: Record) -> None:
    sequencer = with_snapshots(record)
    sequencer.process([listing(SOLAR)])
    assert sequencer.rest_at_last(within_s=60)
    again = recover(record)
    assert (again.seal and again.seal.number, again.batches) == (1, 0)
    assert again.venue.state_hash() == sequencer.venue.state_hash()


def test_a_last_snapshot_is_given_up_when_it_takes_too_long(record: Record) -> None:
    sequencer = with_snapshots(record)
    assert sequencer.rest_at_last(within_s=0)  # nothing has happened that it could keep
    sequencer.process([listing(SOLAR)])
    assert not sequencer.rest_at_last(within_s=0)
    again = recover(record)
    assert (again.seal, again.batches) == (None, 1)
