"""Finitely many outcomes, indivisible bundles for one, with and without lotteries between them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pricing.bargaining.convex_set import ConvexSet, Limits, Utility
from pricing.bargaining.polygon import Polygon, pareto_chain
from pricing.bargaining.problem import ROUNDING, Agreement, Vector, agreement
from pricing.errors import LARGEST, DisagreementOutside, EmptySide, vector


@dataclass(frozen=True, slots=True)
class FiniteSet:
    """S = what some outcome reaches, or some lottery over outcomes: their convex hull.

    Attributes:
        outcomes: payoff vectors, one figure per party.
        disagreement: d; at least one outcome, or lottery, gives everybody as much.
        lotteries: whether the parties may agree on chances. `Agreement.decision` is the chance of each outcome, whose
            payoffs are at least those agreed.

    Without lotteries S is not convex: Nash takes the outcome of the largest product, Kalai–Smorodinsky and egalitarian
    the one whose smallest gain, in units of the direction, is largest. Of equals, the first is taken.

    Raises:
        EmptySide: if there is no outcome.
        DisagreementOutside: if nothing in S gives everybody at least d.
        PricingError: if a figure is not finite, or an outcome has not one per party.
    """

    outcomes: Sequence[Sequence[float]]
    disagreement: tuple[float, ...]
    lotteries: bool = False

    def __post_init__(self) -> None:
        floor = vector("disagreement", self.disagreement, low=-LARGEST, high=LARGEST)
        outcomes = [
            tuple(vector(f"outcomes[{j}]", each, size=len(floor), low=-LARGEST, high=LARGEST).tolist())
            for j, each in enumerate(self.outcomes)
        ]
        if not outcomes or not len(floor):
            raise EmptySide("outcomes: found no outcome or no party, expected at least one of each")
        object.__setattr__(self, "disagreement", tuple(floor.tolist()))
        object.__setattr__(self, "outcomes", tuple(outcomes))
        if not self.lotteries and not np.any(self._rational()):
            raise DisagreementOutside(
                f"disagreement: found {self.disagreement}, expected some outcome to give everybody as much"
            )
        if self.lotteries:
            self._hull()  # two parties: tells at once of d outside it; a program of more tells when solved

    def ideal(self) -> tuple[float, ...]:
        """Return the most that each can have while everybody has at least d.

        >>> FiniteSet([(4, 0), (2, 3), (1, 5)], disagreement=(1, 1)).ideal()
        (2.0, 5.0)
        """
        if self.lotteries:
            return self._hull().ideal()
        return tuple(self._payoffs()[self._rational()].max(axis=0).tolist())

    def farthest(self, direction: Vector) -> Agreement:
        """Return the outcome with the largest min g_i / direction_i, or where the ray leaves the hull."""
        direction = vector("direction", direction, size=len(self.disagreement), low=0, high=LARGEST)
        if self.lotteries:
            return self._mixed(self._hull().farthest(direction))
        rises = direction > 0
        with np.errstate(over="ignore"):  # an infinite share is larger than all others, as it should be
            shares = np.sort(self._gains()[:, rises] / direction[rises], axis=1)
        # leximin: of equal smallest gains, the larger second smallest
        return self._chosen(shares)

    def best_product(self, weights: Vector) -> Agreement:
        """Return the outcome, or the point of the hull, of the largest product."""
        weights = vector("weights", weights, size=len(self.disagreement), low=0, high=LARGEST)
        if self.lotteries:
            return self._mixed(self._hull().best_product(weights))
        gains, counts = self._gains(), weights > 0
        positive = (gains > 0) & counts
        logs = np.log(gains, out=np.zeros_like(gains), where=positive) @ weights
        # where no outcome lets everybody gain all products are 0: then as many as possible gain
        return self._chosen(np.column_stack([positive.sum(axis=1), logs]))

    def best_sum(self, weights: Vector) -> Agreement:
        """Return the outcome, or the point of the hull, of the largest sum."""
        weights = vector("weights", weights, size=len(self.disagreement), low=0, high=LARGEST)
        if self.lotteries:
            return self._mixed(self._hull().best_sum(weights))
        return self._chosen((self._payoffs() @ weights)[:, None])

    def _payoffs(self) -> Vector:
        return np.array(self.outcomes)

    def _gains(self) -> Vector:
        return np.subtract(self._payoffs(), self.disagreement)

    def _rational(self) -> NDArray[np.bool_]:
        return np.asarray(np.all(self._gains() >= -ROUNDING * (1 + np.abs(self.disagreement)), axis=1))

    def _chosen(self, keys: Vector) -> Agreement:
        """Return the individually rational outcome whose row of keys is the largest, in the order of a dictionary."""
        best = np.flatnonzero(self._rational())
        for column in keys.T:
            best = best[column[best] == column[best].max()]
        chances = np.zeros(len(self.outcomes))
        chances[best[0]] = 1.0
        return agreement(self.outcomes[best[0]], self.disagreement, chances)

    def _hull(self) -> Polygon | ConvexSet:
        payoffs = self._payoffs()
        if payoffs.shape[1] == 2:
            d1, d2 = self.disagreement
            return Polygon([(u1, u2) for u1, u2 in payoffs.tolist()], (d1, d2))
        size = len(payoffs)
        return ConvexSet(
            [Utility(column) for column in payoffs.T],
            self.disagreement,
            limits=Limits(-np.eye(size), np.zeros(size)),
            equalities=Limits(np.ones((1, size)), [1.0]),
        )

    def _mixed(self, agreed: Agreement) -> Agreement:
        """Return the agreement with the chances that reach it; a program of more parties has found them."""
        chances = np.clip(agreed.decision, 0.0, None) if agreed.decision else self._chances(agreed.payoffs)
        return agreement(agreed.payoffs, self.disagreement, chances / chances.sum())

    def _chances(self, payoffs: tuple[float, ...]) -> Vector:
        points = self._payoffs()
        chain = pareto_chain(points)
        place = np.interp(payoffs[0], points[chain, 0], np.arange(len(chain)))
        before = int(place)
        chances = np.zeros(len(points))
        chances[chain[before]] = before + 1 - place
        if place > before:
            chances[chain[before + 1]] = place - before
        return chances
