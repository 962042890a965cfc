"""The utilitarian solution: the largest sum of payoffs."""

from collections.abc import Iterable

from pricing.bargaining.problem import Agreement, Problem
from pricing.errors import weights as checked_weights


def utilitarian(problem: Problem, weights: Iterable[float] | None = None) -> Agreement:
    """Return argmax Σ w_i u_i over S with u >= d; weights over their sum, equal if None.

    Nobody is left below the disagreement payoff, or they would not agree. Where several outcomes have the largest sum,
    as with transferable utility, the one in their middle is taken.

    Source: Harsanyi, Cardinal Welfare, J. Political Economy 63 (1955).

    >>> from pricing.bargaining import Frontier
    >>> solved = utilitarian(Frontier(lambda u1: 1 - u1**2, low=0, high=1, disagreement=(0, 0)))
    >>> [round(payoff, 6) for payoff in solved.payoffs]
    [0.5, 0.75]

    Raises:
        PricingError: if a weight is negative, all are zero, or they are not one per party.
        NotConverged: if the program of a convex set was not solved.
    """
    return problem.best_sum(checked_weights("weights", weights, size=len(problem.disagreement)))
