"""What every menu has to stand: nobody gains by taking another's item, and nobody is worse off than outside."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from market.units import InvariantBroken
from pricing.errors import LARGEST, PricingError, matrix, vector

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

    Raises:
        PricingError: if there is not one finite payoff of every type for every item.
    """
    return tuple(tuple(row) for row in _gains(payoffs).tolist())


def verify(payoffs: Floats) -> None:
    """Check all n² incentives and all participation (outside, everybody has 0), to 1e-9 of the largest payoff.

    Raises:
        InvariantBroken: if a type would take another's item, or none.
        PricingError: if there is not one finite payoff of every type for every item.
    """
    gains, own = _gains(payoffs), np.diag(payoffs)
    slack = VERIFIED_TO * max(1.0, float(np.max(np.abs(payoffs))))
    i, j = np.unravel_index(np.argmax(gains), gains.shape)
    if gains[i, j] > slack:
        raise InvariantBroken(
            f"menu: type {i} gains {gains[i, j]:g} with the item of type {j}, expected nothing"
        )
    if own.min() < -slack:
        raise InvariantBroken(f"menu: type {own.argmin()} gets {own.min():g}, expected at least 0")


def _gains(payoffs: Floats) -> Floats:
    table = matrix("payoffs", payoffs)
    if not len(table) or table.shape[0] != table.shape[1]:
        raise PricingError(f"payoffs: found shape {table.shape}, expected an item for each type")
    own = vector("own payoffs", np.diag(table), low=-LARGEST, high=LARGEST)
    return np.asarray(table - own[:, None])
