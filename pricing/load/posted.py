"""Where a posted load curve settles, and whether posting from the last slot's load gets there."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

from scipy.optimize import brentq

from pricing.errors import PricingError, number

RELATIVE_STEP = 1e-6
KINK = 1e-3


@dataclass(frozen=True, slots=True)
class PostedLoad:
    """The load at which a curve and demand agree, the price multiplier there, and the elasticities of both.

    `cobweb_multiplier` is −ε·(m′(u)u/m(u)), what a small deviation of the log load is multiplied with each slot if the
    price is posted from the last one: it settles iff it is above −1. `full` says that demand exceeds capacity even at
    m(1), so that the price stays there. `warnings` say in words what is passed; empty is good.
    """

    load: float
    multiplier: float
    curve_elasticity: float
    demand_elasticity: float
    cobweb_multiplier: float
    stable: bool
    full: bool
    warnings: tuple[str, ...]


def posted_load(multiplier: Callable[[float], float], demand: Callable[[float], float]) -> PostedLoad:
    """Solve u = D(p0·m(u))/C for the load u: there is exactly one, since the left side rises in u and the right falls.

    `multiplier` is the curve m, nondecreasing on [0, 1]; `demand` gives D(p0·m)/C, demand over registered capacity, for
    a multiplier m, and falls in it. Both are continuous. The root is bracketed by [0, 1] and found by Brent's method to
    1e-13; elasticities are slopes of logarithms there, the steeper side at a kink. Where the cobweb does not settle,
    let a `pricing.dynamic.LoadController` set the price. Source: Ezekiel, QJE 52 (1938), for the cobweb.

    >>> from functools import partial
    >>> from pricing.dynamic import kinked_multiplier
    >>> curve = partial(kinked_multiplier, at_zero=0.5, rise_to_knee=0.5, rise_above=3.0, knee=0.8)
    >>> posted = posted_load(curve, lambda m: 0.95 * m**-1.5)
    >>> round(posted.load, 4), round(posted.multiplier, 4), posted.stable
    (0.8076, 1.1143, False)

    Raises:
        PricingError: if the curve or demand gives no positive number (demand: no negative one), the curve falls, or
            demand rises, between 0, 1 and the solution.
    """

    def m(u: float) -> float:
        return number(f"multiplier({u:g})", float(multiplier(u)), low=0, open_low=True)

    def share(u: float) -> float:
        return number(f"demand({m(u):g})", float(demand(m(u))), low=0)

    full = share(1.0) >= 1
    if full:
        load = 1.0
    elif share(0.0) == 0:
        load = 0.0
    else:
        load = float(brentq(lambda u: share(u) - u, 0.0, 1.0, xtol=1e-15, rtol=1e-13))
    for u, v in pairwise((0.0, load, 1.0)):
        if m(v) < m(u):
            raise PricingError(f"multiplier({v:g}): found {m(v):g}, expected at least {m(u):g} = m({u:g})")
        if share(v) > share(u):
            raise PricingError(f"demand({m(v):g}): found {share(v):g}, expected at most {share(u):g}")
    if load == 0:
        return PostedLoad(0.0, m(0.0), 0.0, 0.0, 0.0, stable=True, full=False, warnings=())
    at = m(load)
    curve = _steepest(m, load, high=1.0)
    elasticity = -_steepest(lambda price: number("demand", float(demand(price)), low=0), at, high=math.inf)
    # + 0.0: minus zero is no multiplier to show anybody
    cobweb = 0.0 if full else -elasticity * curve + 0.0
    stable = cobweb > -1
    warnings: tuple[str, ...] = ()
    if full:
        warnings = ("demand exceeds capacity at the curve's highest price: units are rationed",)
    elif not stable:
        warnings = (
            f"elasticity of demand · elasticity of the curve {-cobweb:g} is not below 1: "
            "posted from the last load, the price does not settle",
        )
    return PostedLoad(load, at, curve, elasticity, cobweb, stable, full, warnings)


def _steepest(function: Callable[[float], float], at: float, *, high: float) -> float:
    """Return d ln f/d ln x: the steeper of two one-sided slopes at a kink, else their mean; only the left at `high`."""
    here = function(at)
    slopes = []
    for side in (-RELATIVE_STEP, RELATIVE_STEP):
        beside = at * math.exp(side)
        if beside <= high:
            there = function(beside)
            if not here > 0 < there:
                raise PricingError(f"demand: found {there:g} beside {at:g}, expected a positive number")
            slopes.append(math.log(there / here) / side)
    steeper = max(slopes, key=abs)
    if abs(slopes[0] - slopes[-1]) <= KINK * abs(steeper):
        return (slopes[0] + slopes[-1]) / 2  # a central difference, exact to the square of the step
    return steeper
