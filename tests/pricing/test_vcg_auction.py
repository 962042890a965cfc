"""The Clarke double auction, for participants of one and of several orders."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from market.orders import Side
from pricing.auctions import Book, Order, best_misreport, unit_book, vcg

orders = st.lists(
    st.builds(
        Order,
        participant=st.sampled_from("abcde"),
        side=st.sampled_from(Side),
        price=st.integers(0, 9),
        quantity=st.sampled_from([0.5, 1, 2, 3.25]),
    ),
    min_size=2,
    max_size=9,
).filter(lambda drawn: len({order.side for order in drawn}) == 2)


def welfare_by_linear_program(orders):
    """max Σ ±price·x with as much bought as sold, 0 <= x <= quantity."""
    if not orders:
        return 0.0
    signs = [1 if order.side is Side.BUY else -1 for order in orders]
    found = linprog(
        [-sign * order.price for sign, order in zip(signs, orders, strict=True)],
        A_eq=[signs],
        b_eq=[0],
        bounds=[(0, order.quantity) for order in orders],
    )
    return -found.fun


def test_buyers_pay_and_sellers_get_what_the_others_lose():
    outcome = vcg(unit_book([9, 8, 7, 4], [2, 3, 4, 6]))
    assert (outcome.volume, outcome.buyer_price, outcome.seller_price, outcome.budget_surplus) == (
        3,
        4,
        6,
        -6,
    )


def test_a_marginal_order_that_does_not_exist_drops_out():
    outcome = vcg(unit_book([9, 7], [2, 4]))
    assert (outcome.buyer_price, outcome.seller_price) == (4, 7)


def test_a_buyer_of_several_units_does_not_pay_for_his_own_bids():
    """Alone with one seller he displaces nobody: he pays what the units cost."""
    book = Book.of(
        [Order("lab", Side.BUY, 9, 2), Order("lab", Side.BUY, 5, 1), Order("sun", Side.SELL, 1, 4)]
    )
    outcome = vcg(book)
    assert outcome.paid[0] + outcome.paid[1] == pytest.approx(3)
    assert outcome.paid[2] == pytest.approx(-23)


@given(orders=orders)
@settings(max_examples=25, deadline=None)
def test_payments_are_those_of_leaving_each_out_and_no_order_passes_its_limit(orders):
    book = Book.of(orders)
    outcome = vcg(book)
    assert np.all(book.signs * book.prices * np.array(outcome.filled) - np.array(outcome.paid) >= -1e-9)
    greatest = welfare_by_linear_program(orders)
    assert outcome.welfare == pytest.approx(greatest)
    for name in {order.participant for order in orders}:
        own = [at for at, order in enumerate(orders) if order.participant == name]
        worth = sum(
            (1 if orders[at].side is Side.BUY else -1) * orders[at].price * outcome.filled[at] for at in own
        )
        without = welfare_by_linear_program([order for order in orders if order.participant != name])
        assert sum(outcome.paid[at] for at in own) == pytest.approx(without - (greatest - worth), abs=1e-9)


@given(orders=orders)
@settings(max_examples=8, deadline=None)
def test_no_untruth_gains_for_participants_of_several_orders(orders):
    assert best_misreport(vcg, Book.of(orders), np.arange(-0.5, 10, 2.0)).gain == 0


def test_a_large_book_is_as_its_formula_says():
    chance = np.random.default_rng(3)
    outcome = vcg(unit_book(chance.integers(0, 10**6, 20_000), chance.integers(0, 10**6, 20_000)))
    low, high = outcome.interval
    assert (outcome.buyer_price, outcome.seller_price) == (low, high)
