"""A menu of qualities for buyers whose taste only they know: better service for those who value it, and its price.

A buyer of taste θ values quality q at θ·q; a unit of quality q costs c·q²/2 to provide. Prices are money per unit.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import isotonic_regression

from pricing.errors import LARGEST, EmptySide, PricingError, number, vector
from pricing.menus.incentives import deviation_gains, distribution, verify


@dataclass(frozen=True, slots=True)
class UniformQualityMenu:
    """The best menu for tastes spread evenly over [low, high]: a quality and a price for every taste.

    With the virtual taste 2θ − high, q(θ) = (2θ − high)/c from the taste θ_0 = max(low, high/2) on that is just served,
    and p(θ) = θ·q(θ) − ∫_{θ_0}^θ q = (θ² + θ_0² − high·θ_0)/c. The best taste gets the efficient quality, all others
    less. Source: Mussa & Rosen, J. Economic Theory 18 (1978); case T07.

    >>> menu = UniformQualityMenu()
    >>> menu.quality(0.75), menu.price(0.75), round(menu.profit, 9)
    (0.5, 0.3125, 0.083333333)
    """

    low: float = 0.0
    high: float = 1.0
    cost: float = 1.0

    def __post_init__(self) -> None:
        number("low", self.low, low=0)
        number("high", self.high, low=self.low, open_low=True)
        number("cost", self.cost, low=0, open_low=True)

    @property
    def served_from(self) -> float:
        """The least taste that is sold anything."""
        return max(self.low, self.high / 2)

    @property
    def profit(self) -> float:
        """Expected profit per buyer, E[p(θ) − c·q(θ)²/2]."""
        worst = 2 * self.served_from - self.high
        return number("profit", (self.high**3 - worst**3) / (12 * self.cost * (self.high - self.low)))

    def quality(self, taste: float) -> float:
        """Return q(θ), 0 where a taste is not served.

        Raises:
            PricingError: if the taste is outside [low, high].
        """
        theta = number("taste", taste, low=self.low, high=self.high)
        return max(0.0, (2 * theta - self.high) / self.cost)

    def price(self, taste: float) -> float:
        """Return p(θ), 0 where a taste is not served.

        Raises:
            PricingError: if the taste is outside [low, high].
        """
        theta = number("taste", taste, low=self.low, high=self.high)
        first = self.served_from
        return (theta**2 + first**2 - self.high * first) / self.cost if theta >= first else 0.0


@dataclass(frozen=True, slots=True)
class QualityMenu:
    """A quality and a price for each taste, lowest first; quality 0 leaves a taste out. `profit` is per buyer."""

    tastes: tuple[float, ...]
    probabilities: tuple[float, ...]
    virtual_tastes: tuple[float, ...]
    qualities: tuple[float, ...]
    prices: tuple[float, ...]
    rents: tuple[float, ...]
    profit: float
    bunching: bool

    def incentives(self) -> tuple[tuple[float, ...], ...]:
        """Return what taste i (row) gains by taking the item of taste j (column), in money: no entry above 0."""
        return deviation_gains(np.outer(self.tastes, self.qualities) - np.array(self.prices))


def quality_menu(
    tastes: Sequence[float], probabilities: Sequence[float], *, cost: float = 1.0
) -> QualityMenu:
    """Return the best menu for tastes θ_1 < … < θ_n with these probabilities: the mirror of `procurement_menu`.

    Virtual tastes v_i = θ_i − ((1 − F_i)/p_i)(θ_{i+1} − θ_i), pooled where they fall, give q_i = max(0, v_i)/c, and
    p_i = θ_i q_i − Σ_{j<i} (θ_{j+1} − θ_j) q_j: the lowest taste served pays all that it gains. All n² incentives are
    checked. Source: Mussa & Rosen (1978); Maskin & Riley, RAND J. Economics 15 (1984).

    >>> menu = quality_menu([1.0, 1.5], [0.5, 0.5])
    >>> menu.qualities, menu.prices
    ((0.5, 1.5), (0.5, 2.0))

    Raises:
        EmptySide: if there is no taste.
        PricingError: if tastes do not rise, the probabilities are not positive with the sum 1, or the cost is not
            positive.
        InvariantBroken: if the menu that results is not incentive compatible; it always is.
    """
    theta = vector("tastes", tastes, low=0, high=LARGEST)
    if not len(theta):
        raise EmptySide("tastes: found none, expected at least 1")
    for i in np.flatnonzero(np.diff(theta) <= 0):
        raise PricingError(f"tastes[{i + 1}]: found {theta[i + 1]:g}, expected more than {theta[i]:g}")
    p = distribution(probabilities, len(theta))
    c = number("cost", cost, low=0, open_low=True)
    steps = np.append(np.diff(theta), 0.0)
    keener = np.append(np.cumsum(p[::-1])[::-1][1:], 0.0)
    virtual = theta - keener / p * steps
    with np.errstate(over="ignore"):
        best = np.maximum(0.0, isotonic_regression(virtual, weights=p).x) / c
    qualities = vector("qualities, (tastes less rents)/cost", best, high=LARGEST)
    rents = np.concatenate(([0.0], np.cumsum(steps[:-1] * qualities[:-1])))
    prices = theta * qualities - rents
    verify(np.outer(theta, qualities) - prices)
    return QualityMenu(
        tastes=tuple(theta.tolist()),
        probabilities=tuple(p.tolist()),
        virtual_tastes=tuple(virtual.tolist()),
        qualities=tuple(qualities.tolist()),
        prices=tuple(prices.tolist()),
        rents=tuple(rents.tolist()),
        profit=number("profit", math.fsum(p * (prices - c * qualities**2 / 2))),
        bunching=bool(np.any(np.diff(virtual) < 0)),
    )
