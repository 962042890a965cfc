"""Earlier databases are brought forward with their record untouched; the migrations lead to today's tables."""

import os
import sqlite3
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, MetaData, create_engine, select, text

import ledger
from ledger import schema
from ledger.database import DatabaseUnusable, RecordInUse, open_database
from ledger.projections import Projector
from ledger.rebuild import rebuild
from ledger.record import Record, RecordReader
from ledger.tables import REVISION, HeardRow, OutboxRow, RecordRow, Truth, table
from ledger.writer import take_writers_place
from tests.ledger.days import GENESIS, a_whole_day
from tests.ledger.recorded import recorded
from tests.ledger.test_projections import contents, projected

MIGRATIONS = Path(ledger.__file__).parent / "migrations"
BEFORE_REVISIONS = """
CREATE TABLE genesis (hash BLOB NOT NULL, name VARCHAR NOT NULL, notice_period_s BIGINT NOT NULL,
    withdrawal_margin_s BIGINT NOT NULL, chain_id VARCHAR NOT NULL, settlement BLOB NOT NULL, PRIMARY KEY (hash));
CREATE TABLE record (number INTEGER NOT NULL, time_us BIGINT NOT NULL, version INTEGER NOT NULL,
    commands BLOB NOT NULL, events BLOB NOT NULL, state_hash BLOB NOT NULL, previous BLOB NOT NULL,
    hash BLOB NOT NULL, PRIMARY KEY (number));
CREATE TABLE outbox (sequence INTEGER NOT NULL, kind VARCHAR NOT NULL, reference VARCHAR NOT NULL,
    raw BLOB NOT NULL, hash BLOB NOT NULL, nonce BIGINT NOT NULL, status VARCHAR NOT NULL, PRIMARY KEY (sequence),
    UNIQUE (kind, reference), UNIQUE (hash), UNIQUE (nonce));
CREATE INDEX ix_outbox_status ON outbox (status);
CREATE TABLE projected (id INTEGER NOT NULL, batch_number INTEGER NOT NULL, PRIMARY KEY (id));
CREATE TABLE trades (trade_number INTEGER NOT NULL, symbol VARCHAR NOT NULL, PRIMARY KEY (trade_number));
CREATE TABLE gossip (told VARCHAR NOT NULL);
INSERT INTO projected VALUES (1, 5);
INSERT INTO outbox VALUES (1, 'settle', 'batch 1', x'02f8', x'aa', 7, 'sent');
PRAGMA application_id = 0x43434549;
"""
"""A database as the versions 1 to 3 wrote them; of the readable tables, which go, only a few."""
SETTLEMENT = """
CREATE TABLE outbox_trades (sequence INTEGER NOT NULL, trade_number INTEGER NOT NULL,
    PRIMARY KEY (sequence, trade_number));
CREATE TABLE outbox_replacements (sequence INTEGER NOT NULL, attempt INTEGER NOT NULL, raw BLOB NOT NULL,
    hash BLOB NOT NULL, PRIMARY KEY (sequence, attempt), UNIQUE (hash));
CREATE TABLE heard (id INTEGER NOT NULL, block_number BIGINT NOT NULL, block_hash BLOB NOT NULL, PRIMARY KEY (id));
INSERT INTO heard VALUES (1, 7, x'bb');
"""
"""What version 4 had beside."""


