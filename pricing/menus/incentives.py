"""What every menu has to stand: nobody gains by taking another's item, and nobody is worse off than outside."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from market.units import InvariantBroken
from pricing.errors import PricingError, vector

Floats = NDArray[np.float64]
VERIFIED_TO = 1e-9


def distribution(probabilities: Sequence[float], size: int) -> Floats:
    """Return the probabilities of `size` types as an array, once each is positive and they sum to 1 (to 1e-9).

    >>> distribution([0.25, 0.75], 2)
    array([0.25, 0.75])

    Raises:
        PricingError: if not. A type that never comes has no place in a menu.
    """
    p = vector("probabilities", probabilities, size=size, low=0, high=1, open_low=True)
    total = math.fsum(p)
    if abs(total - 1) > VERIFIED_TO:
        raise PricingError(f"probabilities: found a sum of {total:g}, expected 1")
    return np.asarray(p / total, np.float64)


def deviation_gains(payoffs: Floats) -> tuple[tuple[float, ...], ...]:
    """Return what type i (row) gains by taking the item of type j (column) instead of its own: U_ij − U_ii, in money.

    >>> deviation_gains(np.array([[6.0, 6.0], [-2.0, 0.0]]))
    ((0.0, 0.0), (-2.0, 0.0))
    """
    gains = payoffs - np.diag(payoffs)[:, None]
    return tuple(tuple(row) for row in gains.tolist())


def verify(payoffs: Floats) -> None:
    """Check all n² incentives and all participation (outside, everybody has 0), to 1e-9 of the largest payoff.

    Raises:
        InvariantBroken: if a type would take another's item, or none.
    """
    slack = VERIFIED_TO * max(1.0, float(np.max(np.abs(payoffs))))
    own = np.diag(payoffs)
    gains = payoffs - own[:, None]
    i, j = np.unravel_index(np.argmax(gains), gains.shape)
    if gains[i, j] > slack:
        raise InvariantBroken(
            f"menu: type {i} gains {gains[i, j]:g} with the item of type {j}, expected nothing"
        )
    if own.min() < -slack:
        raise InvariantBroken(f"menu: type {own.argmin()} gets {own.min():g}, expected at least 0")
