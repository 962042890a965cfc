"""Pairing fills: priority order, and nobody with himself where that can be helped."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from market.pairing import NOBODY, pair
from market.units import Malformed

fills = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 3)), max_size=6)


def paired(buys, sells):
    """Pair (lots, owner) of either side."""
    (bought, buyers), (sold, sellers) = (
        (np.array([lots for lots, _ in side], np.int64), np.array([owner for _, owner in side], np.int64))
        for side in (buys, sells)
    )
    return pair(bought, sold, buyers=buyers, sellers=sellers)


def test_a_bid_passes_its_own_offer_over_and_the_next_bid_takes_it():
    assert paired([(2, 1), (2, 2)], [(2, 1), (2, 2)]).trades == [(0, 1, 2), (1, 0, 2)]


def test_a_bid_leaves_the_earliest_offer_where_another_could_not_be_paired_otherwise():
    """Owner 2 buys all that others sell: so bid 0 may not take any of that, though offer 0 comes first."""
    assert paired([(1, 1), (3, 2)], [(3, 3), (1, 2)]).trades == [(0, 1, 1), (1, 0, 3)]


def test_what_one_owner_trades_beyond_the_volume_meets_itself_last_first():
    found = paired([(3, 1), (2, 1), (1, 2)], [(1, 1), (2, 1), (3, 2)])
    assert found.self_matches == [(1, 1, 2)]
    assert found.trades == [(0, 2, 3), (2, 0, 1)]


def test_nobody_meets_anybody():
    assert paired([(2, NOBODY)], [(2, NOBODY)]).trades == [(0, 0, 2)]


@given(buys=fills, sells=fills)
def test_only_what_is_unavoidable_meets_itself_and_every_fill_is_used_once(buys, sells):
    more = sum(lots for lots, _ in buys) - sum(lots for lots, _ in sells)
    (sells if more > 0 else buys).append((abs(more), 1))
    volume = sum(lots for lots, _ in buys)
    found = paired(buys, sells)
    for place, side in ((0, buys), (1, sells)):
        used = [0] * len(side)
        for each in [*found.trades, *found.self_matches]:
            used[each[place]] += each[2]
        assert used == [lots for lots, _ in side]
    assert all(buys[buy][1] != sells[sell][1] or buys[buy][1] == NOBODY for buy, sell, _ in found.trades)
    assert all(buys[buy][1] == sells[sell][1] != NOBODY for buy, sell, _ in found.self_matches)
    loads = [sum(lots for lots, owner in [*buys, *sells] if owner == each) for each in (1, 2, 3)]
    assert sum(lots for _, _, lots in found.self_matches) == sum(max(0, load - volume) for load in loads)


@given(buys=fills, sells=fills)
def test_where_priority_order_pairs_nobody_with_himself_it_is_kept(buys, sells):
    more = sum(lots for lots, _ in buys) - sum(lots for lots, _ in sells)
    (sells if more > 0 else buys).append((abs(more), NOBODY))
    plain = pair(*(np.array([lots for lots, _ in side], np.int64) for side in (buys, sells)))
    if all(buys[buy][1] != sells[sell][1] or buys[buy][1] == NOBODY for buy, sell, _ in plain):
        assert paired(buys, sells) == plain


def test_owners_are_named_for_both_sides_one_for_each_fill():
    one = np.array([1])
    with pytest.raises(Malformed, match="owners: found those of bids only, expected both"):
        pair(one, one, buyers=one)
    with pytest.raises(Malformed, match="owners: found 2 for 1 bids, expected as many"):
        pair(one, one, buyers=np.array([1, 2]), sellers=one)
