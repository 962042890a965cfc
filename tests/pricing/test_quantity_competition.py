"""Sellers who choose quantities: at once, after a leader, one after the other, or taking the price as given."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar

from pricing.competition import competitive, cournot, double_marginalisation, lead, quantity_leader
from pricing.errors import EmptySide, PricingError

markets = st.fixed_dictionaries(
    {
        "intercept": st.floats(1, 100),
        "slope": st.floats(0.1, 5),
        "costs": st.lists(st.floats(0, 120), min_size=1, max_size=5),
    }
)


@given(markets, st.data())
@settings(max_examples=20, deadline=None)
def test_no_firm_does_better_with_another_quantity(market, data):
    n = len(market["costs"])
    rising = data.draw(st.lists(st.floats(0, 3), min_size=n, max_size=n))
    outcome = cournot(**market, cost_slopes=rising)
    a, b, total = market["intercept"], market["slope"], sum(outcome.quantities)
    assert outcome.price == pytest.approx(a - b * total, abs=1e-8)
    for own, profit, c, e in zip(outcome.quantities, outcome.profits, market["costs"], rising, strict=True):

        def loss(q, others=total - own, c=c, e=e):
            return -(a - b * (others + q) - c - e * q / 2) * q

        best = minimize_scalar(loss, bounds=(0, a / b), method="bounded")
        assert profit >= -best.fun - 1e-6 * max(1, abs(profit))


def test_firms_that_cost_more_than_the_price_leave():
    outcome = cournot(intercept=100, slope=1, costs=[10, 70, 20])
    assert outcome.quantities == pytest.approx([100 / 3, 0, 70 / 3], abs=1e-12)
    assert outcome.price == pytest.approx(130 / 3, abs=1e-12)
    assert outcome.profits[1] == 0
    nobody = cournot(intercept=10, slope=1, costs=[10, 11])
    assert (nobody.quantities, nobody.price) == ((0, 0), 10)


def test_rising_costs_share_the_market():
    oligopoly = cournot(intercept=30, slope=4, costs=[1, 1], cost_slopes=[1, 1])
    assert oligopoly.quantities == pytest.approx([29 / 13] * 2, abs=1e-12)
    benchmark = competitive(intercept=30, slope=4, costs=[1, 1], cost_slopes=[1, 1])
    assert benchmark.quantities == pytest.approx([29 / 9] * 2, abs=1e-12)


def test_takers_of_the_price_sell_at_their_marginal_cost():
    mixed = competitive(intercept=100, slope=1, costs=[10, 40, 40, 0, 50], cost_slopes=[1, 0, 0, 2, 0])
    assert mixed.price == 40
    assert mixed.quantities == pytest.approx([30, 5, 5, 20, 0], abs=1e-12)
    assert mixed.profits == pytest.approx([450, 0, 0, 400, 0], abs=1e-9)
    nobody = competitive(intercept=5, slope=1, costs=[10], cost_slopes=None)
    assert (nobody.quantities, nobody.price) == ((0,), 5)


@given(markets)
@settings(max_examples=20, deadline=None)
def test_competition_is_never_dearer_than_oligopoly(market):
    assert competitive(**market).price <= cournot(**market).price + 1e-9


@given(markets, st.floats(0, 100))
@settings(max_examples=15, deadline=None)
def test_a_leader_knows_how_the_others_answer(market, cost):
    a, b, costs = market["intercept"], market["slope"], market["costs"]
    outcome = quantity_leader(intercept=a, slope=b, leader_cost=cost, follower_costs=costs)

    def answer(q):
        return cournot(intercept=max(0, a - b * q), slope=b, costs=costs)

    optima = lead(answer, lambda q, others: (others.price - cost) * q, low=0, high=a / b)
    assert outcome.leader_profit == pytest.approx(optima[0].payoff, abs=1e-6 * a * a / b)
    assert outcome.followers == answer(outcome.leader).quantities


def test_a_leader_keeps_a_dear_follower_out():
    blocked = quantity_leader(intercept=100, slope=1, leader_cost=10, follower_costs=[50])
    assert (blocked.leader, blocked.followers, blocked.price) == (50, (0,), 50)
    free = quantity_leader(intercept=100, slope=1, leader_cost=10, follower_costs=[80])
    assert (free.leader, free.price) == (45, 55)  # a plain monopoly
    outdone = quantity_leader(intercept=100, slope=1, leader_cost=90, follower_costs=[10])
    assert (outdone.leader, outdone.followers, outdone.leader_profit) == (0, (45,), 0)


def test_two_margins_sell_half_of_one():
    chain = double_marginalisation(intercept=100, slope=2, upstream_cost=10, downstream_cost=10)
    assert (chain.wholesale, chain.retail, chain.quantity) == (50, 80, 10)
    assert (chain.upstream_profit, chain.downstream_profit, chain.integrated_profit) == (400, 200, 800)
    idle = double_marginalisation(intercept=10, upstream_cost=8, downstream_cost=8)
    assert (idle.quantity, idle.upstream_profit, idle.wholesale, idle.retail) == (0, 0, 8, 16)


@pytest.mark.parametrize("solve", [cournot, competitive])
def test_a_market_needs_firms_and_a_falling_demand(solve):
    good = {"intercept": 10, "slope": 1, "costs": [1, 2]}
    with pytest.raises(EmptySide, match="costs: found none"):
        solve(**good | {"costs": []})
    with pytest.raises(PricingError, match="slope: found 0"):
        solve(**good | {"slope": 0})
    with pytest.raises(PricingError, match=r"costs\[1\]: found nan"):
        solve(**good | {"costs": [1, np.nan]})
    with pytest.raises(PricingError, match="cost_slopes: found 1 values, expected 2"):
        solve(**good, cost_slopes=[1])
    with pytest.raises(PricingError, match="slope: found 1e-320"):
        solve(**good | {"slope": 1e-320})


def test_leaders_and_chains_need_numbers():
    with pytest.raises(EmptySide, match="follower_costs: found none"):
        quantity_leader(intercept=1, slope=1, leader_cost=0, follower_costs=[])
    with pytest.raises(PricingError, match="leader_cost: found -1"):
        quantity_leader(intercept=1, slope=1, leader_cost=-1, follower_costs=[1])
    with pytest.raises(PricingError, match="upstream_cost: found nan"):
        double_marginalisation(intercept=1, upstream_cost=np.nan)
