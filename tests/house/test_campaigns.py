"""A campaign of minutes shows how far it is; what it counted stands below all tests."""

import os
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path

import pytest

from tests import campaigns
from tests.campaigns import Tally

ROOT = Path(__file__).parents[2]


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.fixture
def tally(told: list[str], monkeypatch: pytest.MonkeyPatch) -> Tally:
    monkeypatch.setattr(campaigns, "EVERY_S", 0)
    return Tally(lambda name, text: told.append(text), nullcontext)


def test_a_long_campaign_shows_how_far_it_is(tally: Tally, capsys: pytest.CaptureFixture[str]) -> None:
    assert list(tally.through("abcd")) == list("abcd")
    shown = capsys.readouterr().err.splitlines()
    assert [line.split(",")[0] for line in shown[1:]] == ["1 of 4 (25%)", "2 of 4 (50%)", "3 of 4 (75%)"]
    assert shown[1].endswith("min left")


def test_a_short_one_shows_nothing(
    tally: Tally, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(campaigns, "EVERY_S", 3_600)
    assert list(tally.through("abcd")) == list("abcd")
    assert capsys.readouterr().err == ""


def test_counts_are_told_in_their_order(tally: Tally, told: list[str]) -> None:
    tally.counts("kill -9", {"kills": 1_000, "orders acknowledged": 57})
    assert told == ["kill -9: 1,000 kills, 57 orders acknowledged"]


@pytest.mark.parametrize("workers", ["0", "2"])
def test_counts_stand_below_all_tests(tmp_path: Path, workers: str) -> None:
    (tmp_path / "conftest.py").write_text("from tests.campaigns import pytest_terminal_summary, tally")
    (tmp_path / "test_it.py").write_text("def test_it(tally): tally.counts('books', {'days': 5_000})")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-n", workers, "-p", "no:cacheprovider", tmp_path],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    _, below = done.stdout.split(" campaigns ")
    assert below.splitlines()[1] == "books: 5,000 days"
