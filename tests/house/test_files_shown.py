"""The files that the pages show are what the programs read, and come out as the pages say."""

import shutil

import pytest
from typer.testing import CliRunner

from api.cli import app
from api.day.inputs import read_generation, read_network, read_workload
from api.input_error import InputError
from tests.house.pages import DOCS, REFERENCE, ROOT, blocks, files

COMMANDS = REFERENCE / "command-line.md"
TUTORIAL = DOCS / "tutorials" / "first-market-day.md"


@pytest.fixture
def folder(tmp_path):
    for page in (COMMANDS, TUTORIAL):
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
