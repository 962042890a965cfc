"""The prices of an accepted set of blocks: whole ticks, near the middle of what each hour allows, so that no block loses.

An hour's divisible orders leave it an interval of prices, mostly a single one. The rule: of all prices within the intervals
at which no accepted family of blocks loses, those with the least sum of squared distances from the middles of the intervals
(where an interval has one end, from that end). That is a projection onto a polyhedron; it is found through non-negative
least squares (C. Lawson and R. Hanson, "Solving Least Squares Problems", 1974, chapter 23), and then rounded to ticks.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import Bounds, LinearConstraint, milp, nnls

Floats = NDArray[np.float64]

PRICE_RULE = "nearest_the_middle"
REACH = 16
"""Ticks around the projection in which whole ticks are looked for, where rounding does not do."""
NEAR = 1e-12
SMALL = 1e-7
"""A residual of the least squares below this is none: the rows contradict each other."""


@dataclass(frozen=True, slots=True)
class Interval:
    """The prices of one hour, from and to, in ticks; None where its orders set no limit. `target` is where to be near."""

    low: int | None
    high: int | None
    target: float


@dataclass(frozen=True, slots=True)
class Row:
    """The sum of factor (by hour) times price must be at least so much, in ticks times lots."""

    factors: tuple[tuple[int, float], ...]
    at_least: float


def nearest_prices(
    intervals: Sequence[Interval],
    rows: Sequence[Row],
    *,
    limits: tuple[int, int],
    supports: Callable[[Sequence[int]], bool],
) -> list[int] | None:
    """Return prices in ticks within the intervals (and `limits`) that keep all rows, None if there are none.

    `supports` says exactly whether whole ticks do.
    """
    low = np.array([limits[0] if each.low is None else each.low for each in intervals], float)
    high = np.array([limits[1] if each.high is None else each.high for each in intervals], float)
    matrix = np.zeros((len(rows), len(intervals)))
    for at, row in enumerate(rows):
        for hour, factor in row.factors:
            matrix[at, hour] = factor
    # Prices may cancel out of a row, to rounding errors: it is then scaled by what it asks for.
    needed = np.array([row.at_least for row in rows])
    ends = (end for each in intervals for end in (each.low, each.high, each.target) if end is not None)
    dearest = max([1.0, *map(abs, ends)])
    scale = np.maximum(np.abs(matrix).sum(axis=1), np.abs(needed) / dearest)
    scale[scale == 0] = 1.0
    matrix, needed = matrix / scale[:, None], needed / scale
    target = np.clip(np.array([each.target for each in intervals]), low, high)
    point = _projection(target, matrix, needed, low, high, NEAR * dearest)
    if point is None:
        return None
    nearest = np.clip(np.rint(point), low, high)
    if supports(rounded := [int(price) for price in nearest]):
        return rounded
    return _whole_ticks_near(nearest, matrix, needed, low, high, supports)


def _projection(
    target: Floats, matrix: Floats, needed: Floats, low: Floats, high: Floats, exact: float
) -> Floats | None:
    """Return the point nearest the target with matrix @ point >= needed, within bounds; rows join as they are broken."""
    free = np.flatnonzero(low < high)
    bounds = np.zeros((2 * len(free), len(target)))
    bounds[np.arange(len(free)), free] = 1.0
    bounds[np.arange(len(free), 2 * len(free)), free] = -1.0
    matrix = np.vstack((matrix, bounds))
    needed = np.concatenate((needed, low[free], -high[free]))
    kept: list[int] = []
    point = target
    while True:
        short = needed - matrix @ point
        if not len(short) or short.max() <= exact:
            return point
        broken = [int(row) for row in np.flatnonzero(short > exact) if row not in kept]
        if not broken:  # as near as the numbers allow
            return point
        kept += broken
        moved = _least_distance(matrix[kept][:, free], (needed - matrix @ target)[kept])
        if moved is None:
            return None
        point = target.copy()
        point[free] += moved


def _least_distance(matrix: Floats, needed: Floats) -> Floats | None:
    """Return the shortest vector with matrix @ vector >= needed, None if there is none."""
    size = float(np.abs(needed).max()) or 1.0
    system = np.vstack((matrix.T, needed / size))
    goal = np.zeros(len(system))
    goal[-1] = 1.0
    weights, distance = nnls(system, goal)
    if distance < SMALL:
        return None
    residual = system @ weights - goal
    vector: Floats = -residual[:-1] / residual[-1] * size
    return vector


def _whole_ticks_near(
    nearest: Floats,
    matrix: Floats,
    needed: Floats,
    low: Floats,
    high: Floats,
    supports: Callable[[Sequence[int]], bool],
) -> list[int] | None:
    """Return the whole ticks that keep all rows and are fewest steps away, None if there are none within reach."""
    hours = len(nearest)
    up, down = np.minimum(high - nearest, REACH), np.minimum(nearest - low, REACH)
    found = milp(
        np.ones(2 * hours),
        integrality=np.ones(2 * hours, np.int64),
        bounds=Bounds(np.zeros(2 * hours), np.concatenate((up, down))),
        constraints=LinearConstraint(np.hstack((matrix, -matrix)), lb=needed - matrix @ nearest),
    )
    if found.x is None:
        return None
    steps = np.rint(found.x[:hours]) - np.rint(found.x[hours:])
    ticks = [int(price) + int(step) for price, step in zip(nearest, steps, strict=True)]
    return ticks if supports(ticks) else None
