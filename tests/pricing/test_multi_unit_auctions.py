"""Auctions of several units: Huang's, MUDA, peer to peer, and the exchange's own on real numbers."""

from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from market.orders import Side
from pricing.auctions import (
    Book,
    Order,
    best_misreport,
    huang,
    k_double,
    muda,
    pay_as_bid,
    peer_to_peer,
    posted_price,
    step_book,
    uniform,
    unit_book,
)
from pricing.errors import PricingError

curve = st.lists(st.tuples(st.integers(0, 9), st.sampled_from([0.1, 0.5, 1, 2, 3.3])), min_size=1, max_size=5)


def gains(book, outcome):
    return book.signs * book.prices * np.array(outcome.filled) - np.array(outcome.paid)


class TestHuang:
    def test_the_marginal_orders_set_the_prices_and_stay_out(self):
        outcome = huang(step_book([(3, 1), (1, 2)], [(2, 2)]))
        assert (outcome.buyer_price, outcome.seller_price, outcome.volume) == (3, 2, 0)

    def test_the_long_side_gives_up_the_same_each_as_far_as_it_has_it(self):
        outcome = huang(step_book([(6, 1), (5, 0.1), (4, 1.9), (3, 1)], [(1, 1), (2, 1.5), (2.5, 1), (4, 1)]))
        assert outcome.filled == (0.8, 0, 1.7, 0, 1, 1.5, 0, 0)
        assert (outcome.buyer_price, outcome.seller_price) == (3, 2.5)

    def test_what_cannot_be_shared_equally_goes_to_the_best(self):
        outcome = huang(step_book([(9, 1), (9, 1), (9, 1), (5, 1)], [(1, 1), (2, 5)]))
        assert outcome.filled[:3] == (0.333334, 0.333333, 0.333333)

    @settings(max_examples=30, deadline=None)
    @given(bids=curve, asks=curve)
    def test_everybody_is_content_and_the_market_keeps_the_spread(self, bids, asks):
        book = step_book(bids, asks)
        outcome = huang(book)
        assert np.all(gains(book, outcome) >= -1e-9)
        assert outcome.budget_surplus >= -1e-9
        assert outcome.volume <= outcome.efficient_volume

    @given(bids=curve, asks=curve)
    @settings(max_examples=12, deadline=None)
    def test_no_untruth_about_the_price_gains(self, bids, asks):
        assert best_misreport(huang, step_book(bids, asks), np.arange(-0.5, 10, 1.5)).gain == 0


class TestMuda:
    def test_each_half_trades_at_the_price_of_the_other(self):
        rows = [(Side.BUY, 4), (Side.BUY, 2), (Side.SELL, 3), (Side.SELL, 1), (Side.BUY, 5)]
        book = Book.of(Order(str(at), *row) for at, row in enumerate(rows))
        found = muda(book, left=[1, 3, 4])
        assert (found.price_left, found.price_right) == (3, 3.5)
        assert found.outcome.filled == (1, 0, 1, 1, 1)
        assert found.outcome.paid == (3, 0, -3, -3.5, 3.5)

    def test_a_half_without_trade_gives_no_price(self):
        found = muda(unit_book([9, 8], [1, 2]), left=[0])
        assert (found.price_left, found.price_right, found.outcome.volume) == (None, 4.5, 0)

    def test_the_longer_side_pays_what_it_keeps_others_from(self):
        book = Book.of(
            [Order("0", Side.BUY, price) for price in (100, 90, 80, 60, 40, 20)]
            + [Order("1", Side.SELL, price) for price in (10, 20, 40, 60, 70)]
            + [Order("2", Side.SELL, price) for price in (15, 25, 35, 45, 65)]
        )
        found = posted_price(book, 50)
        assert dict(found.fees) == pytest.approx({"0": 0, "1": 20, "2": 10})
        assert found.outcome.budget_surplus == pytest.approx(30)

    def test_a_long_demand_pays_fees_too(self):
        found = posted_price(unit_book([9, 8, 7], [1]), 5)
        assert found.fees["buyer 0"] == pytest.approx(3)
        assert found.outcome.paid == pytest.approx((8, 0, 0, -5))

    def test_one_seed_one_outcome(self):
        book = step_book([(9, 2), (8, 1), (7, 3), (6, 1)], [(1, 2), (2, 2), (3, 1), (4, 4)])
        assert muda(book, seed=3) == muda(book, seed=3)
        assert len({muda(book, seed=seed).left for seed in range(20)}) > 1

    @settings(max_examples=30, deadline=None)
    @given(bids=curve, asks=curve, seed=st.integers(0, 50))
    def test_everybody_is_content_and_the_market_gains_the_fees(self, bids, asks, seed):
        book = step_book(bids, asks)
        found = muda(book, seed=seed)
        assert np.all(gains(book, found.outcome) >= -1e-9)
        assert found.outcome.budget_surplus == pytest.approx(sum(found.fees.values()), abs=1e-9)
        assert min(found.fees.values()) >= 0

    @given(
        values=st.lists(st.integers(0, 9), min_size=1, max_size=3),
        bids=curve,
        asks=curve,
        seed=st.integers(0, 9),
    )
    @settings(max_examples=8, deadline=None)
    def test_no_untruth_gains_for_participants_of_several_units(self, values, bids, asks, seed):
        orders = [Order("a", Side.BUY, value) for value in values]
        orders += [Order(f"b{at}", Side.BUY, *row) for at, row in enumerate(bids)]
        orders += [Order(f"s{at}", Side.SELL, *row) for at, row in enumerate(asks)]
        run = partial(muda, seed=seed)
        assert (
            best_misreport(lambda book: run(book).outcome, Book.of(orders), np.arange(-0.5, 10, 2.0)).gain
            == 0
        )

    def test_a_split_is_of_whole_participants(self):
        book = Book.of([Order("a", Side.BUY, 3), Order("a", Side.BUY, 2), Order("s", Side.SELL, 1)])
        with pytest.raises(PricingError, match="left: found some orders of 'a'"):
            muda(book, left=[0])
        with pytest.raises(PricingError, match="left: found 3"):
            muda(book, left=[3])
        with pytest.raises(PricingError, match="found both or neither of seed and left"):
            muda(book)


