"""Published clearings of one product at one place: uniform price, pay-as-bid, their price rules and ties."""

from pathlib import Path

import pytest

from tests.market.run_cases import FAMILIES, load, main

CASES = Path(__file__).resolve().parents[2].parent / "shared" / "cases" / "clearing.json"
pytestmark = pytest.mark.skipif(not CASES.exists(), reason=f"{CASES.name} is not beside the repository")


def test_every_case_that_applies_comes_out(capsys):
    assert main([CASES]) == 0
    assert " passed, 0 failed" in capsys.readouterr().out.splitlines()[-1]


def test_cases_of_our_families_are_left_out_only_for_a_stated_reason():
    reasons = [
        reason for _, case, reason, _ in load(CASES) if case["family"] in FAMILIES and reason is not None
    ]
    assert all("self-trade prevention" in reason or "lines, zones" in reason for reason in reasons), reasons
