"""Goods that cannot be divided: handed out whole, by lottery, or with money."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pricing.bargaining import Barter, FiniteSet, Good, Transferable, kalai_smorodinsky, nash
from pricing.errors import DisagreementOutside, EmptySide, PricingError

few = settings(max_examples=25, deadline=None)
payoff = st.floats(0.0, 10.0)

BILL_AND_JACK = [
    Good(name, (bill, jack), owner)
    for name, bill, jack, owner in [
        ("book", 2, 4, 0),
        ("whip", 2, 2, 0),
        ("ball", 2, 1, 0),
        ("bat", 2, 2, 0),
        ("box", 4, 1, 0),
        ("pen", 10, 1, 1),
        ("toy", 4, 1, 1),
        ("knife", 6, 2, 1),
        ("hat", 2, 2, 1),
    ]
]


def test_bill_and_jack():
    exchange = Barter(BILL_AND_JACK)
    agreed = nash(exchange.problem())
    assert exchange.endowment == (12, 6)
    assert agreed.payoffs == (24, 11)
    assert agreed.product == 60
    receivers = exchange.allocation(agreed.decision.index(1.0))
    assert [good.name for good, party in zip(BILL_AND_JACK, receivers, strict=True) if party == 0] == [
        "box", "pen", "toy", "knife",
    ]  # fmt: skip


def test_lotteries_add_what_whole_goods_withhold():
    exchange = Barter(BILL_AND_JACK)
    whole, mixed = nash(exchange.problem()), nash(exchange.problem(lotteries=True))
    assert mixed.product >= whole.product
    payoffs = np.array(exchange.problem().outcomes)
    assert np.array(mixed.decision) @ payoffs == pytest.approx(mixed.payoffs, abs=1e-9)
    assert math.fsum(mixed.decision) == pytest.approx(1, abs=1e-12)


def test_money_lets_each_good_go_to_who_values_it_most():
    exchange = Barter(BILL_AND_JACK)
    assert exchange.transferable_total() == 36
    assert nash(Transferable(exchange.transferable_total(), exchange.endowment)).payoffs == (21, 15)


def test_one_good_for_two_is_tossed_for():
    prize = Barter([Good("prize", (1, 1), owner=0)])
    problem = FiniteSet(prize.problem().outcomes, (0, 0), lotteries=True)
    assert nash(problem).payoffs == (0.5, 0.5)
    assert nash(problem).decision == (0.5, 0.5)


def test_three_parties_draw_lots():
    problem = FiniteSet(np.eye(3).tolist(), (0, 0, 0), lotteries=True)
    agreed = nash(problem, weights=(2, 1, 1))
    assert agreed.payoffs == pytest.approx((0.5, 0.25, 0.25), abs=1e-6)
    assert agreed.decision == pytest.approx((0.5, 0.25, 0.25), abs=1e-6)
    assert kalai_smorodinsky(problem).payoffs == pytest.approx((1 / 3,) * 3, abs=1e-7)


def test_three_owners_each_with_what_another_wants():
    goods = [
        Good(f"good {i}", tuple(5.0 if j == (i + 1) % 3 else 1.0 for j in range(3)), owner=i)
        for i in range(3)
    ]
    exchange = Barter(goods)
    agreed = nash(exchange.problem())
    assert agreed.payoffs == (5, 5, 5)
    assert exchange.allocation(agreed.decision.index(1.0)) == (1, 2, 0)


@few
@given(st.lists(st.tuples(payoff, payoff, st.integers(0, 1)), min_size=1, max_size=6))
def test_no_allocation_has_a_larger_product(rows):
    exchange = Barter([Good(str(j), (u, v), owner) for j, (u, v, owner) in enumerate(rows)])
    d = exchange.endowment
    best = 0.0
    for receivers in itertools.product((0, 1), repeat=len(rows)):
        gains = [
            math.fsum(row[p] for row, who in zip(rows, receivers, strict=True) if who == p) - d[p]
            for p in (0, 1)
        ]
        if min(gains) >= 0:
            best = max(best, math.prod(gains))
    assert nash(exchange.problem()).product == pytest.approx(best, abs=1e-9)


@few
@given(st.lists(st.tuples(payoff, payoff), min_size=1, max_size=7))
def test_a_lottery_gives_at_least_the_payoffs_agreed(outcomes):
    problem = FiniteSet([*outcomes, (0.0, 0.0)], (0, 0), lotteries=True)
    for agreed in (nash(problem), kalai_smorodinsky(problem)):
        given = np.array(agreed.decision) @ np.array(problem.outcomes)
        assert np.all(given >= np.array(agreed.payoffs) - 1e-9)


def test_an_outcome_that_nobody_would_accept_is_no_agreement():
    with pytest.raises(DisagreementOutside, match="disagreement: found"):
        FiniteSet([(5, 0), (0, 5)], (1, 1))
    assert nash(FiniteSet([(5, 0), (0, 5)], (1, 1), lotteries=True)).payoffs == (2.5, 2.5)
    with pytest.raises(DisagreementOutside, match="disagreement: found"):
        FiniteSet([(5, 0), (0, 5)], (3, 3), lotteries=True)


def test_what_is_wrong_with_the_goods_is_named():
    with pytest.raises(EmptySide, match="goods"):
        Barter([])
    with pytest.raises(PricingError, match="owner of pen: found 2"):
        Barter([Good("pen", (1, 2), owner=2)])
    with pytest.raises(PricingError, match="values of book: found 1 values, expected 2"):
        Barter([Good("pen", (1, 2), owner=0), Good("book", (1,), owner=0)])
    with pytest.raises(PricingError, match=r"goods: found 2\^21 allocations"):
        Barter([Good(str(j), (1, 2), owner=0) for j in range(21)])
    with pytest.raises(PricingError, match="outcome: found 2"):
        Barter([Good("pen", (1, 2), owner=0)]).allocation(2)
