"""Double auctions of a unit each: k-double, McAfee, trade reduction with and without a lottery."""

from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from market.orders import Side
from market.trade_reduction import clear_trade_reduction
from pricing.auctions import (
    best_misreport,
    k_double,
    mcafee,
    sbb_trade_reduction,
    step_book,
    trade_reduction,
    unit_book,
    vcg,
)
from pricing.auctions.crossing import cross
from pricing.errors import PricingError

side = st.lists(st.integers(0, 12), min_size=1, max_size=6)
GRID = np.arange(-1, 14, 0.5)


def balanced(book, **parameters):
    return sbb_trade_reduction(book, seed=0, **parameters).outcome


ALL = (k_double, mcafee, trade_reduction, vcg, balanced, partial(balanced, first=Side.SELL))


def greatest_welfare(bids, asks):
    """Try every number of trades: the best buyers with the cheapest sellers."""
    bids, asks = sorted(bids, reverse=True), sorted(asks)
    return max(sum(bids[:n]) - sum(asks[:n]) for n in range(min(len(bids), len(asks)) + 1))


@pytest.mark.parametrize(
    ("k", "price"), [(0, 6), (0.25, 6.25), (0.5, 6.5), (1, 7)], ids=["sellers'", "quarter", "half", "buyers'"]
)
def test_the_k_double_price_lies_k_of_the_way_up_the_interval(k, price):
    outcome = k_double(unit_book([10, 9, 8, 7, 3], [1, 2, 5, 6, 9]), k=k)
    assert (outcome.volume, outcome.interval, outcome.buyer_price, outcome.seller_price) == (
        4,
        (6, 7),
        price,
        price,
    )
    assert (outcome.welfare, outcome.efficiency, outcome.budget_surplus) == (20, 1, 0)


def test_a_marginal_order_that_does_not_exist_limits_nothing():
    assert k_double(unit_book([9], [2])).interval == (2, 9)
    assert k_double(unit_book([9, 5], [2])).interval == (5, 9)
    assert k_double(unit_book([9], [2, 5])).interval == (2, 5)


def test_nothing_trades_where_no_bid_reaches_an_offer():
    for mechanism in ALL:
        outcome = mechanism(unit_book([3, 2], [4, 5]))
        assert (outcome.volume, outcome.buyer_price, outcome.seller_price) == (0, None, None)
        assert (outcome.welfare, outcome.efficiency, outcome.paid) == (0, 1, (0, 0, 0, 0))


def test_mcafee_trades_all_at_the_price_of_those_left_out():
    outcome = mcafee(unit_book([9, 8, 7, 4], [2, 3, 4, 6]))
    assert (outcome.rule, outcome.volume, outcome.buyer_price, outcome.seller_price) == ("p0", 3, 5, 5)
    assert (outcome.budget_surplus, outcome.efficiency) == (0, 1)


def test_mcafee_gives_a_trade_up_where_that_price_does_not_suit_all():
    outcome = mcafee(unit_book([9, 8, 7, 5], [2, 3, 4, 12]))
    assert (outcome.rule, outcome.volume, outcome.buyer_price, outcome.seller_price) == ("reduction", 2, 7, 4)
    assert (outcome.budget_surplus, outcome.efficiency) == (6, 0.8)


@pytest.mark.parametrize(
    ("bids", "asks"), [([9, 8, 7], [2, 3, 4]), ([9, 8, 7, 5], [2, 3, 4]), ([9, 8, 7], [2, 3, 4, 9])]
)
def test_mcafee_gives_a_trade_up_where_nobody_is_left_out(bids, asks):
    outcome = mcafee(unit_book(bids, asks))
    assert (outcome.rule, outcome.volume, outcome.buyer_price, outcome.seller_price) == ("reduction", 2, 7, 4)


def test_mcafee_at_a_tie_trades_at_the_tied_price():
    outcome = mcafee(unit_book([9, 5, 4], [2, 5, 6]))
    assert (outcome.rule, outcome.volume, outcome.buyer_price, outcome.welfare) == ("p0", 2, 5, 7)


