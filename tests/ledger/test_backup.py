"""A copy of a running market is its record up to one batch; what is put back is a market again; nothing is replaced."""

import errno
import os
import sqlite3
import stat
from pathlib import Path

import pytest

from ledger.audit import audit
from ledger.backup import back_up, restore
from ledger.database import DatabaseUnusable, open_database
from ledger.genesis import WrongMarket
from ledger.projections import Projector
from ledger.record import BrokenChain, Record, RecordReader
from tests.ledger.days import GENESIS, a_whole_day


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/market.db"


def a_recorded_day(url: str) -> Record:
    engine = open_database(url)
    record, projector = Record(engine, GENESIS), Projector(engine)
    for batch, decision in a_whole_day().history:
        record.append(batch, decision.events)
        projector.apply(batch, decision.events, decision.postings)
    return record


def test_a_market_is_copied_while_it_is_open_and_put_back(url: str, tmp_path: Path) -> None:
    record = a_recorded_day(url)
    copied = back_up(url, tmp_path / "monday.db")
    assert (copied.batches, copied.head) == (record.number, record.hash)
    restored = f"sqlite:///{tmp_path}/restored.db"
    assert restore(tmp_path / "monday.db", restored) == copied
    engine = open_database(restored)
    assert audit(RecordReader(engine), tables=engine).findings == ()
    again = Record(engine, GENESIS)
    assert again.hash == record.hash
    again.close()
    record.close()
    left = sorted(
        path.name for path in tmp_path.iterdir() if not path.name.endswith(("-wal", "-shm", ".lock"))
    )
    assert left == ["market.db", "monday.db", "restored.db"]


def test_nothing_is_replaced(url: str, tmp_path: Path) -> None:
    a_recorded_day(url).close()
    taken = tmp_path / "letter.db"
    taken.write_text("a letter")
    with pytest.raises(DatabaseUnusable, match=r"found letter.db there, expected nothing"):
        back_up(url, taken)
    assert taken.read_text() == "a letter"
    with pytest.raises(
        DatabaseUnusable, match=r"found market.db there, expected nothing. .* move it away first"
    ):
        restore(tmp_path / "market.db", url)


def test_what_came_to_stand_there_meanwhile_is_not_replaced(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_recorded_day(url).close()
    back_up(url, tmp_path / "monday.db")
    target, link = tmp_path / "restored.db", os.link

    def link_late(part: Path, name: Path) -> None:
        target.write_text("a market that was started meanwhile")
        link(part, name)

    monkeypatch.setattr(os, "link", link_late)
    with pytest.raises(DatabaseUnusable, match=r"found restored.db there, expected nothing"):
        restore(tmp_path / "monday.db", f"sqlite:///{target}")
    assert target.read_text() == "a market that was started meanwhile"
    assert [path for path in tmp_path.iterdir() if ".part" in path.name] == []


@pytest.mark.parametrize("number", [errno.EPERM, errno.EOPNOTSUPP])
def test_a_file_system_without_hard_links_is_named(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    a_recorded_day(url).close()

    def refuse(_part: Path, _name: Path) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "link", refuse)
    with pytest.raises(DatabaseUnusable, match="no second name, expected one with hard links"):
        back_up(url, tmp_path / "monday.db")
    assert [path.name for path in tmp_path.iterdir() if "monday" in path.name] == []


def test_who_may_not_read_the_database_may_not_read_its_copy(url: str, tmp_path: Path) -> None:
    a_recorded_day(url).close()
    for mode in (0o600, 0o640):
        (tmp_path / "market.db").chmod(mode)
        back_up(url, tmp_path / f"a copy? {mode:o}.db")
        assert (tmp_path / f"a copy? {mode:o}.db").stat().st_mode & 0o777 == mode
    restore(tmp_path / "a copy? 640.db", f"sqlite:///{tmp_path}/restored.db")


def test_a_copy_is_on_the_disk_before_it_has_its_name_and_its_name_is_then(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_recorded_day(url).close()
    seen: list[tuple[str, bool]] = []
    sync, target = os.fsync, tmp_path / "monday.db"

    def watched(handle: int) -> None:
        kind = "folder" if stat.S_ISDIR(os.fstat(handle).st_mode) else "file"
        seen.append((kind, target.exists()))
        sync(handle)

    monkeypatch.setattr(os, "fsync", watched)
    back_up(url, target)
    assert seen == [("file", False), ("folder", True)]


def test_a_page_that_no_batch_is_on_is_checked_too(url: str, tmp_path: Path) -> None:
    record = a_recorded_day(url)
    record.close()
    record.engine.dispose()  # folds the log in, which is read before the file
    with sqlite3.connect(tmp_path / "market.db") as connection:
        (page,) = connection.execute(
            "SELECT rootpage FROM sqlite_master WHERE name = 'ix_trades_buy_order_id'"
        ).fetchone()
        (size,) = connection.execute("PRAGMA page_size").fetchone()
    connection.close()
    with (tmp_path / "market.db").open("r+b") as file:
        file.seek(page * size - 8)  # the end of the page, where its first row is
        file.write(b"\xff" * 8)
    with pytest.raises(DatabaseUnusable, match="expected a sound database"):
        back_up(url, tmp_path / "monday.db")
    assert not (tmp_path / "monday.db").exists()


def test_the_log_of_a_lost_database_is_not_taken_for_a_part_of_the_restored_one(
    url: str, tmp_path: Path
) -> None:
    a_recorded_day(url).close()
    back_up(url, tmp_path / "monday.db")
    (tmp_path / "lost.db-wal").write_bytes(b"what another database left")
    with pytest.raises(DatabaseUnusable, match=r"found lost.db-wal there"):
        restore(tmp_path / "monday.db", f"sqlite:///{tmp_path}/lost.db")


def test_a_record_that_is_not_whole_is_not_copied(url: str, tmp_path: Path) -> None:
    a_recorded_day(url).close()
    with sqlite3.connect(tmp_path / "market.db") as connection:
        connection.execute("UPDATE record SET time_us = time_us + 1 WHERE number = 3")
    connection.close()
    with pytest.raises(BrokenChain, match="record row 3"):
        back_up(url, tmp_path / "monday.db")
    assert [name for name in os.listdir(tmp_path) if "monday" in name] == []


def test_a_row_that_cannot_be_read_is_named(url: str, tmp_path: Path) -> None:
    a_recorded_day(url).close()
    with sqlite3.connect(tmp_path / "market.db") as connection:
        connection.execute("UPDATE record SET events = CAST(X'FF' AS TEXT) WHERE number = 3")
    connection.close()
    with pytest.raises(BrokenChain, match="record row 3: it cannot be read"):
        back_up(url, tmp_path / "monday.db")


def test_what_is_no_market_is_named(tmp_path: Path) -> None:
    with pytest.raises(DatabaseUnusable, match="found nothing, expected an existing database"):
        back_up(f"sqlite:///{tmp_path}/absent.db", tmp_path / "copy.db")
    open_database(f"sqlite:///{tmp_path}/empty.db").dispose()
    with pytest.raises(WrongMarket, match="found no market"):
        back_up(f"sqlite:///{tmp_path}/empty.db", tmp_path / "copy.db")
    with pytest.raises(DatabaseUnusable, match="found no directory"):
        restore(tmp_path / "empty.db", f"sqlite:///{tmp_path}/nowhere/market.db")
    with pytest.raises(
        DatabaseUnusable, match="found one in memory, expected one that lasts: sqlite:///FILE"
    ):
        restore(tmp_path / "empty.db", "sqlite://")
