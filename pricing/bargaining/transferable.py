"""Transferable utility: a total, in money, that the parties can share in any way."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pricing.bargaining.problem import Agreement, Vector, agreement, no_agreement
from pricing.bargaining.water_filling import water_fill
from pricing.errors import LARGEST, EmptySide, number, vector


@dataclass(frozen=True, slots=True)
class Transferable:
    """S = {u : Σ u_i <= total, u_i <= cap_i}, in money. Where S has no u >= d there is no agreement.

    Attributes:
        total: what the parties have together if they agree.
        disagreement: d, what each has without the others.
        caps: the most that each may have; None for no limit.

    Raises:
        EmptySide: if nobody is named.
        PricingError: if a figure is not finite, or the caps are not one per party.
    """

    total: float
    disagreement: tuple[float, ...]
    caps: Sequence[float | None] | None = None

    def __post_init__(self) -> None:
        number("total", self.total, low=-LARGEST, high=LARGEST)
        floor = vector("disagreement", self.disagreement, low=-LARGEST, high=LARGEST)
        if not len(floor):
            raise EmptySide("disagreement: found no party, expected at least one")
        object.__setattr__(self, "disagreement", tuple(floor.tolist()))
        if self.caps is not None:
            caps = tuple(self.caps)
            stated = [0.0 if cap is None else cap for cap in caps]
            vector("caps", stated, size=len(floor), low=-LARGEST, high=LARGEST)
            object.__setattr__(self, "caps", caps)

    @property
    def surplus(self) -> float:
        """S − Σ d, what agreeing adds; negative if there is nothing to agree on."""
        return math.fsum([self.total, *(-each for each in self.disagreement)])

    def ideal(self) -> tuple[float, ...]:
        """Return min(cap_i, d_i + S − Σ d) of each party; d where there is no agreement.

        >>> Transferable(100, (20, 10), caps=(50, None)).ideal()
        (50.0, 80.0)
        """
        if not self._possible():
            return self.disagreement
        return tuple(np.minimum(self._ceiling(), self._floor() + self.surplus).tolist())

    def farthest(self, direction: Vector) -> Agreement:
        """Return d + t·direction up to where the total is spent or a cap is met."""
        direction = vector("direction", direction, size=len(self.disagreement), low=0, high=LARGEST)
        floor, ceiling = self._floor(), self._ceiling()
        if not self._possible():
            return no_agreement(floor)
        rises = direction > 0
        if not rises.any():
            return agreement(floor, floor)
        spent = self.surplus / math.fsum(direction)
        with np.errstate(over="ignore"):  # an infinite room is no limit
            capped = float(np.min((ceiling[rises] - floor[rises]) / direction[rises]))
        return agreement(floor + min(spent, capped) * direction, floor)

    def best_product(self, weights: Vector) -> Agreement:
        """Return x_i = d_i + w_i (S − Σ d), and by water-filling where a cap binds."""
        weights = vector("weights", weights, size=len(self.disagreement), low=0, high=LARGEST)
        floor = self._floor()
        if not self._possible():
            return no_agreement(floor)
        return agreement(
            water_fill(self.total, start=floor, weights=weights, low=floor, high=self._ceiling()), floor
        )

    def best_sum(self, weights: Vector) -> Agreement:
        """Give all that is over to those of the highest weight, in equal parts up to their caps, then to the next."""
        weights = vector("weights", weights, size=len(self.disagreement), low=0, high=LARGEST)
        floor, ceiling = self._floor(), self._ceiling()
        if not self._possible():
            return no_agreement(floor)
        payoffs = floor.copy()
        for weight in np.unique(weights)[::-1]:
            equals = weights == weight
            payoffs = water_fill(
                self.total,
                start=payoffs,
                weights=equals.astype(np.float64),
                low=payoffs,
                high=np.where(equals, ceiling, payoffs),
            )
        return agreement(payoffs, floor)

    def _possible(self) -> bool:
        return self.surplus >= 0 and bool(np.all(self._ceiling() >= self._floor()))

    def _floor(self) -> Vector:
        return np.array(self.disagreement)

    def _ceiling(self) -> Vector:
        if self.caps is None:
            return np.full(len(self.disagreement), math.inf)
        return np.array([math.inf if cap is None else cap for cap in self.caps])
