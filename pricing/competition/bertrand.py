"""Bertrand competition: few sellers of different goods choose prices, and customers partly switch between them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from pricing.competition._figures import FIGURE_MAX, FIGURE_MIN
from pricing.errors import EmptySide, Infeasible, PricingError, vector


@dataclass(frozen=True, slots=True)
class PriceEquilibrium:
    """Each firm's price, what it sells and what it earns."""

    prices: tuple[float, ...]
    quantities: tuple[float, ...]
    profits: tuple[float, ...]


def bertrand(
    *,
    intercepts: Iterable[float],
    own_slopes: Iterable[float],
    cross_slopes: Sequence[Iterable[float]],
    costs: Iterable[float],
) -> PriceEquilibrium:
    """Return the Nash equilibrium in prices of the demands q_i = a_i − b_i·p_i + Σ_j d_ij·p_j, unit costs c_i.

    Best responses p_i = (a_i + b_i·c_i + Σ_j d_ij·p_j)/(2·b_i) make the linear system (2B − D)·p = a + B·c. d_ij > 0
    between substitutes (two clouds), < 0 between complements (compute and the network to reach it); row i of
    `cross_slopes` is firm i's, its own entry 0. While Σ_j |d_ij| < 2·b_i they contract, so there is one equilibrium,
    and simultaneous or alternating answers lead to it. Bertrand (1883); the linear system as in Vives (1999), ch. 6.

    >>> bertrand(intercepts=[100, 100], own_slopes=[2, 2], cross_slopes=[[0, 1], [1, 0]], costs=[10, 10])
    PriceEquilibrium(prices=(40.0, 40.0), quantities=(60.0, 60.0), profits=(1800.0, 1800.0))

    Raises:
        EmptySide: if there is no firm.
        Infeasible: if a firm would have to sell below its cost, or ask a negative price, to sell anything: it is
            better out, and the demands of the others without it are not known.
        PricingError: if sizes differ, an intercept or a cost is negative, an own slope is not positive, an own entry
            of the cross slopes is not 0, or cross slopes reach twice the own one.
    """
    c = vector("costs", costs, low=0, high=FIGURE_MAX)
    n = len(c)
    if n == 0:
        raise EmptySide("costs: found none, expected at least one firm")
    a = vector("intercepts", intercepts, size=n, low=0, high=FIGURE_MAX)
    b = vector("own_slopes", own_slopes, size=n, low=FIGURE_MIN, high=FIGURE_MAX)
    if len(cross_slopes) != n:
        raise PricingError(f"cross_slopes: found {len(cross_slopes)} rows, expected {n}")
    D = np.array(
        [
            vector(f"cross_slopes[{i}]", row, size=n, low=-FIGURE_MAX, high=FIGURE_MAX)
            for i, row in enumerate(cross_slopes)
        ]
    )
    for i in range(n):
        if D[i, i] != 0:
            raise PricingError(f"cross_slopes[{i}][{i}]: found {D[i, i]:g}, expected 0")
        if not np.abs(D[i]).sum() < 2 * b[i]:
            raise PricingError(
                f"cross_slopes[{i}]: found a sum of sizes {np.abs(D[i]).sum():g}, expected less than twice the own"
                f" slope, {2 * b[i]:g}"
            )
    prices = np.linalg.solve(2 * np.diag(b) - D, a + b * c)
    margins = prices - c
    for i in range(n):
        if not margins[i] >= -1e-12 * max(1.0, c[i]):
            raise Infeasible(
                f"firm {i}: found the price {prices[i]:g} below its cost {c[i]:g}: it is better out"
            )
    quantities = b * margins  # the first-order condition, without the cancellation in the demands
    with np.errstate(over="ignore"):  # cross slopes next to their limit: said below
        profits = vector("profits", margins * quantities)
    return PriceEquilibrium(tuple(prices.tolist()), tuple(quantities.tolist()), tuple(profits.tolist()))
