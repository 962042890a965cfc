"""Users who look after themselves: bids for shared capacity, and routes through a network."""

import math
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from pricing.competition import (
    Arc,
    Demand,
    LinearUtility,
    LogUtility,
    equilibrium_flow,
    optimal_flow,
    route,
    share_by_bids,
)
from pricing.errors import EmptySide, Infeasible, PricingError

utilities = st.lists(
    st.builds(LinearUtility, st.floats(0.01, 10)) | st.builds(LogUtility, st.floats(0.01, 10)),
    min_size=2,
    max_size=4,
)


@given(utilities, st.floats(0.1, 10))
@settings(max_examples=12, deadline=None)
def test_no_bidder_does_better_with_another_bid_and_three_quarters_are_kept(users, capacity):
    shared = share_by_bids(users, capacity=capacity)
    assert sum(shared.shares) == pytest.approx(capacity, rel=1e-9)
    assert 0.75 - 1e-9 <= shared.efficiency <= 1 + 1e-9
    for user, own in zip(users, shared.bids, strict=True):
        others = sum(shared.bids) - own

        def payoff(bid, user=user, others=others):
            return user.value(capacity * bid / (bid + others)) - bid

        for bid in (0.0, own * 0.5, own * 0.999, own * 1.001, own * 2, own + 0.1):
            assert payoff(own) >= payoff(bid) - 1e-9


@given(st.lists(st.floats(0.05, 1), min_size=2, max_size=8))
@settings(max_examples=12, deadline=None)
def test_linear_bidders_share_as_in_closed_form(slopes):
    # μ = (k − 1)/Σ(1/a) over the k largest slopes that are above it
    price, ordered = 0.0, sorted(slopes, reverse=True)
    for k in range(2, len(slopes) + 1):
        if ordered[k - 1] > price:
            price = (k - 1) / sum(1 / a for a in ordered[:k])
    shared = share_by_bids([LinearUtility(a) for a in slopes], capacity=2)
    assert shared.price == pytest.approx(price, abs=1e-12)
    assert shared.shares == pytest.approx([2 * max(0, 1 - price / a) for a in slopes], abs=1e-9)
    assert shared.best_welfare == pytest.approx(2 * max(slopes), rel=1e-12)


def test_the_worst_case_is_approached_by_many_small_bidders():
    users = [LinearUtility(1), *[LinearUtility(0.5)] * 100]
    assert 0.75 < share_by_bids(users, capacity=1).efficiency < 0.753


def test_any_concave_utility_can_bid():
    @dataclass(frozen=True)
    class Root:
        def value(self, amount):
            return 2 * math.sqrt(amount)

        def marginal(self, amount):
            return 1 / math.sqrt(amount)

    shared = share_by_bids([Root(), Root(), LinearUtility(0.0)], capacity=2)
    assert shared.shares == pytest.approx([1, 1, 0], abs=1e-9)
    assert shared.price == pytest.approx(0.5, abs=1e-12)  # marginal 1, times 1 − 1/2
    assert shared.efficiency == pytest.approx(1, abs=1e-12)


def test_bids_need_bidders():
    with pytest.raises(EmptySide, match="users: found none"):
        share_by_bids([], capacity=1)
    with pytest.raises(Infeasible, match="found 1 with any use"):
        share_by_bids([LinearUtility(1), LinearUtility(0)], capacity=1)
    with pytest.raises(PricingError, match="capacity: found 0"):
        share_by_bids([LinearUtility(1)] * 2, capacity=0)
    with pytest.raises(PricingError, match="slope: found -1"):
        LinearUtility(-1)
    with pytest.raises(PricingError, match="weight: found nan"):
        LogUtility(math.nan)


PIGOU = [Arc("s", "t", 1), Arc("s", "t", 0, 1)]
BRAESS = [Arc("s", "v", 0, 1), Arc("v", "t", 1), Arc("s", "w", 1), Arc("w", "t", 0, 1), Arc("v", "w")]


def test_pigou():
    routing = route(PIGOU, [Demand("s", "t", 1)])
    assert routing.equilibrium.flows == pytest.approx([0, 1], abs=1e-12)
    assert routing.optimum.flows == pytest.approx([0.5, 0.5], abs=1e-12)
    assert routing.tolls == pytest.approx([0, 0.5], abs=1e-12)
    assert routing.price_of_anarchy == pytest.approx(4 / 3, abs=1e-12)


def test_a_free_bridge_makes_everybody_slower():
    demand = [Demand("s", "t", 1)]
    assert equilibrium_flow(BRAESS, demand).flows == pytest.approx([1, 0, 0, 1, 1], abs=1e-12)
    assert equilibrium_flow(BRAESS, demand).unit_costs == pytest.approx([2], abs=1e-12)
    assert equilibrium_flow(BRAESS[:-1], demand).unit_costs == pytest.approx([1.5], abs=1e-12)
    assert optimal_flow(BRAESS, demand).total_cost == pytest.approx(1.5, abs=1e-12)


