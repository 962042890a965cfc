import os
import sqlite3
from pathlib import Path

import pytest

from ledger.database import DatabaseUnusable, RecordInUse, file_of, open_database, remove_database
from ledger.tables import Readable, Truth
from ledger.writer import PlaceLost, take_writers_place


def test_a_new_file_gets_all_tables_and_is_durable(tmp_path: Path) -> None:
    engine = open_database(f"sqlite:///{tmp_path}/market.db")
    with engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar_one() == "wal"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar_one() == 2
        names = connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'table'").scalars()
        assert set(names) == {"alembic_version", *Truth.metadata.tables, *Readable.metadata.tables}
    assert file_of(engine) == tmp_path / "market.db"
    open_database(f"sqlite:///{tmp_path}/market.db", must_exist=True)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("market.db", "found 'market.db', expected sqlite:///"),
        ("mysql://localhost/market", "found mysql, expected sqlite:///"),
        ("postgresql:/ann:secret/localhost/market", "found 'postgresql:…', expected sqlite:///"),
        ("postgresql://ann:secret@localhost:port/market", "found 'postgresql:…', expected sqlite:///"),
        (
            "sqlite:///file:market.db?uri=true",
            "found parameters, or SQLite's own form of URL, expected sqlite:///FILE",
        ),
        ("sqlite://market.db", "found sqlite:// with a host, expected sqlite:///relative/market.db"),
        ("sqlite://ann:secret@/market.db", "found sqlite:// with a host, expected sqlite:///"),
        ("sqlite:////nowhere/at/all/market.db", "found no directory /nowhere/at/all"),
        ("sqlite:////", "found a directory, expected a file"),
    ],
)
def test_an_unusable_url_is_explained(url: str, message: str) -> None:
    with pytest.raises(DatabaseUnusable) as caught:
        open_database(url)
    assert message in str(caught.value)
    assert "cret" not in str(caught.value)


def test_a_reader_does_not_create_a_database(tmp_path: Path) -> None:
    with pytest.raises(DatabaseUnusable, match="found nothing, expected an existing database"):
        open_database(f"sqlite:///{tmp_path}/market.db", must_exist=True)
    assert list(tmp_path.iterdir()) == []


def test_an_empty_file_is_not_written_by_a_reader(tmp_path: Path) -> None:
    path = tmp_path / "market.db"
    path.touch()
    with pytest.raises(DatabaseUnusable, match="found no tables, expected those of a market"):
        open_database(f"sqlite:///{path}", must_exist=True)
    assert path.stat().st_size == 0


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    path = tmp_path / "market.db"
    path.write_text("this is a letter, not a database; " * 40)
    with pytest.raises(DatabaseUnusable, match="found file is not a database, expected one of this market"):
        open_database(f"sqlite:///{path}")


def test_a_damaged_file_is_told_with_what_helps(tmp_path: Path) -> None:
    path = tmp_path / "market.db"
    open_database(f"sqlite:///{path}").dispose()
    path.write_bytes(path.read_bytes()[:30_000])
    with pytest.raises(
        DatabaseUnusable, match=r"malformed, expected a sound one: keep its files, and restore the last copy"
    ):
        open_database(f"sqlite:///{path}", must_exist=True)


def test_another_programs_database_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "photos.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE photos (id INTEGER)")
    connection.close()
    with pytest.raises(DatabaseUnusable, match="another program's database \\(tables photos\\)"):
        open_database(f"sqlite:///{path}")
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("delete",)
    connection.close()
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("revision", ["0001", "0999", "ae1027a6acf"])
def test_another_program_with_revisions_of_its_own_is_left_alone(tmp_path: Path, revision: str) -> None:
    path = tmp_path / "shop.db"
    with sqlite3.connect(path) as connection:
        connection.executescript(
            "PRAGMA journal_mode = wal; CREATE TABLE customers (id INTEGER);"
            "CREATE TABLE alembic_version (version_num VARCHAR(32)); CREATE TABLE record (id INTEGER);"
            f"INSERT INTO alembic_version VALUES ('{revision}')"
        )
    connection.close()
    for must_exist in (True, False):
        with pytest.raises(
            DatabaseUnusable,
            match=r"another program's database \(tables alembic_version, customers, record\)",
        ):
            open_database(f"sqlite:///{path}", must_exist=must_exist)
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT count(*) FROM sqlite_master").fetchone() == (3,)
    connection.close()


def test_in_memory_each_database_is_its_own() -> None:
    first, second = open_database("sqlite://"), open_database("sqlite://")
    with first.begin() as connection:
        connection.exec_driver_sql("UPDATE projected SET batch_number = 5")
    with second.connect() as connection:
        assert connection.exec_driver_sql("SELECT batch_number FROM projected").scalar_one() == 0


def test_only_the_file_of_a_database_is_removed(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/market.db"
    open_database(url).dispose()
    running = take_writers_place(open_database(url))
    with pytest.raises(RecordInUse, match=f"another writer holds it .process {os.getpid()}"):
        remove_database(url)
    running.close()
    remove_database(url)
    # not the lock: whoever waits for it would hold another one than whoever comes next
    assert list(tmp_path.iterdir()) == [tmp_path / "market.db.lock"]
    with pytest.raises(DatabaseUnusable, match="found a server's database, expected a file to replace"):
        remove_database("postgresql://ann:secret@localhost/market")


def test_a_lock_file_that_was_removed_is_noticed_while_nothing_happens(tmp_path: Path) -> None:
    place = take_writers_place(open_database(f"sqlite:///{tmp_path}/market.db"))
    place.record.confirm()
    lock = tmp_path / "market.db.lock"
    lock.unlink()
    with pytest.raises(PlaceLost, match=r"found another lock file, or none, expected .*/market.db.lock"):
        place.record.confirm()
    lock.touch()
    with pytest.raises(PlaceLost):
        place.record.confirm()
    place.close()


def test_a_lock_file_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    (tmp_path / "market.db.lock").mkdir()
    with pytest.raises(DatabaseUnusable, match=r"market.db.lock: found is a directory, expected a lock file"):
        open_database(f"sqlite:///{tmp_path}/market.db")
