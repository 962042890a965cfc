"""Divide too little among claims: capacity curtailed in a slot, or the estate of a bankrupt supplier."""

import math
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from pricing.errors import EmptySide, PricingError, number, vector

AMOUNT_MAX = 1e300
"""Sums of claims stay finite."""


def talmud(estate: float, claims: Iterable[float]) -> tuple[float, ...]:
    """Divide by the rule that is consistent with the contested garment, in the unit of the claims.

    Up to half of all claims C: equal awards on the half claims, x = CEA(E, c/2); above: equal losses on them,
    x = c − CEA(C − E, c/2). Any two claimants divide what they get together as a contested garment: what the other
    does not claim is mine, the rest is halved. It is the nucleolus of the bankruptcy game. Aumann and Maschler (1985).

    >>> talmud(200, [100, 200, 300])
    (50.0, 75.0, 75.0)
    >>> talmud(1, [1, 0.5])
    (0.75, 0.25)

    Raises:
        EmptySide: if there is no claim.
        PricingError: if a claim or the estate is negative, or the estate is more than all claims.
    """
    amount, claimed = _division(estate, claims)
    total = math.fsum(claimed)
    if 2 * amount <= total:
        return tuple(_equal_awards(amount, claimed / 2).tolist())
    return tuple((claimed - _equal_awards(total - amount, claimed / 2)).tolist())


def proportional(estate: float, claims: Iterable[float]) -> tuple[float, ...]:
    """Divide in proportion to the claims: x_i = E·c_i/C.

    >>> proportional(300, [100, 200, 300])
    (50.0, 100.0, 150.0)

    Raises:
        EmptySide, PricingError: as `talmud`.
    """
    amount, claimed = _division(estate, claims)
    total = math.fsum(claimed)
    return tuple((claimed * (amount / total)).tolist()) if total else tuple(claimed.tolist())


def equal_awards(estate: float, claims: Iterable[float]) -> tuple[float, ...]:
    """Divide equally, nobody above his claim (CEA): x_i = min(c_i, λ) with λ such that all is divided. Maimonides.

    >>> equal_awards(300, [50, 200, 300])
    (50.0, 125.0, 125.0)

    Raises:
        EmptySide, PricingError: as `talmud`.
    """
    amount, claimed = _division(estate, claims)
    return tuple(_equal_awards(amount, claimed).tolist())


def equal_losses(estate: float, claims: Iterable[float]) -> tuple[float, ...]:
    """Let all lose equally, nobody more than his claim (CEL): x_i = max(0, c_i − μ) with μ such that all is divided.

    >>> equal_losses(300, [100, 200, 300])
    (0.0, 100.0, 200.0)

    Raises:
        EmptySide, PricingError: as `talmud`.
    """
    amount, claimed = _division(estate, claims)
    return tuple((claimed - _equal_awards(math.fsum(claimed) - amount, claimed)).tolist())


def _division(estate: float, claims: Iterable[float]) -> tuple[float, NDArray[np.float64]]:
    amount, claimed = number("estate", estate, low=0), vector("claims", claims, low=0, high=AMOUNT_MAX)
    if not len(claimed):
        raise EmptySide("claims: found none, expected at least one")
    total = math.fsum(claimed)
    if amount > total * (1 + 1e-15):
        raise PricingError(f"estate: found {amount:g}, expected at most all claims, {total:g}")
    return min(amount, total), claimed


def _equal_awards(amount: float, claimed: NDArray[np.float64]) -> NDArray[np.float64]:
    # smallest claim first: it is met in full, or it and all larger ones get an equal share of what is left
    awards, left = np.empty(len(claimed)), amount
    order = np.argsort(claimed, kind="stable")
    for place, claimant in enumerate(order):
        awards[claimant] = min(claimed[claimant], left / (len(order) - place))
        left = max(0.0, left - awards[claimant])
    return awards
