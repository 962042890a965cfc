"""Auctions."""

from collections.abc import Iterator

import numpy as np

from market.orders import Side
from pricing import (
    auctions,
)
from tests.pricing.valid_calls.call import Call, call


def calls() -> Iterator[Call]:
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
