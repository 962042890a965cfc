"""The commands of the operator's pages do what they say, in their order, on a market of that name."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ledger.database import open_database
from ledger.projections import Projector
from ledger.record import Record
from tests.house.pages import DOCS, ROOT, blocks
from tests.ledger.days import GENESIS, a_whole_day
from tests.ledger.postgres import running_cluster

PAGE = DOCS / "how-to" / "operate-the-market.md"
POSTGRESQL = DOCS / "how-to" / "keep-the-market-in-postgresql.md"


@pytest.fixture
def market(tmp_path: Path) -> Path:
    engine = open_database(f"sqlite:///{tmp_path}/market.db")
    record, projector = Record(engine, GENESIS), Projector(engine)
    for batch, decision in a_whole_day().history:
        record.append(batch, decision.events)
        projector.apply(batch, decision.events, decision.postings)
    record.close()
    engine.dispose()
    return tmp_path


def run(code: str, market: Path, **settings: str) -> str:
    """Run the commands of a page in the market's folder; return what they print."""
    program = market / "bin" / "ccei"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -c "from api.cli import main; main()" "$@"\n')
    program.chmod(0o755)
    path = os.pathsep.join((str(program.parent), settings.pop("PATH", ""), os.environ["PATH"]))
    ran = subprocess.run(
        ["sh", "-eux", "-c", code],
        cwd=market,
        env={**os.environ, **settings, "PATH": path, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def test_back_up_lose_restore_and_audit(market: Path) -> None:
    serve, *rest = blocks(PAGE, "sh")
    assert serve.startswith("ccei serve ")
    assert run("\n".join(rest), market).count("No findings") == 2
    assert (market / "lost" / "market.db").exists()


def test_create_move_back_up_and_restore_on_postgresql(market: Path) -> None:
    create, serve, *rest = blocks(POSTGRESQL, "sh")
    assert serve.startswith("ccei serve ")
    with running_cluster() as cluster:
        code = "\n".join((create, *rest)).replace("/run/postgresql", str(cluster.socket))
        user = {"PGHOST": str(cluster.socket), "PGUSER": "market"}
        printed = run(code, market, PATH=str(cluster.binaries), **user)
        assert printed.count("No findings") == 2
        assert printed.count(": 10 batches, head 0x") == 4
        assert cluster.run("SELECT count(*) FROM ccei.record", "trading_lost") == [(10,)]
