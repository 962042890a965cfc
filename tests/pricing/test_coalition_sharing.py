"""A saving is shared by the weighted Nash bargain, by contributions, or by posted prices that balance."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pricing.coalition import (
    contribution_weights,
    mid_market_prices,
    ratio_prices,
    share_savings,
    supply_demand_prices,
    traded_values,
)
from pricing.errors import PricingError

money = st.floats(-1e6, 1e6)
members = st.lists(st.tuples(money, money, st.floats(0.01, 10)), min_size=1, max_size=8)


def test_equal_weights_split_the_saving_equally():
    sharing = share_savings([100.0, 25.0], [16.0, 64.0])
    assert sharing.savings == (84.0, -39.0)
    assert sharing.payments == (61.5, -61.5)
    assert sharing.gains == (22.5, 22.5)
    assert sharing.final_costs == (77.5, 2.5)


def test_a_weight_is_a_share_of_the_saving():
    sharing = share_savings([100.0, 25.0], [16.0, 64.0], weights=[3, 1])
    assert sharing.gains == (33.75, 11.25)
    assert sharing.payments == (50.25, -50.25)


@pytest.mark.parametrize("spent", [[10.0, 5.0], [10.0, 6.0]])
def test_nothing_to_share_is_no_agreement_and_no_payment(spent):
    sharing = share_savings([10.0, 5.0], spent)
    assert not sharing.agreement
    assert sharing.payments == sharing.gains == (0.0, 0.0)
    assert sharing.final_costs == (10.0, 5.0)


@settings(max_examples=60)
@given(members)
def test_payments_balance_and_nobody_loses(figures):
    alone, together, weights = zip(*figures, strict=True)
    sharing = share_savings(alone, together, weights)
    scale = 1 + sum(map(abs, alone)) + sum(map(abs, together))
    assert abs(math.fsum(sharing.payments)) <= 1e-12 * scale
    assert all(final <= cost for final, cost in zip(sharing.final_costs, alone, strict=True))
    if sharing.agreement:
        borne = [cost + pays for cost, pays in zip(together, sharing.payments, strict=True)]
        assert borne == pytest.approx(sharing.final_costs, abs=1e-9 * scale)


@settings(max_examples=60)
@given(members, st.floats(0.001, 0.5))
def test_moving_money_between_two_lowers_the_nash_product(figures, moved):
    alone, together, weights = zip(*[*figures, (10.0, 1.0, 1.0)], strict=True)
    sharing = share_savings(alone, together, weights)
    if not sharing.agreement or len(weights) < 2:
        return
    gains = list(sharing.gains)

    def product(gains):
        pairs = zip(sharing.weights, gains, strict=True)
        return sum(weight * math.log(gain) for weight, gain in pairs)

    shift = moved * min(gains[0], gains[-1])
    for sign in (1, -1):
        other = [gains[0] + sign * shift, *gains[1:-1], gains[-1] - sign * shift]
        assert product(other) <= product(gains) + 1e-12


def test_values_traded_count_imports_and_exports_alike():
    assert traded_values([0.5, 0.25], [[2.0, -4.0], [-2.0, 0.0], [0.0, 4.0]]) == (2.0, 1.0, 1.0)
    assert traded_values([[0.5], [2.0]], [[[2.0], [1.0]]]) == (3.0,)
    assert traded_values([[0.5], [2.0]], [[2.0], [-1.0]]) == (1.0, 2.0)  # a price for each member


def test_contributions_count_as_much_as_theta_says():
    assert contribution_weights([3.0, 1.0]) == (0.75, 0.25)
    assert contribution_weights([3.0, 1.0], theta=0) == (0.5, 0.5)
    assert contribution_weights([3.0, 1.0], theta=0.5, base=[1, 3]) == (0.5, 0.5)


def test_without_contributions_the_base_remains():
    assert contribution_weights([0.0, 0.0], base=[1, 3]) == (0.25, 0.75)


def test_shapley_values_as_contributions_are_the_gains():
    shapley = (40.0, 31.0, 25.0)
    sharing = share_savings([50.0, 50.0, 50.0], [20.0, 14.0, 20.0], contribution_weights(shapley))
    assert sharing.gains == pytest.approx(shapley)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: share_savings([1.0], [1.0, 2.0]), "coalition_costs: found 2 values, expected 1"),
        (lambda: share_savings([1.0], [math.nan]), r"coalition_costs\[0\]: found nan"),
        (lambda: share_savings([2.0, 2.0], [1.0, 1.0], [1, -1]), r"weights\[1\]: found -1"),
        (lambda: traded_values([1.0], [[1.0, 2.0]]), r"prices: found shape \(1,\)"),
        (lambda: traded_values([math.inf], [[1.0]]), "found one that is not finite"),
        (lambda: contribution_weights([-1.0, 2.0]), r"contributions\[0\]: found -1.0"),
        (lambda: contribution_weights([1.0], theta=1.5), r"theta: found 1.5, expected a number in \[0, 1\]"),
        (lambda: ratio_prices(-0.1, grid_buy=1, grid_sell=0), "ratio: found -0.1"),
        (lambda: ratio_prices(1, grid_buy=1, grid_sell=2), "grid_sell: found 2, expected at most"),
        (lambda: mid_market_prices(-1, 1, grid_buy=1, grid_sell=0), "supply: found -1"),
    ],
)
def test_what_is_malformed_is_named(call, words):
    with pytest.raises(PricingError, match=words):
        call()


quantities = st.floats(0, 1000, allow_subnormal=False)


@settings(max_examples=60)
@given(
    quantities,
    quantities,
    st.floats(0.01, 10),
    st.floats(0, 1, allow_subnormal=False),
    st.sampled_from([supply_demand_prices, mid_market_prices]),
)
def test_posted_prices_lie_between_the_grids_and_balance_the_community(supply, demand, charged, share, rule):
    paid = share * charged
    inside = rule(supply, demand, grid_buy=charged, grid_sell=paid)
    assert paid - 1e-9 <= inside.sell <= inside.buy + 1e-9 <= charged + 2e-9
    from_grid, to_grid = max(demand - supply, 0) * charged, max(supply - demand, 0) * paid
    assert inside.buy * demand + to_grid == pytest.approx(inside.sell * supply + from_grid, abs=1e-6)


def test_prices_meet_the_grids_at_both_ends():
    ends = [ratio_prices(ratio, grid_buy=1.0, grid_sell=0.4) for ratio in (0, 1, 7)]
    assert [(each.sell, each.buy) for each in ends] == [(1.0, 1.0), (0.4, 0.4), (0.4, 0.4)]
    assert ratio_prices(0.5, grid_buy=1.0, grid_sell=0).sell == 0
