"""Prices of products side by side, and of one capacity over several periods."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize

from pricing.errors import EmptySide, PricingError
from pricing.load import logit_prices, peak_load_prices

products = st.lists(st.tuples(st.floats(-3, 5), st.floats(0, 3)), min_size=1, max_size=5)


def logit_profit(prices, appeal, costs, b):
    scores = np.exp(np.array(appeal) - b * np.array(prices))
    return float((np.array(prices) - costs) @ scores / (1 + scores.sum()))


@given(products, st.floats(0.3, 4))
def test_no_other_prices_earn_more(offered, sensitivity):
    appeal, costs = map(list, zip(*offered, strict=True))
    found = logit_prices(appeal, costs, sensitivity=sensitivity)
    assert found.profit == pytest.approx(logit_profit(found.prices, appeal, costs, sensitivity), rel=1e-9)
    for change in (-0.05, 0.05):
        for j in range(len(appeal)):
            moved = np.array(found.prices)
            moved[j] += change
            assert logit_profit(moved, appeal, costs, sensitivity) <= found.profit + 1e-12
    assert sum(found.shares) < 1


def test_markup_satisfies_the_first_order_condition():
    found = logit_prices([2.0, 0.5], [0.5, 0.1], sensitivity=2.0)
    assert found.markup == pytest.approx(1 / (2.0 * (1 - sum(found.shares))), rel=1e-12)


def test_overwhelming_appeal_does_not_overflow():
    found = logit_prices([5000.0], [0.0], sensitivity=1.0)
    assert found.markup == pytest.approx(5000 - math.log(5000), abs=0.01)
    assert found.shares[0] <= 1


def test_impossible_products_are_refused():
    with pytest.raises(EmptySide, match="appeal: found no product"):
        logit_prices([], [], sensitivity=1)
    with pytest.raises(PricingError, match="unit_costs: found 1 values, expected 2"):
        logit_prices([1, 2], [1], sensitivity=1)
    with pytest.raises(PricingError, match="sensitivity: found 0"):
        logit_prices([1], [1], sensitivity=0)
    with pytest.raises(PricingError, match=r"appeal\[0\]: found nan"):
        logit_prices([math.nan], [1], sensitivity=1)


periods = st.lists(st.tuples(st.floats(0, 30), st.floats(0.2, 3), st.floats(0.2, 3)), min_size=1, max_size=6)


@given(periods, st.floats(0, 5), st.floats(0, 20))
def test_peaks_pay_for_capacity_exactly(cycle, running, capacity_cost):
    intercepts, slopes, durations = (np.array(column) for column in zip(*cycle, strict=True))
    found = peak_load_prices(
        intercepts, running_cost=running, capacity_cost=capacity_cost, slopes=slopes, durations=durations
    )
    prices, quantities = np.array(found.prices), np.array(found.quantities)
    # complementary slackness and demand: together the optimality conditions of a concave problem
    assert np.all(quantities <= found.capacity * (1 + 1e-12))
    assert np.all((prices <= running + 1e-9) | (quantities >= found.capacity - 1e-9))
    sold = quantities > 1e-9
    assert prices[sold] == pytest.approx((intercepts - slopes * quantities)[sold], abs=1e-8)
    if found.capacity > 0:
        assert sum(found.capacity_charges) == pytest.approx(capacity_cost, abs=1e-8)
    assert durations @ ((prices - running) * quantities) == pytest.approx(
        capacity_cost * found.capacity, abs=1e-6
    )


def test_three_periods_have_the_welfare_of_a_general_optimiser():
    intercepts, running, capacity_cost = np.array([17.0, 18.0, 25.0]), 2.0, 12.0

    def loss(x):
        q, capacity = x[:3], x[3]
        return -(intercepts @ q - q @ q / 2 - running * q.sum() - capacity_cost * capacity)

    limits = [{"type": "ineq", "fun": lambda x, t=t: x[3] - x[t]} for t in range(3)]
    best = minimize(loss, np.ones(4), constraints=limits, bounds=[(0, None)] * 4, options={"ftol": 1e-14})
    found = peak_load_prices(intercepts, running_cost=running, capacity_cost=capacity_cost)
    assert [*found.quantities, found.capacity] == pytest.approx(best.x, abs=1e-5)
    assert found.peaks == (0, 1, 2)


def test_a_firm_peak_pays_alone():
    found = peak_load_prices([10, 12, 30], running_cost=2, capacity_cost=6)
    assert (found.prices, found.capacity, found.peaks) == ((2.0, 2.0, 8.0), 22.0, (2,))
    assert found.capacity_charges == (0.0, 0.0, 6.0)


def test_long_periods_bear_more():
    found = peak_load_prices([18, 20], running_cost=2, capacity_cost=6, durations=[2, 1])
    # 2(16 − K) + (18 − K) = 6
    assert found.capacity == pytest.approx(44 / 3)
    assert found.prices == pytest.approx((2 + 4 / 3, 2 + 10 / 3))


def test_capacity_that_nobody_pays_for_is_not_built():
    found = peak_load_prices([3, 1], running_cost=2, capacity_cost=6)
    assert (found.capacity, found.quantities, found.peaks) == (0.0, (0.0, 0.0), ())


def test_impossible_cycles_are_refused():
    with pytest.raises(EmptySide, match="intercepts: found no period"):
        peak_load_prices([], running_cost=1, capacity_cost=1)
    with pytest.raises(PricingError, match="capacity_cost: found -1"):
        peak_load_prices([1], running_cost=1, capacity_cost=-1)
    with pytest.raises(PricingError, match=r"slopes\[0\]: found 0"):
        peak_load_prices([1], running_cost=1, capacity_cost=1, slopes=[0])
    with pytest.raises(PricingError, match="durations: found 2 values, expected 1"):
        peak_load_prices([1], running_cost=1, capacity_cost=1, durations=[1, 1])