@pytest.fixture(params=[1, 2, 3, 4])
def earlier(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database from before revisions, with the record of a day."""
    path = tmp_path / "market.db"
    written = recorded(a_whole_day())
    with sqlite3.connect(path) as connection, written.connect() as source:
        connection.executescript(BEFORE_REVISIONS + f"PRAGMA user_version = {request.param};")
        if request.param == 4:
            connection.executescript(SETTLEMENT)
        for name in ("genesis", "record"):
            rows = [tuple(row) for row in source.execute(text(f"SELECT * FROM {name}"))]
            connection.executemany(f"INSERT INTO {name} VALUES ({', '.join('?' * len(rows[0]))})", rows)
    connection.close()
    return f"sqlite:///{path}"


def rows(engine: Engine, row: type[Truth]) -> list[tuple[object, ...]]:
    with engine.connect() as connection:
        return [tuple(each) for each in connection.execute(select(table(row)))]


def tables(url: str) -> set[str]:
    with sqlite3.connect(url.removeprefix("sqlite:///")) as connection:
        found = {
            name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        }
    connection.close()
    return found


def test_a_database_from_before_revisions_is_brought_forward_by_its_writer(earlier: str) -> None:
    written, had = recorded(a_whole_day()), tables(earlier)
    with pytest.raises(
        DatabaseUnusable, match=r"found schema revision none \(file mark \d\), .*ccei rebuild sqlite:///"
    ):
        open_database(earlier, must_exist=True)
    engine = open_database(earlier)
    assert rows(engine, RecordRow) == rows(written, RecordRow)
    assert rows(engine, OutboxRow)[0][:6] == (1, "settle", "batch 1", b"\x02\xf8", b"\xaa", 7)
    assert rows(engine, HeardRow) == ([(1, 7, b"\xbb")] if "heard" in had else [])
    assert Projector(engine).position == 0
    with engine.connect() as connection:
        names = (
            connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'table'").scalars().all()
        )
        assert {"gossip", "instruments"} <= set(names)  # the one is somebody else's, and stays
        assert connection.exec_driver_sql("PRAGMA user_version").scalar_one() == 5
    record = Record(engine, GENESIS)
    rebuild(record, projector=Projector(engine))
    assert contents(engine) == contents(projected(a_whole_day()))
    record.close()
    open_database(earlier, must_exist=True).dispose()


def test_nothing_is_brought_forward_under_a_running_writer(earlier: str) -> None:
    running = take_writers_place(create_engine(earlier))
    with pytest.raises(RecordInUse, match=f"process {os.getpid()}"):
        open_database(earlier)
    running.close()
    with sqlite3.connect(earlier.removeprefix("sqlite:///")) as connection:
        assert connection.execute("SELECT batch_number FROM projected").fetchall() == [(5,)]
    connection.close()


def test_a_migration_that_fails_half_way_leaves_everything_as_it_was(
    earlier: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = tables(earlier)

    def fail(*_: object) -> None:
        raise RuntimeError("power cut")

    with monkeypatch.context() as patched:
        patched.setattr(schema, "make_readable", fail)
        with pytest.raises(RuntimeError, match="power cut"):
            open_database(earlier)
    assert tables(earlier) == before
    open_database(earlier).dispose()


def test_the_migrations_lead_to_the_tables_of_today(url: str) -> None:
    with open_database(url).begin() as connection:
        for each in reversed(Truth.metadata.sorted_tables):
            each.drop(connection)
        connection.execute(text("DROP TABLE alembic_version"))
    engine = open_database_by_migrations(url)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        both = MetaData()
        for metadata in (Truth.metadata, schema.Readable.metadata):
            for each in metadata.sorted_tables:
                each.to_metadata(both)
        assert compare_metadata(context, both) == []
    engine.dispose()


def open_database_by_migrations(url: str) -> Engine:
    """Migrate a database that has none of the tables of `Truth` from the very first revision on."""
    from ledger.database import parse
    from ledger.postgres import postgres_engine
    from ledger.sqlite import sqlite_engine

    engine = (
        sqlite_engine(parse(url), must_exist=True)
        if url.startswith("sqlite")
        else postgres_engine(parse(url))
    )
    with engine.begin() as connection:
        config = Config(attributes={"connection": connection})
        config.set_main_option("script_location", str(MIGRATIONS))
        from alembic import command

        command.upgrade(config, "head")
    return engine


def test_revisions_follow_each_other_and_the_newest_is_named() -> None:
    scripts = ScriptDirectory(str(MIGRATIONS))
    assert scripts.get_current_head() == REVISION
    found = [script.revision for script in scripts.walk_revisions()]
    assert found == [f"{number:04d}" for number in range(len(found), 0, -1)]


def test_a_later_version_is_left_alone(url: str) -> None:
    engine = open_database(url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '0999'"))
    engine.dispose()
    for must_exist in (True, False):
        with pytest.raises(
            DatabaseUnusable, match=rf"found schema revision 0999, expected {REVISION}: a later"
        ):
            open_database(url, must_exist=must_exist)


def test_readable_tables_of_another_shape_are_made_again_by_the_writer(url: str) -> None:
    engine = open_database(url)
    Record(engine, GENESIS).close()
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE orders DROP COLUMN stop_micros"))
        connection.execute(text("UPDATE projected SET batch_number = 5, shape = 'another'"))
    with pytest.raises(DatabaseUnusable, match=r"found readable tables of another version; start the market"):
        open_database(url, must_exist=True)
    open_database(url).dispose()
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(stop_micros) FROM orders")).scalar_one() == 0
        assert connection.execute(text("SELECT batch_number FROM projected")).scalar_one() == 0
    assert RecordReader(engine).genesis == GENESIS
    engine.dispose()


def test_somebodys_own_tables_stay_where_the_readable_ones_are_made_again(url: str) -> None:
    engine = open_database(url)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE notes (told VARCHAR)"))
        connection.execute(text("INSERT INTO notes VALUES ('buy low')"))
        connection.execute(text("UPDATE projected SET shape = 'another'"))
    engine.dispose()
    again = open_database(url)
    with again.connect() as connection:
        assert connection.execute(text("SELECT told FROM notes")).scalar_one() == "buy low"
    again.dispose()


def test_a_file_mark_that_nobody_wrote_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "market.db"
    with sqlite3.connect(path) as connection:
        connection.executescript("PRAGMA application_id = 0x43434549; PRAGMA user_version = 7;")
    connection.close()
    with pytest.raises(DatabaseUnusable, match="expected a new one or one of this market"):
        open_database(f"sqlite:///{path}")
