"""Published order-book cases whose order types this market has."""

from pathlib import Path

import pytest

from tests.market.run_cases import load, main

CASES = Path(__file__).resolve().parents[2].parent / "shared" / "cases" / "matching.json"
pytestmark = pytest.mark.skipif(not CASES.exists(), reason=f"{CASES.name} is not beside the repository")


def test_every_case_that_applies_comes_out(capsys):
    assert main([CASES]) == 0
    assert " passed, 0 failed" in capsys.readouterr().out.splitlines()[-1]


def test_ordinary_cases_are_left_out_only_for_prices_off_the_tick():
    reasons = [
        reason for _, case, reason, _ in load(CASES) if case["semantics"] == "ordinary" and reason is not None
    ]
    assert all("off the tick" in reason for reason in reasons), reasons
