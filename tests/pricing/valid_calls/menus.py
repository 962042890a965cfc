"""Menus."""

from collections.abc import Iterator
from math import log1p

import numpy as np

from pricing import (
    menus,
)
from tests.pricing.valid_calls.call import Call, call


def calls() -> Iterator[Call]:
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