def test_whole_units_count_as_that_many_traders():
    book = step_book([(9, 2), (7, 1), (4, 1)], [(2, 1), (3, 2), (6, 3)])
    outcome, units = mcafee(book), mcafee(unit_book([9, 9, 7, 4], [2, 3, 3, 6, 6, 6]))
    assert (outcome.volume, outcome.buyer_price, outcome.rule) == (
        units.volume,
        units.buyer_price,
        units.rule,
    )
    assert "not truthful" in outcome.note
    assert not units.note


def test_a_part_of_a_unit_cannot_be_given_up():
    for mechanism in (mcafee, trade_reduction, balanced):
        with pytest.raises(PricingError, match=r"quantities\[1\]: found 1.5, expected whole units"):
            mechanism(step_book([(9, 2), (8, 1.5)], [(2, 3)]))


@settings(max_examples=40, deadline=None)
@given(bids=side, asks=side)
def test_trade_reduction_is_that_of_the_exchange(bids, asks):
    outcome = trade_reduction(unit_book(bids, asks))
    cleared = clear_trade_reduction(np.array(bids), np.array(asks))
    assert outcome.volume == len(cleared.buyers)
    assert (outcome.buyer_price, outcome.seller_price) == (
        cleared.buyer_price_ticks,
        cleared.seller_price_ticks,
    )
    assert (outcome.budget_surplus, outcome.welfare) == (cleared.auctioneer_surplus, cleared.welfare)
    traders = {at for at, filled in enumerate(outcome.filled) if filled}
    assert traders == {*cleared.buyers, *(len(bids) + at for at in cleared.sellers)}


class TestOnePriceForBothSides:
    def test_the_next_seller_sets_the_price_and_all_trade(self):
        found = sbb_trade_reduction(unit_book([9], [4, 3]), seed=0)
        assert (found.outcome.buyer_price, found.outcome.filled, found.lottery) == (4, (1, 0, 1), None)

    def test_without_one_the_last_buyer_sets_it_and_sellers_draw_lots(self):
        found = sbb_trade_reduction(unit_book([9, 8], [4, 3]), seed=0)
        assert (found.outcome.buyer_price, found.outcome.volume) == (8, 1)
        assert (found.lottery.side, found.lottery.winners, found.lottery.entrants) == (Side.SELL, 1, 2)

    def test_with_the_sellers_first_it_is_the_other_way_round(self):
        found = sbb_trade_reduction(unit_book([9, 8], [4]), first=Side.SELL, seed=0)
        assert (found.outcome.buyer_price, found.outcome.filled) == (8, (1, 0, 1))
        found = sbb_trade_reduction(unit_book([9, 8], [4, 3]), first=Side.SELL, seed=0)
        assert (found.outcome.buyer_price, found.lottery.side) == (4, Side.BUY)

    def test_a_single_trade_that_nobody_prices_is_given_up(self):
        found = sbb_trade_reduction(unit_book([9, 8], [4]), seed=0)
        assert (found.outcome.volume, found.outcome.buyer_price, found.lottery) == (0, None, None)

    def test_every_entrant_is_as_likely_to_lose(self):
        book = unit_book([9, 8, 7], [1, 2, 3])
        chance = np.random.default_rng(5)
        wins = sum(np.array(sbb_trade_reduction(book, seed=chance).outcome.filled[3:]) for _ in range(300))
        assert np.all(np.abs(wins / 300 - 2 / 3) < 0.1)

    def test_the_same_seed_draws_the_same_lots(self):
        book = unit_book([9, 8, 7], [1, 2, 3])
        assert sbb_trade_reduction(book, seed=4) == sbb_trade_reduction(book, seed=4)

    @pytest.mark.parametrize("seed", [None, -1, 1.5, True])
    def test_lots_need_a_seed(self, seed):
        with pytest.raises(PricingError, match="seed: found"):
            sbb_trade_reduction(unit_book([9], [1]), seed=seed)

    @settings(max_examples=40, deadline=None)
    @given(bids=side, asks=side, first=st.sampled_from(Side), report=st.sampled_from(GRID), data=st.data())
    def test_no_untruth_gains_on_average_over_the_lots(self, bids, asks, first, report, data):
        book = unit_book(bids, asks)
        liar = data.draw(st.integers(0, len(book) - 1))
        truthful = self.expected_gain(book, liar, book, first)
        assert 0 <= truthful >= self.expected_gain(book, liar, book.with_price(liar, report), first) - 1e-9

    @staticmethod
    def expected_gain(truth, trader, reported, first):
        found = sbb_trade_reduction(reported, first=first, seed=0)
        gain_if_trading = truth.signs[trader] * (truth.prices[trader] - (found.outcome.buyer_price or 0))
        lottery = found.lottery
        if lottery is None or reported.buys[trader] != (lottery.side is Side.BUY):
            return found.outcome.filled[trader] * gain_if_trading
        crossing = cross(reported)
        queue = crossing.bids if lottery.side is Side.BUY else crossing.asks
        enters = trader in queue.index[: lottery.entrants]
        return enters * lottery.winners / lottery.entrants * gain_if_trading


