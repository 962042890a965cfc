"""Coalitions."""

from collections.abc import Iterator

import numpy as np

from pricing import (
    coalition,
)
from pricing.coalition.private_negotiation import negotiate_privately
from tests.pricing.valid_calls.call import Call, call


def calls() -> Iterator[Call]:
    c = coalition
    yield call(c.Storage, 2.0, 4.0, 1.0, 0.95, 0.95, 0.01, 1.0, 0.01)
    yield call(c.Generator, 8.0, 0.4, 0.1, (("energy", 0.9),))
    yield call(c.FlexibleLoad, 3.0, 8.0, 0, 1)
    yield call(c.GridTariff, (0.3, 0.5), 0.1, 9.0, (4.0, 4.0))
    tariff, battery = c.GridTariff((0.3, 0.5), 0.1), c.Storage(2.0, 4.0, 1.0, 0.95, 0.95)
    yield call(
        c.Balance,
        load=(4.0, 6.0),
        renewable=(6.0, 2.0),
        storage=battery,
        generators=(c.Generator(8.0, 0.4, 0.1),),
        flexible=(c.FlexibleLoad(3.0, 8.0, 0, 1),),
        grid=tariff,
        exchange_max=3.0,
        exchange_fee=0.01,
    )
    balance = c.Balance(load=(4.0, 6.0), renewable=(6.0, 2.0), storage=battery, grid=tariff)
    yield call(balance.profiles)
    yield call(c.Agent, "north", (balance,), 0.5, 2)
    north = c.Agent("north", (balance,))
    east = c.Agent("east", (c.Balance(load=(1.0, 2.0), generators=(c.Generator(8.0, 0.4, 0.1),)),))
    yield call(c.autarky, north)
    yield call(c.local_problem, north)
    problem = c.local_problem(north)
    yield call(problem.cost, np.zeros(len(problem.q)))
    feeder = c.Line("feeder", (("east", 1.0),), (3.0, 3.0))
    yield call(c.Line, "feeder", (("east", 1.0),), (3.0, 3.0))
    yield call(feeder.rates, 2)
    yield call(feeder.flows, ["north", "east"], ["energy"], 2)
    yield call(c.dispatch, [north, east], [feeder])
    yield call(c.negotiate, [north, east], weights=(1.0, 2.0), theta=0.5, lines=[feeder])
    yield call(c.agree, [c.autarky(north), c.autarky(east)], c.dispatch([north, east]), weights=(1.0, 2.0))
    yield call(
        negotiate_privately, [north, east], weights=(1.0, 2.0), theta=0.5, tolerance=1e-3, iterations_max=300
    )
    described = {"name": "north", "load": [4.0, 6.0], "grid": {"buy": 0.5, "sell": 0.1}}
    yield call(c.agents_from, {"slot_hours": 0.5, "slots": 2, "agents": [described]})
    yield call(c.lines_from, [{"name": "feeder", "factors": {"north": 1.0}, "limit": 3.0}])
    yield call(c.share_savings, (100.0, 25.0), (16.0, 64.0), (1.0, 3.0))
    yield call(c.payment_rounds, (84.0, -39.0), (1.0, 3.0), tolerance=1e-6, iterations_max=200)
    yield call(c.contribution_weights, (3.0, 1.0), theta=0.5, base=(1.0, 1.0))
    yield call(c.traded_values, [0.5, 0.2], [[2.0, -5.0], [-2.0, 5.0]])
    yield call(c.subset_savings, [north, east])
    yield call(c.ratio_prices, 0.5, grid_buy=1.0, grid_sell=0.25)
    for price in (c.supply_demand_prices, c.mid_market_prices):
        yield call(price, 6.0, 12.0, grid_buy=1.0, grid_sell=0.25)
