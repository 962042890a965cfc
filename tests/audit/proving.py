"""The proofs of `contracts/test/proofs`, by halmos."""

import re
import shlex
import shutil
from pathlib import Path

from tests.audit.workshop import ToolMissing, Workshop, say

SOLVER = Path(__file__).with_name("solver.py")
TIMEOUT_MS = "600000"  # for each question; on a free machine no whole proof takes two minutes
_COLOUR = re.compile(r"\x1b\[\d*m")
_PROOF = re.compile(r"\[([A-Z]+)\] (check_\w+)")


def read_proofs(output: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    r"""Return what halmos says of each proof, a line each, and those lines that say something else than that it holds.

    >>> read_proofs("Running 1 tests\n\x1b[32m[PASS]\x1b[0m check_a(uint8) (time: 1s)\n[TIMEOUT] check_b()\n")
    (('[PASS] check_a(uint8) (time: 1s)', '[TIMEOUT] check_b()'), ('[TIMEOUT] check_b()',))
    """
    said = tuple(line for line in _COLOUR.sub("", output).splitlines() if _PROOF.match(line))
    return said, tuple(line for line in said if not line.startswith("[PASS]"))


def proofs(shop: Workshop) -> tuple[str, ...]:
    """Return the proofs that halmos could not make."""
    halmos = shop.tool("halmos")
    python = str(halmos.with_name("python"))
    if shop.run(python, "-I", "-c", "import bitwuzla").returncode != 0:
        raise ToolMissing(f"bitwuzla: found none beside {halmos}; run `make audit`")
    for path in (shop.folder / "test").iterdir():  # the proofs stand alone; compiling the rest takes minutes
        if path.is_file():
            path.unlink()
        elif path.name != "proofs":
            shutil.rmtree(path)
    done = shop.run(
        halmos,
        *("--match-contract", "Proof$", "--solver-timeout-assertion", TIMEOUT_MS),
        *("--solver-command", shlex.join((python, "-I", str(SOLVER)))),
    )
    said, failed = read_proofs(done.stdout)
    say(said)
    if not said or (done.returncode != 0 and not failed):
        return (f"halmos: {done.stdout[-2000:]}{done.stderr[-1000:]}",)
    return failed
