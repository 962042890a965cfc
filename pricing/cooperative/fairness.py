"""How evenly something is shared out: one number for many shares."""

import math
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from pricing.errors import EmptySide, PricingError, vector


def jain_index(shares: Iterable[float]) -> float:
    """Return (Σ x)²/(n·Σ x²): 1 if all have the same, k/n if k have the same and the others nothing.

    Without unit. Jain, Chiu and Hawe (1984).

    >>> jain_index([1, 0, 0, 0])
    0.25

    Raises:
        EmptySide: if there is no share.
        PricingError: if one is negative, or all are zero.
    """
    x = _relative(shares)
    return float(x.sum() ** 2 / (len(x) * (x @ x)))


def gini(shares: Iterable[float]) -> float:
    """Return Σ_i Σ_j |x_i − x_j| / (2·n²·mean): 0 if all have the same, (n−1)/n if one has everything.

    Without unit; of the population, without a factor n/(n−1) for samples. By sorting, in n·log n. Gini (1912).

    >>> gini([1, 2, 3, 4])
    0.25

    Raises:
        EmptySide: if there is no share.
        PricingError: if one is negative, or all are zero.
    """
    x = np.sort(_relative(shares))
    n = len(x)
    return float((2 * np.arange(1, n + 1) - n - 1) @ x / (n * x.sum()))


def _relative(shares: Iterable[float]) -> NDArray[np.float64]:
    x = vector("shares", shares, low=0)
    if not len(x):
        raise EmptySide("shares: found none, expected at least one")
    largest = x.max()
    if largest == 0:
        raise PricingError("shares: found only zeros, expected a positive one")
    return np.asarray(
        x / math.ldexp(1.0, math.frexp(largest)[1] - 1)
    )  # a power of two: no square overflows, nothing is rounded
