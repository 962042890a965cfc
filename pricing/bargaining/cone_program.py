"""A small convex program in the standard form of CLARABEL: maximise over decisions x and scaled gains v >= 0."""

from dataclasses import dataclass
from typing import Any

import clarabel
import numpy as np
from scipy.sparse import csc_matrix, diags_array

from pricing.bargaining.problem import Vector
from pricing.errors import Infeasible, NotConverged, Unbounded

TOLERANCES = (1e-12, 1e-10, 1e-8)
"""Of the gap, tightest first: cones that touch at a point stall where a looser end is still reached."""
RESIDUAL = 1e-9
GAP_ACCEPTED, RESIDUAL_ACCEPTED = 1e-8, 1e-7
"""What is taken where rounding stops the solver before its tolerance."""


@dataclass(frozen=True, slots=True)
class Solved:
    """The decisions x and gains v of the optimum."""

    decision: Vector
    gains: Vector


class ConeProgram:
    """Rows s = b − A·z in a cone, z = (x, v), collected cone by cone."""

    def __init__(self, decisions: int, gains: int) -> None:
        self._decisions, self._gains = decisions, gains
        self._rows: list[Vector] = []
        self._right: list[Vector] = []
        self._cones: list[Any] = []
        self._add(np.hstack([np.zeros((gains, decisions)), -np.eye(gains)]), np.zeros(gains))

    def equal(self, matrix: Vector, bounds: Vector) -> None:
        """Require matrix·x = bounds."""
        self._add(self._of_decisions(matrix), bounds, clarabel.ZeroConeT(len(bounds)))

    def at_most(self, matrix: Vector, bounds: Vector) -> None:
        """Require matrix·x <= bounds."""
        self._add(self._of_decisions(matrix), bounds)

    def utility_above(self, linear: Vector, constant: float, factor: Vector, scale: Vector) -> None:
        """Require linear·x + constant − ½‖factor·x‖² >= scale·v.

        With r the linear part less scale·v, ‖y‖² <= 2r is the second-order cone ‖(r − ½, y)‖ <= r + ½. The row is in
        units of its largest figure, so that r and ½ compare.
        """
        size = max(float(np.abs(linear).max(initial=0.0)), float(np.abs(factor).max(initial=0.0)) ** 2) or 1.0
        row, constant, factor = np.concatenate([-linear, scale]) / size, constant / size, factor / size**0.5
        if not len(factor):
            self._add(row[None, :], np.array([constant]))
            return
        self._add(
            np.vstack([row, row, self._of_decisions(-factor)]),
            np.concatenate([[constant + 0.5, constant - 0.5], np.zeros(len(factor))]),
            clarabel.SecondOrderConeT(len(factor) + 2),
        )

    def maximise(self, objective: Vector, bend: Vector | None = None) -> Solved:
        """Return the optimum of objective·v − ½ Σ bend_i v_i².

        Raises:
            Infeasible: if no (x, v) meets all rows.
            Unbounded: if the objective has no limit.
            NotConverged: if the solver stopped short of its tolerance.
        """
        ahead = np.zeros(self._decisions)
        square = diags_array(np.concatenate([ahead, np.zeros_like(objective) if bend is None else bend]))
        return self._solve(square, np.concatenate([ahead, -objective]), np.vstack(self._rows), [], [])

    def maximise_logarithms(self, weights: Vector) -> Solved:
        """Return the optimum of Σ w_i ln v_i over the weights that are not zero. Raises as `maximise` does.

        1. Each logarithm is a variable t with (t, 1, v) in the exponential cone, e^t <= v.
        2. A logarithm is flat at its best, so the cone leaves v off by the root of its gap. One Newton step, the program
           of w_i ln v to second order around that v, squares the error.
        """
        counted = np.flatnonzero(weights)
        size, logs = self._decisions + self._gains, len(counted)
        rows = [np.hstack([block, np.zeros((len(block), logs))]) for block in self._rows]
        for place, gain in enumerate(counted):
            block = np.zeros((3, size + logs))
            block[0, size + place] = block[2, self._decisions + gain] = -1.0
            rows.append(block)
        near = self._solve(
            csc_matrix((size + logs, size + logs)),
            np.concatenate([np.zeros(size), -weights[counted]]),
            np.vstack(rows),
            [np.array([0.0, 1.0, 0.0])] * logs,
            [clarabel.ExponentialConeT()] * logs,
        )
        slope, bend = np.zeros_like(weights), np.zeros_like(weights)
        slope[counted] = 2 * weights[counted] / near.gains[counted]
        bend[counted] = weights[counted] / near.gains[counted] ** 2
        return self.maximise(slope, bend)

    def _solve(
        self, square: Any, cost: Vector, rows: Vector, more_right: list[Vector], more_cones: list[Any]
    ) -> Solved:
        right = np.concatenate([*self._right, *more_right])
        cones = [*self._cones, *more_cones]
        status = clarabel.SolverStatus
        for tolerance in TOLERANCES:
            solution = clarabel.DefaultSolver(
                csc_matrix(square), cost, csc_matrix(rows), right, cones, _settings(tolerance)
            ).solve()
            match solution.status:
                case status.Solved | status.AlmostSolved:
                    found = np.array(solution.x)[: self._decisions + self._gains]
                    return Solved(found[: self._decisions], found[self._decisions :])
                case status.PrimalInfeasible | status.AlmostPrimalInfeasible:
                    raise Infeasible("limits: found no decision that meets all of them, expected one")
                case status.DualInfeasible | status.AlmostDualInfeasible:
                    raise Unbounded("limits: found a payoff without limit, expected a bounded set")
        raise NotConverged(
            f"cone program: found {solution.status} after {solution.iterations} iterations, "
            f"expected a gap of {GAP_ACCEPTED:g}"
        )

    def _add(self, rows: Vector, right: Vector, cone: Any = None) -> None:
        self._rows.append(rows)
        self._right.append(np.asarray(right, np.float64))
        self._cones.append(cone if cone is not None else clarabel.NonnegativeConeT(len(rows)))

    def _of_decisions(self, matrix: Vector) -> Vector:
        return np.hstack([matrix, np.zeros((len(matrix), self._gains))])


def _settings(tolerance: float) -> Any:
    settings = clarabel.DefaultSettings()
    settings.verbose = False
    settings.max_threads = 1
    settings.tol_gap_abs = settings.tol_gap_rel = tolerance
    settings.tol_feas = max(tolerance, RESIDUAL)
    settings.reduced_tol_gap_abs = settings.reduced_tol_gap_rel = GAP_ACCEPTED
    settings.reduced_tol_feas = RESIDUAL_ACCEPTED
    return settings
