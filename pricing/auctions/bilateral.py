"""One buyer and one seller who do not know each other's worth: the linear equilibrium, and the most that any rule reaches.

Sources: K. Chatterjee and W. Samuelson, "Bargaining under incomplete information", Operations Research 31 (1983);
R. Myerson and M. Satterthwaite, "Efficient mechanisms for bilateral trading", Journal of Economic Theory 29 (1983).
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy.optimize import brentq

from pricing.auctions.orders import DOLLARS_MAX
from pricing.errors import PricingError, number

FIRST_BEST = 1 / 6
"""The expected gains if all who gain trade, value and cost both uniform on [0, 1], dollars."""
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(3)
"""Exact for polynomials of degree 5: the integrands below have degree 3 between their kinks."""


@dataclass(frozen=True, slots=True)
class LinearEquilibrium:
    """The linear equilibrium of the k-double auction, value and cost uniform on [0, 1], price k·bid + (1 − k)·ask.

    Trade happens iff v − t >= c·(1+k)/(2−k) with t = (1 − k)/2. For k = ½ this is v − c >= ¼, the second best.

    >>> equilibrium = LinearEquilibrium(0.5)
    >>> round(equilibrium.bid(0.8), 6), round(equilibrium.ask(0.2), 6), equilibrium.expected_gains
    (0.616667, 0.383333, 0.140625)

    Raises:
        PricingError: if k is outside [0, 1].
    """

    k: float = 0.5

    def __post_init__(self) -> None:
        number("k", self.k, low=0, high=1)

    def bid(self, value: float) -> float:
        """Return b(v) = v/(1+k) + k(1−k)/(2(1+k)), dollars. A value too low to trade at all has it as one of many bids.

        >>> LinearEquilibrium(1).bid(0.6)
        0.3

        Raises:
            PricingError: if the value is outside [0, 1].
        """
        v, k = number("value", value, low=0, high=1), self.k
        return v / (1 + k) + k * (1 - k) / (2 * (1 + k))

    def ask(self, cost: float) -> float:
        """Return s(c) = c/(2−k) + (1−k)/2, dollars. A cost too high to trade at all has it as one of many offers.

        >>> LinearEquilibrium(0).ask(0.5)
        0.75

        Raises:
            PricingError: if the cost is outside [0, 1].
        """
        c, k = number("cost", cost, low=0, high=1), self.k
        return c / (2 - k) + (1 - k) / 2

    @property
    def trade_probability(self) -> float:
        """P(b(v) >= s(c)) = (2 − k)(1 + k)/8."""
        return (2 - self.k) * (1 + self.k) / 8

    @property
    def expected_gains(self) -> float:
        """E[(v − c)·1{trade}] in dollars: m(U³/3 + tU²/2) − m²U³/6, m = (2−k)/(1+k), U = (1+k)/2, t = (1−k)/2."""
        m, u, t = (2 - self.k) / (1 + self.k), (1 + self.k) / 2, (1 - self.k) / 2
        return m * (u**3 / 3 + t * u**2 / 2) - m**2 * u**3 / 6

    @property
    def efficiency(self) -> float:
        """The expected gains over those of the first best."""
        return self.expected_gains / FIRST_BEST


@dataclass(frozen=True, slots=True)
class BilateralBound:
    """What a truthful and individually rational rule can reach for a buyer and a seller, expected dollars.

    Without a subsidy it trades iff v − c >= `threshold`. The Vickrey-Clarke-Groves rule, where the buyer pays c and the
    seller gets v, trades whenever v >= c and needs `vcg_deficit`.
    """

    threshold: float
    second_best_gains: float
    first_best_gains: float
    vcg_deficit: float


def myerson_satterthwaite(
    values: tuple[float, float] = (0.0, 1.0), costs: tuple[float, float] = (0.0, 1.0)
) -> BilateralBound:
    """Return the bound for a value and a cost uniform on two intervals, dollars.

    The best rule trades iff v − c >= τ, with the least τ >= 0 whose expected virtual surplus
    E[(2v − v_high − 2c + c_low)·1{v − c >= τ}] is not negative. Where values and costs overlap, τ > 0: no rule trades
    whenever it should and balances its budget.

    >>> bound = myerson_satterthwaite()
    >>> round(bound.threshold, 9), round(bound.second_best_gains, 9), round(bound.vcg_deficit, 9)
    (0.25, 0.140625, 0.166666667)

    Raises:
        PricingError: if an interval is empty or not finite, or no value exceeds a cost.
    """
    v_low, v_high = _interval("values", values)
    c_low, c_high = _interval("costs", costs)
    if v_high <= c_low:
        raise PricingError(f"values: found at most {v_high:g}, expected some above the least cost {c_low:g}")

    def expected(surplus: Callable[[np.ndarray, np.ndarray], np.ndarray], threshold: float) -> float:
        """Integrate over {v − c >= threshold}, split where the highest cost that trades meets an end of the costs."""
        kinks = sorted(
            {min(v_high, max(v_low, each)) for each in (v_low, c_low + threshold, c_high + threshold, v_high)}
        )
        total = 0.0
        for start, end in pairwise(kinks):
            v = start + (end - start) * (_NODES[:, None] + 1) / 2
            top = np.clip(v - threshold, c_low, c_high)
            c = c_low + (top - c_low) * (_NODES + 1) / 2
            inner = (surplus(v, c) * ((top - c_low) / (c_high - c_low)) / 2) @ _WEIGHTS
            total += float(inner @ _WEIGHTS) * ((end - start) / (v_high - v_low)) / 2
        return total

    def virtual(threshold: float) -> float:
        return expected(lambda v, c: 2 * v - v_high - 2 * c + c_low, threshold)

    def gains(threshold: float) -> float:
        return expected(lambda v, c: v - c, threshold)

    # Trading iff v - c >= (v_high - c_low)/2 has no negative virtual surplus anywhere, so the root lies below
    most = (v_high - c_low) / 2
    share = 0.0 if virtual(0.0) >= 0 else brentq(lambda each: virtual(each * most), 0.0, 1.0, xtol=1e-15)
    threshold = float(share) * most
    return BilateralBound(threshold, gains(threshold), gains(0.0), gains(0.0))


def _interval(what: str, ends: tuple[float, float]) -> tuple[float, float]:
    if len(ends) != 2:
        raise PricingError(f"{what}: found {ends!r}, expected a lowest and a highest")
    low = number(f"lowest of {what}", ends[0], low=-DOLLARS_MAX, high=DOLLARS_MAX)
    return low, number(f"highest of {what}", ends[1], low=low, high=DOLLARS_MAX, open_low=True)
