"""Whether payoffs are within a set, and how much more there is: a linear program, not the mechanism's own formula."""

from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import linprog

from pricing.bargaining.convex_set import ConvexSet
from pricing.bargaining.finite_set import FiniteSet
from pricing.bargaining.frontier import Frontier
from pricing.bargaining.polygon import Polygon
from pricing.bargaining.problem import ROUNDING, Problem, Vector
from pricing.bargaining.transferable import Transferable
from pricing.errors import DisagreementOutside
from pricing.properties.transformed import at_disagreement

GRID = 4001
"""Points at which a curve is looked at."""


@dataclass(frozen=True, slots=True, eq=False)
class LinearSet:
    """S = {u : u <= U x + c, A x <= b, E x = f}."""

    U: Vector
    c: Vector
    A: Vector
    b: Vector
    E: Vector
    f: Vector

    def most(self, payoffs: Vector, unit: Vector, *, together: bool) -> float | None:
        """Maximise Σ g_i over u + unit·g in S, g >= 0; with `together`, one g for all. None if u is not in S."""
        width = self.U.shape[1]
        more = unit[:, None] if together else np.diag(unit)
        gains = more.shape[1]
        found = linprog(
            np.concatenate([np.zeros(width), -np.ones(gains)]),
            A_ub=np.block([[-self.U, more], [self.A, np.zeros((len(self.A), gains))]]),
            b_ub=np.concatenate([self.c - payoffs, self.b]),
            A_eq=np.hstack([self.E, np.zeros((len(self.E), gains))]),
            b_eq=self.f,
            bounds=[(None, None)] * width + [(0, None)] * gains,
            method="highs",
        )
        return None if found.x is None or found.fun is None else -float(found.fun)


def improvement(problem: Problem, payoffs: Vector, unit: Vector, *, together: bool = False) -> float | None:
    """Return how much more S allows than `payoffs`, summed in the units given; None if they are not in S.

    `together` counts only what all gain alike, for weak Pareto efficiency. Polyhedral sets by linear program (HiGHS),
    finite ones by looking at all, a curve at 4001 points, curved utilities by a cone program from `payoffs`.

    >>> improvement(Transferable(10, (0, 0)), np.array([4.0, 5.0]), np.ones(2))
    1.0
    >>> improvement(Transferable(10, (0, 0)), np.array([6.0, 5.0]), np.ones(2)) is None
    True
    """
    linear = _linear(problem)
    if linear is not None:
        return linear.most(payoffs, unit, together=together)
    match problem:
        case FiniteSet():
            more = (np.array(problem.outcomes) - payoffs) / unit
            return _best_of(more, together=together)
        case Frontier():
            u1 = np.linspace(max(payoffs[0], problem.low), problem.high, GRID)
            best = np.array([problem.function(each) for each in u1.tolist()])
            more = (np.column_stack([u1, best]) - payoffs) / unit
            return _best_of(more, together=together)
        case ConvexSet():
            start = replace(problem, disagreement=tuple(payoffs.tolist()))
            try:
                found = start.farthest(unit) if together else start.best_sum(1 / unit)
            except DisagreementOutside:
                return None
            gains = np.array(found.gains) / unit
            return float(gains.min() if together else gains.sum())
    return None


def contains(problem: Problem, payoffs: Vector, unit: Vector) -> bool:
    """Tell whether payoffs are in S: two parties' curves and polygons know, for other forms a program finds out.

    >>> contains(Transferable(10, (0, 0), caps=(4, None)), np.array([5.0, 5.0]), np.ones(2))
    False
    """
    if at_disagreement(problem, payoffs.tolist()) is None:
        return False
    return isinstance(problem, Polygon | Frontier) or improvement(problem, payoffs, unit) is not None


def _best_of(more: Vector, *, together: bool) -> float | None:
    within = more[np.all(more >= -ROUNDING, axis=1)]
    if not len(within):
        return None
    return float((within.min(axis=1) if together else within.sum(axis=1)).max())


def _linear(problem: Problem) -> LinearSet | None:
    none = np.zeros(0)
    match problem:
        case Transferable():
            size = len(problem.disagreement)
            caps = [(j, cap) for j, cap in enumerate(problem.caps or ()) if cap is not None]
            rows = [np.ones(size), *(np.eye(size)[j] for j, _ in caps)]
            sides = np.array([problem.total, *(cap for _, cap in caps)])
            return LinearSet(np.eye(size), np.zeros(size), np.array(rows), sides, np.zeros((0, size)), none)
        case Polygon(vertices=points) | FiniteSet(outcomes=points, lotteries=True):
            U = np.array(points).T
            parties, size = U.shape
            return LinearSet(
                U, np.zeros(parties), -np.eye(size), np.zeros(size), np.ones((1, size)), np.ones(1)
            )
        case ConvexSet(utilities=utilities) if all(each.curvature is None for each in utilities):
            U = np.array([each.linear for each in utilities])
            size = U.shape[1]
            A, b, E, f = (np.zeros((0, size)), none, np.zeros((0, size)), none)
            if problem.limits is not None:
                A, b = np.asarray(problem.limits.matrix), np.asarray(problem.limits.bounds)
            if problem.equalities is not None:
                E, f = np.asarray(problem.equalities.matrix), np.asarray(problem.equalities.bounds)
            return LinearSet(U, np.array([each.constant for each in utilities]), A, b, E, f)
    return None
