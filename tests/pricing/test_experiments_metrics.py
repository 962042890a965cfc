"""What is measured: exact numbers, formulas of another kind as oracles, and what has no measure."""

import math
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pricing.errors import EmptySide, Infeasible, PricingError
from pricing.experiments import (
    METRICS,
    Auction,
    Competitive,
    Environment,
    GodeSunder,
    OpenOutcry,
    PostedPrice,
    ZeroIntelligence,
    Zip,
    allocative_efficiency,
    comparators,
    efficiency_loss,
    measure,
    price_volatility,
    profit_dispersion,
    smith_alpha,
    volume_ratio,
)


def a_market():
    return Environment.of_units(
        [160, 140, 120, 100, 80, 60], [40, 60, 80, 100, 120, 140], buyers=3, sellers=2
    )


def test_alpha_is_the_deviation_from_the_equilibrium_in_percent_of_it():
    assert smith_alpha([1.8, 1.9, 2.1, 2.05, 1.95], equilibrium_price=2.0) == pytest.approx(
        5.7008771254956905
    )


@given(st.lists(st.floats(1, 100), min_size=1), st.floats(1, 100))
def test_alpha_squares_are_variance_and_bias(prices, p0):
    variance, bias = statistics.pvariance(prices), statistics.fmean(prices) - p0
    assert smith_alpha(prices, equilibrium_price=p0) == pytest.approx(
        100 * math.sqrt(variance + bias**2) / p0, abs=1e-6
    )


def test_simple_measures():
    assert allocative_efficiency(6.0, max_surplus=7.5) == 80.0
    assert volume_ratio(9, equilibrium_quantity=6) == 1.5
    assert price_volatility([2.0, 2.5, 2.0]) == 0.5
    assert profit_dispersion([3.0, 1.0], [1.0, 1.0]) == pytest.approx(math.sqrt(2))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: smith_alpha([], equilibrium_price=1), EmptySide, "prices"),
        (lambda: smith_alpha([1], equilibrium_price=0), PricingError, "equilibrium_price"),
        (lambda: smith_alpha([math.nan], equilibrium_price=1), PricingError, r"prices\[0\]"),
        (lambda: allocative_efficiency(0, max_surplus=0), Infeasible, "max_surplus"),
        (lambda: allocative_efficiency(2, max_surplus=1), PricingError, "surplus"),
        (lambda: volume_ratio(1, equilibrium_quantity=0), Infeasible, "equilibrium_quantity"),
        (lambda: volume_ratio(-1, equilibrium_quantity=1), PricingError, "trades"),
        (lambda: price_volatility([1.0]), EmptySide, "prices"),
        (lambda: profit_dispersion([], []), EmptySide, "profits"),
        (lambda: profit_dispersion([1], [1, 2]), PricingError, "equilibrium_profits: found 2"),
        (lambda: Auction("dutch"), PricingError, "name: found 'dutch'"),
        (lambda: efficiency_loss([(1,)], [(1,)], bought=[1], sold=[0], price=1), PricingError, "bought"),
        (lambda: efficiency_loss([(1,)], [(1,)], bought=[2], sold=[2], price=1), PricingError, "bought"),
        (lambda: efficiency_loss([(1,)], [(1,)], bought=[1, 0], sold=[1], price=1), PricingError, "2 counts"),
        (
            lambda: measure(Competitive().run(a_market(), Zip(), seed=0).outcome(1), ["joy"]),
            PricingError,
            "joy",
        ),
        (lambda: Competitive().run(a_market(), Zip(), seed=0).outcome(2), PricingError, "period: found 2"),
    ],
)
def test_what_has_no_measure_is_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize("constrained", [True, False])
def test_losses_within_and_beyond_the_margin_sum_to_what_was_lost(constrained):
    for seed in range(40):
        market = a_market()
        outcome = (
            GodeSunder(price_high=200, picks=60)
            .run(market, ZeroIntelligence(constrained=constrained), seed=seed)
            .outcome(1)
        )
        found = measure(outcome, ["efficiency", "intramarginal_loss", "extramarginal_loss"])
        lost = found["intramarginal_loss"] + found["extramarginal_loss"]
        assert lost == pytest.approx(market.equilibrium.surplus * (1 - found["efficiency"] / 100), abs=1e-9)


