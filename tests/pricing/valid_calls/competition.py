"""Competition."""

from collections.abc import Iterator

from pricing import (
    competition,
)
from tests.pricing.valid_calls.call import Call, call


def calls() -> Iterator[Call]:
    c = competition
    yield call(c.Arc, "a", "b", 1.0, 0.5)
    yield call(c.Demand, "a", "b", 2.0)
    arcs, demands = [c.Arc("a", "b", 1.0, 0.0), c.Arc("a", "b", 0.0, 1.0)], [c.Demand("a", "b", 1.0)]
    yield call(c.equilibrium_flow, arcs, demands, tolls=(0.1, 0.2))
    yield call(c.optimal_flow, arcs, demands)
    yield call(c.route, arcs, demands)
    for utility in (c.LinearUtility(2.0), c.LogUtility(2.0)):
        yield call(type(utility), 2.0)
        yield call(utility.value, 0.5)
        yield call(utility.marginal, 0.5)
    yield call(c.share_by_bids, [c.LinearUtility(2.0), c.LogUtility(1.0)], capacity=1.0)
    yield call(
        c.bertrand,
        intercepts=(10.0, 12.0),
        own_slopes=(2.0, 2.0),
        cross_slopes=((0.0, 0.5), (0.5, 0.0)),
        costs=(1.0, 1.0),
    )
    for oligopoly in (c.competitive, c.cournot):
        yield call(oligopoly, intercept=100.0, slope=1.0, costs=(10.0, 20.0), cost_slopes=(0.5, 1.0))
    yield call(c.double_marginalisation, intercept=100.0, slope=1.0, upstream_cost=10.0, downstream_cost=5.0)
    yield call(c.lead, lambda x: 1 - x / 2, lambda x, y: x * (1 - x - y), low=0.0, high=1.0, cells=20)
    yield call(c.price_to_log_followers, (9.0, 4.0, 1.0), unit_cost=1.0)
    yield call(c.price_to_quadratic_followers, (9.0, 4.0), (1.0, 2.0), unit_cost=1.0)
    yield call(c.quantity_leader, intercept=100.0, slope=1.0, leader_cost=10.0, follower_costs=(10.0, 20.0))
