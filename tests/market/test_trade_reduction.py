import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from market.trade_reduction import clear_trade_reduction
from market.units import Malformed

prices = st.lists(st.integers(0, 12), max_size=7)


def clear(bids, offers):
    return clear_trade_reduction(np.array(bids, np.int64), np.array(offers, np.int64))


def gain_of_buyer(at, value, bids, offers):
    cleared = clear(bids, offers)
    return value - cleared.buyer_price_ticks if at in cleared.buyers else 0


def test_the_least_valuable_trade_is_dropped_and_sets_both_prices():
    cleared = clear([60, 100, 90, 80, 70], [80, 95, 85, 110, 100])
    assert (cleared.buyers, cleared.sellers) == ((1,), (0,))
    assert (cleared.buyer_price_ticks, cleared.seller_price_ticks) == (90, 85)
    assert (cleared.auctioneer_surplus, cleared.welfare, cleared.lost_welfare) == (5, 20, 5)


@pytest.mark.parametrize(
    ("bids", "offers", "lost"), [([], [], 0), ([5], [6], 0), ([9], [4], 5), ([9], [], 0)]
)
def test_with_one_efficient_trade_or_none_nobody_trades(bids, offers, lost):
    cleared = clear(bids, offers)
    assert (cleared.buyers, cleared.sellers) == ((), ())
    assert (cleared.buyer_price_ticks, cleared.seller_price_ticks) == (None, None)
    assert (cleared.auctioneer_surplus, cleared.welfare, cleared.lost_welfare) == (0, 0, lost)


def test_a_trade_without_surplus_is_the_cheapest_one_to_drop():
    cleared = clear([9, 7], [4, 7])
    assert (cleared.buyers, cleared.buyer_price_ticks, cleared.seller_price_ticks) == ((0,), 7, 7)
    assert cleared.lost_welfare == 0


def test_the_earlier_goes_first_at_equal_prices():
    cleared = clear([9, 9, 9], [1, 1, 1])
    assert (cleared.buyers, cleared.sellers) == ((0, 1), (0, 1))


@given(bids=prices, offers=prices)
def test_nobody_loses_and_what_is_left_over_is_the_auctioneers(bids, offers):
    cleared = clear(bids, offers)
    assert len(cleared.buyers) == len(cleared.sellers)
    assert all(bids[at] >= cleared.buyer_price_ticks for at in cleared.buyers)
    assert all(offers[at] <= cleared.seller_price_ticks for at in cleared.sellers)
    spread = cleared.buyer_price_ticks - cleared.seller_price_ticks if cleared.buyers else 0
    assert cleared.auctioneer_surplus == len(cleared.buyers) * spread >= 0


@given(bids=prices.filter(bool), offers=prices, other=st.integers(0, 12), data=st.data())
def test_no_bid_earns_its_buyer_more_than_the_truth(bids, offers, other, data):
    at = data.draw(st.integers(0, len(bids) - 1))
    untrue = [*bids[:at], other, *bids[at + 1 :]]
    assert gain_of_buyer(at, bids[at], untrue, offers) <= gain_of_buyer(at, bids[at], bids, offers)


def test_prices_that_are_no_integers_are_malformed():
    with pytest.raises(Malformed, match="bids: found float64 of shape"):
        clear_trade_reduction(np.array([1.5]), np.array([1]))
    with pytest.raises(Malformed, match=r"offers: found int64 of shape \(1, 1\), expected a list"):
        clear_trade_reduction(np.array([1]), np.array([[1]]))
