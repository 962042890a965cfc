"""Where a posted curve settles, whether its cobweb does, and how elastic the load is."""

import math
from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pricing.dynamic import kinked_multiplier, smooth_multiplier
from pricing.errors import PricingError
from pricing.load import estimate_elasticity, posted_load

kinked = partial(kinked_multiplier, at_zero=0.5, rise_to_knee=0.5, rise_above=3.0, knee=0.8)


def smooth(steepness):
    return partial(smooth_multiplier, low=0.5, high=4.0, steepness=steepness)


def constant_elasticity(at_base, elasticity):
    return lambda m: at_base * m**-elasticity


@given(st.floats(0.05, 1.5), st.floats(0.1, 3), st.floats(0.5, 4))
def test_solution_meets_demand_and_cobweb_is_stable_just_where_it_settles(at_base, elasticity, steepness):
    curve, demand = smooth(steepness), constant_elasticity(at_base, elasticity)
    posted = posted_load(curve, demand)
    if posted.full:
        assert demand(curve(1.0)) >= 1
        return
    assert demand(curve(posted.load)) == pytest.approx(posted.load, rel=1e-10)
    assert posted.demand_elasticity == pytest.approx(elasticity, rel=1e-6)
    if abs(posted.cobweb_multiplier + 1) < 0.05:
        return
    deviation, load = 1e-6, posted.load * math.exp(-1e-6)
    for _ in range(2):
        load = demand(curve(min(1.0, load)))
    assert (abs(math.log(load / posted.load)) < deviation) == posted.stable


def test_curve_elasticity_is_the_derivative():
    curve = smooth(2.0)
    posted = posted_load(curve, constant_elasticity(0.9, 1.0))
    u = posted.load
    share = u**2 / (u**2 + (1 - u) ** 2)
    # d ln m/d ln u = ln(high/low) · u · H'(u), and H' = a·H(1 − H)/(u(1 − u)) for the logistic form
    assert posted.curve_elasticity == pytest.approx(math.log(8) * 2 * share * (1 - share) / (1 - u), rel=1e-5)
    assert posted.cobweb_multiplier == pytest.approx(-posted.curve_elasticity, rel=1e-5)


def test_the_steep_branch_of_a_kinked_curve_does_not_settle():
    posted = posted_load(kinked, constant_elasticity(0.95, 1.5))
    assert not posted.stable
    assert posted.cobweb_multiplier < -1
    assert posted.warnings[0].startswith("elasticity of demand · elasticity of the curve 16.")
    gentle = posted_load(kinked, constant_elasticity(0.5, 1.5))
    assert gentle.stable
    assert gentle.warnings == ()


def test_at_a_kink_the_steeper_side_counts():
    posted = posted_load(kinked, constant_elasticity(0.8, 1.0))  # m(0.8) = 1
    assert posted.load == pytest.approx(0.8, rel=1e-12)
    assert posted.curve_elasticity == pytest.approx(0.8 * 3 / 0.2, rel=1e-4)


def test_demand_beyond_the_highest_price_is_rationed():
    posted = posted_load(kinked, constant_elasticity(100.0, 0.5))
    assert (posted.load, posted.multiplier, posted.full) == (1.0, 4.0, True)
    assert posted.warnings == ("demand exceeds capacity at the curve's highest price: units are rationed",)


def test_no_demand_is_no_load():
    posted = posted_load(kinked, lambda m: 0.0)
    assert (posted.load, posted.multiplier, posted.stable) == (0.0, 0.5, True)


@pytest.mark.parametrize(
    ("curve", "demand", "message"),
    [
        (lambda u: -u, constant_elasticity(1, 1), "multiplier"),
        (lambda u: math.nan, constant_elasticity(1, 1), "multiplier"),
        (kinked, lambda m: -1.0, "demand"),
        (kinked, lambda m: math.inf, "demand"),
        (lambda u: 2 - u, constant_elasticity(1, 1), "expected at least"),
        (kinked, lambda m: 0.1 * m, "expected at most"),
    ],
)
def test_impossible_curves_and_demand_are_refused(curve, demand, message):
    with pytest.raises(PricingError, match=message):
        posted_load(curve, demand)


def test_elasticity_is_recovered_within_its_error():
    rng = np.random.default_rng(7)
    prices = np.exp(rng.uniform(-0.5, 0.5, 400))
    loads = np.minimum(1.0, 0.8 * prices**-1.3 * np.exp(0.05 * rng.normal(size=400)))
    estimate = estimate_elasticity(prices.tolist(), loads.tolist())
    assert abs(estimate.elasticity - 1.3) < 0.1
    assert estimate.upper > estimate.elasticity
    assert estimate.observations == np.sum(loads < 1)


@pytest.mark.parametrize(
    ("prices", "loads"),
    [
        ([1.0] * 20, [0.5] * 20),  # the price never moved
        ([1.0, 2.0], [0.5, 0.4]),  # too few
        ([1 + k / 10 for k in range(20)], [1.0] * 20),  # always full
        ([1 + k / 10 for k in range(20)], [0.1 + k / 50 for k in range(20)]),  # load rose with price
    ],
)
def test_observations_that_tell_nothing_give_the_fallback(prices, loads):
    estimate = estimate_elasticity(prices, loads)
    assert (estimate.elasticity, estimate.upper, estimate.observations) == (2.0, 2.0, 0)


def test_impossible_observations_are_refused():
    with pytest.raises(PricingError, match=r"prices\[0\]: found 0"):
        estimate_elasticity([0.0], [0.5])
    with pytest.raises(PricingError, match="loads: found 2 values, expected 1"):
        estimate_elasticity([1.0], [0.5, 0.5])
    with pytest.raises(PricingError, match="confidence: found 1"):
        estimate_elasticity([1.0], [0.5], confidence=1.0)
