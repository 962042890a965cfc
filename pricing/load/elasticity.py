"""How much load falls as price rises, read from what was posted and what was met: the ε_max of a controller."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

from pricing.dynamic import ELASTICITY_FALLBACK
from pricing.errors import number, vector
from pricing.hedonic import fit_hedonic

FEWEST_OBSERVATIONS = 8


@dataclass(frozen=True, slots=True)
class ElasticityEstimate:
    """ε̂ = −d ln load/d ln price with its HC1 standard error, and the upper confidence limit to take as ε_max.

    `observations` is how many slots told something; 0 means that the fallback stands in for an estimate.
    """

    elasticity: float
    standard_error: float
    upper: float
    observations: int


def estimate_elasticity(
    prices: Sequence[float], loads: Sequence[float], *, confidence: float = 0.95
) -> ElasticityEstimate:
    """Regress ln load on ln price over slots; return the elasticity and its one-sided upper limit.

    Slots that were full (load 1) or empty say nothing of demand and are left out. Where fewer than eight are left, the
    prices do not differ, or load does not fall with price, the fallback ε = 2 is returned. The price of a slot must
    have been posted before its load was known, as the controller does. Prices per unit; loads in [0, 1].

    >>> estimate = estimate_elasticity([1 + k / 10 for k in range(9)], [0.9 * (1 + k / 10) ** -1.5 for k in range(9)])
    >>> round(estimate.elasticity, 9), round(estimate.upper, 9), estimate.observations
    (1.5, 1.5, 9)

    Raises:
        PricingError: if a price is not positive, a load outside [0, 1], or their numbers differ.
    """
    p = vector("prices", prices, low=0, open_low=True)
    u = vector("loads", loads, size=len(p), low=0, high=1)
    level = number("confidence", confidence, low=0.5, high=math.nextafter(1, 0))
    told = (u > 0) & (u < 1)
    fallback = ElasticityEstimate(ELASTICITY_FALLBACK, 0.0, ELASTICITY_FALLBACK, 0)
    if told.sum() < FEWEST_OBSERVATIONS or p[told].min() == p[told].max():
        return fallback
    fit = fit_hedonic([[1.0, math.log(price)] for price in p[told]], [float(load) for load in u[told]])
    elasticity, error = -fit.coefficients[1], fit.standard_errors[1]
    if elasticity <= 0:
        return fallback
    return ElasticityEstimate(
        elasticity, error, elasticity + NormalDist().inv_cdf(level) * error, int(told.sum())
    )
