"""The Kalai–Smorodinsky solution: everybody gains the same share of what they could gain at best."""

import numpy as np

from pricing.bargaining.problem import Agreement, Problem


def kalai_smorodinsky(problem: Problem) -> Agreement:
    """Return the last point of S on the ray from d towards the ideal payoffs a(S, d).

    With two parties it is the only solution that is Pareto efficient, symmetric, independent of the scale of each
    utility, and monotone: a larger set with the same ideal payoffs harms nobody. With more parties, or where a cap binds,
    it is weakly Pareto efficient.

    Source: Kalai & Smorodinsky, Other Solutions to Nash's Bargaining Problem, Econometrica 43 (1975).

    >>> from pricing.bargaining import Polygon
    >>> solved = kalai_smorodinsky(Polygon([(0, 1), (1, 0.7), (1, 0)], disagreement=(0, 0)))
    >>> [round(payoff, 9) for payoff in solved.payoffs]
    [0.769230769, 0.769230769]

    Raises:
        NotConverged: if the program of a convex set was not solved.
    """
    return problem.farthest(np.maximum(np.subtract(problem.ideal(), problem.disagreement), 0.0))
