"""Run clearing cases whose rules are priced: `python -m tests.pricing.run_clearing_cases FILE.json`, a line per case.

Families that the market clears are counted and left to `tests.market.run_clearing_cases`. Exit 1 if any case failed.
"""

import json
import sys
from pathlib import Path

from tests.pricing.families import Case, clearing_solvers, differences


def failures(case: Case) -> list[str]:
    """Solve a case of a family that has a solver; return what differs from the expected outcome."""
    return differences(case["expect"], clearing_solvers()[case["family"]](case), case["tolerance"])


def main(arguments: list[str]) -> int:
    if len(arguments) != 1:
        print("usage: python -m tests.pricing.run_clearing_cases FILE.json", file=sys.stderr)
        return 2
    solvers = clearing_solvers()
    passed = failed = elsewhere = 0
    for case in json.loads(Path(arguments[0]).read_text(encoding="utf-8"))["cases"]:
        if case["family"] not in solvers:
            elsewhere += 1
            continue
        try:
            problems = failures(case)
        except Exception as error:
            problems = [f"{type(error).__name__}: {error}"]
        passed, failed = (passed + 1, failed) if not problems else (passed, failed + 1)
        print(f"{case['id']} {'ok' if not problems else 'FAILED  ' + '; '.join(problems)}", flush=True)
    print(f"{elsewhere} of families that are not priced here")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
