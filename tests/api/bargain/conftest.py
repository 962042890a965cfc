"""Problems in JSON files for `ccei bargain`, and what comes out of them."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from api.bargain import Asked, solve_file
from api.cli import app

TWO_HOMES = {
    "kind": "coalition",
    "agents": [
        {"name": "north", "load": [4, 6], "grid": {"buy": 0.5, "sell": 0.1}},
        {"name": "south", "renewable": [9, 3], "grid": {"buy": 0.5, "sell": 0.1}},
    ],
}
PARTNERS = {
    "kind": "game",
    "players": ["compute", "network", "energy"],
    "worth": {"compute+network": 60, "compute+energy": 48, "network+energy": 30, "compute+network+energy": 96},
}  # fmt: skip
PRICE = {"kind": "price", "value": 10, "cost": 4}


@pytest.fixture
def solved(tmp_path):
    """Solve a problem, and return what machines are told."""

    def solve(problem, **asked):
        file = tmp_path / "PROBLEM.json"
        file.write_text(problem if isinstance(problem, str) else json.dumps(problem), encoding="utf-8")
        return solve_file(file, Asked(**asked)).as_dict()

    return solve


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run the command on a problem in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def ccei(problem, *options):
        Path("PROBLEM.json").write_text(
            problem if isinstance(problem, str) else json.dumps(problem), encoding="utf-8"
        )
        return CliRunner().invoke(app, ["bargain", "PROBLEM.json", *options])

    return ccei


def column(answer, name, *, table="payoffs"):
    return [row[name] for row in answer[table]]
