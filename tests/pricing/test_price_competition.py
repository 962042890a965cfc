"""Sellers who choose prices: against each other, and a leader before followers who may drop out."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pricing.competition import bertrand, lead, price_to_log_followers, price_to_quadratic_followers
from pricing.errors import EmptySide, Infeasible, PricingError


@pytest.mark.parametrize("cross", [0.8, -0.6])
def test_no_firm_does_better_with_another_price(cross):
    a, b, c = np.array([100, 80, 60]), np.array([2, 3, 2.5]), np.array([10, 5, 8])
    cross_slopes = cross * (1 - np.eye(3))
    outcome = bertrand(intercepts=a, own_slopes=b, cross_slopes=cross_slopes, costs=c)
    p = np.array(outcome.prices)
    assert outcome.quantities == pytest.approx(a - b * p + cross_slopes @ p, abs=1e-9)
    for i in range(3):

        def profit(price, i=i):
            changed = np.where(np.arange(3) == i, price, p)
            return (price - c[i]) * (a - b * changed + cross_slopes @ changed)[i]

        assert outcome.profits[i] == pytest.approx(profit(p[i]), abs=1e-9)
        assert outcome.profits[i] >= max(profit(p[i] - 0.01), profit(p[i] + 0.01))


def test_best_responses_lead_to_the_equilibrium():
    outcome = bertrand(
        intercepts=[100, 100], own_slopes=[2, 2], cross_slopes=[[0, 1], [1, 0]], costs=[10, 30]
    )
    p = np.array([0.0, 500.0])
    for _ in range(60):
        p = (100 + 2 * np.array([10, 30]) + p[::-1]) / 4
    assert outcome.prices == pytest.approx(p, abs=1e-12)


@pytest.mark.parametrize(
    ("changed", "error", "message"),
    [
        ({"costs": []}, EmptySide, "costs: found none"),
        ({"costs": [10, 90]}, Infeasible, "firm 1: found the price 82"),
        ({"cross_slopes": [[0, 1]]}, PricingError, "cross_slopes: found 1 rows, expected 2"),
        ({"cross_slopes": [[0, 1], [1, 1]]}, PricingError, r"cross_slopes\[1\]\[1\]: found 1, expected 0"),
        ({"cross_slopes": [[0, 4], [1, 0]]}, PricingError, r"cross_slopes\[0\]: found a sum of sizes 4"),
        ({"own_slopes": [2, 0]}, PricingError, r"own_slopes\[1\]: found 0"),
        ({"intercepts": [1, math.inf]}, PricingError, r"intercepts\[1\]: found inf"),
    ],
)
def test_what_is_no_price_competition_is_named(changed, error, message):
    good = {"intercepts": [100, 100], "own_slopes": [2, 2], "cross_slopes": [[0, 1], [1, 0]], "costs": [1, 1]}
    with pytest.raises(error, match=message):
        bertrand(**good | changed)


followers = st.lists(st.floats(0.5, 100), min_size=1, max_size=6)


@given(followers, st.floats(0.5, 20))
@settings(max_examples=25, deadline=None)
def test_no_price_on_a_grid_betters_that_to_log_followers(weights, cost):
    best = price_to_log_followers(weights, unit_cost=cost)
    prices = np.linspace(cost, 101, 5001)
    profits = (prices - cost) * sum(np.maximum(0, w / prices - 1) for w in weights)
    assert best.leader_profit >= profits.max() - 1e-9
    assert best.local_optima[0] == (best.price, best.leader_profit)
    assert best.leader_profit == pytest.approx((best.price - cost) * sum(best.demands), abs=1e-9)


@given(followers, st.floats(0.1, 5), st.floats(0, 20))
@settings(max_examples=25, deadline=None)
def test_no_price_on_a_grid_betters_that_to_quadratic_followers(values, slope, cost):
    slopes = [slope * (1 + place) for place in range(len(values))]
    best = price_to_quadratic_followers(values, slopes, unit_cost=cost)
    prices = np.linspace(cost, 101, 5001)
    demands = [np.maximum(0, a - prices) / b for a, b in zip(values, slopes, strict=True)]
    assert best.leader_profit >= ((prices - cost) * sum(demands)).max() - 1e-9


def test_a_leader_may_drop_small_followers():
    # all three at 6.58 would earn 31.5 by that formula, but two of them do not buy there
    best = price_to_log_followers([2, 3, 60], unit_cost=2)
    assert best.price == pytest.approx(math.sqrt(120), abs=1e-12)
    assert best.demands[:2] == best.follower_utilities[:2] == (0, 0)
    assert len(best.local_optima) == 1


def test_search_finds_both_hills_that_the_closed_form_knows():
    closed = price_to_log_followers([9, 60], unit_cost=2)

    def buy(price):
        return sum(max(0.0, w / price - 1) for w in (9, 60))

    searched = lead(buy, lambda price, bought: (price - 2) * bought, low=2, high=60)
    assert [optimum.decision for optimum in searched] == pytest.approx(
        [optimum.price for optimum in closed.local_optima], abs=1e-5
    )
    assert [optimum.payoff for optimum in searched] == pytest.approx(
        [optimum.profit for optimum in closed.local_optima], abs=1e-9
    )
    assert searched[0].response == pytest.approx(closed.demands[1], abs=1e-5)


def test_search_finds_optima_at_the_ends_and_one_of_a_plateau():
    ends = lead(lambda d: None, lambda d, _: (d - 1) ** 2, low=0, high=3)
    assert [(optimum.decision, optimum.payoff) for optimum in ends] == [(3, 4), (0, 1)]
    assert len(lead(lambda d: None, lambda d, _: 5.0, low=0, high=1)) == 1
    assert [optimum.decision for optimum in lead(lambda d: None, lambda d, _: d, low=2, high=2)] == [2]


def test_nobody_buys_above_what_it_is_worth():
    dear = price_to_log_followers([1, 2], unit_cost=5)
    assert (dear.price, dear.demands, dear.leader_profit, dear.follower_utilities) == (5, (0, 0), 0, (0, 0))
    assert price_to_quadratic_followers([1, 2], [1, 1], unit_cost=5).leader_profit == 0


def test_leaders_need_followers_and_costs():
    with pytest.raises(EmptySide, match="weights: found none"):
        price_to_log_followers([], unit_cost=1)
    with pytest.raises(PricingError, match="unit_cost: found 0"):
        price_to_log_followers([1], unit_cost=0)
    with pytest.raises(PricingError, match="slopes: found 1 values, expected 2"):
        price_to_quadratic_followers([1, 2], [1], unit_cost=0)
    with pytest.raises(PricingError, match="payoff at 0: found nan"):
        lead(lambda d: None, lambda d, _: math.nan, low=0, high=1)
    with pytest.raises(PricingError, match="high: found 0"):
        lead(lambda d: None, lambda d, _: d, low=1, high=0)
    with pytest.raises(PricingError, match="cells: found 1"):
        lead(lambda d: None, lambda d, _: d, low=0, high=1, cells=1)
