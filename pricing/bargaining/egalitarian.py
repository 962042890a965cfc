"""The egalitarian solution: equal gains."""

from collections.abc import Iterable

from pricing.bargaining.problem import Agreement, Problem
from pricing.errors import weights as checked_weights


def egalitarian(problem: Problem, weights: Iterable[float] | None = None) -> Agreement:
    """Return the last point of S on the ray from d in the direction of the weights; equal gains if None.

    It compares utilities, so it depends on their scale; a larger set harms nobody. It is weakly Pareto efficient.

    Source: Kalai, Proportional Solutions to Bargaining Situations, Econometrica 45 (1977).

    >>> from pricing.bargaining import Transferable
    >>> egalitarian(Transferable(total=100, disagreement=(20, 10))).payoffs
    (55.0, 45.0)

    Raises:
        PricingError: if a weight is negative, all are zero, or they are not one per party.
        NotConverged: if the program of a convex set was not solved.
    """
    return problem.farthest(checked_weights("weights", weights, size=len(problem.disagreement)))
