"""Who trades at the margin, and large books, which are cleared without being sorted."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from market.auctions import clear_pay_as_bid, clear_uniform, share
from market.listing import Allocation
from market.units import InvariantBroken

side = st.lists(st.tuples(st.integers(0, 4), st.integers(1, 9)), min_size=1, max_size=7)


def arrays(bids, offers):
    for orders in (bids, offers):
        yield np.array([price for price, _ in orders], np.int64)
        yield np.array([lots for _, lots in orders], np.int64)


def test_pro_rata_the_margin_is_shared_and_the_rest_goes_to_the_earliest():
    book = list(arrays([(9, 7)], [(5, 5), (5, 5), (5, 5)]))
    assert clear_uniform(*book, ties=Allocation.TIME).sell_fills.tolist() == [5, 2, 0]
    shared = clear_uniform(*book, ties=Allocation.PRO_RATA)
    assert (shared.sell_fills.tolist(), shared.tie_rule) == ([3, 2, 2], "price_then_pro_rata")
    assert clear_pay_as_bid(*book, ties=Allocation.PRO_RATA).sell_fills.tolist() == [3, 2, 2]


def test_better_prices_trade_wholly_before_the_margin_is_shared():
    book = arrays([(9, 10)], [(5, 6), (4, 6), (5, 2)])
    assert clear_uniform(*book, ties=Allocation.PRO_RATA).sell_fills.tolist() == [3, 6, 1]


def test_what_is_left_over_fills_the_earliest_up_to_its_quantity():
    assert share(3, np.array([3, 3, 3, 3])).tolist() == [3, 0, 0, 0]
    assert share(5, np.array([1, 1, 1, 4])).tolist() == [1, 1, 1, 2]


def test_shares_are_exact_where_products_need_more_than_64_bits():
    half = 1 << 61
    assert share(half + 1, np.array([half, half])).tolist() == [(half >> 1) + 1, half >> 1]


def test_more_than_the_quantities_hold_cannot_be_shared():
    with pytest.raises(InvariantBroken, match="shares: found 4 lots to share out, expected 0 to 3"):
        share(4, np.array([1, 2]))


@given(bids=side, offers=side)
def test_pro_rata_nobody_gets_less_than_his_share_and_only_who_trades_changes(bids, offers):
    book = list(arrays(bids, offers))
    by_time, shared = clear_uniform(*book), clear_uniform(*book, ties=Allocation.PRO_RATA)
    for name in ("price_ticks", "low_ticks", "high_ticks", "volume_lots", "imbalance_lots", "welfare"):
        assert getattr(by_time, name) == getattr(shared, name)
    for orders, fills, timely in (
        (bids, shared.buy_fills, by_time.buy_fills),
        (offers, shared.sell_fills, by_time.sell_fills),
    ):
        for price in {limit for limit, _ in orders}:
            level = [at for at, (limit, _) in enumerate(orders) if limit == price]
            total, traded = sum(orders[at][1] for at in level), sum(int(timely[at]) for at in level)
            assert sum(int(fills[at]) for at in level) == traded
            assert all(traded * orders[at][1] // total <= fills[at] <= orders[at][1] for at in level)


@pytest.mark.parametrize("span", [1, 3, 200, 10_000, 1 << 40])
@pytest.mark.parametrize("shift", [-2, 0, 1, 5])
def test_a_large_book_trades_as_one_that_is_sorted_whole(span, shift):
    """Pay-as-bid sorts every book, and the same orders trade there."""
    chance = np.random.default_rng(span + shift + 2)
    bids, offers = (chance.integers(-span, span + 1, count) for count in (25_000, 20_000))
    offers += shift * span // 4
    lots = [chance.integers(1, 1 << 40, len(each)) for each in (bids, offers)]
    bids[7] = 1 << 60
    for ties in Allocation:
        found = clear_uniform(bids, lots[0], offers, lots[1], ties=ties)
        whole = clear_pay_as_bid(bids, lots[0], offers, lots[1], ties=ties)
        assert np.array_equal(found.buy_fills, whole.buy_fills)
        assert np.array_equal(found.sell_fills, whole.sell_fills)
        assert (found.volume_lots, found.welfare) == (whole.volume_lots, whole.welfare)
        demand, supply = (
            int(lots[0][bids >= found.price_ticks].sum()),
            int(lots[1][offers <= found.price_ticks].sum()),
        )
        assert (min(demand, supply), demand - supply) == (found.volume_lots, found.imbalance_lots)


def test_a_large_book_without_a_cross_does_not_trade():
    many = np.full(40_000, 3)
    found = clear_uniform(many, many, many + 1, many)
    assert (found.volume_lots, found.price_ticks, int(found.buy_fills.sum())) == (0, None, 0)


def test_welfare_is_exact_at_prices_of_any_size():
    book = list(arrays([(1 << 61, 1 << 60), (-5, 3)], [(-(1 << 61), 1 << 60)]))
    assert clear_uniform(*book).welfare == 1 << 122
