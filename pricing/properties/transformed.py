"""The same bargaining problem told otherwise: in other units, with the parties in another order, from another d."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from scipy.optimize import brentq

from pricing.bargaining.convex_set import ConvexSet, Utility
from pricing.bargaining.finite_set import FiniteSet
from pricing.bargaining.frontier import Frontier
from pricing.bargaining.polygon import Polygon
from pricing.bargaining.problem import Problem, Vector
from pricing.bargaining.transferable import Transferable
from pricing.errors import PricingError


def at_disagreement(problem: Problem, disagreement: Sequence[float]) -> Problem | None:
    """Return the problem with other disagreement payoffs; None if they are out of reach, or its form is not known.

    >>> at_disagreement(Transferable(100, (20, 10)), (30, 10)).surplus
    60.0
    """
    first, second, *_ = (*disagreement, 0.0, 0.0)
    try:
        match problem:
            case Transferable() | FiniteSet() | ConvexSet():
                return replace(problem, disagreement=tuple(disagreement))
            case Polygon() | Frontier():
                return replace(problem, disagreement=(first, second))
    except PricingError:
        return None
    return None


def scaled(problem: Problem, scale: Vector, shift: Vector) -> Problem | None:
    """Return the problem in which a payoff u_i counts a_i·u_i + b_i; None if its form cannot say so.

    >>> scaled(Polygon([(0, 2), (2, 1)], disagreement=(0, 0)), np.array([2.0, 1.0]), np.array([0.0, 5.0])).vertices
    ((0.0, 7.0), (4.0, 6.0))
    """
    floor = tuple((scale * np.array(problem.disagreement) + shift).tolist())
    match problem:
        case Transferable():
            return _scaled_total(problem, scale, shift)
        case Polygon():
            return Polygon(
                [(u1, u2) for u1, u2 in (scale * problem.vertices + shift).tolist()], (floor[0], floor[1])
            )
        case FiniteSet():
            return replace(problem, outcomes=(scale * problem.outcomes + shift).tolist(), disagreement=floor)
        case Frontier(function=f, low=low, high=high):
            (a1, a2), (b1, b2) = scale.tolist(), shift.tolist()
            return Frontier(
                lambda u1: a2 * f(min(max((u1 - b1) / a1, low), high)) + b2,
                a1 * low + b1,
                a1 * high + b1,
                (floor[0], floor[1]),
            )
        case ConvexSet():
            utilities = [
                Utility(
                    a * np.asarray(each.linear),
                    a * each.constant + b,
                    None if each.curvature is None else a * np.asarray(each.curvature),
                )
                for a, b, each in zip(scale.tolist(), shift.tolist(), problem.utilities, strict=True)
            ]
            return replace(problem, utilities=utilities, disagreement=floor)
    return None


def permuted(problem: Problem, order: Sequence[int]) -> Problem | None:
    """Return the problem whose party k is party `order[k]` of the given one; None if its form is not known.

    >>> permuted(Transferable(100, (20, 10), caps=(50, None)), [1, 0])
    Transferable(total=100, disagreement=(10.0, 20.0), caps=(None, 50))
    """
    floor = tuple(problem.disagreement[party] for party in order)
    match problem:
        case Transferable(caps=caps):
            moved = None if caps is None else [caps[party] for party in order]
            return replace(problem, disagreement=floor, caps=moved)
        case Polygon():
            return Polygon([(u[order[0]], u[order[1]]) for u in problem.vertices], (floor[0], floor[1]))
        case FiniteSet():
            outcomes = [[each[party] for party in order] for each in problem.outcomes]
            return replace(problem, outcomes=outcomes, disagreement=floor)
        case ConvexSet():
            return replace(
                problem, utilities=[problem.utilities[party] for party in order], disagreement=floor
            )
        case Frontier(function=f, low=low, high=high):
            return problem if list(order) == [0, 1] else _swapped(f(low), f(high), problem)
    return None


def symmetrised(problem: Problem) -> Problem | None:
    """Return a problem made alike for all parties: S joined with its mirror images; None where that has no form here.

    >>> symmetrised(Polygon([(0, 2), (2, 1)], disagreement=(0.5, 0))).disagreement
    (0.0, 0.0)
    """
    lowest = min(problem.disagreement)
    match problem:
        case Transferable():
            return Transferable(
                problem.total, (float(np.mean(problem.disagreement)),) * len(problem.disagreement)
            )
        case Polygon(vertices=vertices):
            return Polygon([*vertices, *((u2, u1) for u1, u2 in vertices)], (lowest, lowest))
        case FiniteSet(outcomes=outcomes, lotteries=True) if len(problem.disagreement) == 2:
            mirrored = [tuple(each)[::-1] for each in outcomes]
            return replace(problem, outcomes=[*outcomes, *mirrored], disagreement=(lowest, lowest))
    return None


def corners(problem: Transferable) -> list[tuple[float, float]]:
    """Return the ends of the frontier of a total that two parties share.

    >>> corners(Transferable(100, (20, 10), caps=(50, None)))
    [(20.0, 80.0), (50.0, 50.0)]
    """
    most1, most2 = problem.ideal()
    total = float(problem.total)
    return [(min(most1, total - most2), most2), (most1, min(most2, total - most1))]


def _scaled_total(problem: Transferable, scale: Vector, shift: Vector) -> Problem | None:
    if problem.ideal() == problem.disagreement and problem.surplus < 0:
        return None
    floor = (scale * np.array(problem.disagreement) + shift).tolist()
    if np.all(scale == scale[0]):
        caps = problem.caps and [
            None if cap is None else float(a * cap + b)
            for a, b, cap in zip(scale, shift, problem.caps, strict=True)
        ]
        return Transferable(float(scale[0] * problem.total + shift.sum()), tuple(floor), caps)
    if len(floor) == 2:
        ends = (scale * np.array(corners(problem)) + shift).tolist()
        return Polygon([(u1, u2) for u1, u2 in ends], (floor[0], floor[1]))
    rows, sides = [1 / scale], [float(problem.total + np.sum(shift / scale))]
    for party, cap in enumerate(problem.caps or ()):
        if cap is not None:
            rows.append(np.eye(len(floor))[party])
            sides.append(float(scale[party] * cap + shift[party]))
    return ConvexSet.polytope(np.array(rows), sides, tuple(floor))


def _swapped(top: float, bottom: float, problem: Frontier) -> Frontier | None:
    if top <= bottom:
        return None
    f, low, high = problem.function, problem.low, problem.high

    def inverse(u2: float) -> float:
        if f(high) >= u2:
            return high
        return low if f(low) <= u2 else float(brentq(lambda u1: f(u1) - u2, low, high, xtol=1e-14))

    d1, d2 = problem.disagreement
    return Frontier(inverse, bottom, top, (d2, d1))
