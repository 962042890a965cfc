"""Two parties and a curve: the most that party 2 can have, as a function of what party 1 has."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from pricing.bargaining._root import root
from pricing.bargaining.problem import ROUNDING, Agreement, Vector, agreement
from pricing.errors import LARGEST, DisagreementOutside, PricingError, number, vector

SAMPLES = 65
SHAPE_TOLERANCE = 1e-9
LEVEL = 1e-13
"""How far below its maximum, relative to its size, a function still counts as at its maximum."""
NEAR_END = 1e-6
"""A maximum that cannot be told from an end of the range within this share of it is at that end."""
BISECTIONS = 60


@dataclass(frozen=True, slots=True)
class Frontier:
    """S = {(u1, u2) : u1 <= high, u2 <= f(max(u1, low))}, f concave and never rising on [low, high].

    Attributes:
        function: f, the most that party 2 can have when party 1 has u1.
        low, high: the payoffs of party 1 between which f is given.
        disagreement: d, a point of S.

    The shape of f is checked at 65 points. A maximum is found to about 1e-9 of the range.

    Raises:
        DisagreementOutside: if d is not in S.
        PricingError: if f is not finite, rises or is not concave, or a figure is not finite.
    """

    function: Callable[[float], float]
    low: float
    high: float
    disagreement: tuple[float, float]

    def __post_init__(self) -> None:
        object.__setattr__(self, "low", number("low", self.low, low=-LARGEST))
        object.__setattr__(self, "high", number("high", self.high, low=self.low, high=LARGEST, open_low=True))
        d1, d2 = vector("disagreement", self.disagreement, size=2, low=-LARGEST, high=LARGEST).tolist()
        object.__setattr__(self, "disagreement", (d1, d2))
        values = np.array([self._at(u1) for u1 in np.linspace(self.low, self.high, SAMPLES).tolist()])
        slack = SHAPE_TOLERANCE * (1 + np.abs(values).max())
        if np.any(np.diff(values) > slack) or np.any(np.diff(values, 2) > slack):
            raise PricingError(
                "function: found one that rises or is not concave, expected concave and never rising"
            )
        missed = max(d1 - self.high, d2 - self._at(d1))
        if missed > ROUNDING * (1 + max(abs(d1), abs(d2))):
            raise DisagreementOutside(
                f"disagreement: found ({d1:g}, {d2:g}), expected a point below the frontier"
            )

    def ideal(self) -> tuple[float, ...]:
        """Return the most that each can have while the other has at least d.

        >>> Frontier(lambda u1: 1 - u1**2, low=0, high=1, disagreement=(0.6, 0)).ideal()
        (1.0, 0.64)
        """
        first, last = self._range()
        return last, self._at(first)

    def farthest(self, direction: Vector) -> Agreement:
        """Return where the ray meets the curve, by Brent's root finder."""
        direction, floor = (
            vector("direction", direction, size=2, low=0, high=LARGEST),
            np.array(self.disagreement),
        )
        direction = np.ldexp(
            direction, -np.frexp(direction.max())[1]
        )  # by a power of two, which rounds nothing
        rises = direction > 0
        if not rises.any():
            return agreement(floor, floor)
        with np.errstate(over="ignore"):  # an infinite step is one that the other party's ends first
            steps = (np.array(self.ideal()) - floor)[rises] / direction[rises]
        longest = float(np.min(steps))

        def room(step: float) -> float:
            u1, u2 = floor + step * direction
            return self._at(float(u1)) - float(u2)

        step = longest if room(longest) >= 0 else root(room, 0.0, longest)
        return agreement(floor + step * direction, floor)

    def best_product(self, weights: Vector) -> Agreement:
        """Return the point of the curve with the largest w1 ln g1 + w2 ln g2."""
        weights = vector("weights", weights, size=2, low=0, high=LARGEST)
        d1, d2 = self.disagreement

        def log_product(u1: float) -> float:
            gains = np.array([u1 - d1, self._at(u1) - d2])
            with np.errstate(divide="ignore"):
                return float(sum(w * np.log(max(g, 0.0)) for w, g in zip(weights, gains, strict=True) if w))

        return self._agree_on(self._argmax(log_product))

    def best_sum(self, weights: Vector) -> Agreement:
        """Return the point of the curve with the largest sum, the middle of them if it has a straight part."""
        w1, w2 = vector("weights", weights, size=2, low=0, high=LARGEST).tolist()
        return self._agree_on(self._argmax(lambda u1: w1 * u1 + w2 * self._at(u1)))

    def _agree_on(self, u1: float) -> Agreement:
        return agreement((u1, self._at(u1)), self.disagreement)

    def _at(self, u1: float) -> float:
        within = min(max(u1, self.low), self.high)
        try:
            return number(f"function({within:g})", self.function(within), low=-LARGEST, high=LARGEST)
        except (ArithmeticError, ValueError) as error:
            raise PricingError(f"function: at {within:g}: {error}") from error

    def _range(self) -> tuple[float, float]:
        """Return the payoffs of party 1 between which both have at least d."""
        d1, d2 = self.disagreement
        first = min(max(d1, self.low), self.high)
        if self._at(first) <= d2:
            return first, first
        if self._at(self.high) >= d2:
            return first, self.high
        return first, root(lambda u1: self._at(u1) - d2, first, self.high)

    def _argmax(self, objective: Callable[[float], float]) -> float:
        """Return where a concave function of u1 is largest on the range.

        A maximum is flat, so a search for it stops at the root of the rounding error. The middle of the points that are
        a known little below the maximum is far sharper, and is the middle of a plateau too.
        """
        from scipy.optimize import minimize_scalar  # only here: a market starts without it

        first, last = self._range()
        found = minimize_scalar(
            lambda u1: -objective(float(u1)), bounds=(first, last), method="bounded", options={"xatol": 1e-12}
        )
        top = max((first, last, float(found.x)), key=objective)
        best = objective(top)
        level = best - LEVEL * max(1.0, abs(best))

        def edge(end: float) -> float:
            inside, outside = top, end
            if objective(end) >= level:
                return end
            for _ in range(BISECTIONS):
                middle = (inside + outside) / 2
                if objective(middle) >= level:
                    inside = middle
                else:
                    outside = middle
            return inside

        left, right = edge(first), edge(last)
        if right - left <= NEAR_END * (last - first):
            for end in (first, last):
                if end in (left, right):
                    return end
        return (left + right) / 2
