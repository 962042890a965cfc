"""Links shared by flows: rates and prices meet the optimality conditions, and each link finds its price alone."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pricing.errors import EmptySide, NotConverged, PricingError
from pricing.load import SharedLinks

ALPHAS = st.floats(0.2, 8)


@st.composite
def networks(draw, alphas=ALPHAS, decades=2.0):
    links, flows = draw(st.integers(1, 7)), draw(st.integers(1, 12))
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    routes = [
        sorted(rng.choice(links, rng.integers(1, links + 1), replace=False).tolist()) for _ in range(flows)
    ]
    capacities = (10 ** rng.uniform(0, decades, links)).tolist()
    weights = (10 ** rng.uniform(-1, 1, flows)).tolist()
    return SharedLinks.from_routes(routes, capacities, weights=weights, fairness=draw(alphas))


@given(networks())
def test_equilibrium_meets_all_optimality_conditions(links):
    shares = links.equilibrium()
    usage, capacities = np.array(links.usage), np.array(links.capacities)
    x, prices = np.array(shares.rates), np.array(shares.prices)
    assert np.all(prices >= 0)
    assert np.all(usage @ x <= capacities * (1 + 1e-10))  # feasible
    assert np.all((prices == 0) | (usage @ x >= capacities * (1 - 1e-10)))  # a price only where full
    assert x == pytest.approx(
        (np.array(links.weights) / (usage.T @ prices)) ** (1 / links.fairness), rel=1e-9
    )


@settings(max_examples=50)
@given(networks(alphas=st.just(1.0), decades=6.0))
def test_proportional_fairness_collects_the_weights(links):
    shares = links.equilibrium()
    assert math.fsum(np.array(shares.prices) * links.capacities) == pytest.approx(
        sum(links.weights), rel=1e-9
    )


@settings(max_examples=25)
@given(networks(alphas=st.just(1.0), decades=0.5))
def test_link_by_link_gradient_finds_the_equilibrium(links):
    gain = 0.95 * links.gain_limit()
    usage = np.array(links.usage)
    prices = np.full(len(links.capacities), 1.0)

    def dual(at):
        rates = np.array(links.rates(at))
        return links.weights @ np.log(rates) + at @ (links.capacities - usage @ rates)

    values = [dual(prices)]
    for _ in range(50):
        prices = np.array(links.step(prices, gain))
        values.append(dual(prices))
    best = dual(np.array(links.equilibrium().prices))
    assert all(after <= before + 1e-9 * abs(before) for before, after in itertools.pairwise(values))
    assert values[-1] >= best - 1e-9 * abs(best)


def test_gradient_settles_on_the_tandem():
    links = SharedLinks.from_routes([[0, 1], [0], [1]], [1, 2])
    prices = (1.0, 1.0)
    for _ in range(500):
        prices = links.step(prices, 0.9 * links.gain_limit())
    shares = links.equilibrium()
    assert prices == pytest.approx(shares.prices, abs=1e-9)
    assert links.rates(prices) == pytest.approx(shares.rates, abs=1e-9)


@pytest.mark.parametrize(("count", "alpha"), [(1, 1.0), (2, 1.0), (3, 2.0), (5, 0.5), (10, 4.0)])
def test_parking_lot_has_its_closed_form(count, alpha):
    routes = [list(range(count)), *([link] for link in range(count))]
    shares = SharedLinks.from_routes(routes, [3.0] * count, fairness=alpha).equilibrium()
    long = 3 / (1 + count ** (1 / alpha))
    assert shares.rates == pytest.approx([long, *[3 - long] * count], rel=1e-10)
    assert shares.prices == pytest.approx([(3 - long) ** -alpha] * count, rel=1e-10)


def test_links_many_orders_apart_and_two_alike():
    shares = SharedLinks.from_routes([[0, 1], [0, 1], [2]], [1e-6, 1e-6, 1e9], fairness=3.0).equilibrium()
    assert shares.rates == pytest.approx((5e-7, 5e-7, 1e9), rel=1e-10)


def test_figures_beyond_all_floats_do_not_converge():
    with pytest.raises(NotConverged, match="orders of magnitude apart"):
        SharedLinks.from_routes([[0, 1], [0]], [1e-300, 1e300], fairness=12.0).equilibrium()


def test_a_link_with_room_is_free():
    shares = SharedLinks.from_routes([[0, 1], [0]], [1.0, 5.0]).equilibrium()
    assert shares.prices[1] == 0
    assert shares.rates == pytest.approx((0.5, 0.5))


@given(networks(decades=1.0))
def test_max_min_rates_are_bottlenecked_everywhere(links):
    rates = np.array(links.max_min_rates())
    usage, capacities = np.array(links.usage), np.array(links.capacities)
    load, level = usage @ rates, rates / links.weights
    assert np.all(load <= capacities * (1 + 1e-9))
    for flow in range(len(rates)):
        # some full link of the flow has nobody with a higher level
        assert any(
            load[j] >= capacities[j] * (1 - 1e-9) and level[flow] >= np.max(level[usage[j] > 0]) * (1 - 1e-9)
            for j in np.flatnonzero(usage[:, flow])
        )


def test_great_fairness_nears_max_min():
    routes, capacities = [[0, 1], [0], [1], [1]], [1.0, 4.0]
    fair = SharedLinks.from_routes(routes, capacities, fairness=60.0).equilibrium()
    assert fair.rates == pytest.approx(SharedLinks.from_routes(routes, capacities).max_min_rates(), rel=0.03)


def test_links_without_price_give_the_narrowest_capacity():
    assert SharedLinks.from_routes([[0, 1]], [3.0, 2.0]).rates([0.0, 0.0]) == (2.0,)


def test_impossible_networks_are_refused():
    with pytest.raises(EmptySide, match="usage: found 0 links"):
        SharedLinks([], [])
    with pytest.raises(EmptySide, match="usage: found 1 links for 2 capacities"):
        SharedLinks([[1.0]], [1.0, 1.0])
    with pytest.raises(PricingError, match="usage of flow 1: found no link"):
        SharedLinks([[1.0, 0.0]], [1.0])
    with pytest.raises(PricingError, match=r"capacities\[0\]: found 0"):
        SharedLinks([[1.0]], [0.0])
    with pytest.raises(PricingError, match=r"weights\[0\]: found -1"):
        SharedLinks([[1.0]], [1.0], [-1.0])
    with pytest.raises(PricingError, match="fairness: found 0"):
        SharedLinks([[1.0]], [1.0], fairness=0)
    with pytest.raises(PricingError, match=r"routes\[0\]: found \[1\], expected distinct links from 0 to 0"):
        SharedLinks.from_routes([[1]], [1.0])
    with pytest.raises(PricingError, match=r"prices\[0\]: found -1"):
        SharedLinks([[1.0]], [1.0]).rates([-1.0])
    with pytest.raises(PricingError, match="gain: found 0"):
        SharedLinks([[1.0]], [1.0]).step([1.0], 0.0)