def test_profits_are_the_surplus_and_what_the_budget_lacks():
    for mechanism in comparators(price_high=200).values():
        outcome = mechanism.run(a_market(), Zip(), seed=3).outcome(1)
        profits = math.fsum((*outcome.buyer_gains, *outcome.seller_gains))
        assert profits == pytest.approx(outcome.surplus - measure(outcome, ["budget"])["budget"])


def test_equilibrium_benchmark_loses_nothing():
    found = measure(Competitive().run(a_market(), Zip(), seed=0).outcome(1), METRICS)
    assert found["efficiency"] == 100
    assert found["alpha"] == found["price_bias"] == found["profit_dispersion"] == 0
    assert (
        found["losers"] == found["budget"] == found["intramarginal_loss"] == found["extramarginal_loss"] == 0
    )
    assert found["volume_ratio"] == 1


def test_vcg_charges_what_a_trader_costs_the_others():
    market = Environment(values=((10, 8), (5,)), costs=((2,), (4, 9)))
    session = Auction("vcg").run(market, Zip(), seed=0)
    # without the first buyer the other one would gain 5 - 2 = 3; with him the sellers' part of the surplus is 12 - 18
    assert session.paid.sum() == 3 - (12 - 18)
    # without seller 1 the surplus is 10 - 4 = 6, without seller 2 it is 10 - 2 = 8; with both it is 12
    assert session.received.tolist() == [12 + 2 - 6, 12 + 4 - 8]


@pytest.mark.parametrize(
    "name", ["uniform", "k-double", "huang", "mcafee", "trade-reduction", "vcg", "muda", "p2p"]
)
def test_auctions_trade_what_they_pay_for(name):
    market = a_market()
    session = Auction(name).run(market, Zip(), seed=2, periods=2)
    first, second = session.outcomes()
    assert first == second
    profits = math.fsum((*first.buyer_gains, *first.seller_gains))
    assert profits == pytest.approx(first.surplus - measure(first, ["budget"])["budget"])
    assert measure(first, ["losers"]) == {"losers": 0.0}


@given(st.integers(0, 3), st.integers(0, 20), st.integers(0, 99))
def test_no_buyer_gains_by_lying_to_vcg(liar, said, seed):
    values = [(7 + seed * (i + 3) % 11,) for i in range(4)]
    costs = tuple((seed * (j + 5) % 13,) for j in range(4))
    truthful = Auction("vcg").run(Environment(tuple(values), costs, 1.0), Zip(), seed=0).outcome(1)
    told = [*values[:liar], (said,), *values[liar + 1 :]]
    lying = Auction("vcg").run(Environment(tuple(told), costs, 1.0), Zip(), seed=0).outcome(1)
    gain = lying.buyer_gains[liar] + lying.buyer_units[liar] * (values[liar][0] - said)
    assert gain <= truthful.buyer_gains[liar] + 1e-9


def test_posted_price_rations_the_longer_side_by_chance():
    market = Environment.of_units([10, 9, 8], [1])
    buyers = {PostedPrice(5.0).run(market, Zip(), seed=seed).buyer.tolist()[0] for seed in range(30)}
    assert buyers == {0, 1, 2}
    nothing = PostedPrice(0.5).run(market, Zip(), seed=0).outcome(1)
    assert measure(nothing, METRICS) == {
        "efficiency": 0.0,
        "trades": 0.0,
        "volume_ratio": 0.0,
        "profit_dispersion": pytest.approx(measure(nothing, ["profit_dispersion"])["profit_dispersion"]),
        "intramarginal_loss": 9.0,
        "extramarginal_loss": 0.0,
        "losers": 0.0,
        "budget": 0.0,
    }


@given(st.integers(0, 10_000))
def test_constrained_and_learning_traders_never_lose(seed):
    market = Environment.of_units([3.0, 2.5, 2.0], [1.0, 1.5, 2.0])
    sessions = (
        GodeSunder(price_low=0.01, price_high=4.0, tick=0.01, picks=100).run(
            market, ZeroIntelligence(), seed=seed
        ),
        OpenOutcry(price_high=4.0).run(market, ZeroIntelligence(), seed=seed),
        OpenOutcry().run(market, Zip(), seed=seed, periods=2),
    )
    for session in sessions:
        for outcome in session.outcomes():
            assert measure(outcome, ["losers", "budget"]) == {"losers": 0.0, "budget": 0.0}
