"""Run what an auditor runs: `python -m tests.audit [format] [solhint] [slither] [coverage] [proofs]`, all by default."""

import argparse
import time
from collections.abc import Callable
from pathlib import Path

from tests.audit.coverage import coverage
from tests.audit.findings import slither
from tests.audit.proving import proofs
from tests.audit.workshop import ToolMissing, Workshop, native_forge, say, workshop

TOOLS = Path(__file__).parents[2] / ".venv" / "audit" / "bin"


def formatted(shop: Workshop) -> tuple[str, ...]:
    """Return what `forge fmt` would change."""
    done = shop.run(native_forge(), "fmt", "--check")
    return () if done.returncode == 0 else (f"forge fmt: {done.stdout[-3000:]}",)


def solhint(shop: Workshop) -> tuple[str, ...]:
    """Return what solhint says, a line each."""
    program = shop.tool("solhint")
    done = shop.run(program, "--max-warnings", "0", "--formatter", "unix", "src/**/*.sol")
    return () if done.returncode == 0 else (f"solhint: {done.stdout[-6000:]}{done.stderr[-1000:]}",)


CHECKS: dict[str, Callable[[Workshop], tuple[str, ...]]] = {
    "format": formatted,
    "solhint": solhint,
    "slither": slither,
    "coverage": coverage,
    "proofs": proofs,
}


def main() -> int:
    """Run the checks that were asked for; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.audit", description=__doc__)
    parser.add_argument("checks", nargs="*", choices=[*CHECKS, []], default=[], help="which; all by default")
    parser.add_argument("--tools", type=Path, default=TOOLS, help="where slither and halmos are")
    asked = parser.parse_args()
    failed = []
    for name in asked.checks or CHECKS:
        started = time.monotonic()
        with workshop(asked.tools) as shop:
            try:
                faults = CHECKS[name](shop)
            except ToolMissing as error:
                faults = (str(error),)
        say([*faults, f"{name}: {'FAILED' if faults else 'passed'} in {time.monotonic() - started:.0f} s"])
        if faults:
            failed.append(name)
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