class TestPeerToPeer:
    BOOK = ([(3, 1), (4, 2), (1, 5)], [(2, 4), (1, 1), (6, 5)])

    def test_pairs_trade_what_both_have_left_where_the_bid_reaches_the_offer(self):
        rounds = [[(1, 3), (2, 4), (0, 5)], [(2, 3)], [(0, 3), (2, 5)]]
        found = peer_to_peer(step_book(*self.BOOK), rounds=rounds)
        deals = [(deal.bid, deal.offer, deal.quantity, deal.price) for deal in found.deals]
        assert deals == [(1, 3, 2, 3), (2, 4, 1, 1), (0, 3, 1, 2.5)]
        assert found.outcome.paid == (2.5, 6, 1, -8.5, -1, 0)

    @pytest.mark.parametrize(("k", "price"), [(0, 2), (0.25, 2.25), (1, 3)])
    def test_k_says_whose_limit_sets_the_price(self, k, price):
        assert peer_to_peer(unit_book([3], [2]), k=k, seed=0).deals[0].price == price

    @settings(max_examples=30, deadline=None)
    @given(bids=curve, asks=curve, seed=st.integers(0, 50))
    def test_everybody_meets_everybody(self, bids, asks, seed):
        """After the last round no two are left who would still trade."""
        book = step_book(bids, asks)
        outcome = peer_to_peer(book, seed=seed).outcome
        left = np.array(outcome.filled) < book.lots / 1_000_000
        waiting_bids, waiting_asks = book.prices[left & book.buys], book.prices[left & ~book.buys]
        assert not len(waiting_bids) or not len(waiting_asks) or waiting_bids.max() < waiting_asks.min()
        assert np.all(gains(book, outcome) >= -1e-9)
        assert outcome.budget_surplus == pytest.approx(0, abs=1e-9)
        assert outcome.welfare <= outcome.efficient_welfare + 1e-9

    def test_rounds_are_checked(self):
        book = step_book(*self.BOOK)
        for pairs in ([(3, 1)], [(0, 9)], [(0, 3), (1, 3)]):
            with pytest.raises(PricingError, match=r"rounds\[0\]: found"):
                peer_to_peer(book, rounds=[pairs])
        with pytest.raises(PricingError, match="found both or neither of seed and rounds"):
            peer_to_peer(book)


class TestTheExchangesOwn:
    def test_the_marginal_tier_is_shared_in_proportion(self):
        book = step_book([(50, 10), (45, 20), (40, 20), (40, 10)], [(30, 15), (40, 20), (48, 40)])
        outcome = uniform(book, ties="pro-rata")
        assert (outcome.volume, outcome.interval, outcome.welfare) == (35, (40, 40), 350)
        assert outcome.filled[2:4] == pytest.approx((10 / 3, 5 / 3), abs=2e-6)
        assert uniform(book).filled[2:4] == (5, 0)

    def test_pay_as_bid_pays_every_offer_its_limit(self):
        book = step_book([(50, 10)], [(30, 4), (40, 8)])
        assert pay_as_bid(book).paid == (360, -120, -240)
        assert pay_as_bid(book, pays=Side.BUY).paid == (500, -200, -300)

    @settings(max_examples=30, deadline=None)
    @given(bids=curve, asks=curve)
    def test_they_trade_what_the_k_double_auction_trades(self, bids, asks):
        book = step_book(bids, asks)
        double = k_double(book)
        for outcome in (uniform(book), pay_as_bid(book)):
            assert outcome.filled == double.filled
            assert outcome.interval == double.interval
            assert outcome.welfare == pytest.approx(double.welfare)
            assert outcome.efficient_welfare == pytest.approx(double.efficient_welfare)
            assert outcome.budget_surplus == pytest.approx(0, abs=1e-9)
            assert np.all(gains(book, outcome) >= -1e-9)

    def test_a_price_finer_than_a_millionth_is_refused(self):
        with pytest.raises(PricingError, match=r"prices\[0\]: found 0.3333333333333333"):
            uniform(unit_book([1 / 3], [0.1]))

    @pytest.mark.parametrize("mechanism", [uniform, pay_as_bid, k_double])
    def test_an_unknown_rule_for_ties_is_refused(self, mechanism):
        with pytest.raises(PricingError, match="ties: found 'luck', expected one of time, pro-rata"):
            mechanism(unit_book([9], [1]), ties="luck")


def test_a_residue_of_floats_decides_no_price():
    """0.1 + 0.2 units offered against 0.3 bid: nobody is left over by 5e-17."""
    outcome = k_double(step_book([(9, 0.3), (5, 1)], [(1, 0.1), (2, 0.2), (7, 1)]))
    assert (outcome.volume, outcome.interval) == (0.3, (5, 7))
