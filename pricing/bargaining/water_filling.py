"""Water-filling: share a total in fixed proportions, between a floor and a ceiling for each."""

import math

import numpy as np

from pricing.bargaining.problem import Vector

NEGLIGIBLE = 1e-100
"""A weight of less than this share of the largest is as good as none."""


def water_fill(total: float, *, start: Vector, weights: Vector, low: Vector, high: Vector) -> Vector:
    """Return x_i = clip(start_i + w_i·t, low_i, high_i) with the level t at which Σ x_i = total.

    It maximises Σ w_i ln(x_i − start_i) over Σ x_i <= total and low <= x <= high, where low >= start. Σ x_i rises with t
    and is linear between the levels at which a floor is left or a ceiling met, so t is found exactly by sorting these.
    Parties of weight zero keep their floor until all others are at their ceiling, and then share what is left equally;
    what nobody may have is left over. Expects low <= high and Σ low <= total.

    Source: KKT conditions; the water-filling of Boyd & Vandenberghe, Convex Optimization (2004), example 5.2.

    >>> import numpy as np
    >>> water_fill(
    ...     10.0, start=np.zeros(2), weights=np.array([0.5, 0.5]), low=np.array([0.0, 6.0]), high=np.full(2, np.inf)
    ... ).tolist()
    [4.0, 6.0]
    """
    weights = np.ldexp(weights, -np.frexp(weights.max())[1])  # by a power of two, which rounds nothing
    shares = np.where(weights > NEGLIGIBLE, weights, 0.0)
    if not shares.any():
        shares = np.ones_like(shares)
    level = _level(total, start, shares, low, high)
    if math.isinf(level):
        ceiling = np.where(shares > 0, high, low)
        if np.all(shares > 0) or not np.any(high > ceiling):
            return ceiling
        idle = (shares == 0).astype(np.float64)
        return water_fill(total, start=low, weights=idle, low=ceiling, high=np.where(idle > 0, high, ceiling))
    return np.clip(start + shares * level, low, high)


def _level(total: float, start: Vector, shares: Vector, low: Vector, high: Vector) -> float:
    """Return the level at which everything is shared out; infinity if the ceilings leave some over."""
    moves = shares > 0
    base, rate = start[moves], shares[moves]
    left, met = (low[moves] - base) / rate, (high[moves] - base) / rate
    turns = np.unique(np.concatenate([left, met[np.isfinite(met)]]))
    fixed = math.fsum(low[~moves])
    at = [fixed + math.fsum(np.clip(base + rate * turn, low[moves], high[moves])) for turn in turns]
    place = int(np.searchsorted(at, total, side="right"))
    if place == len(turns):
        slope = math.fsum(rate[~np.isfinite(met)])
        if slope == 0:
            return math.inf if total > at[-1] else float(turns[-1])
        return float(turns[-1]) + (total - at[-1]) / slope
    if place == 0:
        return float(turns[0])
    return float(np.interp(total, at[place - 1 : place + 1], turns[place - 1 : place + 1]))
