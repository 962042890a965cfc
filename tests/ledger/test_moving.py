"""A market moves between SQLite and PostgreSQL by a copy: the same rows in every table, whole or not at all."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, select, update

from ledger.audit import audit
from ledger.backup import Copied, back_up, restore
from ledger.copying import copy_market
from ledger.database import DatabaseUnusable, new_database, open_database
from ledger.heard import Block, Heard
from ledger.outbox import Outbox
from ledger.projections import Projector
from ledger.rebuild import recover
from ledger.record import BrokenChain, Record, RecordReader
from ledger.snapshotting import Snapshotter
from ledger.tables import Readable, RecordRow, Truth, table
from tests.ledger.days import GENESIS, a_whole_day
from tests.ledger.kept import kept
from tests.ledger.postgres import Cluster
from tests.ledger.test_record import GENESIS as PLAIN_GENESIS
from tests.ledger.test_record import write

TABLES = (*Truth.metadata.sorted_tables, *Readable.metadata.sorted_tables)


def a_market(url: str) -> None:
    """A day with everything that a market keeps: a snapshot, the outbox, how far the chain was heard."""
    engine = kept(a_whole_day(), Path(), url=url)
    record = Record(engine, GENESIS)
    Snapshotter(record, recover(record)).take()
    outbox = Outbox(record.place)
    outbox.add(
        kind="settle", reference="batch 1", raw=b"\x02\x00", hash_=b"\xaa" * 32, nonce=7, trades=(1, 2)
    )
    outbox.replace(1, raw=b"\x02\x01", hash_=b"\xbb" * 32)
    Heard(record.place).note(Block(2**40, b"\xcc" * 32), after=0, whole=True)
    record.close()
    engine.dispose()


def rows(url: str) -> dict[str, list[tuple[object, ...]]]:
    """Return every row of every table, but the shape of the readable ones."""
    engine = open_database(url, must_exist=True)
    with engine.connect() as connection:
        found = {
            each.name: [
                tuple(row)
                for row in connection.execute(
                    select(*(column for column in each.columns if column.name != "shape")).order_by(
                        *each.primary_key
                    )
                )
            ]
            for each in TABLES
        }
    engine.dispose()
    return found


@pytest.fixture
def other(cluster: Cluster) -> Iterator[str]:
    """The URL of a second, empty database on the server."""
    cluster.run("CREATE DATABASE other")
    yield cluster.url("other")
    cluster.run("DROP DATABASE other WITH (FORCE)")


@pytest.fixture(params=["sqlite", "postgresql"])
def target(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/moved.db"
    found: str = request.getfixturevalue("other")
    return found


def test_a_market_is_the_same_wherever_it_moves(url: str, target: str, tmp_path: Path) -> None:
    a_market(url)
    before = rows(url)
    assert {name for name, found in before.items() if not found} <= {"clearings", "guarantees"}
    heard: list[tuple[int, int]] = []
    made = back_up(url, tmp_path / "monday.db", told=lambda *done: heard.append(done))
    assert restore(tmp_path / "monday.db", target, told=lambda *done: heard.append(done)) == made
    assert rows(target) == before
    assert url.startswith("sqlite") or (tmp_path / "monday.db").stat().st_mode & 0o777 == 0o600
    by_rows = sum(len(found) for found in before.values()) - 1
    copies = (url.startswith("postgresql"), target.startswith("postgresql"))
    assert heard.count((by_rows, by_rows)) == sum(copies)
    engine = open_database(target)
    assert audit(RecordReader(engine), tables=engine).findings == ()
    record = Record(engine, GENESIS)
    assert (record.number, record.hash) == (made.batches, made.head)
    recovery = recover(record, projector=Projector(engine))
    assert (
        str(recovery)
        == f"recovered from the snapshot of batch {made.batches}: 0 batches with 0 events replayed"
    )
    record.close()
    engine.dispose()
    left = {path.name for path in tmp_path.iterdir()}
    assert left <= {f"{name}{end}" for name in ("market", "monday", "moved") for end in (".db", ".db.lock")}


def test_a_copy_made_of_a_running_market_ends_at_one_of_its_batches(url: str, tmp_path: Path) -> None:
    engine = open_database(url)
    record = Record(engine, PLAIN_GENESIS)
    write(record, 1, 50)
    ending = threading.Event()

    def go_on() -> None:
        while not ending.is_set():
            write(record, record.number + 1, record.number + 1)

    writer = threading.Thread(target=go_on)
    writer.start()
    copies: list[Copied] = []
    try:
        for index in range(3):
            copies.append(back_up(url, tmp_path / f"copy-{index}.db"))
            while record.number == copies[-1].batches and writer.is_alive():
                time.sleep(0.001)
    finally:
        ending.set()
        writer.join()
    hashes = {row.number: row.hash for row in record.rows()}
    assert [copy.head for copy in copies] == [hashes[copy.batches] for copy in copies]
    assert 50 <= copies[0].batches < copies[1].batches < copies[2].batches < record.number
    record.close()
    engine.dispose()


def test_a_table_that_is_about_to_be_dropped_is_seen_as_it_was(cluster: Cluster, tmp_path: Path) -> None:
    """A rebuild that begins in the middle of a copy waits for its end."""
    url = cluster.emptied()
    a_market(url)
    before = rows(url)
    source = open_database(url)
    rebuilding: list[threading.Thread] = []

    def rebuild_meanwhile(_done: int, _of: int) -> None:
        if not rebuilding:
            rebuilding.append(threading.Thread(target=lambda: Projector(other).reset()))
            rebuilding[0].start()
            while not cluster.run("SELECT 1 FROM pg_locks WHERE NOT granted"):
                pass

    other = open_database(url)
    with source.connect() as connection, new_database(f"sqlite:///{tmp_path}/copy.db") as copy:
        copy_market(connection, copy, told=rebuild_meanwhile)
    rebuilding[0].join()
    assert rows(f"sqlite:///{tmp_path}/copy.db") == before
    assert Projector(other).position == 0
    for engine in (source, other):
        engine.dispose()


def test_nothing_is_put_where_tables_are(cluster: Cluster, tmp_path: Path) -> None:
    a_market(f"sqlite:///{tmp_path}/market.db")
    back_up(f"sqlite:///{tmp_path}/market.db", tmp_path / "monday.db")
    taken = cluster.emptied()
    open_database(taken).dispose()
    cluster.run("UPDATE ccei.alembic_version SET version_num = '0001'", "market")
    with pytest.raises(
        DatabaseUnusable, match=r"found tables there \(accounts, alembic_version, .* name a new database"
    ):
        restore(tmp_path / "monday.db", taken)
    assert cluster.run("SELECT version_num FROM ccei.alembic_version", "market") == [("0001",)]
    assert cluster.run("SELECT count(*) FROM ccei.record", "market") == [(0,)]


class PowerCut(Exception):
    """What ends a copy half-way."""


def test_a_copy_that_ends_half_way_leaves_nothing(cluster: Cluster, tmp_path: Path) -> None:
    url = cluster.emptied()
    a_market(url)

    def cut(done: int, _of: int) -> None:
        if done > 20:
            raise PowerCut

    with pytest.raises(PowerCut):
        back_up(url, tmp_path / "monday.db", told=cut)
    assert list(tmp_path.iterdir()) == []
    back_up(url, tmp_path / "monday.db")
    cluster.emptied()
    with pytest.raises(PowerCut):
        restore(tmp_path / "monday.db", url, told=cut)
    assert cluster.run("SELECT 1 FROM pg_namespace WHERE nspname = 'ccei'", "market") == []
    restore(tmp_path / "monday.db", url)


def damage(engine: Engine) -> None:
    record = table(RecordRow)
    with engine.begin() as connection:
        connection.execute(update(record).where(record.c.number == 3).values(time_us=1))
    engine.dispose()


def test_a_record_that_is_not_whole_is_neither_copied_nor_put_back(cluster: Cluster, tmp_path: Path) -> None:
    url = cluster.emptied()
    a_market(url)
    back_up(url, tmp_path / "monday.db")
    damage(open_database(url))
    with pytest.raises(BrokenChain, match="record row 3"):
        back_up(url, tmp_path / "tuesday.db")
    damage(open_database(f"sqlite:///{tmp_path}/monday.db"))
    cluster.emptied()
    with pytest.raises(BrokenChain, match="record row 3"):
        restore(tmp_path / "monday.db", url)
    assert cluster.run("SELECT 1 FROM pg_namespace WHERE nspname = 'ccei'", "market") == []
    assert not [path for path in tmp_path.iterdir() if "tuesday" in path.name]
