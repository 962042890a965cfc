"""A bargaining solution on trial: a mechanism, a problem, and the agreement that it comes to."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Any, Protocol, Self, TypeGuard

import numpy as np

from pricing.bargaining.convex_set import ConvexSet
from pricing.bargaining.egalitarian import egalitarian
from pricing.bargaining.finite_set import FiniteSet
from pricing.bargaining.frontier import Frontier
from pricing.bargaining.kalai_smorodinsky import kalai_smorodinsky
from pricing.bargaining.nash import nash
from pricing.bargaining.problem import Problem, Vector
from pricing.bargaining.transferable import Transferable
from pricing.bargaining.utilitarian import utilitarian
from pricing.errors import LARGEST, PricingError, vector

MARGIN = 10.0
"""Two solutions may differ by so many times what each is solved to."""


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
            PricingError: if the mechanism refuses the problem, or gives no finite payoff for each party; if what a party
                could gain is neither 0 nor within 1e-100 to 1e100; or if what is said to be smaller is no problem of
                these parties.
        """
        size = len(problem.disagreement)
        if not isinstance(smaller, Sequence):
            raise PricingError(f"smaller: found {smaller!r:.80}, expected bargaining problems")
        for place, each in enumerate(smaller):
            if not is_bargaining_problem(each) or len(each.disagreement) != size:
                raise PricingError(
                    f"smaller[{place}]: found {each!r:.80}, expected a bargaining problem of {size} parties"
                )
        gains = vector("ideal gains", np.subtract(problem.ideal(), problem.disagreement), high=LARGEST)
        for at in np.flatnonzero((gains > 0) & (gains < 1 / LARGEST)):
            raise PricingError(
                f"ideal gains[{at}]: found {gains[at]:g}, expected 0 or at least {1 / LARGEST:g}"
            )
        return cls(
            mechanism,
            problem,
            accuracy(problem) if tolerance is None else tolerance,
            reports,
            tuple(smaller),
            solved(mechanism, problem),
            np.where(gains > 0, gains, 1.0),
        )

    def noticed(self, off: float, problem: Problem) -> float:
        """Return `off` (units of ideal gains) if it is more than both problems are solved to, else 0."""
        return off if off > MARGIN * max(self.tolerance, accuracy(problem)) else 0.0


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


def is_bargaining_problem(instance: object) -> TypeGuard[Problem]:
    """Tell whether something can be bargained over: whether it knows its own geometry.

    >>> is_bargaining_problem("a text")
    False
    """
    return not isinstance(instance, type) and all(
        hasattr(instance, each) for each in ("disagreement", "ideal", "farthest", "best_product", "best_sum")
    )


def solved(mechanism: BargainingMechanism, problem: Problem) -> Vector:
    """Return the payoffs of a problem.

    Raises:
        PricingError: if they are not a finite number for each party.
    """
    payoffs = getattr(mechanism(problem), "payoffs", ())
    return vector("payoffs", payoffs, size=len(problem.disagreement), low=-LARGEST, high=LARGEST)


def shareable(problem: Transferable) -> float | None:
    """Return the most that the parties can have together, in money; None where they have more alone.

    >>> shareable(Transferable(100, (20, 10), caps=(30, None))), shareable(Transferable(100, (20, 10), caps=(30, 15)))
    (100.0, 45.0)
    """
    caps = problem.caps or (None,) * len(problem.disagreement)
    limits = [math.inf if cap is None else cap for cap in caps]
    if problem.surplus < 0 or any(cap < d for cap, d in zip(limits, problem.disagreement, strict=True)):
        return None
    return float(min(problem.total, sum(limits)))


def accuracy(problem: Problem) -> float:
    """Return what a problem of this form is solved to, in units of the ideal gains.

    >>> from pricing.bargaining import Transferable
    >>> accuracy(Transferable(8, (0, 0)))
    1e-09
    """
    if isinstance(problem, ConvexSet) or (
        isinstance(problem, FiniteSet) and problem.lotteries and len(problem.disagreement) > 2
    ):
        return 1e-5
    return 1e-6 if isinstance(problem, Frontier) else 1e-9
