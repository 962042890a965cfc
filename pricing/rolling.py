"""Keep base-price coefficients current: re-estimate on a window that rolls, and move towards what it says."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from pricing.errors import PricingError, number, vector, whole
from pricing.hedonic import HedonicFit, fit_hedonic
from pricing.period import PERIOD_MAX, distinct_periods


@dataclass(frozen=True, slots=True)
class Reestimate:
    """The coefficients in force after a period, and the fit of its window; None where the window said too little."""

    period: int
    coefficients: tuple[float, ...]
    fit: HedonicFit | None


def shrink(previous: Sequence[float], estimate: Sequence[float], *, weight: float) -> tuple[float, ...]:
    """Return (1 − λ)·β_prev + λ·β̂, so that one window of odd prices cannot move the base price far; λ in [0, 1].

    >>> shrink([0.5, 0.25], [0.75, 0.125], weight=0.5)
    (0.625, 0.1875)

    Raises:
        PricingError: if the two differ in length, or the weight is outside [0, 1].
    """
    before = vector("previous", previous)
    now = vector("estimate", estimate, size=len(before))
    lam = number("weight", weight, low=0, high=1)
    return tuple(float(beta) for beta in (1 - lam) * before + lam * now)


def rolling_fits(
    periods: Sequence[int],
    rows: Sequence[Sequence[float]],
    prices: Sequence[float],
    *,
    window: int,
    weight: float,
    names: Sequence[str] | None = None,
    nonnegative: Collection[str] = (),
) -> tuple[Reestimate, ...]:
    """Fit the last `window` periods after each period and shrink: β_t = (1 − λ)·β_{t−1} + λ·β̂_t.

    The first window that determines all coefficients starts the series; a later one that does not leaves them as they
    are. Rows and restrictions are those of `fit_hedonic`. A convex mix of coefficients that are not negative is not.

    >>> history = rolling_fits([1, 1, 2, 2], [[1, 0], [1, 1], [1, 0], [1, 1]], [1.0, 2.0, 1.0, 4.0],
    ...     window=1, weight=0.5)
    >>> [(each.period, round(each.coefficients[1], 4)) for each in history]
    [(1, 0.6931), (2, 1.0397)]

    Raises:
        PricingError: if the numbers differ, the window is no positive integer, the weight is outside [0, 1], or
            `fit_hedonic` refuses a row or a price.
    """
    if not len(periods) == len(rows) == len(prices):
        raise PricingError(
            f"periods: found {len(periods)} for {len(rows)} rows and {len(prices)} prices, expected one for each"
        )
    whole("window", window, low=1, high=PERIOD_MAX)
    number("weight", weight, low=0, high=1)
    X = np.array([vector(f"rows[{i}]", row, size=len(rows[0])) for i, row in enumerate(rows)])
    distinct = distinct_periods(periods)
    when = np.array(periods)
    history: list[Reestimate] = []
    for period in distinct:
        seen = np.flatnonzero((when > period - window) & (when <= period))
        fit = None
        if np.linalg.matrix_rank(X[seen]) == X.shape[1]:
            fit = fit_hedonic(
                X[seen].tolist(), [prices[int(i)] for i in seen], names=names, nonnegative=nonnegative
            )
        if history:
            before = history[-1].coefficients
            now = before if fit is None else shrink(before, fit.coefficients, weight=weight)
            history.append(Reestimate(period, now, fit))
        elif fit is not None:
            history.append(Reestimate(period, fit.coefficients, fit))
    return tuple(history)
