"""Frontiers written down: "u2 = 1 - u1**2", or limits such as "u1 + u2 <= 10, u1 <= 4".

Limits are joined by a comma. Straight ones make a `Polygon`, others a `Frontier`.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from pricing.bargaining.formula import Formula, Term, parse_formula
from pricing.bargaining.frontier import Frontier
from pricing.bargaining.polygon import Polygon
from pricing.bargaining.problem import Vector
from pricing.errors import LARGEST, DisagreementOutside, PricingError, Unbounded, vector

LENGTH_MAX = 1000
FAR = 1e6
FIT = 1e-9
BISECTIONS = 80


@dataclass(frozen=True, slots=True)
class _Limit:
    """slack(u1, u2) >= 0 inside; a straight one also has its (a1, a2, b): a1·u1 + a2·u2 <= b."""

    slack: Formula
    straight: tuple[float, float, float] | None = None


def parse_frontier(
    text: str, disagreement: Sequence[float], *, u1_range: Sequence[float] | None = None
) -> Polygon | Frontier:
    """Read a two-party problem from limits on u1 and u2; `u1_range` limits u1 further.

    Each limit is two formulas with =, <= or >= between them. An equation is the upper edge of the set: whoever can have u
    can also have less. Between is the part of the set with u >= d.

    >>> from pricing.bargaining import kalai_smorodinsky, nash
    >>> capped = parse_frontier("u1+u2=10, u1<=4", (0, 0))
    >>> nash(capped).payoffs
    (4.0, 6.0)
    >>> [round(payoff, 6) for payoff in nash(parse_frontier("u1**2 + u2**2 = 2", (0, 0))).payoffs]
    [1.0, 1.0]

    Raises:
        DisagreementOutside: if d does not meet the limits.
        Unbounded: if the limits let somebody have any amount.
        PricingError: if the text cannot be read, or the set is not convex.
    """
    d1, d2 = vector("disagreement", disagreement, size=2, low=-LARGEST, high=LARGEST).tolist()
    if not isinstance(text, str) or not 0 < len(text) <= LENGTH_MAX:
        raise PricingError(f"frontier: found {text!r:.40}, expected 1 to {LENGTH_MAX} characters")
    limits = [limit for part in re.split(r"[,;]|\band\b", text) for limit in _limits(part, (d1, d2))]
    if u1_range is not None:
        low, high = vector("u1_range", u1_range, size=2, low=-LARGEST, high=LARGEST).tolist()
        limits.append(_straight(1.0, 0.0, high))
        limits.append(_straight(-1.0, 0.0, -low))
    if all(limit.straight is not None for limit in limits):
        return _polygon(np.array([limit.straight for limit in limits]), (d1, d2))
    return _curve(limits, (d1, d2))


def _polygon(rows: Vector, disagreement: tuple[float, float]) -> Polygon:
    """Return the polygon within straight limits, its vertices where two of them cross (or one and d)."""
    d1, d2 = disagreement
    for r1, r2 in [(1.0, 0.0), (0.0, 1.0), *np.abs(rows[:, 1::-1]).tolist()]:
        if (r1 or r2) and np.all(rows[:, :2] @ (r1, r2) <= 0):
            raise Unbounded(
                f"frontier: found no end in the direction ({r1:g}, {r2:g}), expected a bounded set"
            )
    rows = np.vstack([rows, [(-1.0, 0.0, -d1), (0.0, -1.0, -d2)]])
    slack = FIT * (1 + np.abs(rows).max(axis=1))
    vertices = []
    for one, other in combinations(rows, 2):
        square = np.array([one[:2], other[:2]])
        if abs(np.linalg.det(square)) > FIT * np.abs(square).max() ** 2:
            u1, u2 = np.linalg.solve(square, [one[2], other[2]]).tolist()
            if np.all(rows[:, :2] @ (u1, u2) <= rows[:, 2] + slack):
                vertices.append((u1, u2))
    if not vertices:
        raise _outside(disagreement)
    return Polygon(vertices, disagreement)


def _curve(limits: Sequence[_Limit], disagreement: tuple[float, float]) -> Frontier:
    """Return the upper edge of the limits: u2 as far as they let it go, for each u1 as far as they let that go."""
    floors = [
        limit.straight for limit in limits if limit.straight is not None and max(limit.straight[:2]) <= 0
    ]
    low1 = max([disagreement[0], *(b / a1 for a1, a2, b in floors if a1 and not a2)])
    low2 = max([disagreement[1], *(b / a2 for a1, a2, b in floors if a2 and not a1)])

    def inside(u1: float, u2: float) -> bool:
        try:
            return all(limit.slack(u1, u2) >= 0 for limit in limits)
        except (ArithmeticError, ValueError):
            return False  # as sqrt(1 - u1) beyond u1 = 1

    if not inside(low1, low2):
        raise _outside(disagreement)
    high1 = _last(lambda u1: inside(u1, low2), low1)
    return Frontier(lambda u1: _last(lambda u2: inside(u1, u2), low2), low1, high1, disagreement)


def _last(inside: Callable[[float], bool], start: float) -> float:
    """Return the last number from `start` on that is inside, by doubling and then bisection."""
    step = 1.0
    while inside(start + step):
        step *= 2
        if step > FAR**2:
            raise Unbounded(f"frontier: found no end above {start:g}, expected a bounded set")
    within, beyond = start, start + step
    for _ in range(BISECTIONS):
        middle = (within + beyond) / 2
        within, beyond = (middle, beyond) if inside(middle) else (within, middle)
    return within


def _outside(disagreement: tuple[float, float]) -> DisagreementOutside:
    d1, d2 = disagreement
    return DisagreementOutside(f"disagreement: found ({d1:g}, {d2:g}), expected a point within the limits")


def _limits(text: str, disagreement: tuple[float, float]) -> list[_Limit]:
    """Return the limits of one comparison, which may be a chain such as 0 <= u1 <= 4."""
    parts = re.split(r"(<=|>=|==|=|<|>)", text.replace("≤", "<=").replace("≥", ">="))
    if len(parts) < 3:
        raise PricingError(
            f"frontier: found {text.strip()!r}, expected two formulas with =, <= or >= between"
        )
    terms = [parse_formula(part) for part in parts[::2]]
    return [
        _limit(left, relation[0], right, disagreement)
        for left, relation, right in zip(terms, parts[1::2], terms[1:], strict=False)
    ]


def _limit(left: Term, relation: str, right: Term, disagreement: tuple[float, float]) -> _Limit:
    if relation == ">" or (relation == "=" and not _rises(left, right, disagreement)):
        left, right = right, left
    if left.linear is not None and right.linear is not None:
        c, a1, a2 = np.subtract(left.linear, right.linear).tolist()
        return _straight(a1, a2, -c)
    return _Limit(lambda u1, u2: right.value(u1, u2) - left.value(u1, u2))


def _straight(a1: float, a2: float, b: float) -> _Limit:
    return _Limit(lambda u1, u2: b - a1 * u1 - a2 * u2, (a1, a2, b))


def _rises(left: Term, right: Term, disagreement: tuple[float, float]) -> bool:
    """Tell whether of an equation the left side is the larger one beyond the edge."""
    for side, other in ((left, right), (right, left)):
        # u2 = f(u1): the edge is the most that party 2 can have
        if side.name and other.linear is None:
            return side is left
    if left.linear is not None and right.linear is not None:
        rise = np.subtract(left.linear, right.linear)[1:]
        if np.all(rise >= 0) or np.all(rise <= 0):
            return bool(np.all(rise >= 0))
        raise PricingError("frontier: found an equation along which both gain, expected a falling frontier")
    far = [each + FAR * max(1.0, abs(each)) for each in disagreement]
    try:
        return left.value(*far) > right.value(*far)
    except (ArithmeticError, ValueError):
        raise PricingError("frontier: found no side of an equation to be inside, expected <= or >=") from None
