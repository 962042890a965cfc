"""The Nash solution: the largest product of gains."""

from collections.abc import Iterable

from pricing.bargaining.problem import Agreement, Problem
from pricing.errors import weights as checked_weights


def nash(problem: Problem, weights: Iterable[float] | None = None) -> Agreement:
    """Return argmax Π (u_i − d_i)^{w_i} over S with u >= d; weights over their sum, equal if None.

    The only solution that is Pareto efficient, symmetric (with equal weights), independent of the scale of each utility,
    and independent of irrelevant alternatives. With transferable utility everybody has d_i and a share w_i of what
    agreeing adds.

    Source: Nash, The Bargaining Problem, Econometrica 18 (1950); with weights, Kalai, Int. J. Game Theory 6 (1977).

    >>> from pricing.bargaining import Transferable
    >>> nash(Transferable(total=100, disagreement=(20, 10)), weights=(0.3, 0.7)).payoffs
    (41.0, 59.0)

    Raises:
        PricingError: if a weight is negative, all are zero, or they are not one per party.
        NotConverged: if the program of a convex set was not solved.
    """
    return problem.best_product(checked_weights("weights", weights, size=len(problem.disagreement)))
