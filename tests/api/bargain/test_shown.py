"""What people see of a problem's solutions: tables, plots, help."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from api.bargain import KINDS, solve_file
from api.cli import app
from tests.api.bargain.conftest import PRICE, TWO_HOMES


def test_people_see_solutions_side_by_side(run):
    result = run(
        {"kind": "transferable", "total": 100, "disagreement": [20, 10], "parties": ["[lab]", "plant"]}
    )
    assert result.exit_code == 0
    assert "[lab]" in result.stdout  # and not taken for markup
    assert "kalai smorodinsky" in " ".join(result.stdout.split())


def test_json_is_one_document(run):
    assert json.loads(run(PRICE, "--json").stdout)["price"] == 7


@pytest.mark.parametrize(
    "problem",
    [
        {"kind": "frontier", "frontier": "u2 = 1 - u1**2", "disagreement": [0, 0]},
        {"kind": "polygon", "vertices": [[0, 2], [2, 1.5], [3, 0]], "disagreement": [0, 0]},
        {"kind": "transferable", "total": 1, "disagreement": [0.5, 0.5]},
        {"kind": "finite", "outcomes": [[4, 0], [2, 3]], "disagreement": [1, 1]},
        {"kind": "finite", "outcomes": [[1, 1]], "disagreement": [1, 1]},
        {**PRICE, "book": {"asks": [[6, 1]], "bids": [[5, 1]]}},
        {"kind": "price", "value": 4, "cost": 5},
        TWO_HOMES,
        {**TWO_HOMES, "private": True},
        {"kind": "coalition", "agents": [{"name": f"m{n}", "load": [n], "grid": {"buy": n + 1}} for n in range(20)]},
    ],
)  # fmt: skip
def test_a_plot_is_drawn(run, problem):
    result = run(problem, "--plot", "figure.svg")
    assert result.exit_code == 0, result.output
    assert Path("figure.svg").read_text(encoding="utf-8").startswith("<?xml")


def test_a_plot_marks_the_solutions_where_they_are(tmp_path):
    file = tmp_path / "curve.json"
    file.write_text('{"kind": "frontier", "frontier": "u2 = 1 - u1**2", "disagreement": [0, 0]}')
    answer = solve_file(file, plot=True)
    drawn = {
        line.get_label().partition("\n")[0]: line.get_xydata()[0].tolist()
        for line in answer.draw().axes[0].get_lines()
    }
    assert drawn["nash"] == pytest.approx([0.57735, 0.666667], abs=1e-5)
    assert drawn["disagreement"] == [0, 0]


def test_help_names_every_kind():
    text = CliRunner().invoke(app, ["bargain", "--help"]).stdout
    assert [line.split()[0] for line in text.partition("bargained over:")[2].splitlines()[1 : len(KINDS) + 1]] == [
        *KINDS
    ]  # fmt: skip
    assert text.count("Example: ccei bargain ") == 3
