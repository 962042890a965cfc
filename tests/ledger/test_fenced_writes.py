"""Whoever has lost the writer's place writes nothing more: no batch, no transaction, no status, no bookmark."""

from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from ledger.database import RecordInUse, open_database
from ledger.heard import Block, Heard
from ledger.outbox import Outbox, OutboxEntry, OutboxStatus
from ledger.record import Record, RecordFailed
from ledger.writer import PlaceLost, WritersPlace, take_writers_place
from tests.ledger.postgres import Cluster
from tests.ledger.test_record import GENESIS
from tests.ledger.test_record import write as append

Write = Callable[[WritersPlace, OutboxEntry], object]


def add(place: WritersPlace, nonce: int = 3) -> OutboxEntry:
    return Outbox(place).add(
        kind="settle", reference=f"{nonce}", raw=b"raw", hash_=bytes([nonce]) * 32, nonce=nonce
    )


WRITES: dict[str, Write] = {
    "a transaction is stored": lambda place, _: add(place, 4),
    "it is signed again": lambda place, entry: Outbox(place).replace(
        entry.sequence, raw=b"2", hash_=b"2" * 32
    ),
    "it is marked": lambda place, entry: Outbox(place).mark(entry.sequence, OutboxStatus.CONFIRMED),
    "it is broadcast": lambda place, _: Outbox(place).confirm(),
    "a block is noted": lambda place, _: Heard(place).note(Block(7, b"7" * 32), after=0, whole=True),
    "the chain is read again": lambda place, _: Heard(place).again(after=1),
}
END = (
    "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' "
    "AND objid IN (SELECT objid FROM pg_locks WHERE locktype = 'advisory' ORDER BY objid {} LIMIT 1)"
)


@pytest.fixture(params=WRITES)
def write(request: pytest.FixtureRequest) -> Write:
    return WRITES[request.param]


def left(engine: Engine) -> list[object]:
    """Return what stands in the tables that only the writer writes."""
    with engine.connect() as connection:
        tables = ("outbox", "outbox_replacements", "heard")
        return [connection.execute(text(f"SELECT * FROM {each}")).all() for each in tables]


def test_a_market_whose_sessions_ended_changes_nothing_under_its_successor(
    cluster: Cluster, write: Write
) -> None:
    engine = open_database(cluster.emptied())
    lost = Record(engine, GENESIS)
    entry = add(lost.place)
    cluster.run(END.format("").replace(" LIMIT 1", ""), "market")
    successor = Record(open_database(engine.url), GENESIS)
    before = left(engine)
    for _ in range(2):  # and the second time over no new session either
        with pytest.raises(PlaceLost, match="expected the writer's session"):
            write(lost.place, entry)
    assert left(engine) == before
    write(successor.place, entry)
    for record in (lost, successor):
        record.close()
        record.engine.dispose()


def test_nobody_takes_the_place_while_one_of_the_writers_sessions_lives(cluster: Cluster) -> None:
    engine = open_database(cluster.emptied())
    for which in ("ASC", "DESC"):
        place = take_writers_place(engine)
        cluster.run(END.format(which), "market")
        with pytest.raises(RecordInUse, match="another writer holds it"):
            take_writers_place(engine)
        place.close()
    engine.dispose()


def test_a_market_whose_lock_file_is_another_changes_nothing(tmp_path: Path, write: Write) -> None:
    engine = open_database(f"sqlite:///{tmp_path}/market.db")
    place = take_writers_place(engine)
    entry = add(place)
    before = left(engine)
    (tmp_path / "market.db.lock").unlink()
    with pytest.raises(PlaceLost, match="found another lock file, or none"):
        write(place, entry)
    assert left(engine) == before
    place.close()
    engine.dispose()


def test_a_market_whose_lock_file_is_another_records_nothing(tmp_path: Path) -> None:
    record = Record(open_database(f"sqlite:///{tmp_path}/market.db"), GENESIS)
    append(record, 1, 1)
    (tmp_path / "market.db.lock").unlink()
    with pytest.raises(RecordFailed, match=r"batch 2: record .*found another lock file, or none"):
        append(record, 2, 2)
    assert record.verify() == 1
    record.close()
