"""Cournot competition: few sellers of one good choose quantities, and the price clears what they bring."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pricing.competition._figures import FIGURE_MAX, FIGURE_MIN
from pricing.errors import EmptySide, number, vector


@dataclass(frozen=True, slots=True)
class QuantityEquilibrium:
    """What each firm sells, the one price, and what each earns; an inactive firm sells and earns nothing."""

    quantities: tuple[float, ...]
    price: float
    profits: tuple[float, ...]


def cournot(
    *, intercept: float, slope: float, costs: Iterable[float], cost_slopes: Iterable[float] | None = None
) -> QuantityEquilibrium:
    """Return the Nash equilibrium in quantities of P = a − b·Q with marginal costs c_i + e_i·q_i.

    a (`intercept`) and c (`costs`) in money per unit, b (`slope`) and e (`cost_slopes`, 0 unless given) in money per
    unit². An active firm sells q_i = (P − c_i)/(b + e_i); with constant marginal costs P = (a + Σc)/(n + 1) over the n
    active. Firms with c_i >= P sell nothing: by rising c_i, take firms in while their cost is below the price without
    them, which stops at the one equilibrium. Cournot (1838).

    >>> cournot(intercept=120, slope=2, costs=[12, 18, 24])
    QuantityEquilibrium(quantities=(15.75, 12.75, 9.75), price=43.5, profits=(496.125, 325.125, 190.125))

    Raises:
        EmptySide: if there is no firm.
        PricingError: if the slope is not positive, the intercept, a cost or a cost slope is negative, or there is not
            one cost slope for each firm.
    """
    a, b, c, e = _market(intercept, slope, costs, cost_slopes)
    price = _price(a, b, c, 1 / (b + e))
    quantities = np.maximum(0.0, price - c) / (b + e)
    return _outcome(price, quantities, c, e)


def competitive(
    *, intercept: float, slope: float, costs: Iterable[float], cost_slopes: Iterable[float] | None = None
) -> QuantityEquilibrium:
    """Return the outcome if the same firms took the price as given: P = c_i + e_i·q_i for every active one.

    The benchmark of `cournot`, in the same units. Firms of the lowest constant marginal cost, if active, share equally
    what the rising ones leave.

    >>> competitive(intercept=30, slope=4, costs=[1, 1], cost_slopes=[1, 1]).price  # 1 + q = 30 − 4·2q
    4.222222222222222

    Raises:
        EmptySide, PricingError: as `cournot`.
    """
    a, b, c, e = _market(intercept, slope, costs, cost_slopes)
    flat = e == 0
    supply = np.divide(1.0, e, out=np.zeros_like(e), where=~flat)
    price = _price(a, b, c, supply)
    cheapest = float(c[flat].min()) if flat.any() else np.inf
    price = min(price, cheapest)
    quantities = np.maximum(0.0, price - c) * supply
    marginal = flat & (c == price)
    if marginal.any():
        quantities[marginal] = max(0.0, (a - price) / b - quantities.sum()) / marginal.sum()
    return _outcome(price, quantities, c, e)


def _market(
    intercept: float, slope: float, costs: Iterable[float], cost_slopes: Iterable[float] | None
) -> tuple[float, float, NDArray[np.float64], NDArray[np.float64]]:
    a = number("intercept", intercept, low=0, high=FIGURE_MAX)
    b = number("slope", slope, low=FIGURE_MIN, high=FIGURE_MAX)
    c = vector("costs", costs, low=0, high=FIGURE_MAX)
    if not len(c):
        raise EmptySide("costs: found none, expected at least one firm")
    if cost_slopes is None:
        return a, b, c, np.zeros(len(c))
    e = vector("cost_slopes", cost_slopes, size=len(c), low=0, high=FIGURE_MAX)
    return a, b, c, np.where(e < FIGURE_MIN, 0.0, e)


def _price(a: float, b: float, c: NDArray[np.float64], supply: NDArray[np.float64]) -> float:
    """Return the P at which demand (a − P)/b is Σ supply_i·(P − c_i) over the firms with c_i < P."""
    price, bought, weighted = a, 0.0, 0.0
    for firm in np.argsort(c, kind="stable"):
        if c[firm] >= price:
            break
        bought += float(supply[firm])
        weighted += float(supply[firm] * c[firm])
        price = (a + b * weighted) / (1 + b * bought)
    return price


def _outcome(
    price: float, quantities: NDArray[np.float64], c: NDArray[np.float64], e: NDArray[np.float64]
) -> QuantityEquilibrium:
    profits = (price - c - e * quantities / 2) * quantities + 0.0  # no negative zero
    return QuantityEquilibrium(tuple(quantities.tolist()), float(price), tuple(profits.tolist()))
