"""Smaller bargaining problems: what is left of a set when some of it is no longer possible, d staying where it is."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from scipy.optimize import brentq

from pricing.bargaining.convex_set import ConvexSet, Limits
from pricing.bargaining.finite_set import FiniteSet
from pricing.bargaining.frontier import Frontier
from pricing.bargaining.polygon import Polygon
from pricing.bargaining.problem import Problem
from pricing.bargaining.transferable import Transferable
from pricing.errors import DisagreementOutside, EmptySide

SHARES = (0.25, 0.45, 0.6, 0.75, 0.9)
"""Where a party's gains are cut off, as shares of the most it could gain."""
DIRECTIONS = (0.15, 0.3, 0.4, 0.5, 0.6, 0.7, 0.85)
"""Towards which mixtures of both ideal payoffs the corner lies of a set with the same ideal payoffs."""
OUTCOMES_DROPPED_MAX = 64


def smaller_problems(problem: Problem) -> Iterator[Problem]:
    """Yield subsets of the problem: one payoff cut off, an outcome less, or all but a corner between both ideal payoffs.

    >>> len(list(smaller_problems(Transferable(10, (0, 0, 0)))))  # five cuts of each party's payoff, seven corners
    22
    """
    yield from _cut(problem)
    if len(problem.disagreement) > 1 and not (isinstance(problem, FiniteSet) and not problem.lotteries):
        yield from _one_corner(problem)


def _one_corner(problem: Problem) -> Iterator[Problem]:
    """Keep the ideal payoff of each with nothing for the others, and one point of the frontier in between."""
    ideal, floor = np.array(problem.ideal()), np.array(problem.disagreement)
    if np.any(ideal <= floor):
        return
    ends = np.where(np.eye(len(floor)) > 0, ideal, floor).tolist()
    for share in DIRECTIONS:
        rest = (1 - share) / (len(floor) - 1)
        towards = np.where(np.arange(len(floor)) == 0, share, rest) * (ideal - floor)
        corner = problem.farthest(towards).payoffs
        yield _hull([*ends, list(corner)], problem.disagreement)


def _hull(points: list[list[float]], disagreement: tuple[float, ...]) -> Problem:
    if len(disagreement) == 2:
        return Polygon([(u1, u2) for u1, u2 in points], (disagreement[0], disagreement[1]))
    return FiniteSet(points, disagreement, lotteries=True)


def _cut(problem: Problem) -> Iterator[Problem]:
    ideal, floor = problem.ideal(), problem.disagreement
    limits = [
        (party, floor[party] + share * (ideal[party] - floor[party]))
        for party in range(len(floor))
        for share in SHARES
        if ideal[party] > floor[party]
    ]
    match problem:
        case Transferable():
            for party, limit in limits:
                caps = list(problem.caps or [None] * len(floor))
                caps[party] = limit
                yield replace(problem, caps=caps)
        case Polygon():
            for party, limit in limits:
                yield _cut_off(problem, party, limit)
        case FiniteSet():
            yield from _one_outcome_less(problem)
        case Frontier():
            for party, limit in limits:
                if party == 0 and problem.low < limit < problem.high:
                    yield replace(problem, high=limit)
                elif party == 1 and problem.function(problem.high) < limit < problem.function(problem.low):
                    cut = problem.low
                    cut = float(brentq(lambda u1, most=limit: problem.function(u1) - most, cut, problem.high))
                    yield replace(problem, low=cut)
        case ConvexSet():
            for party, limit in limits:
                utility = problem.utilities[party]
                if utility.curvature is None:  # the part of S below a bent payoff has no such form
                    yield _with_row(problem, np.asarray(utility.linear), limit - utility.constant)


def _cut_off(problem: Polygon, party: int, limit: float) -> Polygon:
    """Bring every point above the limit down to it, and add where the edges cross it."""
    ends = np.array(problem.vertices)
    points = np.minimum(ends, np.where(np.arange(2) == party, limit, np.inf))
    above, below = ends[ends[:, party] > limit], ends[ends[:, party] < limit]
    crossings = [
        high + (limit - high[party]) / (low[party] - high[party]) * (low - high)
        for high in above
        for low in below
    ]
    return Polygon([(u1, u2) for u1, u2 in [*points.tolist(), *map(tuple, crossings)]], problem.disagreement)


def _one_outcome_less(problem: FiniteSet) -> Iterator[FiniteSet]:
    for place in range(min(len(problem.outcomes), OUTCOMES_DROPPED_MAX)):
        left = [*problem.outcomes[:place], *problem.outcomes[place + 1 :]]
        try:
            yield replace(problem, outcomes=left)
        except (DisagreementOutside, EmptySide):
            continue


def _with_row(problem: ConvexSet, row: np.ndarray, limit: float) -> ConvexSet:
    if problem.limits is None:
        return replace(problem, limits=Limits([row], [limit]))
    matrix = np.vstack([np.asarray(problem.limits.matrix), row])
    return replace(problem, limits=Limits(matrix, [*problem.limits.bounds, limit]))
