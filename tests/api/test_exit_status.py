"""With which status a command ends, by what stood in its way; a supervisor goes by it."""

import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import pytest
import typer
from rich.console import Console
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError

from api import exit_status, server
from api.halting import named_cause
from api.server import start_warnings
from api.terminal import told_of_house
from contracts.chain import ChainUnavailable, NodeSilent
from ledger.database import open_database
from ledger.layout import BadEncoding
from ledger.record import BrokenChain
from ledger.unusable import DatabaseSilent, DatabaseUnusable, unusable
from market.units import InvariantBroken, Malformed

POSTGRES = make_url("postgresql+psycopg://market@db.example/market")
PAGE = Path(__file__).parents[2] / "docs" / "reference" / "command-line.md"


def database_said(words: str, *, gone: bool = False) -> OperationalError:
    return OperationalError("SELECT 1", {}, Exception(words), connection_invalidated=gone)


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (BrokenChain(97, "missing"), exit_status.FAILED),
        (Malformed("a file"), exit_status.BAD_INPUT),
        (ChainUnavailable("another chain"), exit_status.BAD_INPUT),
        (DatabaseUnusable("another program's"), exit_status.BAD_INPUT),
        (database_said("database or disk is full"), exit_status.BAD_INPUT),
        (NodeSilent("nothing answers there"), exit_status.UNAVAILABLE),
        (DatabaseSilent("connection refused"), exit_status.UNAVAILABLE),
        (database_said("server closed the connection unexpectedly", gone=True), exit_status.UNAVAILABLE),
        (InvariantBroken("the chain was reorganised deeper"), exit_status.BROKEN),
        (BadEncoding("found version 9"), exit_status.BROKEN),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)
def test_an_end_says_why_in_one_line_and_by_its_status(
    error: Exception, status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(typer.Exit) as ended, told_of_house():
        raise error
    assert ended.value.exit_code == status
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("ccei: ")
    assert (
        str(error.args[0] if not isinstance(error, OperationalError) else error.orig) in line or "97" in line
    )


def test_the_page_has_every_status_and_no_other() -> None:
    listed = {int(number) for number in re.findall(r"^\| (\d+) \|", PAGE.read_text(), re.MULTILINE)}
    assert listed == {value for name, value in vars(exit_status).items() if name.isupper()}


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ("connection failed: No such file or directory\n\tIs the server running locally?", DatabaseSilent),
        ("connection timeout expired", DatabaseSilent),
        ("connection failed: FATAL:  the database system is starting up", DatabaseSilent),
        ('connection failed: FATAL:  password authentication failed for user "market"', DatabaseUnusable),
        ('connection failed: FATAL:  database "market" does not exist', DatabaseUnusable),
    ],
)
def test_a_server_that_is_not_there_yet_is_told_from_one_that_says_no(said: str, kind: type) -> None:
    told = unusable(POSTGRES, database_said(said))
    assert type(told) is kind
    assert "\n" not in str(told)
    assert "\t" not in str(told)


def test_a_server_where_nothing_listens_may_be_there_later() -> None:
    with pytest.raises(DatabaseSilent, match=r"database postgresql.*127\.0\.0\.1:1/market: found .*refused"):
        open_database("postgresql://market@127.0.0.1:1/market")


def test_a_file_that_cannot_be_read_is_nothing_to_wait_for() -> None:
    assert (
        type(unusable(make_url("sqlite:///m.db"), database_said("file is not a database")))
        is DatabaseUnusable
    )


def test_a_cause_is_named_in_one_line_without_the_statement() -> None:
    assert named_cause(database_said("gone\n\tbefore or\nwhile")) == "OperationalError: gone before or while"


def ccei(*arguments: str) -> subprocess.CompletedProcess[str]:
    program = "from api.cli import main; main()"
    return subprocess.run(
        [sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=False, timeout=60
    )


def test_a_start_before_its_node_is_worth_another_try(tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    away = ccei(
        "serve", "--port", port, "--chain", "http://127.0.0.1:1", "--database", f"sqlite:///{tmp_path}/m.db"
    )
    assert away.returncode == 69, away.stderr
    assert "http://127.0.0.1:1: nothing answers there (ConnectionError)" in away.stderr


@contextmanager
def broken_house(*_: object) -> Iterator[NoReturn]:
    """Stands for a start that finds a deep reorganisation."""
    raise InvariantBroken("chain: found block 18 with another hash")
    yield


def test_a_market_whose_promise_is_broken_does_not_start(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr(server, "open_house", broken_house)
    monkeypatch.setattr(server, "_listening", lambda *_: open("/dev/null"))  # noqa: SIM115 - the server closes it
    try:
        with pytest.raises(typer.Exit) as ended, told_of_house():
            server.serve_market(
                host="127.0.0.1", port=1, chain="tester", database="sqlite://", console=Console(quiet=True)
            )
    finally:
        signal.signal(signal.SIGTERM, before)
    assert ended.value.exit_code == exit_status.BROKEN
    assert "InvariantBroken: chain: found block 18 with another hash. A promise" in capsys.readouterr().err


def test_no_confirmations_are_warned_of_where_the_money_is_somebodys() -> None:
    assert start_warnings(is_development=True, confirmations=0) == []
    assert start_warnings(is_development=False, confirmations=3) == []
    (line,) = start_warnings(is_development=False, confirmations=0)
    assert line.startswith("Warning: CCEI_CONFIRMATIONS is 0 on a chain that is no development chain")


def test_a_line_of_the_log_has_time_and_level() -> None:
    program = (
        "import logging\nfrom api.logs import log_lines\nlog_lines()\n"
        "logging.getLogger('api.app').warning('settlement waits: %s', 'node')\nlogging.info('not this')"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert re.fullmatch(
        r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z WARNING settlement waits: node\n", done.stderr
    )
