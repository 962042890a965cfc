"""What the order book offers instead, and how that bears on a price."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from market.depth import Depth, DepthLevel
from market.units import Commodity
from pricing.bargaining import (
    Cost,
    OutsideMode,
    Transferable,
    Value,
    bargain_price,
    buyer_outside,
    inside_spread_price,
    levels_of,
    nash,
    seller_outside,
    split,
    walk,
    without_orders,
)
from pricing.errors import PricingError

few = settings(max_examples=25, deadline=None)
levels = st.lists(st.tuples(st.floats(0, 60), st.floats(0, 20)), max_size=5)


def walked(side, quantity):
    money = 0.0
    for price, size in side:
        taken = min(size, quantity)
        money, quantity = money + price * taken, quantity - taken
    return money


def test_split_the_difference_and_deal_me_out():
    for options, between, limited in [
        ((0, 0.3), (0.35, 0.65), (0.5, 0.5)),
        ((0, 0.6), (0.2, 0.8), (0.4, 0.6)),
        ((0.2, 0.7), (0.25, 0.75), (0.3, 0.7)),
    ]:
        assert split(1, options).payoffs == pytest.approx(between)
        assert split(1, options, mode=OutsideMode.CONSTRAINT).payoffs == pytest.approx(limited)


def test_options_of_several_parties_bind_in_turn():
    # thirds would be 4 each; 3 takes 6, and halves of the rest would be 3, so 2 takes its 3.5
    agreed = split(12, (0, 3.5, 6), mode=OutsideMode.CONSTRAINT)
    assert agreed.payoffs == pytest.approx((2.5, 3.5, 6))
    assert agreed.gains == pytest.approx((2.5, 0, 0))


def test_options_worth_more_than_the_pie_leave_no_agreement():
    for mode in OutsideMode:
        agreed = split(1, (0.7, 0.6), mode=mode)
        assert not agreed.agreed
        assert agreed.payoffs == (0.7, 0.6)


@few
@given(st.lists(st.floats(0, 10), min_size=2, max_size=5), st.floats(0.1, 50), st.data())
def test_as_a_constraint_no_other_split_has_a_larger_product(options, surplus, data):
    total = math.fsum(options) + surplus
    w = [data.draw(st.floats(0.1, 1)) for _ in options]
    payoffs = np.array(split(total, options, w, mode="constraint").payoffs)
    assert payoffs.sum() == pytest.approx(total)
    assert np.all(payoffs >= np.array(options) - 1e-9)
    # moving a little from one to another who may lose some never raises Σ w ln x
    slope = np.array(w) / payoffs
    free = payoffs > np.array(options) + 1e-7
    assert not free.any() or np.all(slope <= slope[free].min() * (1 + 1e-6))


def test_price_of_one_trade():
    found = bargain_price(value=10, cost=4, weight_seller=0.75)
    assert (found.price, found.gain_buyer, found.gain_seller) == (8.5, 1.5, 4.5)
    assert (found.low, found.high) == (4, 10)


def test_options_shift_or_limit_the_price():
    offers = {"value": 10, "cost": 4, "outside_buyer": 1, "outside_seller": 4}
    assert bargain_price(**offers).price == 8.5
    limited = bargain_price(**offers, mode=OutsideMode.CONSTRAINT)
    assert limited.price == 8.0
    assert (limited.gain_buyer, limited.gain_seller) == (1, 0)


def test_no_zone_of_agreement_no_price():
    found = bargain_price(value=10, cost=4, outside_buyer=3, outside_seller=4)
    assert (found.agreed, found.price, found.gain_buyer, found.gain_seller) == (False, None, 0, 0)
    assert (found.low, found.high) == (8, 7)


@few
@given(st.floats(0, 50), st.floats(0, 50), st.floats(0, 10), st.floats(0, 10), st.floats(0.01, 0.99))
def test_price_agrees_with_the_division_of_the_surplus(cost, gain, d_b, d_s, w):
    found = bargain_price(
        value=cost + gain, cost=cost, outside_buyer=d_b, outside_seller=d_s, weight_seller=w
    )
    if found.agreed:
        shared = nash(Transferable(gain, (d_b, d_s)), (1 - w, w))
        assert (cost + gain - found.price, found.price - cost) == pytest.approx(shared.payoffs, abs=1e-9)
        assert found.low <= found.price <= found.high


def test_price_inside_the_spread():
    assert inside_spread_price(value=60, cost=10, best_bid=28, best_ask=36).price == 32
    # a bid below cost and an ask above value are no options
    assert inside_spread_price(value=60, cost=30, best_bid=28, best_ask=70).price == 45
    assert inside_spread_price(value=60, cost=10).price == 35
    found = inside_spread_price(
        value=60, cost=10, best_bid=28, best_ask=36, fee_buyer=2, fee_seller=1, weight_seller=1
    )
    assert (found.price, found.low, found.high) == (38, 27, 38)


def test_a_thin_book_weakens_the_option():
    deep, thin = [(36, 100.0)], [(36, 5.0), (50, 100.0)]
    assert buyer_outside(Value(60, 1), deep, 60, 1) == 264.5
    # 5 units at a margin of 23, then 4 at what is left over 51
    assert buyer_outside(Value(60, 1), thin, 60, 1) == 5 * 23 - 12.5 + 4**2 / 2
    assert seller_outside(Cost(10, 1.5), [(28, 100.0)], 60, 1) == pytest.approx(289 / 3)


def test_an_empty_or_useless_book_offers_nothing():
    assert buyer_outside(60, [], 10) == 0
    assert buyer_outside(60, [(61, 10)], 10) == 0
    assert seller_outside(60, [(61, 10)], 10, fee_per_unit=2) == 0
    assert buyer_outside(60, [(30, 10)], 0) == 0


@few
@given(levels, st.floats(0, 60), st.floats(0, 3), st.floats(0, 40), st.floats(0, 5))
def test_no_quantity_on_a_grid_beats_the_walk(asks, slope, curvature, limit, fee):
    value, asks = Value(slope, curvature), sorted(asks)
    on_offer = min(limit, sum(size for _, size in asks))
    found = buyer_outside(value, asks, limit, fee)
    gains = [value.of(q) - walked(asks, q) - fee * q for q in np.linspace(0, on_offer, 101)]
    assert found >= max(gains) - 1e-9
    assert found <= max(gains) + (slope + 60 + fee + curvature * on_offer) * on_offer / 100 + 1e-9


@few
@given(levels, st.floats(0, 60), st.floats(0, 3), st.floats(0, 40), st.floats(0, 5))
def test_a_seller_is_a_buyer_in_the_mirror(bids, slope, curvature, limit, fee):
    found = seller_outside(Cost(slope, curvature), bids, limit, fee)
    mirrored = [(100 - price, size) for price, size in bids]
    assert found == pytest.approx(
        buyer_outside(Value(100 - slope, curvature), mirrored, limit, fee), abs=1e-7
    )


def test_walk_pays_each_level_its_price():
    assert walk([(40, 5), (36, 10)], 12, side="asks") == 440
    assert walk([(36, 10), (40, 5)], 12, side="bids") == 452
    with pytest.raises(PricingError, match="quantity: found 16, expected at most the 15"):
        walk([(40, 5), (36, 10)], 16, side="asks")
    with pytest.raises(PricingError, match="side: found 'ask'"):
        walk([], 0, side="ask")


def test_own_orders_and_the_counterpartys_are_no_option():
    asks = [(36, 10.0), (40, 5.0)]
    assert without_orders(asks, [(36, 10.0), (40, 2.0)]) == ((40, 3),)
    with pytest.raises(PricingError, match="orders: found 11 units at 36"):
        without_orders(asks, [(36, 11.0)])
    with pytest.raises(PricingError, match="orders: found 1 units at 37"):
        without_orders(asks, [(37, 1.0)])


def test_levels_come_from_the_depth_of_a_book():
    depth = Depth(bids=(), asks=(DepthLevel(400, 2_500, 1), DepthLevel(500, 1_000, 2)))
    asks = levels_of(depth.asks, Commodity.ENE)
    assert asks == ((0.04, 2.5), (0.05, 1.0))
    assert buyer_outside(0.06, asks, 3) == pytest.approx(2.5 * 0.02 + 0.5 * 0.01)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: bargain_price(value=math.nan, cost=1), "value: found nan"),
        (lambda: bargain_price(value=2, cost=1, weight_seller=1.5), "weight_seller: found 1.5"),
        (
            lambda: bargain_price(value=2, cost=1, mode="threat"),
            "mode: found 'threat', expected one of disagreement",
        ),
        (lambda: split(1, (0, math.inf)), r"outside\[1\]: found inf"),
        (lambda: split(1, (0, 0), (1, -1)), r"weights\[1\]: found -1"),
        (lambda: buyer_outside(60, [(36, -1)], 5), r"asks\[0\] quantity: found -1"),
        (lambda: seller_outside(60, [(36, 1, 2)], 5), r"bids\[0\]: found \(36, 1, 2\)"),
        (lambda: buyer_outside(60, [], -1), "quantity: found -1"),
        (lambda: buyer_outside(60, [], 1, -1), "fee_per_unit: found -1"),
        (lambda: Value(1, -1), "curvature: found -1"),
    ],
)
def test_what_is_wrong_is_named(call, words):
    with pytest.raises(PricingError, match=words):
        call()
