"""Run a file of pricing cases: `python -m tests.pricing.run_cases FILE.json`, one line per case, exit 1 if any failed."""

import json
import sys
from pathlib import Path

from tests.pricing.families import Case, Unsupported, differences, solver_of


def failures(case: Case) -> list[str]:
    """Solve a case; return what differs from the expected outcome."""
    tolerance = case["tolerance"]  # a drawn value has words here, and a band at the value
    return differences(
        case["expected"],
        solver_of(case)(case),
        tolerance["rel_or_abs"] if isinstance(tolerance, dict) else 0.0,
    )


def main(arguments: list[str]) -> int:
    if len(arguments) != 1:
        print("usage: python -m tests.pricing.run_cases FILE.json", file=sys.stderr)
        return 2
    passed = failed = 0
    for case in json.loads(Path(arguments[0]).read_text(encoding="utf-8"))["cases"]:
        try:
            problems = failures(case)
        except Unsupported as reason:
            problems = [f"unsupported: {reason}"]
        except Exception as error:
            problems = [f"{type(error).__name__}: {error}"]
        passed, failed = (passed + 1, failed) if not problems else (passed, failed + 1)
        print(f"{case['id']} {'ok' if not problems else 'FAILED  ' + '; '.join(problems)}", flush=True)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
