"""The commands of the operator's pages do what they say, in their order, on a market of that name."""

import os
import shlex
import subprocess
from dataclasses import dataclass
from pathlib import Path
from string import Template

import pytest
from typer.testing import CliRunner

from api.cli import app
from ledger.database import open_database
from ledger.projections import Projector
from ledger.record import Record
from tests.house.pages import DOCS, blocks
from tests.ledger.days import GENESIS
from tests.ledger.postgres import running_cluster
from tests.ledger.signed_days import a_signed_day

PAGE = DOCS / "how-to" / "operate-the-market.md"
POSTGRESQL = DOCS / "how-to" / "keep-the-market-in-postgresql.md"


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


@dataclass
class Operator:
    """Types the commands of a page, line by line, in the market's folder."""

    settings: dict[str, str]

    def run(self, code: str) -> str:
        """Return what the commands print. `ccei` runs in this process: six starts of Python take longer than all else."""
        printed = ""
        for line in code.splitlines():
            words = shlex.split(Template(line).safe_substitute(self.settings))
            if words[0] == "export":
                name, _, value = words[1].partition("=")
                self.settings[name] = value
            elif words[0] == "ccei":
                result = CliRunner().invoke(app, words[1:])
                assert result.exit_code == 0, (line, result.output)
                printed += result.stdout
            else:
                subprocess.run(["sh", "-euc", line], env={**os.environ, **self.settings}, check=True)
        return printed


@pytest.fixture
def operator(market: Path, monkeypatch: pytest.MonkeyPatch) -> Operator:
    monkeypatch.chdir(market)
    return Operator({})


def test_back_up_lose_restore_and_audit(market: Path, operator: Operator) -> None:
    serve, *rest = blocks(PAGE, "sh")
    assert serve.startswith("ccei serve ")
    assert operator.run("".join(rest)).count("No findings") == 2
    assert (market / "lost" / "market.db").exists()


def test_create_move_back_up_and_restore_on_postgresql(operator: Operator) -> None:
    create, serve, *rest = blocks(POSTGRESQL, "sh")
    assert serve.startswith("ccei serve ")
    with running_cluster() as cluster:
        socket = str(cluster.socket)
        path = os.pathsep.join((str(cluster.binaries), os.environ["PATH"]))
        operator.settings |= {"PGHOST": socket, "PGUSER": "market", "PATH": path}
        printed = operator.run("".join((create, *rest)).replace("/run/postgresql", socket))
        assert printed.count("No findings") == 2
        assert printed.count(": 10 batches, head 0x") == 4
        assert cluster.run("SELECT count(*) FROM ccei.record", "trading_lost") == [(10,)]
