"""The published and analytic cases come out, and the runners tell what does not."""

import json
from pathlib import Path

import pytest

from tests.pricing import run_cases, run_clearing_cases
from tests.pricing.families import clearing_solvers, differences

CASES = Path(__file__).parents[3] / "shared" / "cases"


def published(file, wanted=lambda _: True):
    path = CASES / file
    if not path.exists():
        absent = pytest.mark.skip(reason=f"the shared folder with {file} is not on this machine")
        return [pytest.param(None, id=file, marks=absent)]
    cases = json.loads(path.read_text(encoding="utf-8"))["cases"]
    return [pytest.param(case, id=case["id"]) for case in cases if wanted(case)]


@pytest.mark.parametrize("case", published("pricing.json"))
def test_pricing_case_comes_out(case):
    assert run_cases.failures(case) == []


@pytest.mark.parametrize(
    "case", published("clearing.json", lambda case: case["family"] in clearing_solvers())
)
def test_clearing_case_comes_out(case):
    assert run_clearing_cases.failures(case) == []


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

    assert run_cases.main([str(file)]) == 1

    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "X1 ok"
    assert lines[1] == "X2 FAILED  .next[0]: found 875, expected 876"
    assert lines[2] == "X3 FAILED  PricingError: limit: found 0, expected an integer of at least 1"
    assert lines[3].startswith("X4 FAILED  unsupported: seance case")
    assert lines[4] == "1 passed, 3 failed"


def test_runner_succeeds_when_all_pass(tmp_path, capsys):
    file = tmp_path / "cases.json"
    file.write_text(json.dumps({"cases": [FEE]}), encoding="utf-8")
    assert run_cases.main([str(file)]) == 0
    assert capsys.readouterr().out.endswith("1 passed, 0 failed\n")


def test_a_case_with_an_input_that_no_family_knows_is_not_half_computed(tmp_path, capsys):
    file = tmp_path / "cases.json"
    odd = FEE | {"inputs": FEE["inputs"] | {"blob_gas": [1]}}
    file.write_text(json.dumps({"cases": [odd]}), encoding="utf-8")
    assert run_cases.main([str(file)]) == 1
    assert "unsupported: dynamic case with inputs base_fee, blob_gas" in capsys.readouterr().out


def test_clearing_runner_leaves_families_of_the_market_to_the_market(tmp_path, capsys):
    file = tmp_path / "cases.json"
    file.write_text(json.dumps({"cases": [{"id": "Y1", "family": "nodal"}]}), encoding="utf-8")
    assert run_clearing_cases.main([str(file)]) == 0
    assert capsys.readouterr().out == "1 of families that are not priced here\n0 passed, 0 failed\n"


def test_a_value_that_was_not_computed_is_a_difference():
    assert differences({"price": 1.0}, {}, 1e-6) == [".price: not computed"]
    assert differences([True], [1], 1e-6) == ["[0]: found 1, expected True"]
    assert differences([1.0], [float("nan")], 1e-6) == ["[0]: found nan, expected 1.0"]
    assert differences(None, 0.0, 1e-6) == [": found 0.0, expected None"]
    assert differences({"mean": 1, "band": [0.9, 1.1]}, 1.2, 0) == [": found 1.2, expected it in [0.9, 1.1]"]
