"""Bargaining."""

from collections.abc import Iterator

import numpy as np

from market.depth import DepthLevel
from market.units import Commodity, Lots, Ticks
from pricing import (
    bargaining,
)
from tests.pricing.valid_calls.call import Call, call


def calls() -> Iterator[Call]:
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
