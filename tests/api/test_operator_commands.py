"""`ccei backup`, `ccei restore` and `ccei serve` on what is no database of theirs: one line says so, nothing is touched."""

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from api.cli import app
from ledger.database import open_database
from ledger.record import Record
from tests.api.test_server import free_port, own_signals
from tests.ledger.test_record import GENESIS, write

__all__ = ["own_signals"]  # a fixture


def ccei(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments)


@pytest.fixture
def market(tmp_path: Path) -> Path:
    """The database of a market with a record of three batches."""
    path = tmp_path / "market.db"
    engine = open_database(f"sqlite:///{path}")
    record = Record(engine, GENESIS)
    write(record, 1, 3)
    record.close()
    engine.dispose()
    return path


def test_a_copy_and_what_is_made_of_it_are_told_by_their_heads(market: Path) -> None:
    copy, restored = market.with_name("copy.db"), market.with_name("restored.db")
    made = ccei("backup", f"sqlite:///{market}", str(copy))
    assert (made.exit_code, made.stderr) == (0, ""), (
        "nobody looks on: there is no bar, and no empty line of one"
    )
    head = made.stdout.partition("head ")[2][:66]
    assert made.stdout == f"{copy}: 3 batches, head {head}, {copy.stat().st_size:,} bytes\n"
    back = ccei("restore", str(copy), f"sqlite:///{restored}")
    assert (back.exit_code, back.stdout) == (0, f"{restored}: 3 batches, head {head}\n")


def test_a_copy_replaces_nothing(market: Path) -> None:
    before = market.read_bytes()
    for arguments in (
        ("backup", f"sqlite:///{market}", str(market)),
        ("restore", str(market), f"sqlite:///{market}"),
    ):
        result = ccei(*arguments)
        assert (result.exit_code, result.stdout) == (2, "")
        assert "found market.db there, expected nothing. A copy replaces nothing" in result.stderr
    assert market.read_bytes() == before


def photos(path: Path) -> None:
    path.unlink()
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE photos (id INTEGER)")
    connection.close()


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:30_000])


def letter(path: Path) -> None:
    path.write_text("this is a letter, not a database; " * 40)


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (photos, "found another program's database (tables photos)"),
        (letter, "file is not a database"),
        (lambda _: None, "holds the record of 'test' (settlement 0x"),
        (cut, "database disk image is malformed"),
    ],
)
def test_what_is_not_this_market_is_not_served_and_not_touched(
    own_signals: None, market: Path, spoil: Callable[[Path], None], told: str
) -> None:
    spoil(market)
    before = market.read_bytes()
    result = ccei(
        "serve", "--chain", "tester", "--port", str(free_port()), "--database", f"sqlite:///{market}"
    )
    assert (result.exit_code, result.stdout) == (2, ""), result.stderr
    (line,) = (line for line in result.stderr.splitlines() if line)
    assert line.startswith("ccei: ")
    assert told in line
    assert market.read_bytes() == before
