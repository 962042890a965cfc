"""How each family of published cases is computed: a module for each room of `pricing`.

A module lists `FAMILIES`, the pricing cases that it computes, and may list `CLEARING`, the clearing cases, by family.
A family says which inputs it needs; a case with an input that no family knows is unsupported, never half computed.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

Case = dict[str, Any]
Outcome = dict[str, Any]
Solver = Callable[[Case], Outcome]


class Unsupported(Exception):
    """No solver here for this kind of case."""


@dataclass(frozen=True)
class Family:
    """Cases of one `module` with these inputs, told apart by `when` where their inputs are words."""

    module: str
    required: frozenset[str]
    solve: Solver
    optional: frozenset[str] = frozenset()
    when: Callable[[Case], bool] = lambda _: True

    def takes(self, case: Case) -> bool:
        given = set(case["inputs"])
        known = self.required | self.optional
        return case["module"] == self.module and self.required <= given <= known and self.when(case)


def rooms() -> list[Any]:
    return [import_module(f"{__name__}.{module.name}") for module in iter_modules(__path__)]


def solver_of(case: Case) -> Solver:
    found = [family for room in rooms() for family in room.FAMILIES if family.takes(case)]
    if not found:
        raise Unsupported(f"{case['module']} case with inputs {', '.join(sorted(case['inputs']))}")
    return max(found, key=lambda family: len(family.required)).solve


def clearing_solvers() -> dict[str, Solver]:
    return {family: solve for room in rooms() for family, solve in getattr(room, "CLEARING", {}).items()}


def differences(expected: Any, found: Any, tolerance: float, where: str = "") -> list[str]:
    """Compare by the files' convention, |x − y| <= tol · max(1, |y|); a key that was not computed is a difference.

    A value that is drawn is expected as `{"mean": …, "band": [low, high]}`, and has to be in the band.
    """
    if isinstance(expected, dict) and "band" in expected and not isinstance(found, dict):
        low, high = expected["band"]
        return [] if low <= found <= high else [f"{where}: found {found!r}, expected it in [{low}, {high}]"]
    if isinstance(expected, dict):
        return [
            line
            for key, value in expected.items()
            for line in (
                differences(value, found[key], tolerance, f"{where}.{key}")
                if key in found
                else [f"{where}.{key}: not computed"]
            )
        ]
    if isinstance(expected, list):
        if len(expected) != len(found):
            return [f"{where}: found {len(found)} values, expected {len(expected)}"]
        pairs = enumerate(zip(expected, found, strict=True))
        return [line for j, (y, x) in pairs for line in differences(y, x, tolerance, f"{where}[{j}]")]
    if isinstance(expected, bool | str) or expected is None or isinstance(found, bool | str) or found is None:
        same = type(expected) is type(found) and expected == found
    else:
        same = math.isfinite(found) and abs(found - expected) <= tolerance * max(1, abs(expected))
    return [] if same else [f"{where}: found {found!r}, expected {expected!r}"]
