"""The load controller and load prices."""

from collections.abc import Iterator
from functools import partial
from statistics import NormalDist

from pricing import (
    dynamic,
    load,
)
from tests.pricing.valid_calls.call import Call, call


def calls() -> Iterator[Call]:
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
