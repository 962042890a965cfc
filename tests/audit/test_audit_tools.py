"""The audit reads its tools' reports right, and lets nothing through that nobody answered."""

from pathlib import Path

import pytest

from tests.audit.coverage import FileCoverage, judged, left_out, read_lcov
from tests.audit.findings import Answer, Finding, read_answers, read_findings, unanswered
from tests.audit.free_functions import housed
from tests.audit.proving import read_proofs
from tests.audit.workshop import CONTRACTS, workshop

LCOV = """TN:
SF:src/Purse.sol
DA:1,5
DA:2,0
BRDA:1,0,0,4
BRDA:1,0,1,-
end_of_record
TN:
SF:src/Lanes.sol
DA:7,1
end_of_record
"""


def a_file(*, lines_hit: int, branches_hit: int) -> FileCoverage:
    return FileCoverage("src/A.sol", 100, lines_hit, 100, branches_hit, (), ())


def a_finding(place: str) -> Finding:
    return Finding("timestamp", place, f"{place}() uses timestamp for comparisons")


def test_lcov_is_read_by_file() -> None:
    purse, lanes = read_lcov(LCOV)
    assert (purse.lines, purse.lines_hit, purse.branches, purse.branches_hit) == (2, 1, 2, 1)
    assert (purse.lines_missed, purse.branches_missed) == ((2,), (1,))
    assert (lanes.path, lanes.branches) == ("src/Lanes.sol", 0)


def test_coverage_just_enough_passes_and_less_does_not() -> None:
    assert judged((a_file(lines_hit=98, branches_hit=95),)) == ()
    lines, branches = judged((a_file(lines_hit=97, branches_hit=94),))
    assert lines == "coverage: found 97.00% of lines, expected at least 98%"
    assert branches == "coverage: found 94.00% of branches, expected at least 95%"
    assert judged(()) == ("coverage: found no file of src",)


def test_a_source_with_code_that_the_report_passes_over_is_told() -> None:
    sources = {
        "src/A.sol": "function f() pure {\n}",
        "src/B.sol": "    function g(uint256 a)\n        external\n    {",
        "src/IB.sol": "interface IB {\n    function g(uint256 a) external;\n}",
        "src/C.sol": "struct C {",
    }
    assert left_out(sources, ()) == (
        "coverage: found nothing of src/A.sol in the report",
        "coverage: found nothing of src/B.sol in the report",
    )
    (only,) = left_out(sources, (FileCoverage("src/A.sol", 1, 1, 0, 0, (), ()),))
    assert only == "coverage: found nothing of src/B.sol in the report"


def test_every_free_function_gets_a_library_and_every_line_stays_in_its_place() -> None:
    paths = sorted((CONTRACTS / "src").rglob("*.sol"))
    sources = {path.relative_to(CONTRACTS).as_posix(): path.read_text(encoding="utf-8") for path in paths}
    rewritten = housed(sources)
    assert not [path for path, text in rewritten.items() if "\nfunction " in text]
    for path, text in sources.items():
        assert text.count("\n") == rewritten[path].count("\n"), path
    assert (
        "library Purse_lock { function lock(Purse purse, uint256 amount) internal pure"
        in rewritten["src/types/Purse.sol"]
    )
    assert "Columns_newColumn.newColumn(" in rewritten["src/Locking.sol"]


def test_slithers_places_are_contract_and_function() -> None:
    told = {
        "results": {
            "detectors": [
                {
                    "check": "assembly",
                    "description": "Merkle.pairHash(bytes32,bytes32) (src#1) uses assembly\n",
                },
                {
                    "check": "reentrancy-benign",
                    "description": "Reentrancy in Guarantee._open(uint64) (src#1):\n",
                },
                {"check": "naming", "description": "Variable x is odd"},
            ]
        }
    }
    assert [f.place for f in read_findings(told)] == ["Merkle.pairHash", "Guarantee._open", "Variable"]


def test_a_finding_without_an_answer_and_an_answer_to_nothing_both_fail() -> None:
    answer = Answer("timestamp", ("Custody.*",), "windows are hours")
    assert unanswered((a_finding("Custody.withdraw"),), (answer,)) == ()
    (new,) = unanswered((a_finding("Custody.withdraw"), a_finding("Other.thing")), (answer,))
    assert new.startswith("timestamp at Other.thing has no answer")
    (idle,) = unanswered((), (answer,))
    assert idle == "timestamp at Custody.* is answered and no longer found"


def test_a_proof_holds_only_if_halmos_says_so() -> None:
    said, failed = read_proofs(
        "\x1b[32m[PASS]\x1b[0m check_a(uint8) (paths: 2)\n\x1b[31m[FAIL]\x1b[0m check_b() (paths: 1)\n"
    )
    assert said == ("[PASS] check_a(uint8) (paths: 2)", "[FAIL] check_b() (paths: 1)")
    assert failed == ("[FAIL] check_b() (paths: 1)",)
    assert read_proofs("Symbolic test result: 0 passed; 0 failed") == ((), ())


def test_every_answer_gives_a_reason() -> None:
    assert all(len(answer.because) > 40 for answer in read_answers())


def test_the_workshop_is_a_copy_that_goes_away(tmp_path: Path) -> None:
    with workshop(tmp_path) as shop:
        folder = shop.folder
        assert (folder / "src" / "Settlement.sol").is_file()
        assert (folder / "node_modules").is_symlink()
    assert not folder.exists()


def test_a_missing_tool_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.audit.workshop import ToolMissing

    monkeypatch.setenv("PATH", "")
    with workshop(tmp_path) as shop, pytest.raises(ToolMissing, match="halmos: found neither in"):
        shop.tool("halmos")
