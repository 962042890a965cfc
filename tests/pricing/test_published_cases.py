"""The published and analytic cases of the modules that exist come out, by id."""

import json
from pathlib import Path

import pytest

from tests.pricing.run_cases import differences, failures, main, supported

CASES = Path(__file__).parents[3] / "shared" / "cases" / "pricing.json"
COVERED = ["D04", "D05", "D07", "D08", "D16", "D17", "D19", "H01", "H02"]


@pytest.fixture(scope="module")
def cases():
    if not CASES.exists():
        pytest.skip(f"the shared folder with {CASES.name} is not on this machine")
    return {case["id"]: case for case in json.loads(CASES.read_text(encoding="utf-8"))["cases"]}


@pytest.mark.parametrize("case_id", COVERED)
def test_case_comes_out(cases, case_id):
    assert failures(cases[case_id]) == []


def test_every_supported_case_is_listed(cases):
    assert sorted(case_id for case_id, case in cases.items() if supported(case)) == COVERED


FEE = {
    "id": "X1",
    "module": "dynamic",
    "inputs": {
        "base_fee": [1000],
        "gas_used": [0],
        "gas_limit": [2],
        "elasticity": 2,
        "denominator": 8,
    },
    "expected": {"next": [875]},
    "tolerance": {"rel_or_abs": 0},
}


def test_runner_counts_passed_wrong_broken_and_unsupported_cases(tmp_path, capsys):
    wrong = FEE | {"id": "X2", "expected": {"next": [876]}}
    broken = FEE | {"id": "X3", "inputs": FEE["inputs"] | {"gas_limit": [0]}}
    unsupported = FEE | {"id": "X4", "module": "seance"}
    file = tmp_path / "cases.json"
    file.write_text(json.dumps({"cases": [FEE, wrong, broken, unsupported]}), encoding="utf-8")

    assert main([str(file)]) == 1

    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "X1 ok"
    assert lines[1] == "X2 FAILED  .next[0]: found 875, expected 876"
    assert lines[2] == "X3 FAILED  PricingError: limit: found 0, expected an integer of at least 1"
    assert lines[3].startswith("X4 FAILED  unsupported: seance case")
    assert lines[4] == "1 passed, 3 failed"


def test_runner_succeeds_when_all_pass(tmp_path, capsys):
    file = tmp_path / "cases.json"
    file.write_text(json.dumps({"cases": [FEE]}), encoding="utf-8")
    assert main([str(file)]) == 0
    assert capsys.readouterr().out.endswith("1 passed, 0 failed\n")


def test_a_value_that_was_not_computed_is_a_difference():
    assert differences({"price": 1.0}, {}, 1e-6) == [".price: not computed"]
    assert differences([True], [1], 1e-6) == ["[0]: found 1, expected True"]
    assert differences([1.0], [float("nan")], 1e-6) == ["[0]: found nan, expected 1.0"]
