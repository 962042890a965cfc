"""A file that was reported is on the disk, under its name; one that failed is not there at all."""

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from api.whole_file import Unwritable, whole_binary_file, whole_file, whole_path


def by_text(path: Path) -> None:
    with whole_file(path) as out:
        out.write("told\n")


def by_bytes(path: Path) -> None:
    with whole_binary_file(path) as out:
        out.write(b"told\n")


def by_path(path: Path) -> None:
    with whole_path(path) as part:
        part.write_bytes(b"told\n")


WAYS = pytest.mark.parametrize("write", [by_text, by_bytes, by_path])


@WAYS
def test_content_and_name_are_synced_in_this_order(
    tmp_path: Path, write: Callable[[Path], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    path, synced, fsync = tmp_path / "proof.json", [], os.fsync

    def note(handle: int) -> None:
        where = os.readlink(f"/proc/self/fd/{handle}")
        is_there = path.exists()
        synced.append(("the folder" if where == str(tmp_path) else "the file", is_there))
        fsync(handle)

    monkeypatch.setattr(os, "fsync", note)
    write(path)
    assert synced == [("the file", False), ("the folder", True)]
    assert path.read_bytes() == b"told\n"
    assert path.stat().st_mode & 0o777 == 0o644
    assert list(tmp_path.iterdir()) == [path]


@WAYS
def test_a_folder_is_no_file(tmp_path: Path, write: Callable[[Path], None]) -> None:
    with pytest.raises(Unwritable, match="found a folder"):
        write(tmp_path)


@WAYS
def test_a_database_is_never_replaced(tmp_path: Path, write: Callable[[Path], None]) -> None:
    database = tmp_path / "market.db"
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("CREATE TABLE record (number INTEGER)")
    before = database.read_bytes()
    with pytest.raises(
        Unwritable, match=r"market\.db, writing it: found a database, which no result replaces"
    ):
        write(database)
    assert database.read_bytes() == before
    assert list(tmp_path.iterdir()) == [database]


@pytest.mark.parametrize("opened", [whole_file, whole_binary_file, whole_path])
def test_what_failed_half_way_leaves_the_file_before(tmp_path: Path, opened: Callable[..., object]) -> None:
    path = tmp_path / "report"
    path.write_text("before")
    with pytest.raises(RuntimeError), opened(path):
        raise RuntimeError
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]
