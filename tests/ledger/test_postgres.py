"""PostgreSQL: what is demanded of the server, and what happens when it, or the connection to it, goes away."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from ledger import postgres
from ledger.database import DatabaseUnusable, RecordInUse, file_of, new_database, open_database
from ledger.projections import Projector
from ledger.record import Record, RecordFailed, RecordReader
from ledger.tables import Readable, Truth
from ledger.unusable import DatabaseSilent
from tests.ledger.days import a_whole_day
from tests.ledger.kept import kept
from tests.ledger.postgres import Cluster, running_cluster
from tests.ledger.test_record import GENESIS, write


@pytest.fixture
def url(cluster: Cluster) -> str:
    return cluster.emptied()


@pytest.fixture
def engine(url: str) -> Iterator[Engine]:
    engine = open_database(url)
    yield engine
    engine.dispose()


def tables_of(cluster: Cluster) -> set[tuple[object, ...]]:
    return set(
        cluster.run(
            "SELECT table_schema, table_name FROM information_schema.tables "
            "WHERE table_schema NOT IN ('pg_catalog', 'information_schema')",
            "market",
        )
    )


def test_all_tables_live_in_one_schema(cluster: Cluster, engine: Engine) -> None:
    names = {"alembic_version", *Truth.metadata.tables, *Readable.metadata.tables}
    assert tables_of(cluster) == {("ccei", name) for name in names}
    assert file_of(engine) is None


def test_a_commit_waits_for_the_disk_whatever_the_server_does_by_itself(cluster: Cluster, url: str) -> None:
    with cluster.set("synchronous_commit", "off"):
        engine = open_database(url)
        with engine.connect() as connection:
            assert connection.exec_driver_sql("SHOW synchronous_commit").scalar_one() == "on"
            assert connection.exec_driver_sql("SHOW transaction_isolation").scalar_one() == "repeatable read"
        engine.dispose()


def test_the_commits_of_the_readable_tables_need_not_wait_and_leave_no_trace(engine: Engine) -> None:
    projector = Projector(engine)
    for batch, decision in a_whole_day().history:
        projector.apply(batch, decision.events, decision.postings)
    with engine.connect() as connection:
        assert connection.exec_driver_sql("SHOW synchronous_commit").scalar_one() == "on"


@pytest.mark.parametrize("name", ["fsync", "full_page_writes"])
def test_a_server_that_may_lose_a_commit_is_refused(cluster: Cluster, url: str, name: str) -> None:
    with cluster.set(name, "off"), pytest.raises(DatabaseUnusable, match=f"found {name} = off, expected on"):
        open_database(url)
    open_database(url).dispose()


def test_an_older_server_is_refused(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres, "OLDEST_VERSION", 990_000)
    with pytest.raises(
        DatabaseUnusable, match=r"database market: found PostgreSQL \d+, expected 99 or later"
    ):
        open_database(url)


def test_another_encoding_is_refused(cluster: Cluster) -> None:
    cluster.run(
        "CREATE DATABASE letters ENCODING 'SQL_ASCII' LOCALE_PROVIDER libc LOCALE 'C' TEMPLATE template0"
    )
    with pytest.raises(DatabaseUnusable, match="found server_encoding = SQL_ASCII, expected UTF8"):
        open_database(cluster.url("letters"))


def test_a_database_that_is_not_there_is_named_without_the_password(cluster: Cluster) -> None:
    url = f"postgresql://market:secret@/nowhere?host={cluster.socket}"
    with pytest.raises(DatabaseUnusable, match='database "nowhere" does not exist') as caught:
        open_database(url)
    assert "secret" not in str(caught.value)
    with pytest.raises(DatabaseUnusable, match="expected a database that can be written") as caught:
        open_database(f"postgresql:///nowhere?host={cluster.socket}&user=market&password=secret")
    assert "secret" not in str(caught.value)


def test_a_server_that_does_not_answer_is_named(tmp_path: Path) -> None:
    with pytest.raises(DatabaseSilent, match="expected a server that answers"):
        open_database(f"postgresql://market@/market?host={tmp_path}")


def test_a_url_with_an_unknown_parameter_is_nothing_to_wait_for(cluster: Cluster) -> None:
    with pytest.raises(DatabaseUnusable, match='found invalid connection option "hst"') as caught:
        open_database(f"postgresql://market@/market?host={cluster.socket}&hst=secret")
    assert type(caught.value) is DatabaseUnusable
    assert "secret" not in str(caught.value)


def test_a_database_of_somebody_else_is_named(cluster: Cluster) -> None:
    cluster.run("CREATE ROLE stranger LOGIN")
    cluster.run("CREATE DATABASE theirs")
    url = f"postgresql://stranger@/theirs?host={cluster.socket}"
    for make in (lambda: open_database(url), lambda: new_database(url).__enter__()):
        with pytest.raises(DatabaseUnusable, match=r"/theirs\?host=.*: found permission denied"):
            make()


def test_a_reader_creates_nothing(cluster: Cluster, url: str) -> None:
    with pytest.raises(DatabaseUnusable, match="found no tables, expected those of a market"):
        open_database(url, must_exist=True)
    engine = open_database(url)
    open_database(url, must_exist=True).dispose()
    engine.dispose()


def test_tables_of_another_program_are_left_alone(cluster: Cluster, url: str) -> None:
    cluster.run("CREATE SCHEMA ccei", "market")
    cluster.run("CREATE TABLE ccei.photos (id integer)", "market")
    with pytest.raises(DatabaseUnusable, match=r"another program's database \(tables photos\)"):
        open_database(url)


def test_another_program_with_revisions_of_its_own_is_left_alone(cluster: Cluster, url: str) -> None:
    cluster.run("CREATE SCHEMA ccei", "market")
    cluster.run("CREATE TABLE ccei.alembic_version (version_num varchar(32))", "market")
    cluster.run("INSERT INTO ccei.alembic_version VALUES ('0001')", "market")
    with pytest.raises(DatabaseUnusable, match=r"another program's database \(tables alembic_version\)"):
        open_database(url)


def test_a_view_on_a_readable_table_is_named_and_nothing_changes(cluster: Cluster, url: str) -> None:
    engine = kept(a_whole_day(), Path(), url=url)
    cluster.run("CREATE VIEW public.mine AS SELECT * FROM ccei.orders", "market")
    count = cluster.run("SELECT count(*) FROM public.mine", "market")
    with pytest.raises(
        DatabaseUnusable, match=r"found that view public.mine depends on table orders, .* drop that view"
    ):
        Projector(engine).reset()
    cluster.run("UPDATE ccei.projected SET shape = 'another'", "market")
    with pytest.raises(DatabaseUnusable, match="drop that view, do this again, and make it anew"):
        open_database(url)
    assert cluster.run("SELECT count(*) FROM public.mine", "market") == count
    cluster.run("DROP VIEW public.mine", "market")
    open_database(url).dispose()
    engine.dispose()


def test_what_else_is_in_the_database_is_no_concern(cluster: Cluster, url: str) -> None:
    cluster.run("CREATE TABLE public.record (id integer)", "market")
    engine = open_database(url)
    assert ("public", "record") in tables_of(cluster)
    Record(engine, GENESIS).close()
    engine.dispose()
    cluster.run("DROP TABLE public.record", "market")


def test_the_holder_of_the_writers_place_is_named(engine: Engine, url: str) -> None:
    record = Record(engine, GENESIS)
    other = open_database(url)
    with pytest.raises(
        RecordInUse, match=rf"another writer holds it \(session \d+, 'ccei, process {os.getpid()} on "
    ):
        Record(other, GENESIS)
    record.close()
    other.dispose()


def test_whoever_loses_the_connection_has_lost_the_place(cluster: Cluster, engine: Engine, url: str) -> None:
    record = Record(engine, GENESIS)
    write(record, 1, 2)
    cluster.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'market'")
    successor = Record(open_database(url), GENESIS)
    write(successor, 3, 3)
    with pytest.raises(RecordFailed, match="batch 3"):
        write(record, 3, 3)
    with pytest.raises(RecordFailed, match="an earlier batch failed"):
        write(record, 3, 3)
    write(successor, 4, 4)
    assert successor.verify() == 4
    record.close()
    successor.close()
    successor.engine.dispose()


def test_a_place_that_is_lost_is_noticed_while_nothing_happens(cluster: Cluster, engine: Engine) -> None:
    record = Record(engine, GENESIS)
    record.confirm()
    cluster.run("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'")
    with pytest.raises(RecordFailed, match=r"terminating connection .*expected the writer's session"):
        record.confirm()
    with pytest.raises(RecordFailed, match="an earlier batch failed"):
        write(record, 1, 1)
    record.close()


def test_a_session_that_a_pooler_gave_to_another_is_not_the_writers(engine: Engine) -> None:
    record = Record(engine, GENESIS)
    record.place.record.connection.execute(text("SELECT pg_advisory_unlock_all()"))
    record.place.record.connection.commit()
    with pytest.raises(RecordFailed, match="found a session without the writer's lock, expected ours"):
        record.confirm()
    record.close()


def test_a_server_that_crashes_keeps_what_was_acknowledged() -> None:
    with running_cluster() as own:
        engine = open_database(own.url("market"))
        record = Record(engine, GENESIS)
        write(record, 1, 20)
        own.stop()
        with pytest.raises(RecordFailed, match="batch 21"):
            write(record, 21, 21)
        record.close()
        own.start()  # and recovers from the log
        again = Record(engine, GENESIS)
        assert again.verify() == 20
        write(again, 21, 21)
        assert RecordReader(engine).head() == (21, again.hash)
        # and this can be seen to fail: a session that does not wait for the disk loses what it acknowledged
        with own.set("wal_writer_delay", "10000"):
            again.place.record.connection.execute(text("SET synchronous_commit = off"))
            again.place.record.connection.commit()
            write(again, 22, 40)
            own.stop()
            own.start()
        engine.dispose()
        assert RecordReader(engine).verify() < 40
        again.close()
        engine.dispose()
