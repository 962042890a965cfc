"""All auctions by name: one door, checked inputs, statistics of what comes out."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from market.orders import Side
from market.units import InvariantBroken
from pricing.auctions import (
    MECHANISMS,
    Book,
    Order,
    clear,
    huang,
    largest_volume,
    market_profit,
    mcafee,
    percentage_traded,
    percentage_welfare,
    profits,
    step_book,
    uniform,
    unit_book,
)
from pricing.auctions.crossing import cross
from pricing.auctions.outcome import settle
from pricing.errors import EmptySide, PricingError

ORDERS = [
    Order("lab", Side.BUY, 9, 2),
    Order("shop", Side.BUY, 6, 1),
    Order("mill", Side.BUY, 3, 1),
    Order("sun", Side.SELL, 2, 2),
    Order("wind", Side.SELL, 4, 1),
    Order("gas", Side.SELL, 7, 2),
]
SEEDED = {"sbb-trade-reduction", "muda", "p2p"}
curve = st.lists(st.tuples(st.integers(0, 9), st.sampled_from([0.5, 1, 2])), min_size=1, max_size=5)


def test_the_names_of_all_auctions():
    assert set(MECHANISMS) == {
        "uniform",
        "pay-as-bid",
        "k-double",
        "mcafee",
        "trade-reduction",
        "sbb-trade-reduction",
        "vcg",
        "huang",
        "muda",
        "p2p",
    }
    assert {name for name, each in MECHANISMS.items() if "seed" in each.parameters} == SEEDED


@pytest.mark.parametrize("name", MECHANISMS)
def test_every_auction_clears_the_same_orders(name):
    seed = 3 if name in SEEDED else None
    outcome = clear(name, ORDERS, seed=seed)
    assert outcome.mechanism == name
    assert len(outcome.filled) == len(outcome.paid) == len(ORDERS)
    assert (outcome.efficient_volume, outcome.efficient_welfare) == (3, 16)
    assert outcome.interval == (4, 6)
    assert outcome == clear(name, ORDERS, seed=seed)
    for order, filled, paid in zip(ORDERS, outcome.filled, outcome.paid, strict=True):
        sign = 1 if order.side is Side.BUY else -1
        assert 0 <= filled <= order.quantity
        assert sign * order.price * filled - paid >= -1e-9


@pytest.mark.parametrize("name", MECHANISMS)
@pytest.mark.parametrize("side", Side)
def test_an_empty_side_is_refused(name, side):
    with pytest.raises(EmptySide, match=r"orders: found \d bids and \d offers, expected some"):
        clear(name, [order for order in ORDERS if order.side is side], seed=1 if name in SEEDED else None)


@pytest.mark.parametrize("name", sorted(SEEDED))
def test_lots_are_drawn_from_a_seed_only(name):
    with pytest.raises(PricingError, match="seed"):
        clear(name, ORDERS)


def test_what_an_auction_does_not_take_is_refused_by_name():
    with pytest.raises(PricingError, match="k: found a parameter of vcg, expected none"):
        clear("vcg", ORDERS, k=0.5)
    with pytest.raises(PricingError, match="seed: found a parameter of uniform, expected k, ties"):
        clear("uniform", ORDERS, seed=1)
    with pytest.raises(PricingError, match="mechanism: found 'dutch', expected one of uniform, "):
        clear("dutch", ORDERS)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"price": math.nan}, r"prices\[6\]: found nan"),
        ({"price": math.inf}, r"prices\[6\]: found inf"),
        ({"price": 1e16}, r"prices\[6\]: found 1e\+16"),
        ({"price": "9"}, r"prices\[6\]: found '9'"),
        ({"quantity": 0}, r"quantities\[6\]: found 0, expected a number in \(0"),
        ({"quantity": -1}, r"quantities\[6\]: found -1"),
        ({"quantity": 1e-7}, r"quantities\[6\]: found"),
        ({"quantity": 1e10}, r"quantities: found 1e\+10 together"),
        ({"side": "buy"}, r"orders\[6\].side: found 'buy'"),
    ],
)
def test_a_malformed_order_is_named(change, message):
    wrong = {"participant": "x", "side": Side.BUY, "price": 5, "quantity": 1} | change
    with pytest.raises(PricingError, match=message):
        clear("uniform", [*ORDERS, Order(**wrong)])


def test_malformed_rows_are_refused():
    with pytest.raises(
        PricingError, match=r"bids: found \[\(1, 2, 3\)\], expected rows of \(price, quantity\)"
    ):
        step_book([(1, 2, 3)], [(1, 2)])
    with pytest.raises(PricingError, match=r"asks: found \['a'\]"):
        step_book([(1, 2)], ["a"])
    with pytest.raises(EmptySide):
        unit_book([], [1])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"lots": np.array([1, 0])}, "lots: found 0, expected at least 1"),
        ({"owners": np.array([0, 2])}, "owners: found 0 to 2, expected indexes of participants"),
        ({"buys": np.array([True])}, "buys: found 1, expected one for each of 2 orders"),
    ],
)
def test_a_malformed_column_is_named(change, message):
    with pytest.raises(PricingError, match=message):
        replace(unit_book([9], [1]), **change)


def test_the_arrays_of_a_book_cannot_be_written():
    book = unit_book([9], [1])
    with pytest.raises(ValueError, match="read-only"):
        book.prices[0] = 3
    assert book.with_price(0, 3).prices.tolist() == [3, 1]


@pytest.mark.parametrize("filled", [[1, 0], [-1, -1], [2, 2]])
def test_fills_that_cannot_be_are_broken(filled):
    book = unit_book([9], [1])
    with pytest.raises(InvariantBroken, match="fills: found"):
        settle(book, cross(book).efficient, np.array(filled) * 1_000_000, mechanism="none", rule="none")


class TestStatistics:
    def test_of_a_published_book(self):
        book = step_book([(3, 1), (2, 1)], [(1, 1.5)])
        filled, paid = np.array([1, 0, 1]) * 1_000_000, np.array([2.0, 0, -2])
        outcome = settle(book, cross(book).efficient, filled, mechanism="given", rule="given", paid=paid)
        assert percentage_traded(book, outcome) == pytest.approx(2 / 3)
        assert percentage_welfare(outcome) == 0.8
        assert dict(profits(book, outcome)) == {"buyer 0": 1, "buyer 1": 0, "seller 0": 1}
        assert market_profit(outcome) == 0

    def test_pairs_at_prices_of_their_own_may_trade_more_than_one_price(self):
        book = unit_book([9, 4], [3, 8])
        assert (largest_volume(book), uniform(book).volume) == (2, 1)
        assert percentage_traded(book, uniform(book)) == 0.5

    def test_where_nothing_can_trade_nothing_is_missed(self):
        book = unit_book([1], [2])
        assert (percentage_traded(book, mcafee(book)), percentage_welfare(mcafee(book))) == (1, 1)

    @given(bids=curve, asks=curve)
    @settings(max_examples=25, deadline=None)
    def test_the_largest_volume_is_that_of_the_linear_program(self, bids, asks):
        pairs = [(i, j) for i, (bid, _) in enumerate(bids) for j, (ask, _) in enumerate(asks) if bid >= ask]
        expected = 0.0
        if pairs:
            rows = [[float(i == at) for i, _ in pairs] for at in range(len(bids))]
            rows += [[float(j == at) for _, j in pairs] for at in range(len(asks))]
            limits = [quantity for _, quantity in [*bids, *asks]]
            expected = -linprog([-1.0] * len(pairs), A_ub=rows, b_ub=limits).fun
        assert largest_volume(step_book(bids, asks)) == pytest.approx(expected)

    @given(bids=curve, asks=curve)
    @settings(max_examples=25, deadline=None)
    def test_profits_and_what_the_market_keeps_are_the_welfare(self, bids, asks):
        book = step_book(bids, asks)
        outcome = huang(book)
        assert sum(profits(book, outcome).values()) + market_profit(outcome) == pytest.approx(outcome.welfare)


def test_a_participant_of_several_orders_is_one():
    book = Book.of([Order("lab", Side.BUY, 3), Order("sun", Side.SELL, 1), Order("lab", Side.BUY, 2)])
    assert (book.participants, book.owners.tolist()) == (("lab", "sun"), [0, 1, 0])
