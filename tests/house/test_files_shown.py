"""The files that the pages show are what the programs read, and come out as the pages say."""

import json
import re
import shutil

import pytest
from typer.testing import CliRunner

from api.bargain import KINDS, solve_file
from api.cli import app
from api.day.inputs import read_generation, read_network, read_workload
from api.input_error import InputError
from tests.house.pages import DOCS, REFERENCE, ROOT, blocks, files, read, table_keys

COMMANDS = REFERENCE / "command-line.md"
PROBLEMS = REFERENCE / "bargain-problem.md"
TUTORIAL = DOCS / "tutorials" / "first-market-day.md"


@pytest.fixture
def folder(tmp_path):
    for page in (COMMANDS, PROBLEMS, TUTORIAL):
        for name, content in files(page).items():
            (tmp_path / name).write_text(content, encoding="utf-8")
    return tmp_path


def test_the_flow_of_the_reference_makes_its_trades(folder):
    out = folder / "out.csv"
    ran = CliRunner().invoke(app, ["match", str(folder / "flow.csv"), "--trades", str(out)])
    assert ran.exit_code == 0, ran.output
    assert out.read_text() == files(COMMANDS)["trades.csv"]


def test_the_bids_of_the_reference_clear_as_it_says(folder):
    ran = CliRunner().invoke(app, ["clear", str(folder / "bids.csv"), "--json"])
    assert ran.exit_code == 0, ran.output
    for found in ('"price": "0.055"', '"volume": "100"', '"welfare": "2.5"'):
        assert found in ran.output


def test_the_bids_of_the_reference_clear_by_vcg_as_it_says(folder):
    ran = CliRunner().invoke(app, ["clear", str(folder / "bids.csv"), "--mechanism", "vcg", "--json"])
    told = json.loads(ran.stdout)
    assert [each["money"] for each in told["allocation"]] == ["4.5", "0", "4.6", "1.2"]
    assert told["budget"] == "-1.3"


def test_every_kind_of_problem_has_its_section_and_a_file():
    text = read(PROBLEMS)
    assert sorted(re.findall(r"^#{2,3} `([\w-]+)`$", text, re.MULTILINE)) == sorted(KINDS)
    assert sorted(json.loads(shown)["kind"] for shown in files(PROBLEMS).values()) == sorted(KINDS)


def test_every_key_of_a_problem_is_listed_and_nothing_else():
    listed = set(table_keys(read(PROBLEMS).partition("## Sets of payoffs")[2]))
    assert listed == {name for kind in KINDS.values() for name in kind.__struct_fields__}


@pytest.mark.parametrize(
    ("file", "table", "found"),
    [
        ("savings.json", "payoffs", {"nash": [41, 59]}),
        ("mixtures.json", "payoffs", {"nash": [2, 1.5], "kalai_smorodinsky": [2.076923, 1.384615]}),
        ("curve.json", "payoffs", {"nash": [0.57735, 0.666667], "utilitarian": [0.5, 0.75]}),
        ("sites.json", "outcomes", {"outcome": ["river (chance 0.4) or harbour (chance 0.6)"]}),
        ("barter.json", "payoffs", {"nash": [14, 6], "disagreement": [6, 3]}),
        ("solar.json", None, {"price": 0.054, "payment": "270"}),
        ("supply.json", None, {"quantity": 20, "payment": "665.916667"}),
        ("training.json", "sellers", {"receives": ["511", "117", "244"]}),
        ("talks.json", None, {"share": {"centre": 0.668332, "plant": 0.331668}}),
        ("homes.json", "members", {"gain": [1.6, 1.6]}),
        ("partners.json", "shares", {"shapley": [40, 31, 25], "nucleolus": [48, 30, 18]}),
        ("curtailed.json", "shares", {"talmud": [50, 75, 75]}),
    ],
)
def test_the_problems_of_the_reference_are_solved_as_it_says(folder, file, table, found):
    answer = solve_file(folder / file).as_dict()
    for name, expected in found.items():
        told = answer[name] if table is None else [row[name] for row in answer[table]]
        if isinstance(expected, list) and isinstance(expected[0], str):
            assert told[: len(expected)] == expected
        else:
            assert told == (expected if isinstance(expected, str) else pytest.approx(expected, abs=1e-5))


def test_the_workload_of_the_tutorial_can_be_read(folder):
    workload = read_workload(folder / "conv.csv")
    assert (workload.requests, sum(workload.context_tokens), sum(workload.generated_tokens)) == (2, 770, 153)


def test_the_network_of_the_tutorial_can_be_read(folder):
    pairs = [("aws:us-west-1", "azure:westus"), ("azure:westus", "aws:us-west-1")]
    figures = read_network(folder, pairs)
    assert [(str(figures[pair].usd_per_gb), str(figures[pair].mbps)) for pair in pairs] == [
        ("0.09", "4700.0"),
        ("0.087", "4500.0"),
    ]


def test_the_generation_of_the_tutorial_lacks_nothing_but_hours(folder):
    from datetime import date

    with pytest.raises(InputError, match=r"found no line for 2022-02-14T02Z"):
        read_generation(folder / "CISO.csv", day=date(2022, 2, 15))


def test_the_scenario_error_of_the_tutorial_comes_out(tmp_path):
    shutil.copytree(ROOT / "api/day/scenarios/ciso-2022-03-12", tmp_path / "my-day")
    file = tmp_path / "my-day" / "scenario.toml"
    file.write_text(file.read_text().replace("share = 0.45", "share = 1.45", 1))
    out = tmp_path / "my-report"
    ran = CliRunner().invoke(app, ["market-day", str(file.parent), "--out", str(out)])
    assert ran.exit_code == 2
    assert blocks(TUTORIAL, "text")[0].strip() in ran.output
    assert not out.exists()
