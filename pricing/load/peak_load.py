"""Peak-load pricing: one capacity serves several periods of a cycle, and the peak pays for it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pricing.errors import LARGEST, EmptySide, number, vector


@dataclass(frozen=True, slots=True)
class PeakLoadPrices:
    """Price and quantity of each period, the capacity, and the share of its cost that each period bears.

    `peaks` are the periods that fill the capacity: one of them is a firm peak, several a shifting one, at which a
    uniform peak price would move the peak elsewhere.
    """

    prices: tuple[float, ...]
    quantities: tuple[float, ...]
    capacity: float
    capacity_charges: tuple[float, ...]
    peaks: tuple[int, ...]


def peak_load_prices(
    intercepts: Sequence[float],
    *,
    running_cost: float,
    capacity_cost: float,
    slopes: Sequence[float] | None = None,
    durations: Sequence[float] | None = None,
) -> PeakLoadPrices:
    """Return the welfare-best prices for demand p_t = A_t − s_t q_t in n periods, running cost b, capacity cost β.

    The price is p_t = b + μ_t, where μ_t = max(0, A_t − b − s_t K) is what another unit of capacity is worth in the
    period, and K solves Σ d_t μ_t = β: exactly, since the left side is piecewise linear in K. Costs are per unit for
    one duration, and capacity cost per unit for a cycle; slopes and durations are 1 unless given. Capacity pays for
    itself: Σ d_t (p_t − b) q_t = βK. Source: Steiner, QJE 71 (1957); Boiteux (1949); Williamson 1966, for
    unequal durations; cases S11 and S12.

    >>> peak_load_prices([10, 20], running_cost=2, capacity_cost=6).prices  # firm: the second period pays all
    (2.0, 8.0)
    >>> peak_load_prices([18, 20], running_cost=2, capacity_cost=6).prices  # shifting: both pay
    (4.0, 6.0)

    Raises:
        EmptySide: if there is no period.
        PricingError: if a cost is negative, a slope or duration not positive, or their numbers differ.
    """
    A = vector("intercepts", intercepts, low=0, high=LARGEST)
    n = len(A)
    if not n:
        raise EmptySide("intercepts: found no period, expected at least 1")
    b = number("running_cost", running_cost, low=0, high=LARGEST)
    beta = number("capacity_cost", capacity_cost, low=0, high=LARGEST)
    s, d = (
        np.ones(n) if given is None else vector(what, given, size=n, low=1 / LARGEST, high=LARGEST)
        for what, given in (("slopes", slopes), ("durations", durations))
    )
    with np.errstate(over="ignore"):
        wanted = vector("quantities wanted at the running cost", np.maximum(A - b, 0) / s, high=LARGEST)
    capacity = number("capacity", _capacity(wanted, d * s, beta))
    charges = np.maximum(s * (wanted - capacity), 0)
    quantities = np.minimum(wanted, capacity)
    peaks = np.flatnonzero(wanted >= capacity * (1 - 1e-12)) if capacity > 0 else ()
    return PeakLoadPrices(
        prices=tuple(float(price) for price in b + charges),
        quantities=tuple(float(quantity) for quantity in quantities),
        capacity=capacity,
        capacity_charges=tuple(float(charge) for charge in d * charges),
        peaks=tuple(int(t) for t in peaks),
    )


def _capacity(wanted: np.ndarray, weights: np.ndarray, cost: float) -> float:
    """Return the K with Σ weights · max(0, wanted − K) = cost, or 0 if capacity is worth less even at nothing."""
    order = np.argsort(-wanted)
    levels, mass = wanted[order], np.cumsum(weights[order])
    with np.errstate(over="ignore"):  # minus infinity where the mass is next to none
        # if exactly the first k periods are peaks
        candidates = (np.cumsum(weights[order] * levels) - cost) / mass
    following = np.append(levels[1:], 0)
    return max(0.0, float(candidates[np.argmax(candidates >= following)]) if candidates[-1] >= 0 else 0.0)
