"""The competitive equilibrium of step curves: published numbers, brute force, and prices at which the market clears."""

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pricing.errors import EmptySide, PricingError
from pricing.experiments import CompetitiveEquilibrium, Environment, competitive_equilibrium

SMITH = [3.25 - 0.25 * k for k in range(11)]
units = st.lists(st.integers(0, 12), min_size=1, max_size=5)


def most_surplus(values, costs):
    """Try every way to pair units."""
    few, many = sorted((values, costs), key=len)
    return max(
        sum(max(0, a - b if few is values else b - a) for a, b in zip(few, chosen, strict=True))
        for chosen in itertools.permutations(many, len(few))
    )


def test_smiths_first_chart():
    found = competitive_equilibrium(SMITH, SMITH[::-1])
    assert found == CompetitiveEquilibrium(price=2.0, quantity=6, surplus=7.5, price_low=2.0, price_high=2.0)


@pytest.mark.parametrize(
    ("values", "costs", "low", "high", "quantity"),
    [
        ([10, 8, 5], [2, 4, 9], 5, 8, 2),  # units beyond the margin on both sides
        ([10, 8], [2, 4], 4, 8, 2),  # everything trades
        ([10], [2, 3], 2, 3, 1),  # sellers left over compete
        ([10, 9], [2], 9, 10, 1),  # buyers left over compete
        ([3], [5], 3, 5, 0),  # no trade: between the best of both
        ([3.25] * 6, [0.75] * 11, 0.75, 0.75, 6),
        ([3.25] * 11, [0.75] * 6, 3.25, 3.25, 6),
    ],
)
def test_prices_that_clear_lie_between_the_units_at_the_margin(values, costs, low, high, quantity):
    found = competitive_equilibrium(values, costs)
    assert (found.price_low, found.price_high, found.quantity) == (low, high, quantity)
    assert found.price == (low + high) / 2


@given(units, units)
def test_surplus_is_the_most_of_any_pairing(values, costs):
    assert competitive_equilibrium(values, costs).surplus == most_surplus(values, costs)


@given(units, units)
def test_at_its_prices_nobody_who_trades_loses_and_nobody_else_could_gain(values, costs):
    found = competitive_equilibrium(values, costs)
    for price in (found.price_low, found.price, found.price_high):
        assert sum(v > price for v in values) <= found.quantity <= sum(v >= price for v in values)
        assert sum(c < price for c in costs) <= found.quantity <= sum(c <= price for c in costs)


@pytest.mark.parametrize(
    ("values", "costs", "error", "message"),
    [
        ([], [1], EmptySide, "values: found none"),
        ([1], [], EmptySide, "costs: found none"),
        ([math.nan], [1], PricingError, r"values\[0\]: found nan"),
        ([1], [math.inf], PricingError, r"costs\[0\]: found inf"),
    ],
)
def test_what_is_no_market_is_refused(values, costs, error, message):
    with pytest.raises(error, match=message):
        competitive_equilibrium(values, costs)


def test_units_are_dealt_round():
    market = Environment.of_units([6, 5, 4, 3], [1, 2, 3, 4], buyers=2, sellers=4)
    assert market.values == ((6.0, 4.0), (5.0, 3.0))
    assert market.costs == ((1.0,), (2.0,), (3.0,), (4.0,))
    assert market.traders == 6


def test_a_traders_best_unit_comes_first():
    market = Environment(values=((2, 5),), costs=((4, 1),))
    assert (market.values, market.costs) == (((5.0, 2.0),), ((1.0, 4.0),))


def test_reference_price_is_that_of_the_equilibrium_unless_told():
    assert Environment(((10,),), ((2,),)).reference_price == 6
    assert Environment(((10,),), ((2,),), reference_price=3).reference_price == 3


@pytest.mark.parametrize(
    ("build", "error", "message"),
    [
        (lambda: Environment((), ((1,),)), EmptySide, "values"),
        (lambda: Environment(((1,),), ((),)), EmptySide, "costs"),
        (lambda: Environment(((math.nan,),), ((1,),)), PricingError, r"values\[0\]\[0\]"),
        (lambda: Environment(((1,),), ((1,),), reference_price=-1), PricingError, "reference_price"),
        (lambda: Environment.of_units([1, 2], [1], buyers=3), PricingError, "buyers: found 3"),
        (lambda: Environment.of_units([1, 2], [1], buyers=0), PricingError, "buyers: found 0"),
        (lambda: Environment.of_units([], [1]), EmptySide, "buyers"),
        (lambda: Environment(((1e9,),), ((1,),)).ladder(tick=1e-9), PricingError, "tick"),
    ],
)
def test_what_is_no_environment_is_refused(build, error, message):
    with pytest.raises(error, match=message):
        build()
