"""Experiments."""

from collections.abc import Iterator

import numpy as np

from pricing import (
    experiments,
)
from tests.pricing.valid_calls.call import Call, call


def calls() -> Iterator[Call]:
    e = experiments
    values, costs = ((10.0, 8.0), (7.0,)), ((2.0,), (4.0, 9.0))
    market = e.Environment(values, costs)
    traders = e.ZeroIntelligence()
    yield call(e.Environment, values, costs, 6.0)
    yield call(
        e.Environment.of_units, [10.0, 8.0, 7.0], [2.0, 4.0, 9.0], buyers=2, sellers=2, reference_price=6.0
    )
    yield call(market.ladder, tick=0.5)
    yield call(e.ZeroIntelligence)
    yield call(e.Zip, 0.1, 0.5, 0.0, 0.1, 0.05, 0.35, 0.05, 0.05)
    yield call(e.Zip().traits, tick=0.01)
    yield call(e.Seeds, 1, 2)
    yield call(e.run_seed, 1, cell=0, replicate=2)
    yield call(e.Auction, "vcg")
    yield call(e.Competitive)
    yield call(e.PostedPrice, 6.0)
    yield call(e.GodeSunder, 20.0, 1.0, 1.0, 100)
    yield call(e.OpenOutcry, 20.0, 0.01, 0.01, False, 100, 5)
    mechanisms = (
        e.Auction("vcg"),
        e.Competitive(),
        e.PostedPrice(),
        e.GodeSunder(20.0, picks=50),
        e.OpenOutcry(20.0),
        e.Populated(e.GodeSunder(20.0, picks=50), traders),
    )
    for mechanism in mechanisms:
        yield call(mechanism.run, market, traders, seed=1, periods=2)
    session = e.Competitive().run(market, traders, seed=1, periods=2)
    yield call(
        e.Session,
        market,
        2,
        period=np.array([1, 2]),
        buyer=np.array([0, 1]),
        seller=np.array([0, 1]),
        paid=np.array([5.0, 6.0]),
        received=np.array([5.0, 6.0]),
    )
    yield call(session.outcome, 2)
    yield call(session.outcomes)
    yield call(e.Session.of_ticks, market, 1, np.array([[1, 0, 0, 6]]), tick=1.0)
    yield call(e.measure, session.outcome(1), ["efficiency", "alpha"])
    spec = e.ExperimentSpec(
        {"equilibrium": e.Competitive(), "posted": e.PostedPrice()}, market, seeds=e.Seeds(1, 2)
    )
    yield call(e.ExperimentSpec, {"posted": e.PostedPrice()}, market, traders, periods=2)
    yield call(spec.cells)
    yield call(e.run, spec, first_replicate=1)
    yield call(e.run_until, spec, metric="efficiency", half_width=50.0, replicates_max=4, confidence=0.9)
    table = e.run(spec)
    yield call(e.summarise, table, confidence=0.9)
    yield call(e.compare, table, baseline="posted", confidence=0.9)
    yield call(e.to_csv, table)
    yield call(e.comparators, price_high=20.0, price_low=1.0, tick=1.0)
    yield call(e.allocative_efficiency, 9.0, max_surplus=10.0)
    yield call(e.efficiency_loss, values, costs, bought=(1, 1), sold=(1, 1), price=6.0)
    yield call(e.price_volatility, [5.0, 6.0, 7.0])
    yield call(e.profit_dispersion, [5.0, 6.0], [4.0, 7.0])
    yield call(e.smith_alpha, [5.0, 6.0], equilibrium_price=6.0)
    yield call(e.volume_ratio, 3, equilibrium_quantity=4)
    yield call(e.competitive_equilibrium, [10.0, 8.0, 7.0], [2.0, 4.0, 9.0])
    yield call(e.unconstrained_efficiency, [10.0, 8.0, 7.0], [2.0, 4.0, 9.0])
    yield call(e.pair_meeting, 150.0, 60.0, price_high=200.0)
    yield call(e.mean_interval, [1.0, 2.0, 4.0], confidence=0.9)
    yield call(e.bootstrap_interval, [1.0, 2.0, 4.0], seed=1, confidence=0.9, resamples=50)
    yield call(e.paired_difference, [3.0, 5.0, 7.0], [2.0, 3.0, 6.0], confidence=0.9)
    yield call(e.holm, [0.04, 0.01, 0.03])
