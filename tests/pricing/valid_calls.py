"""A valid call of every public function, class and method of `pricing`: what the tests of bad input spoil, figure by figure.

A row has the callable itself, so that it cannot point at something else. Sizes are small, and figures ordinary.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from math import log1p
from statistics import NormalDist
from typing import Any

import numpy as np

from market.depth import DepthLevel
from market.instruments import parse_symbol
from market.orders import Side
from market.units import Commodity, Lots, Ticks
from pricing import (
    auctions,
    bargaining,
    base,
    coalition,
    competition,
    cooperative,
    dynamic,
    experiments,
    hedonic,
    index,
    load,
    menus,
    payments,
    period,
    rolling,
    rules,
)
from pricing.coalition.private_negotiation import negotiate_privately
from pricing.taxonomy import EnergyType, taxonomy


@dataclass(frozen=True)
class Call:
    """A callable with arguments that it takes."""

    function: Callable[..., Any]
    positional: tuple[Any, ...]
    named: dict[str, Any]

    def __str__(self):
        return f"{self.function.__module__}.{self.function.__qualname__}"


def call(function, *positional, **named):
    return Call(function, positional, named)


def bargaining_calls() -> Iterator[Call]:
    b = bargaining
    goods = [b.Good("pen", (10.0, 1.0), owner=1), b.Good("book", (2.0, 4.0), owner=0)]
    barter = b.Barter(goods)
    yield call(b.Barter, goods)
    yield call(barter.problem)
    yield call(barter.allocation, 1)
    yield call(barter.transferable_total)

    utility = b.Utility([3.0, 1.0], 1.0, [[2.0, 0.0], [0.0, 0.0]])
    yield call(b.Utility, [3.0, 1.0], 1.0, [[2.0, 0.0], [0.0, 0.0]])
    yield call(utility.of, [2.0, 5.0])
    yield call(utility.factor)
    yield call(b.Limits, [[1.0, 1.0]], [4.0])
    yield call(b.ConvexSet, [utility, b.Utility([1.0, 2.0])], (0.0, 0.0), b.Limits([[1.0, 1.0]], [4.0]), None)
    yield call(b.ConvexSet.polytope, [[1.0, 1.0], [1.0, 0.0]], [4.0, 3.0], (0.0, 0.0))
    yield call(b.Transferable, 100.0, (20.0, 10.0), (50.0, None, None)[:2])
    yield call(b.Polygon, [(0.0, 2.0), (2.0, 1.5), (3.0, 0.0)], (0.0, 0.0))
    yield call(b.Frontier, lambda u1: 1 - u1**2, 0.0, 1.0, (0.0, 0.0))
    yield call(b.FiniteSet, [(4.0, 0.0), (2.0, 3.0), (1.0, 5.0)], (1.0, 0.0), True)
    yield call(b.FiniteSet, [(4.0, 0.0), (2.0, 3.0), (1.0, 5.0)], (1.0, 0.0))
    forms = (
        b.Transferable(100.0, (20.0, 10.0), (50.0, None)),
        b.Polygon([(0.0, 2.0), (2.0, 1.5), (3.0, 0.0)], (0.0, 0.0)),
        b.Frontier(lambda u1: 1 - u1**2, 0.0, 1.0, (0.0, 0.0)),
        b.FiniteSet([(4.0, 0.0), (2.0, 3.0), (1.0, 5.0)], (1.0, 0.0)),
        b.FiniteSet([(4.0, 0.0), (2.0, 3.0), (1.0, 5.0)], (1.0, 0.0), lotteries=True),
        b.ConvexSet.polytope([[1.0, 1.0], [1.0, 0.0]], [4.0, 3.0], (0.0, 0.0)),
    )
    for form in forms:
        yield call(form.ideal)
        for best in (form.farthest, form.best_product, form.best_sum):
            yield call(best, np.array([0.25, 0.75]))
        for solution in (b.nash, b.egalitarian, b.utilitarian):
            yield call(solution, form, (1.0, 3.0))
        yield call(b.kalai_smorodinsky, form)

    sellers = {"compute": b.Seller(420.0, 40.0, 0.3), "energy": b.Seller(180.0, 30.0, 0.2)}
    yield call(b.Seller, 420.0, 40.0, 0.3)
    yield call(b.bargain_bundle, 1000.0, sellers, outside_buyer=60.0, weight_buyer=0.4)
    value, cost = b.Value(60.0, 1.0), b.Cost(10.0, 1.5)
    yield call(b.Value, 60.0, 1.0)
    yield call(b.Cost, 10.0, 1.5)
    yield call(value.of, 20.0)
    yield call(cost.of, 20.0)
    asks, bids = [(36.0, 30.0), (40.0, 30.0)], [(28.0, 30.0), (20.0, 30.0)]
    for mode in b.OutsideMode:
        yield call(b.split, 100.0, (10.0, 60.0), (1.0, 3.0), mode=mode)
        yield call(
            b.bargain_price,
            value=10.0,
            cost=4.0,
            outside_buyer=1.0,
            outside_seller=4.0,
            weight_seller=0.5,
            mode=mode,
        )
        yield call(
            b.inside_spread_price,
            value=60.0,
            cost=10.0,
            best_bid=28.0,
            best_ask=36.0,
            fee_buyer=1.0,
            fee_seller=1.0,
            weight_seller=0.5,
            mode=mode,
        )
        yield call(
            b.bilateral_contract,
            value,
            cost,
            outside_buyer=100.0,
            outside_seller=50.0,
            weight_seller=0.5,
            quantity_max=60.0,
            mode=mode,
        )
        yield call(
            b.contract_beside_book,
            value,
            cost,
            asks=asks,
            bids=bids,
            quantity_max=60.0,
            fee_per_unit=1.0,
            weight_seller=0.5,
            mode=mode,
        )
    yield call(b.wholesale_price, choke_price=100.0, cost=10.0, weight_upstream=0.5)
    yield call(b.divide, 1.0, (1.0, 0.5), weights=(1.0, 2.0))
    yield call(b.divide, 1.0, (1.0, 0.5), disagreement=(0.1, 0.2), weights=(1.0, 2.0))
    yield call(b.parse_frontier, "u1 + u2 <= 10, u1 <= 4", (0.0, 0.0), u1_range=(0.0, 3.0))
    yield call(b.parse_frontier, "u1**2 + u2**2 = 2", (0.0, 0.0), u1_range=(0.0, 1.0))
    yield call(b.rubinstein, (0.9, 0.8), pie=2.0, first=1)
    yield call(b.rubinstein, (0.9, 0.8), pie=2.0, first=1, periods=3)
    yield call(b.discounts_of, (0.05, 0.1), period=1.0)
    yield call(b.patience_weights, (0.05, 0.1))
    yield call(b.buyer_outside, 60.0, asks, 40.0, 1.0)
    yield call(b.buyer_outside, value, asks, 40.0, 1.0)
    yield call(b.seller_outside, 10.0, bids, 40.0, 1.0)
    yield call(b.seller_outside, cost, bids, 40.0, 1.0)
    yield call(b.walk, asks, 40.0, side="asks")
    yield call(b.without_orders, asks, [(36.0, 10.0)])
    yield call(b.levels_of, [DepthLevel(Ticks(2321), Lots(5), 1)], Commodity.CMP)


def load_calls() -> Iterator[Call]:
    controller = dynamic.LoadController(0.2, 0.8, 2.0, 0.11, -0.7, 1.4)
    yield call(dynamic.kinked_multiplier, 0.9, at_zero=0.5, rise_to_knee=0.5, rise_above=3.0, knee=0.8)
    yield call(dynamic.smooth_multiplier, 0.5, low=0.5, high=2.0, steepness=2.0, balance=1.0)
    yield call(dynamic.next_base_fee, base_fee=1_000_000_000, used=9, limit=20, elasticity=2, denominator=8)
    yield call(dynamic.delay_limits, 1)
    yield call(dynamic.smoothing_limits, 0.5)
    yield call(dynamic.LoadController, 0.2, 0.8, 2.0, 0.11, -0.7, 1.4)
    yield call(dynamic.LoadController.for_elasticity, 2.0, target_load=0.8)
    yield call(controller.step, 0.1, 0.9)
    yield call(controller.multiplier, 0.1)
    yield call(controller.diagnose, elasticity=1.5, delay_slots=1)
    yield call(controller.diagnose, elasticity=1.5, smoothing_weight=0.5)

    coupled = load.CoupledController((controller, controller))
    yield call(load.CoupledController, (controller, controller))
    yield call(load.CoupledController.for_elasticities, [[2.0, 0.5], [0.3, 1.0]], target_loads=[0.8, 0.7])
    yield call(coupled.step, (0.0, 0.1), (0.9, 0.8))
    yield call(coupled.diagnose, [[2.0, 0.5], [0.3, 1.0]])
    yield call(
        load.estimate_elasticity,
        [1 + k / 10 for k in range(9)],
        [0.9 * (1 + k / 10) ** -1.5 for k in range(9)],
        confidence=0.9,
    )
    sale = load.ReservationSale(10.0, 1.0)
    yield call(load.ReservationSale, 10.0, 1.0)
    for figure in (sale.value, sale.price, sale.fluid_value, sale.fluid_price):
        yield call(figure, 3, 1.5)
    links = load.SharedLinks([[1.0, 1.0, 0.0], [1.0, 0.0, 1.0]], [1.0, 2.0], [1.0, 1.0, 2.0], 2.0)
    yield call(load.SharedLinks, [[1.0, 1.0, 0.0], [1.0, 0.0, 1.0]], [1.0, 2.0], [1.0, 1.0, 2.0], 2.0)
    yield call(
        load.SharedLinks.from_routes, [[0, 1], [0], [1]], [1.0, 2.0], weights=[1.0, 1.0, 2.0], fairness=2.0
    )
    yield call(links.rates, [0.5, 0.5])
    yield call(links.step, [0.5, 0.5], gain=0.1)
    for figure in (links.gain_limit, links.equilibrium, links.max_min_rates):
        yield call(figure)
    yield call(load.logit_prices, [2.0, 1.5], [0.5, 0.4], sensitivity=1.0)
    yield call(
        load.peak_load_prices,
        [18.0, 20.0],
        running_cost=2.0,
        capacity_cost=6.0,
        slopes=[1.0, 1.0],
        durations=[0.5, 0.5],
    )
    curve = partial(dynamic.kinked_multiplier, at_zero=0.5, rise_to_knee=0.5, rise_above=3.0, knee=0.8)
    yield call(load.posted_load, curve, lambda m: 0.95 * m**-1.5)
    yield call(
        load.protection_level,
        reserved_price=100.0,
        spot_price=60.0,
        reserved_quantile=NormalDist(50, 15).inv_cdf,
    )
    yield call(load.nested_protection, [100.0, 60.0, 40.0], [50.0, 60.0, 80.0], [15.0, 20.0, 25.0])
    yield call(load.admission_toll, reward=10.0, waiting_cost=1.0, service_rate=1.0, arrival_rate=0.8)


def menu_calls() -> Iterator[Call]:
    m = menus
    quadratic = m.QuadraticValue(10.0, 1.0)
    smooth = m.SmoothValue(lambda q: 6 * log1p(q), lambda q: 6 / (1 + q), 100.0)
    yield call(m.QuadraticValue, 10.0, 1.0)
    yield call(m.SmoothValue, lambda q: 6 * log1p(q), lambda q: 6 / (1 + q), 100.0)
    for value in (quadratic, smooth):
        yield call(value.worth, 2.0)
        yield call(value.demand, 2.0)
        yield call(m.procurement_menu, [2.0, 3.0, 4.0], [0.3, 0.3, 0.4], value)
    yield call(m.procurement_menu([2.0, 3.0], [0.5, 0.5], quadratic).incentives)
    uniform = m.UniformQualityMenu(0.25, 1.0, 1.0)
    yield call(m.UniformQualityMenu, 0.25, 1.0, 1.0)
    yield call(uniform.quality, 0.75)
    yield call(uniform.price, 0.75)
    yield call(m.quality_menu, [1.0, 1.5, 2.0], [0.3, 0.3, 0.4], cost=2.0)
    yield call(m.quality_menu([1.0, 1.5], [0.5, 0.5]).incentives)
    yield call(m.deviation_gains, np.array([[6.0, 6.0], [-2.0, 0.0]]))
    yield call(m.verify, np.array([[6.0, 6.0], [-2.0, 0.0]]))
    yield call(m.distribution, [0.25, 0.75], 2)
    yield call(m.linear_contract, risk_aversion=2.0, effort_cost=1.0, variance=0.5, reservation=1.0)
    for kind, figure, wanted in (
        (m.PowerUtility, 0.5, 3.0),
        (m.CrraUtility, 1.0, 1.0),
        (m.CrraUtility, 2.0, -0.5),
        (m.CaraUtility, 0.5, -0.5),
    ):
        yield call(kind, figure)
        yield call(kind(figure).wage, wanted)
        yield call(
            m.binary_contract,
            success_high=0.8,
            success_low=0.4,
            effort_cost=0.1,
            reservation=wanted,
            utility=kind(figure),
        )


def base_calls() -> Iterator[Call]:
    solar = EnergyType(45.0, renewable=True, carbon_free=True, certificate_usd_per_kwh=0.004)
    yield call(base.quality_factor, {"tflops": 312.0}, {"tflops": 78.0}, {"tflops": 0.5})
    yield call(base.service_factor, {"sla": 0.5}, {"sla": 0.2})
    yield call(base.EnergyPrices, 0.04, 30.0, 475.0, 0.25, 4.0)
    yield call(base.EnergyPrices(0.04, 30.0, 475.0).factor, solar)
    yield call(
        base.multiplicative_price,
        reference_usd=2.0,
        quality_factor=1.5,
        service_factor=1.1,
        energy_factor=1.0,
    )
    yield call(
        base.cost_plus_price,
        capital_usd=2.0,
        quality_factor=1.0,
        service_factor=1.1,
        power_w=1000.0,
        pue=1.5,
        electricity_usd_per_kwh=0.04,
        energy_factor=1.4,
    )
    prices = base.BasePrices()
    symbol = parse_symbol("CMP.H100@CISO/2022-03-11T18Z/1h#Q3.G2")
    yield call(base.BasePrices, tier_coefficient=0.25)
    yield call(prices.power_w, "H100")
    yield call(prices.price, symbol, pue=1.2, energy=solar)

    rows, observed = [[1.0, 0.0], [1.0, 1.0], [1.0, 2.0], [1.0, 1.0]], [1.0, 2.0, 4.0, 2.5]
    fit = hedonic.fit_hedonic(rows, observed)
    yield call(hedonic.fit_hedonic, rows, observed)
    yield call(hedonic.fit_hedonic, rows, observed, names=["constant", "size"], nonnegative=["size"])
    yield call(fit.predict, [1.0, 0.5])
    yield call(fit.describe)
    sized = [row[1:] for row in rows]
    yield call(index.price_index, [1, 1, 2, 2], sized, observed)
    yield call(index.price_index([1, 1, 2, 2], sized, observed).level, 2)
    yield call(period.distinct_periods, [2023, 2022])
    yield call(rolling.shrink, [0.5, 0.25], [0.75, 0.125], weight=0.5)
    yield call(rolling.rolling_fits, [1, 1, 2, 2], rows, observed, window=1, weight=0.5)

    yield call(payments.round_payments, [0.7, 0.5, -1.2], per_unit=100, total=0)
    yield call(rules.Band, 0.5, 2.0)
    yield call(rules.price_terms, base_price_per_unit=2.11, load_multiplier=1.1, commodity=Commodity.CMP)
    yield call(rules.greenness, solar)
    yield call(rules.nash_weight, tier=3, load=0.95, energy="G4")

    figures = taxonomy()
    yield call(figures.joules_per_token, "LLAMA-3.1-8B", "H100", share_of_range=0.5)
    yield call(figures.accelerator_hours_per_token, "LLAMA-3.1-8B", "H100", share_of_range=0.5)
    yield call(figures.blend, {"SOLAR": 0.5, "WIND": 0.5})
    yield call(figures.stored, {"SOLAR": 0.5, "WIND": 0.5}, round_trip_efficiency=0.8)
    yield call(figures.of_green_class, "G2")


def coalition_calls() -> Iterator[Call]:
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


def cooperative_calls() -> Iterator[Call]:
    g = cooperative
    game = g.Game(np.array([0.0, 1.0, 2.0, 4.0]))
    yield call(g.Game, np.array([0.0, 1.0, 2.0, 4.0]))
    yield call(g.Game.from_function, 3, lambda members: float(len(members) ** 2))
    yield call(g.Game.from_coalitions, 2, {(0,): 1.0, (1,): 2.0, (0, 1): 5.0})
    yield call(game.value, [0, 1])
    yield call(game.membership)
    for solution in (g.shapley, g.nucleolus, g.prenucleolus, g.least_core):
        yield call(solution, game)
    yield call(g.excesses, game, (1.5, 2.5))
    for test in (g.blocking_coalitions, g.in_core):
        yield call(test, game, (1.5, 2.5), tolerance=1e-6)
    yield call(g.sample_shapley, 3, lambda members: float(len(members) ** 2), pairs=4, seed=1, confidence=0.9)
    for evenness in (g.gini, g.jain_index):
        yield call(evenness, (1.0, 2.0, 3.0))
    yield call(g.airport_game, (1.0, 2.0, 4.0))
    yield call(g.bankruptcy_game, 200.0, (100.0, 200.0, 300.0))
    yield call(g.glove_game, 1, 2)
    yield call(g.voting_game, 2.0, (1.0, 1.0, 1.0))
    for rule in (g.talmud, g.proportional, g.equal_awards, g.equal_losses):
        yield call(rule, 200.0, (100.0, 200.0, 300.0))


def competition_calls() -> Iterator[Call]:
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


def auction_calls() -> Iterator[Call]:
    a = auctions
    bids, asks = [9.0, 8.0, 7.0, 4.0], [2.0, 3.0, 4.0, 6.0]
    book = a.unit_book(bids, asks)
    orders = [a.Order("lab", Side.BUY, 9.0, 2.0), a.Order("sun", Side.SELL, 4.0, 1.0)]
    yield call(a.unit_book, bids, asks)
    yield call(a.step_book, [(9.0, 2.0), (7.0, 1.0)], [(2.0, 1.0), (3.0, 2.0)])
    yield call(a.step_book, np.array([(9.0, 2.0), (7.0, 1.0)]), np.array([(2.0, 1.0), (3.0, 2.0)]))
    yield call(a.Book.of, orders)
    yield call(
        a.Book,
        prices=np.array([9.0, 2.0]),
        lots=np.array([1_000_000, 1_000_000]),
        buys=np.array([True, False]),
        owners=np.array([0, 1]),
        participants=("lab", "sun"),
    )
    yield call(book.with_price, 1, 7.5)
    for name, parameters in (
        ("uniform", {"k": 0.5}),
        ("k-double", {"k": 0.5}),
        ("p2p", {"k": 0.5, "seed": 1}),
        ("muda", {"seed": 1}),
        ("vcg", {}),
    ):
        yield call(a.clear, name, orders, **parameters)
    for mechanism in (a.huang, a.mcafee, a.trade_reduction, a.vcg):
        yield call(mechanism, book)
    for mechanism in (a.k_double, a.uniform):
        yield call(mechanism, book, k=0.5)
    yield call(a.pay_as_bid, book)
    yield call(a.sbb_trade_reduction, book, seed=1)
    yield call(a.muda, book, seed=1)
    yield call(a.muda, book, left=[0, 1, 4, 5])
    yield call(a.posted_price, book, 5.0)
    yield call(a.peer_to_peer, book, k=0.5, seed=1)
    yield call(a.peer_to_peer, book, k=0.5, rounds=[[(0, 4), (1, 5)]])
    yield call(a.best_misreport, a.mcafee, book, [3.0, 5.0], least=1e-9)
    outcome = a.mcafee(book)
    yield call(a.largest_volume, book)
    yield call(a.percentage_traded, book, outcome)
    yield call(a.percentage_welfare, outcome)
    yield call(a.profits, book, outcome)
    yield call(a.market_profit, outcome)
    packages = [a.PackageBid("a", ("cpu",), 4.0), a.PackageBid("b", ("cpu", "net"), 10.0)]
    for combinatorial in (a.combinatorial_core, a.combinatorial_vcg):
        yield call(combinatorial, packages)
    for sale in (a.first_price, a.second_price):
        yield call(sale, [9.0, 7.0, 4.0], reserve=5.0)
    for slots in (a.generalized_second_price, a.vickrey_positions):
        yield call(slots, [200.0, 100.0], [10.0, 4.0, 2.0])
    uniform = a.UniformBidders(3, 0.0, 1.0)
    yield call(a.UniformBidders, 3, 0.0, 1.0)
    yield call(uniform.first_price_bid, 0.5)
    yield call(uniform.revenue, reserve=0.5)
    linear = a.LinearEquilibrium(0.5)
    yield call(a.LinearEquilibrium, 0.5)
    yield call(linear.bid, 0.75)
    yield call(linear.ask, 0.25)
    yield call(a.myerson_satterthwaite, (0.0, 1.0), (0.0, 1.0))


def experiment_calls() -> Iterator[Call]:
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


VALID_CALLS = tuple(
    valid
    for room in (
        bargaining_calls,
        load_calls,
        menu_calls,
        base_calls,
        coalition_calls,
        cooperative_calls,
        competition_calls,
        auction_calls,
        experiment_calls,
    )
    for valid in room()
)
