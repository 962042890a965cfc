"""Properties: the check of them, and what mechanisms of one's own give back to it."""

from collections.abc import Iterator
from types import SimpleNamespace

import numpy as np

from market.orders import Side
from pricing import (
    properties,
)
from pricing.auctions import Order, unit_book
from pricing.bargaining import Polygon, Transferable
from pricing.coalition import Agent, Balance, Generator
from pricing.menus import QuadraticValue
from pricing.properties import Answer, Property, check_properties
from tests.pricing.valid_calls.call import Call, call

CHEAP = [Property.INDIVIDUAL_RATIONALITY, Property.INCENTIVES, Property.BUDGET_BALANCE, Property.EFFICIENCY]
BARGAINED = [Property.INDIVIDUAL_RATIONALITY, Property.PARETO, Property.SCALE_INVARIANCE]
BOOK = unit_book([9.0, 8.0], [2.0, 3.0])
PAIR = Transferable(100.0, (20.0, 10.0), (70.0, None))
POLYGON = Polygon([(0.0, 2.0), (2.0, 1.5), (3.0, 0.0)], (0.0, 0.0))
SUPPLIERS = properties.ProcurementProblem([2.0, 3.0], [0.5, 0.5], QuadraticValue(10.0))
BUYERS = properties.QualityProblem([1.0, 1.5], [0.5, 0.5])
MEMBERS = [
    Agent(name, (Balance(load=(10.0,), generators=(Generator(cost_quadratic=a),)),))
    for name, a in (("north", 2.0), ("south", 0.5))
]


def auction_gives(filled, paid):
    return check_properties(lambda _: SimpleNamespace(filled=filled, paid=paid), BOOK, reports=2)


def bargain_gives(payoffs):
    return check_properties(lambda _: SimpleNamespace(payoffs=payoffs), PAIR, properties=BARGAINED)


def menu_gives(items):
    return check_properties(lambda _: items, SUPPLIERS)


def coalition_gives(exchanges, payments_micros):
    settled = SimpleNamespace(exchanges=exchanges, payments_micros=payments_micros)
    return check_properties(lambda _: settled, MEMBERS, properties=CHEAP)


def calls() -> Iterator[Call]:
    p = properties
    orders = [Order("lab", Side.BUY, 9.0, 2.0), Order("sun", Side.SELL, 4.0, 1.0)]
    yield call(p.Fills, (1.0, 1.0), (5.0, -5.0))
    yield call(p.Exchanged, np.array([[4.0, 1.0], [-4.0, -1.0]]), (48, -48))
    yield call(p.ProcurementProblem, [2.0, 3.0], [0.5, 0.5], QuadraticValue(10.0))
    yield call(SUPPLIERS.principal_value, 2.0)
    yield call(SUPPLIERS.largest)
    yield call(p.QualityProblem, [1.0, 1.5], [0.5, 0.5], 2.0)
    yield call(BUYERS.principal_value, 2.0)
    yield call(BUYERS.largest)
    yield call(p.Claim(Answer.YES).on, PAIR, {})
    yield call(p.Finding, Property.PARETO, Answer.YES, "", holds=False, worst=0.5, explanation="")
    yield call(check_properties, "k-double", orders, tolerance=1e-9, reports=2, k=0.5)
    yield call(check_properties, "muda", orders, properties=CHEAP[:1], seed=1)
    yield call(
        check_properties,
        "nash",
        PAIR,
        properties=CHEAP,
        weights=(1.0, 3.0),
        tolerance=1e-6,
        reports=2,
        smaller=[Transferable(90.0, (20.0, 10.0))],
    )
    yield call(
        check_properties, "kalai-smorodinsky", POLYGON, properties=[Property.MONOTONICITY], smaller=[POLYGON]
    )
    claims = {Property.EFFICIENCY: Answer.WEAK, Property.INCENTIVES: Answer.YES}
    yield call(check_properties, "procurement-menu", SUPPLIERS, claims=claims, tolerance=1e-9)
    yield call(check_properties, "quality-menu", BUYERS, properties=CHEAP[:2], tolerance=1e-9)
    yield call(check_properties, "negotiate", MEMBERS, properties=CHEAP[2:3], weights=(1.0, 2.0))
    yield call(auction_gives, [1.0, 1.0, 1.0, 1.0], [5.0, 5.0, -5.0, -5.0])
    yield call(bargain_gives, (55.0, 45.0))
    yield call(menu_gives, [(8.0, 22.0), (6.0, 18.0)])
    yield call(coalition_gives, [[4.0], [-4.0]], (48_000_000, -48_000_000))
