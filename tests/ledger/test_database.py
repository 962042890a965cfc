import sqlite3
from pathlib import Path

import pytest

from ledger.database import DatabaseUnusable, file_of, open_database
from ledger.tables import Readable, Truth


def test_a_new_file_gets_all_tables_and_is_durable(tmp_path: Path) -> None:
    engine = open_database(f"sqlite:///{tmp_path}/market.db")
    with engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar_one() == "wal"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar_one() == 2
        names = connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'table'").scalars()
        assert set(names) == {*Truth.metadata.tables, *Readable.metadata.tables}
    assert file_of(engine) == tmp_path / "market.db"
    open_database(f"sqlite:///{tmp_path}/market.db", must_exist=True)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("market.db", "found 'market.db', expected sqlite:///"),
        ("postgresql://localhost/market", "found postgresql, expected sqlite:///"),
        ("sqlite:////nowhere/at/all/market.db", "found no directory /nowhere/at/all"),
        ("sqlite:////", "found a directory, expected a file"),
    ],
)
def test_an_unusable_url_is_explained(url: str, message: str) -> None:
    with pytest.raises(DatabaseUnusable) as caught:
        open_database(url)
    assert message in str(caught.value)


def test_a_reader_does_not_create_a_database(tmp_path: Path) -> None:
    with pytest.raises(DatabaseUnusable, match="found nothing, expected an existing database"):
        open_database(f"sqlite:///{tmp_path}/market.db", must_exist=True)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    path = tmp_path / "market.db"
    path.write_text("this is a letter, not a database; " * 40)
    with pytest.raises(DatabaseUnusable, match="file is not a database"):
        open_database(f"sqlite:///{path}")


def test_another_programs_database_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "photos.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE photos (id INTEGER)")
    connection.close()
    with pytest.raises(DatabaseUnusable, match="another program's database \\(tables photos\\)"):
        open_database(f"sqlite:///{path}")


def test_another_schema_version_is_named(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/market.db"
    with open_database(url).begin() as connection:
        connection.exec_driver_sql("PRAGMA user_version = 7")
    with pytest.raises(DatabaseUnusable, match=r"found schema version 7, expected 4$"):
        open_database(url)


def test_an_earlier_schema_is_brought_forward_by_those_who_write(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/market.db"
    with open_database(url).begin() as connection:
        connection.exec_driver_sql("PRAGMA user_version = 1")
        connection.exec_driver_sql("ALTER TABLE orders DROP COLUMN stop_micros")
        connection.exec_driver_sql("INSERT INTO projected VALUES (1, 5)")
        connection.exec_driver_sql("INSERT INTO record VALUES (1, 2, 1, x'90', x'90', x'', x'00', x'01')")
    with pytest.raises(DatabaseUnusable, match=r"found schema version 1, expected 4 \(start the market"):
        open_database(url, must_exist=True)
    with open_database(url).connect() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM projected").scalar_one() == 0
        assert connection.exec_driver_sql("SELECT count(stop_micros) FROM orders").scalar_one() == 0
        assert connection.exec_driver_sql("SELECT count(*) FROM record").scalar_one() == 1
    open_database(url, must_exist=True)


def test_in_memory_each_database_is_its_own() -> None:
    first, second = open_database("sqlite://"), open_database("sqlite://")
    with first.begin() as connection:
        connection.exec_driver_sql("INSERT INTO projected VALUES (1, 5)")
    with second.connect() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM projected").scalar_one() == 0
