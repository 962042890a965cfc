"""Solve a convex quadratic program of the form that agents are described in, by CLARABEL."""

from dataclasses import dataclass
from typing import TypeAlias

import clarabel
import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from pricing.errors import Infeasible, NotConverged, PricingError, Unbounded

Floats = NDArray[np.float64]
Matrix: TypeAlias = "sparse.csc_array[np.float64]"

TOLERANCE = 1e-10
"""Of gap and feasibility, absolute and relative: prices and payments then hold to some eight digits, for one more step."""
TOLERANCE_ACCEPTED = 1e-8
"""What is taken from a problem so badly scaled that the method stalls before it gets there: the solver's own default."""

_Status = clarabel.SolverStatus
_FAILURES: dict[object, tuple[type[PricingError], str]] = {
    _Status.PrimalInfeasible: (Infeasible, "no decision meets every limit"),
    _Status.AlmostPrimalInfeasible: (Infeasible, "no decision meets every limit"),
    _Status.DualInfeasible: (Unbounded, "the cost falls for ever"),
    _Status.AlmostDualInfeasible: (Unbounded, "the cost falls for ever"),
}


@dataclass(frozen=True, slots=True, eq=False)
class Solution:
    """Where the objective is least: x, and y with P x + q + A' y = 0, positive where an upper limit binds."""

    x: Floats
    y: Floats


def solve_quadratic(what: str, P: Matrix, q: Floats, A: Matrix, l: Floats, u: Floats) -> Solution:  # noqa: E741
    """Return the minimum of ½ x'Px + q'x subject to l <= Ax <= u, P given by its upper triangle.

    The interior-point method of CLARABEL (Goulart & Chen 2024) takes equalities and one-sided rows, so that a row with two
    finite sides enters twice. `what` names the problem in errors.

    >>> P, A = sparse.csc_array([[2.0]]), sparse.csc_array([[1.0]])
    >>> found = solve_quadratic("example", P, np.array([-8.0]), A, np.array([0.0]), np.array([3.0]))
    >>> [round(float(each), 6) for each in (found.x[0], found.y[0])]  # 2·3 − 8 + y = 0
    [3.0, 2.0]

    Raises:
        Infeasible: if no x meets every limit.
        Unbounded: if the objective falls for ever.
        NotConverged: if the method stopped short of its tolerance.
    """
    equal = np.flatnonzero(l == u)
    above = np.flatnonzero(np.isfinite(u) & (l != u))
    below = np.flatnonzero(np.isfinite(l) & (l != u))
    rows = A.tocsr()[np.concatenate([equal, above, below])]
    rows.data[rows.indptr[len(equal) + len(above)] :] *= -1  # l <= Ax enters as −Ax <= −l
    cones = [clarabel.ZeroConeT(len(equal)), clarabel.NonnegativeConeT(len(above) + len(below))]
    sides = np.concatenate([u[equal], u[above], -l[below]])
    # In amounts and prices of the problem's own size, so that one tolerance serves cents and millions: x = size x'.
    size = _magnitude(sides)
    price = _magnitude(np.concatenate([q, P.data * size]))
    settings = clarabel.DefaultSettings()
    settings.verbose = False
    settings.tol_gap_abs = settings.tol_gap_rel = settings.tol_feas = TOLERANCE
    settings.reduced_tol_gap_abs = settings.reduced_tol_gap_rel = TOLERANCE_ACCEPTED
    settings.reduced_tol_feas = TOLERANCE_ACCEPTED
    columns = rows.tocsc()
    # Refining each linear solve takes a third of the time, and only problems that stall without it need it.
    for refined in (False, True):
        settings.iterative_refinement_enable = refined
        found = clarabel.DefaultSolver(
            P * (size / price), q / price, columns, sides / size, cones, settings
        ).solve()
        if found.status == _Status.Solved:
            break
    if found.status not in (_Status.Solved, _Status.AlmostSolved):
        kind, reason = _FAILURES.get(found.status, (NotConverged, f"found {found.status}, expected Solved"))
        raise kind(f"{what}: {reason}")
    dual = np.asarray(found.z) * price
    y = np.zeros(len(l))
    y[equal] = dual[: len(equal)]
    y[above] += dual[len(equal) : len(equal) + len(above)]
    y[below] -= dual[len(equal) + len(above) :]
    return Solution(np.asarray(found.x) * size, y)


def _magnitude(values: Floats) -> float:
    """Return the geometric mean of the sizes of what is not zero, which one huge limit cannot move far."""
    sizes = np.abs(values[values != 0])
    return float(np.exp(np.mean(np.log(sizes)))) if len(sizes) else 1.0
