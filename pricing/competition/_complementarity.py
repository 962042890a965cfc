"""Linear complementarity by pivoting: find z >= 0 with w = M·z + q >= 0 and z·w = 0."""

import numpy as np
from numpy.typing import NDArray

from pricing.errors import Infeasible, NotConverged

ROUNDING = 1e-11
"""Ratios and pivots closer than this are equal, or zero: the problem is scaled to size 1 first."""


def solve_complementarity(M: NDArray[np.float64], q: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return z by Lemke's algorithm with lexicographic ties (Lemke 1965; Cottle, Pang and Stone 1992, section 4.4).

    1. Let w = q + z0·1 with z0 just large enough that w >= 0: z0 enters, the row that is 0 leaves.
    2. What is complementary to the variable that has just left enters next; the smallest ratio says which leaves, the
       lexicographically smallest of ties, so that no basis comes back however many ties a network has.
    3. Stop when z0 leaves. With M positive semidefinite, the only other end, a ray, means that no z is feasible.

    Raises:
        Infeasible: if no z >= 0 has M·z + q >= 0.
        NotConverged: if rounding made it miss its end.
    """
    n = len(q)
    if (q >= 0).all():
        return np.zeros(n)
    z0 = 2 * n
    scale = float(np.abs(q).max())
    table = np.hstack((np.eye(n), -M, -np.ones((n, 1)), (q / scale)[:, None]))  # w − M·z − z0 = q
    basis = np.arange(n)
    entering = z0
    row = int(
        np.flatnonzero(table[:, -1] == table[:, -1].min())[-1]
    )  # the last of ties keeps the others positive
    for _ in range(50 * (n + 10)):
        leaving = int(basis[row])
        table[row] /= table[row, entering]
        others = np.arange(n) != row
        table[others] -= np.outer(table[others, entering], table[row])
        basis[row] = entering
        if leaving == z0:
            solution = np.zeros(2 * n)
            solution[basis] = np.maximum(0.0, table[:, -1])
            return np.asarray(solution[n:] * scale)
        entering = leaving + n if leaving < n else leaving - n
        row = _leaving_row(table, basis, entering)
    raise NotConverged(f"complementarity problem of {n} rows: found no end of its pivots")


def _leaving_row(table: NDArray[np.float64], basis: NDArray[np.int64], entering: int) -> int:
    n = len(basis)
    rows = np.flatnonzero(table[:, entering] > ROUNDING)
    if not len(rows):
        raise Infeasible("complementarity problem: found a ray, expected a solution")
    for place, column in enumerate((-1, *range(n))):  # the right side, then the inverse of the basis
        ratios = table[rows, column] / table[rows, entering]
        rows = rows[ratios <= ratios.min() + ROUNDING]
        if place == 0 and (ends := rows[basis[rows] == 2 * n]).size:
            return int(ends[0])
        if len(rows) == 1:
            break
    return int(rows[0])
