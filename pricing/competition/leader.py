"""A leader against any followers: search its decision, given how they respond, for every local optimum."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from pricing.errors import number, whole

Response = TypeVar("Response")
GOLDEN = (math.sqrt(5) - 1) / 2
CELLS_MAX = 100_000_000


@dataclass(frozen=True, slots=True)
class LocalOptimum(Generic[Response]):
    """A decision that no small change betters, how the followers answer it, and what the leader gets."""

    decision: float
    response: Response
    payoff: float


def lead(
    respond: Callable[[float], Response],
    payoff: Callable[[float, Response], float],
    *,
    low: float,
    high: float,
    cells: int = 200,
) -> tuple[LocalOptimum[Response], ...]:
    """Return the leader's local optima over [low, high], the best first: max over d of payoff(d, respond(d)).

    1. Evaluate the payoff at cells + 1 evenly spaced decisions.
    2. Around each that is no worse than both neighbours, narrow down the maximum by golden section (Kiefer 1953) to
       a 10⁻¹⁰ of the interval.
    3. Of optima that ended at the same place keep one.

    Followers who drop out one by one give the leader several hills, and the nearest one is not always the highest.
    A hill narrower than two cells may be missed: raise `cells` where followers are many. Von Stackelberg (1934).

    >>> best, *others = lead(lambda p: max(0.0, 10 - p), lambda p, sold: (p - 2) * sold, low=2, high=20)
    >>> round(best.decision, 6), round(best.payoff, 6)
    (6.0, 16.0)

    Raises:
        PricingError: if the interval is empty, there are fewer than 2 cells, or a payoff is not finite.
    """
    left = number("low", low)
    right = number("high", high, low=left)
    whole("cells", cells, low=2, high=CELLS_MAX)

    def value(decision: float) -> float:
        return number(f"payoff at {decision:g}", payoff(decision, respond(decision)))

    grid = [left + (right - left) * place / cells for place in range(cells)] + [right]
    values = [value(decision) for decision in grid]
    reach, found = 1e-10 * (right - left), list[LocalOptimum[Response]]()
    for place in range(cells + 1):
        before, after = max(0, place - 1), min(cells, place + 1)
        if values[place] < max(values[before], values[after]) or (place and values[place] == values[before]):
            continue  # not a top, or the same plateau again
        decision = _golden_section(value, grid[before], grid[after], reach)
        best = max((decision, grid[place]), key=value)
        found.append(LocalOptimum(best, respond(best), value(best)))
    distinct = [
        optimum
        for place, optimum in enumerate(found)
        if place == 0 or optimum.decision - found[place - 1].decision > 10 * reach
    ]
    return tuple(sorted(distinct, key=lambda optimum: -optimum.payoff))


def _golden_section(value: Callable[[float], float], low: float, high: float, reach: float) -> float:
    left, right = high - GOLDEN * (high - low), low + GOLDEN * (high - low)
    value_left, value_right = value(left), value(right)
    while high - low > reach and low < left < right < high:
        if value_left >= value_right:
            high, right, value_right = right, left, value_left
            left = high - GOLDEN * (high - low)
            value_left = value(left)
        else:
            low, left, value_left = left, right, value_right
            right = low + GOLDEN * (high - low)
            value_right = value(right)
    return (low + high) / 2
