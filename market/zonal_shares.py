"""Sharing out over a network, so that the least share is as large as can be: linear programmes over its orders and lines."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from market.units import InvariantBroken

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]

STUCK = 1e-9
"""A dual beyond this is not zero."""


@dataclass(frozen=True, slots=True, eq=False)
class Shares:
    """Sharing out among groups of orders: `matrix` @ (lots by group, flows by line) is given, flows are from low to high."""

    matrix: Floats
    low: Integers
    high: Integers

    def fairest(self, lots: Integers, equal: Floats) -> Floats:
        """Return how much each group gets of its lots so that the least share is as large as can be, then the next.

        Each round raises the shares of all groups together until some cannot follow. Those keep what they have: their dual
        is not zero, so there is no solution in which they have more.
        """
        groups, lines = len(lots), len(self.low)
        scale = float(max(np.abs(each).max(initial=1) for each in (lots, self.low, self.high)))
        matrix = np.hstack((self.matrix, np.zeros((len(self.matrix), 1))))
        kept = np.full(groups, np.nan)
        while (free := np.flatnonzero(np.isnan(kept))).size:
            behind = np.zeros((len(free), groups + lines + 1))
            behind[np.arange(len(free)), free] = -1
            behind[:, -1] = lots[free] / scale
            least = np.where(np.isnan(kept), 0, kept)
            most = np.where(np.isnan(kept), lots / scale, kept)
            solved = optimum(
                np.append(np.zeros(groups + lines), -1),
                least=np.concatenate((least, self.low / scale, [0])),
                most=np.concatenate((most, self.high / scale, [1])),
                A_eq=matrix,
                b_eq=equal / scale,
                A_ub=behind,
                b_ub=np.zeros(len(free)),
            )
            stuck = free[solved.ineqlin.marginals < -STUCK]
            stuck = stuck if len(stuck) else free
            kept[stuck] = solved.x[-1] * lots[stuck] / scale
        return kept * scale

    def whole_near(self, wanted: Floats, lots: Integers, equal: Floats) -> list[int]:
        """Return whole lots near what is wanted (by the sum of distances; the matrix is that of a network, so there are)."""
        groups, lines = len(lots), len(self.low)
        base = np.clip(np.floor(wanted).astype(np.int64) - 1, 0, lots)
        steps = [base + step for step in range(4)]
        costs = [np.abs(above - wanted) - np.abs(below - wanted) for below, above in pairwise(steps)]
        rooms = [np.clip(lots - below, 0, 1) for below in steps[:-1]]
        by_group = self.matrix[:, :groups]
        solved = optimum(
            np.concatenate((*costs, np.zeros(lines))),
            least=np.concatenate((np.zeros(len(costs) * groups), self.low)),
            most=np.concatenate((*rooms, self.high)),
            A_eq=np.hstack((*(by_group for _ in costs), self.matrix[:, groups:])),
            b_eq=equal - by_group @ base,
        )
        taken = np.rint(solved.x[: len(costs) * groups]).astype(np.int64).reshape(len(costs), groups)
        totals: list[int] = (base + taken.sum(axis=0)).tolist()
        return totals


def optimum(costs: Floats, *, least: Floats, most: Floats, **rows: Any) -> Any:
    """Solve a linear programme to a vertex. (Without presolve HiGHS is faster on programmes of this shape.)

    Raises:
        InvariantBroken: if there is no solution; the programmes here always have one.
    """
    from scipy.optimize import linprog

    bounds = list(zip(least.tolist(), most.tolist(), strict=True))
    solved = linprog(costs, bounds=bounds, method="highs-ds", options={"presolve": False}, **rows)
    if solved.status != 0:
        raise InvariantBroken(f"zonal programme: found {solved.message!r}, expected a solution")
    return solved
