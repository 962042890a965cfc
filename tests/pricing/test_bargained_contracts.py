"""Contracts over quantity and transfer, over a price alone, and over a bundle of complements."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize, minimize_scalar

from pricing.bargaining import (
    Cost,
    OutsideMode,
    Seller,
    Value,
    bargain_bundle,
    bilateral_contract,
    contract_beside_book,
    wholesale_price,
)
from pricing.errors import EmptySide, PricingError, Unbounded

few = settings(max_examples=20, deadline=None)


def test_contract_beside_an_order_book():
    found = contract_beside_book(
        Value(60, 1), Cost(10, 1.5), asks=[(36, 60.0)], bids=[(28, 60.0)], quantity_max=60, fee_per_unit=1
    )
    assert found.quantity == 20
    assert found.outside_buyer == 264.5
    assert found.outside_seller == pytest.approx(289 / 3)
    assert found.transfer == pytest.approx(500 + 289 / 3 + found.surplus / 2)
    assert found.gain_buyer == pytest.approx(found.gain_seller)


def test_a_thinner_book_binds_the_parties_to_each_other():
    terms = {"bids": [(28, 60.0)], "quantity_max": 60, "fee_per_unit": 1}
    deep = contract_beside_book(Value(60, 1), Cost(10, 1.5), asks=[(36, 60.0)], **terms)
    thin = contract_beside_book(Value(60, 1), Cost(10, 1.5), asks=[(36, 4.0)], **terms)
    assert thin.quantity == deep.quantity
    assert thin.surplus > deep.surplus
    assert thin.unit_price > deep.unit_price


@few
@given(
    st.floats(20, 100),
    st.floats(0.1, 3),
    st.floats(0, 19),
    st.floats(0.1, 3),
    st.floats(0.05, 0.95),
    st.floats(0, 5),
    st.floats(0, 5),
)
def test_no_contract_has_a_larger_product(a, b, c, e, w, d_b, d_s):
    value, cost = Value(a, b), Cost(c, e)
    found = bilateral_contract(value, cost, outside_buyer=d_b, outside_seller=d_s, weight_seller=w)
    if not found.agreed or found.surplus < 1e-3:
        return

    def loss(x):
        buyer, seller = value.of(x[0]) - x[1] - d_b, x[1] - cost.of(x[0]) - d_s
        if min(buyer, seller) <= 0:
            return math.inf
        return -(1 - w) * math.log(buyer) - w * math.log(seller)

    here = [found.quantity, found.transfer]
    best = minimize(loss, here, method="Nelder-Mead", options={"maxiter": 60})
    assert loss(here) <= best.fun + 1e-9


def test_power_and_options_move_money_and_not_the_quantity():
    base = bilateral_contract(Value(60, 1), Cost(10, 1.5))
    strong = bilateral_contract(Value(60, 1), Cost(10, 1.5), weight_seller=0.9, outside_seller=50)
    assert strong.quantity == base.quantity == 20
    assert strong.transfer > base.transfer
    limited = bilateral_contract(Value(60, 1), Cost(10, 1.5), outside_seller=50, mode=OutsideMode.CONSTRAINT)
    assert limited.transfer == base.transfer


def test_nothing_to_trade_is_no_contract():
    found = bilateral_contract(Value(10, 1), Cost(10, 1))
    assert (found.agreed, found.quantity, found.transfer, found.unit_price) == (False, 0, 0, None)
    rich = bilateral_contract(Value(60, 1), Cost(10, 1.5), outside_buyer=600)
    assert (rich.agreed, rich.quantity, rich.surplus) == (False, 0, -100)


def test_linear_value_and_cost_trade_all_that_they_may():
    found = bilateral_contract(Value(3), Cost(1), quantity_max=100, weight_seller=0.25)
    assert (found.quantity, found.transfer, found.unit_price) == (100, 150, 1.5)
    with pytest.raises(Unbounded, match="quantity: found a margin of 2"):
        bilateral_contract(Value(3), Cost(1))


@few
@given(st.floats(1, 200), st.floats(0, 1), st.floats(0.05, 0.95))
def test_wholesale_price_maximises_the_product_of_profits(a, share, beta):
    c = share * a * 0.9
    found = wholesale_price(choke_price=a, cost=c, weight_upstream=beta)

    def loss(w):
        return -beta * math.log((w - c) * (a - w) / 2) - (1 - beta) * math.log((a - w) ** 2 / 4)

    best = minimize_scalar(loss, bounds=(c, a), method="bounded", options={"xatol": 1e-10})
    assert found.price == pytest.approx(best.x, abs=1e-4 * a)
    assert found.profit_upstream == pytest.approx((found.price - c) * (a - found.price) / 2)
    assert found.profit_downstream == pytest.approx((found.retail_price - found.price) * found.quantity)


def test_a_leader_takes_the_stackelberg_price_and_a_follower_its_cost():
    assert wholesale_price(choke_price=100, cost=20, weight_upstream=1).price == 60
    integrated = wholesale_price(choke_price=100, cost=20, weight_upstream=0)
    assert (integrated.price, integrated.quantity) == (20, 40)


SELLERS = {"compute": Seller(420, 40, 0.3), "network": Seller(90, 10, 0.1), "energy": Seller(180, 30, 0.2)}


def test_each_seller_of_a_bundle_is_paid_cost_option_and_share():
    found = bargain_bundle(1000, SELLERS, outside_buyer=60, weight_buyer=0.4)
    assert found.surplus == pytest.approx(170)
    assert dict(found.payments) == pytest.approx({"compute": 511, "network": 117, "energy": 244})
    assert found.price == pytest.approx(872)
    assert found.buyer_utility == pytest.approx(128)


def test_a_bundle_worth_less_than_its_parts_elsewhere_is_not_bought():
    found = bargain_bundle(800, SELLERS, outside_buyer=60)
    assert (found.agreed, found.price, dict(found.payments)) == (False, None, {})
    assert found.surplus == pytest.approx(-30)
    assert found.buyer_utility == 60
    assert found.seller_utilities["network"] == 10


def test_options_of_a_bundle_as_constraints():
    # 310 over costs, in equal parts 77.5: all options are below that
    found = bargain_bundle(
        1000,
        {name: Seller(s.cost, s.outside) for name, s in SELLERS.items()},
        outside_buyer=60,
        mode="constraint",
    )
    assert found.buyer_utility == pytest.approx(77.5)
    assert found.price == pytest.approx(1000 - 77.5)


def test_what_is_wrong_is_named():
    with pytest.raises(EmptySide, match="sellers"):
        bargain_bundle(10, {})
    with pytest.raises(PricingError, match="cost: found nan"):
        Seller(math.nan)
    with pytest.raises(PricingError, match="weight_buyer: found -1"):
        bargain_bundle(10, SELLERS, weight_buyer=-1)
    with pytest.raises(PricingError, match="cost: found 101"):
        wholesale_price(choke_price=100, cost=101)
