"""Line and branch coverage of `contracts/src`, file by file, from forge's lcov."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from tests.audit.free_functions import rewrite_in_place
from tests.audit.workshop import Workshop, native_forge

LINES_LEAST = 0.98
BRANCHES_LEAST = 0.95
# Gas is measured on the artifacts, which the coverage build is not; the differential test runs out of gas unoptimised; and
# what only a campaign reaches by chance, no test asserts.
LEFT_OUT = "Gas|Differential|Invariants"
# A function that has a body, in a contract or library.
_BODY = re.compile(r"^ *(?:library \w+ \{ )?function \w+\([^;{]*\{", re.MULTILINE)


@dataclass(frozen=True)
class FileCoverage:
    """How much of a file is covered, and what is not: line numbers, and lines of branches."""

    path: str
    lines: int
    lines_hit: int
    branches: int
    branches_hit: int
    lines_missed: tuple[int, ...]
    branches_missed: tuple[int, ...]


def read_lcov(text: str) -> tuple[FileCoverage, ...]:
    """Read an lcov report.

    >>> (file,) = read_lcov("SF:src/A.sol\\nDA:3,1\\nDA:4,0\\nBRDA:3,0,0,-\\nend_of_record\\n")
    >>> file.lines, file.lines_hit, file.lines_missed, file.branches_missed
    (2, 1, (4,), (3,))
    """
    files = []
    for block in text.split("end_of_record"):
        path, lines, branches = "", {}, []
        for row in block.strip().splitlines():
            kind, _, rest = row.partition(":")
            fields = rest.split(",")
            match kind:
                case "SF":
                    path = rest
                case "DA":
                    lines[int(fields[0])] = int(fields[1])
                case "BRDA":
                    branches.append((int(fields[0]), fields[3] not in ("0", "-")))
        if path:
            files.append(
                FileCoverage(
                    path=path,
                    lines=len(lines),
                    lines_hit=sum(1 for hits in lines.values() if hits),
                    branches=len(branches),
                    branches_hit=sum(1 for _, hit in branches if hit),
                    lines_missed=tuple(sorted(line for line, hits in lines.items() if not hits)),
                    branches_missed=tuple(sorted(line for line, hit in branches if not hit)),
                )
            )
    return tuple(files)


def judged(files: tuple[FileCoverage, ...]) -> tuple[str, ...]:
    """Return what falls short over all files together."""
    if not files:
        return ("coverage: found no file of src",)
    lines = sum(each.lines_hit for each in files) / sum(each.lines for each in files)
    branches = sum(each.branches_hit for each in files) / max(1, sum(each.branches for each in files))
    print(f"coverage: lines {lines:.2%}, branches {branches:.2%}")
    return tuple(
        f"coverage: found {found:.2%} of {what}, expected at least {least:.0%}"
        for what, found, least in (("lines", lines, LINES_LEAST), ("branches", branches, BRANCHES_LEAST))
        if found < least
    )


def left_out(sources: Mapping[str, str], files: tuple[FileCoverage, ...]) -> tuple[str, ...]:
    """Return the sources that have code and are not in the report: forge says nothing of a file that it passes over.

    >>> left_out({"src/A.sol": "    function a() external {}", "src/IA.sol": "interface IA {\\n function a() external;"}, ())
    ('coverage: found nothing of src/A.sol in the report',)
    """
    reported = {each.path for each in files}
    return tuple(
        f"coverage: found nothing of {path} in the report"
        for path, text in sources.items()
        if path not in reported and _BODY.search(text)
    )


def coverage(shop: Workshop) -> tuple[str, ...]:
    """Run the tests for coverage; return what falls short."""
    rewrite_in_place(shop.folder)
    done = shop.run(
        native_forge(),
        *("coverage", "--report", "lcov", "--no-match-coverage", "test|node_modules|script"),
        *("--no-match-contract", LEFT_OUT),
    )
    report = shop.folder / "lcov.info"
    if done.returncode != 0 or not report.exists():
        return (f"forge coverage failed: {done.stdout[-3000:]}{done.stderr[-1000:]}",)
    files = read_lcov(report.read_text(encoding="utf-8"))
    for each in files:
        missed = f"  lines {each.lines_missed}" if each.lines_missed else ""
        missed += f"  branches at {each.branches_missed}" if each.branches_missed else ""
        print(f"  {each.path:40} {each.lines_hit}/{each.lines} {each.branches_hit}/{each.branches}{missed}")
    sources = {
        path.relative_to(shop.folder).as_posix(): path.read_text(encoding="utf-8")
        for path in sorted((shop.folder / "src").rglob("*.sol"))
    }
    return (*left_out(sources, files), *judged(files))
