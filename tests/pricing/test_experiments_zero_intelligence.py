"""Zero intelligence: the closed forms against integration and simulation, and the compiled market against a plain one."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad

from pricing.errors import EmptySide, Infeasible, PricingError
from pricing.experiments import (
    Environment,
    GodeSunder,
    ZeroIntelligence,
    Zip,
    measure,
    pair_meeting,
    run_seed,
    unconstrained_efficiency,
)
from pricing.experiments.seeds import streams
from tests.pricing.plain_markets import Draws, quote_driven

VALUES = [160 - 5 * k for k in range(24)]
COSTS = [20 + 5 * k for k in range(24)]


def a_linear_market():
    return Environment.of_units(VALUES, COSTS, buyers=6, sellers=6)


def test_generator_is_xoshiro256_plus_plus():
    # the first numbers from the state (1, 2, 3, 4), as the generator's authors' program prints them
    draws = Draws(np.array([[1, 2, 3, 4]], np.uint64))
    assert [draws.next(0) for _ in range(4)] == [41943041, 58720359, 3588806011781223, 3591011842654386]


@pytest.mark.parametrize("constrained", [True, False])
def test_compiled_market_deals_as_a_plain_one_does(constrained):
    market = a_linear_market()
    for seed in range(3):
        compiled = GodeSunder(price_high=200, picks=700).run(
            market, ZeroIntelligence(constrained=constrained), seed=seed, periods=2
        )
        plain = quote_driven(
            Draws(streams(seed, traders=market.traders)),
            market,
            low=1,
            high=200,
            constrained=constrained,
            picks=700,
            periods=2,
        )
        deals = (compiled.period, compiled.buyer, compiled.seller, compiled.paid)
        assert list(zip(*(column.tolist() for column in deals), strict=True)) == plain


def test_equal_seeds_deal_equally_and_others_otherwise():
    market = a_linear_market()
    runs = [GodeSunder(price_high=200).run(market, ZeroIntelligence(), seed=seed) for seed in (5, 5, 6)]
    assert runs[0].paid.tolist() == runs[1].paid.tolist() != runs[2].paid.tolist()


def test_unconstrained_traders_end_at_the_identity():
    market = a_linear_market()
    outcome = GodeSunder(price_high=200).run(market, ZeroIntelligence(constrained=False), seed=1).outcome(1)
    assert len(outcome.paid) == 24
    assert measure(outcome, ["efficiency"])["efficiency"] == pytest.approx(400 / 7)
    assert unconstrained_efficiency(VALUES, COSTS) == pytest.approx(400 / 7)


@pytest.mark.parametrize(
    ("values", "costs", "buyers", "high", "efficiency", "trades"),
    [
        (VALUES, COSTS, 6, 200, 98.97, 15.471),
        (list(range(325, 50, -25)), list(range(75, 350, 25)), 11, 400, 96.35, 6.102),
    ],
)
def test_constrained_traders_are_as_efficient_as_the_specification_says(
    values, costs, buyers, high, efficiency, trades
):
    market = Environment.of_units(values, costs, buyers=buyers, sellers=buyers)
    found = [
        measure(
            GodeSunder(price_high=high)
            .run(market, ZeroIntelligence(), seed=run_seed(1, cell=0, replicate=r))
            .outcome(1),
            ["efficiency", "trades"],
        )
        for r in range(300)
    ]
    assert np.mean([each["efficiency"] for each in found]) == pytest.approx(efficiency, abs=0.9)
    assert np.mean([each["trades"] for each in found]) == pytest.approx(trades, abs=0.2)


@given(st.floats(1, 100), st.floats(0, 0.95), st.floats(0.05, 3))
def test_meeting_of_a_pair_is_what_integration_says(value, cost_share, headroom):
    cost = value * cost_share
    high = cost + headroom * value  # below the value for small headrooms
    met = pair_meeting(value, cost, price_high=high)

    def moment(power):
        # of the mid-price over offers a in [C, min(M, V)], bids b in [a, V], each pair with density 1/(V(M - C))
        inner = lambda a: (((a + value) / 2) ** (power + 1) - a ** (power + 1)) * 2 / (power + 1)  # noqa: E731
        return quad(inner, cost, min(high, value))[0] / value / (high - cost)

    chance, mean, square = moment(0), moment(1) / moment(0), moment(2) / moment(0)
    assert met.crossing_probability == pytest.approx(chance, rel=1e-6)
    assert met.expected_rounds == pytest.approx(1 / chance, rel=1e-6)
    assert met.expected_price == pytest.approx(mean, rel=1e-6)
    assert met.price_sd**2 == pytest.approx(square - mean**2, abs=1e-6 * value**2)


def test_published_meeting_of_a_pair():
    met = pair_meeting(150, 60, price_high=200)
    assert met.crossing_probability == pytest.approx(0.19285714285714287)
    assert met.expected_price == 105
    assert met.price_sd == pytest.approx(18.371173070873837)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: pair_meeting(50, 60, price_high=100), Infeasible, "value: found 50"),
        (lambda: pair_meeting(50, 40, price_high=40), PricingError, "price_high"),
        (lambda: pair_meeting(math.nan, 40, price_high=60), PricingError, "value"),
        (lambda: unconstrained_efficiency([1, 2], [1]), Infeasible, "costs: found 1 units"),
        (lambda: unconstrained_efficiency([1], [2]), Infeasible, "no unit worth more"),
        (lambda: unconstrained_efficiency([], []), EmptySide, "values"),
        (lambda: GodeSunder(price_high=0.5), PricingError, "price_high"),
        (lambda: GodeSunder(price_high=10, tick=0), PricingError, "tick"),
        (lambda: GodeSunder(price_high=10, picks=0), PricingError, "picks"),
        (lambda: GodeSunder(price_high=math.inf), PricingError, "price_high"),
        (lambda: GodeSunder(price_high=200).run(a_linear_market(), Zip(), seed=0), PricingError, "agents"),
        (
            lambda: GodeSunder(price_high=200).run(a_linear_market(), ZeroIntelligence(), seed=-1),
            PricingError,
            "seed: found -1",
        ),
        (
            lambda: GodeSunder(price_high=200).run(a_linear_market(), ZeroIntelligence(), seed=0, periods=0),
            PricingError,
            "periods: found 0",
        ),
    ],
)
def test_what_cannot_be_is_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()
