"""A back-up has its name only once its content is on the disk, keeps it over a loss of power, and has sound pages."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from ledger.audit import audit
from ledger.backup import back_up
from ledger.database import DatabaseUnusable, open_database
from ledger.record import RecordReader
from tests.ledger.days import a_whole_day
from tests.ledger.kept import kept, url_of


@pytest.fixture
def url(tmp_path: Path) -> str:
    kept(a_whole_day(), tmp_path).dispose()
    return url_of(tmp_path)


def test_content_is_on_the_disk_before_the_name_and_the_name_before_the_end(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "copies" / "monday.db"
    target.parent.mkdir()
    synced: list[tuple[int, bool]] = []
    """What was synced, by its inode, and whether the copy had its name by then."""
    sync = os.fsync

    def watched(handle: int) -> None:
        synced.append((os.fstat(handle).st_ino, target.exists()))
        sync(handle)

    monkeypatch.setattr(os, "fsync", watched)
    back_up(url, target)
    assert synced == [(target.stat().st_ino, False), (target.parent.stat().st_ino, True)]


@pytest.mark.parametrize("what", ["ix_trades_sell_order_id", "trades", "snapshots"])
def test_a_damaged_page_that_no_row_of_the_record_is_on_is_found(url: str, tmp_path: Path, what: str) -> None:
    path = tmp_path / "day.db"
    with closing(sqlite3.connect(path)) as connection:
        found = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = ?", (what,)).fetchone()
        (size,) = connection.execute("PRAGMA page_size").fetchone()
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with path.open("r+b") as file:
        file.seek((found[0] - 1) * size)
        file.write(b"\xff" * 64)
    engine = open_database(url)
    assert RecordReader(engine).verify() == len(a_whole_day().history)
    engine.dispose()
    with pytest.raises(DatabaseUnusable, match="expected a sound database"):
        back_up(url, tmp_path / "monday.db")
    assert [each.name for each in tmp_path.iterdir() if "monday" in each.name] == []


def test_a_sound_copy_is_the_market(url: str, tmp_path: Path) -> None:
    back_up(url, tmp_path / "monday.db")
    engine = open_database(f"sqlite:///{tmp_path}/monday.db")
    assert audit(RecordReader(engine), tables=engine).findings == ()
    engine.dispose()