@settings(max_examples=40, deadline=None)
@given(bids=side, asks=side)
def test_everybody_who_trades_is_content_and_nothing_is_lost(bids, asks):
    book = unit_book(bids, asks)
    best = greatest_welfare(bids, asks)
    for mechanism in ALL:
        outcome = mechanism(book)
        gains = book.signs * book.prices * np.array(outcome.filled) - np.array(outcome.paid)
        assert np.all(gains >= -1e-9)
        assert outcome.efficient_welfare == best
        assert outcome.welfare == pytest.approx(gains.sum() + outcome.budget_surplus)


@settings(max_examples=40, deadline=None)
@given(bids=side, asks=side)
def test_what_the_auctioneer_keeps_is_as_promised(bids, asks):
    book = unit_book(bids, asks)
    for mechanism in (k_double, balanced, partial(balanced, first=Side.SELL)):
        assert mechanism(book).budget_surplus == pytest.approx(0, abs=1e-9)
    for mechanism in (mcafee, trade_reduction):
        assert mechanism(book).budget_surplus >= 0
    outcome = vcg(book)
    if outcome.volume:
        assert outcome.budget_surplus == pytest.approx(
            -outcome.volume * (outcome.seller_price - outcome.buyer_price), abs=1e-9
        )
        assert outcome.budget_surplus <= 1e-9


@settings(max_examples=40, deadline=None)
@given(bids=side, asks=side)
def test_k_double_and_vcg_are_efficient_and_mcafee_loses_at_most_one_in_k(bids, asks):
    book = unit_book(bids, asks)
    assert k_double(book).efficiency == vcg(book).efficiency == 1
    for mechanism in (mcafee, trade_reduction):
        outcome = mechanism(book)
        trades = outcome.efficient_volume
        assert not trades or outcome.welfare >= (1 - 1 / trades) * outcome.efficient_welfare - 1e-9


@settings(max_examples=40, deadline=None)
@given(bids=side, asks=side)
def test_at_every_price_of_the_interval_demand_meets_supply_and_at_none_outside(bids, asks):
    crossing = cross(unit_book(bids, asks))
    if crossing.interval is None:
        return
    low, high = crossing.interval

    def clears(price):
        """Some number of trades satisfies everybody at this price."""
        wanting = sum(bid > price for bid in bids), sum(ask < price for ask in asks)
        willing = sum(bid >= price for bid in bids), sum(ask <= price for ask in asks)
        return max(wanting) <= min(willing)

    assert all(clears(price) for price in (low, (low + high) / 2, high))
    assert not clears(low - 0.25)
    assert not clears(high + 0.25)


@settings(max_examples=8, deadline=None)
@given(
    bids=st.lists(st.integers(0, 8), min_size=1, max_size=4),
    asks=st.lists(st.integers(0, 8), min_size=1, max_size=4),
)
def test_no_untruth_gains_in_mcafee_trade_reduction_and_vcg(bids, asks):
    book = unit_book(bids, asks)
    for mechanism in (mcafee, trade_reduction, vcg):
        assert best_misreport(mechanism, book, np.arange(-0.5, 9, 1.5)).gain == 0


def test_an_untruth_gains_in_the_k_double_auction():
    found = best_misreport(k_double, unit_book([9, 8, 7, 4], [2, 3, 4, 6]), np.arange(0, 12, 0.125))
    assert (found.gain, found.order, found.price) == (1, 0, 4)
