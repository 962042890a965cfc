"""Slither's findings, each of which has an answer in `contracts/slither-answers.toml`, or fails the audit."""

import json
import re
import shutil
import tomllib
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from tests.audit.workshop import CONTRACTS, Workshop

ANSWERS = CONTRACTS / "slither-answers.toml"
_PLACE = re.compile(r"([A-Za-z_][\w.]*)\(")


@dataclass(frozen=True)
class Finding:
    """What a detector says of a place, a function mostly."""

    detector: str
    place: str
    told: str


@dataclass(frozen=True)
class Answer:
    """Why findings of a detector at places of these patterns are no faults."""

    detector: str
    places: tuple[str, ...]
    because: str

    def covers(self, finding: Finding) -> bool:
        """Return whether this answers the finding."""
        return finding.detector == self.detector and any(fnmatchcase(finding.place, p) for p in self.places)


def read_answers(path: Path = ANSWERS) -> tuple[Answer, ...]:
    """Read the answers that were given."""
    told = tomllib.loads(path.read_text(encoding="utf-8"))["answer"]
    return tuple(Answer(each["detector"], tuple(each["places"]), each["because"]) for each in told)


def read_findings(report: dict[str, Any]) -> tuple[Finding, ...]:
    """Read slither's JSON."""
    found = report.get("results", {}).get("detectors", [])
    return tuple(
        Finding(each["check"], _place(each["description"]), each["description"].strip()) for each in found
    )


def unanswered(findings: tuple[Finding, ...], answers: tuple[Answer, ...]) -> tuple[str, ...]:
    """Return what the audit fails for: findings that nobody answered, and answers to what is no longer found."""
    open_findings = [f for f in findings if not any(a.covers(f) for a in answers)]
    idle = [a for a in answers if not any(a.covers(f) for f in findings)]
    return (
        *(f"{f.detector} at {f.place} has no answer: {f.told}" for f in open_findings),
        *(f"{a.detector} at {', '.join(a.places)} is answered and no longer found" for a in idle),
    )


def slither(shop: Workshop) -> tuple[str, ...]:
    """Run slither on what is deployed; return its faults."""
    shutil.rmtree(shop.folder / "test")  # nothing is asked of the tests, and compiling them takes minutes
    done = shop.run(shop.tool("slither"), ".", "--json", "slither.json")
    report = shop.folder / "slither.json"
    if not report.exists():
        return (f"slither did not run: {done.stderr[-2000:]}",)
    told = json.loads(report.read_text(encoding="utf-8"))
    if not told["success"]:
        return (f"slither failed: {told['error']}",)
    findings = read_findings(told)
    print(f"slither: {len(findings)} findings, {len(read_answers())} answers")
    return unanswered(findings, read_answers())


def _place(description: str) -> str:
    found = _PLACE.search(description)
    return found[1] if found else description.split(maxsplit=1)[0]
