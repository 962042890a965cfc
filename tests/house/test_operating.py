"""The commands of the operator's page do what it says, in its order, on a market of that name."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ledger.database import open_database
from ledger.projections import Projector
from ledger.record import Record
from tests.house.pages import DOCS, ROOT, blocks
from tests.ledger.days import GENESIS
from tests.ledger.signed_days import a_signed_day

PAGE = DOCS / "how-to" / "operate-the-market.md"


@pytest.fixture
def market(tmp_path: Path) -> Path:
    engine = open_database(f"sqlite:///{tmp_path}/market.db")
    record, projector = Record(engine, GENESIS), Projector(engine)
    for batch, decision in a_signed_day().history:
        record.append(batch, decision.events)
        projector.apply(batch, decision.events, decision.postings)
    record.close()
    engine.dispose()
    return tmp_path


def test_back_up_lose_restore_and_audit(market: Path) -> None:
    serve, *rest = blocks(PAGE, "sh")
    assert serve.startswith("ccei serve ")
    program = market / "bin" / "ccei"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -c "from api.cli import main; main()" "$@"\n')
    program.chmod(0o755)
    path = f"{program.parent}{os.pathsep}{os.environ['PATH']}"
    ran = subprocess.run(
        ["sh", "-eux", "-c", "\n".join(rest)],
        cwd=market,
        env={**os.environ, "PATH": path, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.count("No findings") == 2
    assert (market / "lost" / "market.db").exists()
