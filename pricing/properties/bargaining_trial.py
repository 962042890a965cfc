"""A bargaining solution on trial: a mechanism, a problem, and the agreement that it comes to."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Any, Protocol, Self

import numpy as np

from pricing.bargaining.convex_set import ConvexSet
from pricing.bargaining.egalitarian import egalitarian
from pricing.bargaining.finite_set import FiniteSet
from pricing.bargaining.frontier import Frontier
from pricing.bargaining.kalai_smorodinsky import kalai_smorodinsky
from pricing.bargaining.nash import nash
from pricing.bargaining.problem import Problem, Vector
from pricing.bargaining.utilitarian import utilitarian
from pricing.errors import PricingError, vector


class Agreed(Protocol):
    """What a mechanism gives back: a payoff for each party."""

    @property
    def payoffs(self) -> Sequence[float]:
        """u, one per party."""
        ...


BargainingMechanism = Callable[[Problem], Agreed]

SOLUTIONS: Mapping[str, Callable[..., Agreed]] = MappingProxyType(
    {
        "nash": nash,
        "kalai-smorodinsky": kalai_smorodinsky,
        "egalitarian": egalitarian,
        "utilitarian": utilitarian,
    }
)


@dataclass(frozen=True, slots=True, eq=False)
class BargainingTrial:
    """A mechanism and a problem; payoffs are compared in units of the most that each could gain.

    `smaller` are subsets of the problem, given by the caller, that monotonicity and independence also look at.
    """

    run: BargainingMechanism
    problem: Problem
    tolerance: float
    reports: int
    smaller: tuple[Problem, ...]
    payoffs: Vector
    unit: Vector

    @classmethod
    def of(
        cls,
        mechanism: BargainingMechanism,
        problem: Problem,
        *,
        tolerance: float | None,
        reports: int,
        smaller: Sequence[Problem] = (),
    ) -> Self:
        """Solve the problem; without a tolerance, that of the form in which it is stated is taken.

        Raises:
            PricingError: if the mechanism refuses the problem, or gives no finite payoff for each party.
        """
        gains = np.subtract(problem.ideal(), problem.disagreement)
        return cls(
            mechanism,
            problem,
            _accuracy(problem) if tolerance is None else tolerance,
            reports,
            tuple(smaller),
            solved(mechanism, problem),
            np.where(gains > 0, gains, 1.0),
        )


def solution_named(name: str, parameters: dict[str, Any]) -> BargainingMechanism:
    """Return the bargaining solution of that name, with its weights if any.

    >>> from pricing.bargaining import Transferable
    >>> solution_named("nash", {"weights": (1, 3)})(Transferable(8, (0, 0))).payoffs
    (2.0, 6.0)

    Raises:
        PricingError: if there is none of that name, or it does not take a parameter.
    """
    if name not in SOLUTIONS:
        raise PricingError(f"mechanism: found {name!r}, expected one of {', '.join(SOLUTIONS)}")
    for given in parameters:
        if given != "weights" or name == "kalai-smorodinsky":
            raise PricingError(f"{given}: found a parameter that {name} does not take, expected none")
    return partial(SOLUTIONS[name], **parameters)


def solved(mechanism: BargainingMechanism, problem: Problem) -> Vector:
    """Return the payoffs of a problem.

    Raises:
        PricingError: if they are not a finite number for each party.
    """
    return vector("payoffs", mechanism(problem).payoffs, size=len(problem.disagreement))


def _accuracy(problem: Problem) -> float:
    if isinstance(problem, ConvexSet) or (
        isinstance(problem, FiniteSet) and problem.lotteries and len(problem.disagreement) > 2
    ):
        return 1e-5
    return 1e-6 if isinstance(problem, Frontier) else 1e-9
