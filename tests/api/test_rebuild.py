"""`ccei rebuild` makes the readable tables again; the sequencer keeps them a little behind the record, never far."""

import asyncio
import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import Engine, delete, text, update
from typer.testing import CliRunner

from api.cli import app
from api.clock import DrivenClock
from api.sequencer import Sequencer
from ledger.audit import audit
from ledger.database import DatabaseUnusable, open_database
from ledger.projections import Lag, Projector
from ledger.rebuild import open_venue, recover
from ledger.record import Record, RecordReader
from ledger.snapshotting import Snapshotter
from ledger.tables import RecordRow, SnapshotRow, table
from market.orders import Address, CancelOrder
from market.tape import Tapes
from tests.api.conftest import START_S
from tests.ledger.days import GENESIS, a_whole_day
from tests.ledger.test_audit import recorded
from tests.ledger.test_projections import contents, projected


@pytest.fixture
def url(tmp_path: Path) -> str:
    url = f"sqlite:///{tmp_path}/market.db"
    recorded(a_whole_day(), url=url).dispose()
    return url


def ran(url: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["rebuild", url])
    return result.exit_code, result.output


def test_tables_that_somebody_damaged_are_made_again(url: str) -> None:
    with sqlite3.connect(url.removeprefix("sqlite:///")) as connection:
        connection.executescript("DELETE FROM trades; UPDATE balances SET amount = 1; DROP TABLE orders")
    connection.close()
    status, output = ran(url)
    day = a_whole_day()
    assert status == 0
    assert f"state hash  {day.venue.state_hash().hex()}" in output
    assert contents(open_database(url, must_exist=True)) == contents(projected(day))


def test_the_start_after_a_rebuild_goes_on_from_what_was_rebuilt(url: str) -> None:
    engine = open_database(url)
    record = Record(engine, GENESIS)
    Snapshotter(record, recover(record)).take()
    record.close()
    with engine.begin() as connection:
        connection.execute(update(table(SnapshotRow)).values(content=b"damaged"))
    assert ran(url)[0] == 0
    recovery = recover(RecordReader(engine), projector=Projector(engine))
    assert str(recovery) == "recovered from the snapshot of batch 10: 0 batches with 0 events replayed"
    assert recovery.venue.state_hash() == a_whole_day().venue.state_hash()
    engine.dispose()


def test_tables_ahead_of_the_record_stop_a_start_and_are_made_again(url: str) -> None:
    engine = open_database(url)
    with engine.begin() as connection:
        connection.execute(delete(table(RecordRow)).where(table(RecordRow).c.number > 8))
    with pytest.raises(
        DatabaseUnusable, match="found batch 10, expected at most 8, the record's last: is this"
    ):
        recover(RecordReader(engine), projector=Projector(engine))
    assert ran(url)[0] == 0
    assert recover(RecordReader(engine), projector=Projector(engine)).venue.number == 8
    engine.dispose()


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE accounts SET kind = 'free ' WHERE account_number = 2",
        "UPDATE accounts SET asset = 'gold' WHERE account_number = 2",
        "UPDATE accounts SET participant = '0xzz' WHERE account_number = 2",
        "DELETE FROM accounts WHERE account_number = 2",
        "UPDATE balances SET amount = -5",
        "UPDATE balances SET amount = 'x'",
        "UPDATE balances SET account_number = 99 WHERE account_number = 2",
        "DELETE FROM balances",
    ],
)
def test_damaged_tables_stop_a_start_and_are_found_by_the_audit(url: str, damage: str) -> None:
    engine = open_database(url)
    with engine.begin() as connection:
        connection.execute(text(damage))
        connection.execute(text("UPDATE entries SET account_number = 99 WHERE batch_number = 3"))
    with pytest.raises(DatabaseUnusable, match=r"found them damaged \(.*: run `ccei rebuild`"):
        Projector(engine)
    found = {each.check for each in audit(RecordReader(engine), tables=engine).findings}
    assert found == {"tables", "journal"}
    assert ran(url)[0] == 0
    assert audit(RecordReader(engine), tables=engine).findings == ()
    engine.dispose()


def test_a_market_that_runs_is_left_alone(url: str) -> None:
    engine = open_database(url)
    before = contents(engine)
    record = Record(engine, RecordReader(engine).genesis)
    status, output = ran(url)
    assert (status, "another writer holds it" in output) == (2, True)
    assert contents(engine) == before
    record.close()


def test_what_is_no_market_is_not_made_one(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/absent.db"
    assert ran(url) == (
        2,
        f"ccei: database {tmp_path}/absent.db: found nothing, expected an existing database\n",
    )
    (tmp_path / "absent.db").touch()
    status, output = ran(url)
    assert (status, "found no tables, expected those of a market" in output) == (2, True)
    open_database(url).dispose()
    status, output = ran(url)
    assert (status, "found no market, expected the record of one" in output) == (2, True)


def test_the_tables_catch_up_when_nothing_waits_and_are_never_far_behind() -> None:
    record = Record(open_database("sqlite://"), GENESIS)
    projector = _Watched(record.engine)
    venue = open_venue(GENESIS)
    sequencer = Sequencer(venue, record, projector, Tapes(), DrivenClock(START_S), batch_limit=1, lag_limit=4)

    async def under_load() -> None:
        task = asyncio.create_task(sequencer.run())
        await sequencer.submit_many([CancelOrder(Address(bytes(20)), number) for number in range(1, 11)])
        while sequencer.lag.batches:
            await asyncio.sleep(0.001)
        task.cancel()

    asyncio.run(under_load())
    assert projector.written == [4, 4, 2]
    assert projector.position == record.number == 10
    sequencer.process([CancelOrder(Address(bytes(20)), 11)])
    assert projector.lag == Lag(0, 0)


def test_what_is_far_behind_is_written_part_by_part_and_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.sequencer._WRITTEN_AT_ONCE", 3)
    record = Record(open_database("sqlite://"), GENESIS)
    projector = _Watched(record.engine)
    clock = DrivenClock(START_S)
    sequencer = Sequencer(open_venue(GENESIS), record, projector, Tapes(), clock, batch_limit=2, lag_limit=4)

    async def under_load() -> None:
        task = asyncio.create_task(sequencer.run())
        await sequencer.submit_many([CancelOrder(Address(bytes(20)), number) for number in range(1, 13)])
        while sequencer.lag.batches:
            await asyncio.sleep(0.001)
        task.cancel()

    asyncio.run(under_load())
    assert projector.written == [
        1,
        1,
        1,
        1,
        1,
        1,
    ]  # two refusals a batch, and no more than three events at once


class _Watched(Projector):
    """Remembers how many batches each commit wrote."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine)
        self.written: list[int] = []

    def flush(self, *, events_max: int | None = None) -> None:
        before = self.position
        super().flush(events_max=events_max)
        self.written.append(self.position - before)
