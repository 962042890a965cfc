"""Divide a pie between parties who value their part by a power: how risk aversion weakens a bargainer."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from pricing.bargaining._root import root
from pricing.bargaining.problem import Vector
from pricing.errors import LARGEST, EmptySide, number, vector
from pricing.errors import weights as checked_weights

EXPONENT_MIN = 1e-6
"""Nearer to 0 any part is worth the same."""


@dataclass(frozen=True, slots=True)
class Division:
    """Who has how much of the pie.

    Attributes:
        agreed: whether the pie can give everybody the disagreement utility.
        shares: parts of the pie, in its unit; those that give just the disagreement utilities if not agreed.
        payoffs: utilities share^exponent.
    """

    agreed: bool
    shares: tuple[float, ...]
    payoffs: tuple[float, ...]


def divide(
    pie: float,
    exponents: Iterable[float],
    *,
    disagreement: Iterable[float] | None = None,
    weights: Iterable[float] | None = None,
) -> Division:
    """Return the Nash division of a pie where a part x is worth x^{a_i} to party i: argmax Π (x_i^{a_i} − d_i)^{w_i}.

    With d = 0, x_i = pie · w_i a_i / Σ w a: the more risk averse (smaller a) gets less. Otherwise each part is where
    w_i a_i x^{a_i−1}/(x^{a_i} − d_i) equals one price of the pie, which is found by Brent's method. `disagreement`, in
    utility, is not negative, and zero if None.

    Source: Kihlstrom, Roth & Schmeidler, Risk Aversion and Solutions to Nash's Bargaining Problem (1981).

    >>> [round(share, 6) for share in divide(1, (1, 0.5)).shares]
    [0.666667, 0.333333]

    Raises:
        EmptySide: if nobody is named.
        PricingError: if the pie is not positive, an exponent is less than 1e-6, a disagreement utility is negative, or a
            weight not fit.
    """
    total = number("pie", pie, low=0, high=LARGEST, open_low=True)
    a = vector("exponents", exponents, low=EXPONENT_MIN, high=LARGEST)
    if not len(a):
        raise EmptySide("exponents: found no party, expected at least one")
    d = np.zeros_like(a) if disagreement is None else vector("disagreement", disagreement, size=len(a), low=0)
    w = checked_weights("weights", weights, size=len(a))
    with np.errstate(over="ignore"):
        least = vector("shares worth the disagreement utilities", d ** (1 / a))
    agreed = math.fsum(least) <= total
    if not agreed:
        shares = least
    elif not d.any():
        shares = total * (w * a / math.fsum(w * a))
    else:
        shares = _priced(total, a, d, w, least)
    payoffs = shares**a if agreed else d
    return Division(
        agreed, tuple(vector("shares", shares).tolist()), tuple(vector("payoffs", payoffs).tolist())
    )


def _priced(total: float, a: Vector, d: Vector, w: Vector, least: Vector) -> Vector:
    """Return the parts at the multiplier y at which they add up to the pie.

    Party i's part has r_i(x) = (x^a − d)/(a x^{a−1}) = w_i y. Since ln(x^a − d) is concave, r_i rises from 0 at the least
    part, and so the parts rise with y.
    """

    def rise(party: int, x: float) -> float:
        return float((x - d[party] * x ** (1 - a[party])) / a[party])

    def part(party: int, y: float) -> float:
        wanted = float(w[party]) * y
        if wanted == 0:
            return float(least[party])
        if d[party] == 0:
            return min(total, float(a[party]) * wanted)
        if rise(party, total) <= wanted:
            return total
        return root(lambda x: rise(party, x) - wanted, float(least[party]), total)

    parties = range(len(a))
    # at this multiplier one part alone is the whole pie
    largest = min(rise(party, total) / float(w[party]) for party in parties if w[party] > 0)
    y = root(lambda y: math.fsum(part(party, y) for party in parties) - total, 0.0, largest)
    return np.array([part(party, y) for party in parties])