@given(
    st.lists(st.tuples(st.floats(0, 10), st.floats(0.01, 5)), min_size=1, max_size=6),
    st.floats(0.1, 20),
)
@settings(max_examples=25, deadline=None)
def test_parallel_links_fill_to_one_level(links, amount):
    # flow (level − t)/s on each link below the level, taken in by rising t
    level, room, weighted = math.inf, 0.0, 0.0
    for fixed, slope in sorted(links):
        if fixed < level:
            room, weighted = room + 1 / slope, weighted + fixed / slope
            level = (amount + weighted) / room
    flow = equilibrium_flow([Arc("s", "t", *link) for link in links], [Demand("s", "t", amount)])
    expected = [max(0, level - fixed) / slope for fixed, slope in links]
    assert flow.unit_costs == pytest.approx([level], rel=1e-8)
    assert flow.flows == pytest.approx(expected, abs=1e-6 * amount)


@st.composite
def networks(draw):
    places = "abcde"[: draw(st.integers(3, 5))]
    ring = [
        Arc(one, other, draw(st.integers(0, 5)), 1)
        for one, other in zip(places, places[1:] + places[0], strict=True)
    ]
    pairs = st.tuples(st.sampled_from(places), st.sampled_from(places)).filter(
        lambda pair: pair[0] != pair[1]
    )
    extra = [
        Arc(*draw(pairs), draw(st.integers(0, 5)), draw(st.integers(0, 3)))
        for _ in range(draw(st.integers(1, 5)))
    ]
    demands = [Demand(*draw(pairs), draw(st.integers(1, 5))) for _ in range(draw(st.integers(1, 3)))]
    return ring + extra, demands


@given(networks())
@settings(max_examples=25, deadline=None)
def test_tolls_lead_the_selfish_to_the_optimum_and_anarchy_costs_at_most_a_third(network):
    arcs, demands = network
    routing = route(arcs, demands)
    for flow, tolls in ((routing.equilibrium, np.zeros(len(arcs))), (routing.optimum, routing.tolls)):
        paid = sum(
            x * (latency + toll) for x, latency, toll in zip(flow.flows, flow.latencies, tolls, strict=True)
        )
        cheapest = sum(
            demand.amount * shortest(arcs, np.add(flow.latencies, tolls), demand) for demand in demands
        )
        assert paid == pytest.approx(cheapest, rel=1e-8)  # Wardrop: all flow is on cheapest paths
    assert 1 - 1e-9 <= routing.price_of_anarchy <= 4 / 3 + 1e-9
    tolled = equilibrium_flow(arcs, demands, tolls=routing.tolls)
    assert tolled.total_cost == pytest.approx(routing.optimum.total_cost, rel=1e-8)


def shortest(arcs, costs, demand):
    distance = {demand.origin: 0.0}
    for _ in arcs:
        for arc, cost in zip(arcs, costs, strict=True):
            reached = distance.get(arc.start, math.inf) + cost
            distance[arc.end] = min(distance.get(arc.end, math.inf), reached)
    return distance[demand.destination]


def test_a_general_minimiser_finds_no_better_optimum():
    links = [(3, 1), (1, 2), (2, 0.5)]
    flow = optimal_flow([Arc("s", "t", *link) for link in links], [Demand("s", "t", 4)])
    fixed, slope = np.array(links).T
    found = minimize(
        lambda x: x @ (fixed + slope * x),
        np.full(3, 4 / 3),
        bounds=[(0, None)] * 3,
        constraints={"type": "eq", "fun": lambda x: x.sum() - 4},
    )
    assert flow.total_cost == pytest.approx(found.fun, abs=1e-6)


def test_free_networks_have_no_anarchy():
    routing = route([Arc("s", "t")], [Demand("s", "t", 3)])
    assert (routing.price_of_anarchy, routing.equilibrium.flows) == (1, (3,))


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: route([], [Demand("s", "t", 1)]), EmptySide, "arcs: found none"),
        (lambda: route(PIGOU, []), EmptySide, "demands: found none"),
        (lambda: route(PIGOU, [Demand("t", "s", 1)]), Infeasible, r"demands\[0\]: found no path from t to s"),
        (lambda: route(PIGOU, [Demand("x", "t", 1)]), Infeasible, "no path from x to t"),
        (lambda: Demand("s", "s", 1), PricingError, "destination: found the origin s"),
        (lambda: Demand("s", "t", 0), PricingError, "amount: found 0"),
        (lambda: Arc("s", "t", -1), PricingError, "fixed: found -1"),
        (lambda: Arc("s", "t", 0, math.nan), PricingError, "slope: found nan"),
        (lambda: equilibrium_flow(PIGOU, [Demand("s", "t", 1)], tolls=[1]), PricingError, "tolls: found 1"),
    ],
)
def test_what_is_no_network_is_named(make, error, message):
    with pytest.raises(error, match=message):
        make()
