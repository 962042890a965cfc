import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from market.auctions import clear_pay_as_bid, clear_uniform, pair
from market.orders import Side
from market.units import QUANTITY_MAX, InvariantBroken, Malformed

prices = st.integers(0, 12)
orders = st.lists(st.tuples(prices, st.integers(1, 6)), max_size=7)


def arrays(bids, offers):
    for side in (bids, offers):
        yield np.array([price for price, _ in side], np.int64)
        yield np.array([lots for _, lots in side], np.int64)


def clear(bids, offers, **options):
    return clear_uniform(*arrays(bids, offers), **options)


def demand(bids, price):
    return sum(lots for limit, lots in bids if limit >= price)


def supply(offers, price):
    return sum(lots for limit, lots in offers if limit <= price)


def test_the_price_is_the_middle_of_the_equilibrium_interval():
    clearing = clear([(100, 100), (50, 100)], [(70, 100), (80, 100)])
    assert (clearing.price_ticks, clearing.low_ticks, clearing.high_ticks) == (75, 70, 80)
    assert (clearing.volume_lots, clearing.imbalance_lots, clearing.welfare) == (100, 0, 3000)
    assert (clearing.price_rule, clearing.tie_rule) == ("midpoint", "price_then_time")


@pytest.mark.parametrize(("k_ppm", "price"), [(0, 70), (250_000, 72), (500_000, 75), (999_999, 79)])
def test_k_says_how_far_up_the_interval_the_price_is_rounded_down(k_ppm, price):
    clearing = clear([(100, 100)], [(70, 100), (80, 100)], k_ppm=k_ppm)
    assert clearing.price_ticks == price
    assert clearing.price_rule == ("midpoint" if k_ppm == 500_000 else "k_double")


@pytest.mark.parametrize(("reference", "price"), [(10, 70), (73, 73), (500, 79)])
def test_the_price_is_the_balanced_one_nearest_the_reference(reference, price):
    """At 80 the second offer would want to trade as well: 79 leaves nobody over."""
    clearing = clear([(100, 100)], [(70, 100), (80, 100)], reference=reference)
    assert (clearing.price_ticks, clearing.price_rule) == (price, "nearest_reference")


def test_between_neighbouring_prices_the_less_imbalanced_one_wins():
    bids, offers = [(72, 10), (70, 5)], [(68, 10), (71, 4)]
    assert (clear(bids, offers).price_ticks, clear(bids, offers).imbalance_lots) == (71, -4)
    assert clear(bids, offers, reference=1).price_ticks == 71
    bids[1] = (70, 3)
    assert (clear(bids, offers).price_ticks, clear(bids, offers).imbalance_lots) == (70, 3)


@pytest.mark.parametrize(
    ("bids", "offers", "price", "imbalance"),
    [
        ([(100, 100)], [(80, 120)], 80, -20),  # more is offered: the price falls to the marginal offer
        ([(100, 120)], [(80, 100)], 100, 20),  # more is bid: it rises to the marginal bid
    ],
)
def test_market_pressure_takes_the_price_to_the_side_left_over(bids, offers, price, imbalance):
    clearing = clear(bids, offers, reference=90)
    assert (clearing.low_ticks, clearing.price_ticks, clearing.high_ticks) == (price, price, price)
    assert clearing.imbalance_lots == imbalance


def test_the_margin_is_decided_by_time():
    clearing = clear([(50, 4), (50, 4), (60, 1)], [(50, 3), (40, 3)])
    assert clearing.buy_fills.tolist() == [4, 1, 1]
    assert clearing.sell_fills.tolist() == [3, 3]


def test_trades_without_surplus_are_made_for_volume():
    clearing = clear([(10, 50)], [(10, 50)])
    assert (clearing.price_ticks, clearing.volume_lots, clearing.welfare) == (10, 50, 0)


@pytest.mark.parametrize(
    ("bids", "offers"), [([], []), ([(5, 1)], []), ([], [(5, 1)]), ([(5, 1), (4, 2)], [(6, 1)])]
)
def test_without_a_cross_nothing_trades_and_there_is_no_price(bids, offers):
    clearing = clear(bids, offers, reference=5)
    assert (clearing.price_ticks, clearing.low_ticks, clearing.high_ticks) == (None, None, None)
    assert (clearing.volume_lots, clearing.imbalance_lots, clearing.welfare) == (0, 0, 0)
    assert clearing.buy_fills.tolist() == [0] * len(bids)
    assert clearing.sell_fills.tolist() == [0] * len(offers)
    assert len(clear_pay_as_bid(*arrays(bids, offers)).pairs) == 0


@given(bids=orders, offers=orders, reference=st.one_of(st.none(), prices), k_ppm=st.integers(0, 1_000_000))
def test_a_clearing_is_what_the_definition_says_price_by_price(bids, offers, reference, k_ppm):
    clearing = clear(bids, offers, reference=reference, k_ppm=k_ppm)
    volumes = {price: min(demand(bids, price), supply(offers, price)) for price in range(13)}
    assert clearing.volume_lots == max(volumes.values())
    assert clearing.buy_fills.sum() == clearing.sell_fills.sum() == clearing.volume_lots
    if clearing.price_ticks is None:
        assert clearing.volume_lots == 0
        return

    filled = [*zip(bids, clearing.buy_fills, strict=True)], [*zip(offers, clearing.sell_fills, strict=True)]
    content = [
        price
        for price in range(13)
        if all(
            (limit >= price or not lots) and (limit <= price or lots == all_of)
            for (limit, all_of), lots in filled[0]
        )
        and all(
            (limit <= price or not lots) and (limit >= price or lots == all_of)
            for (limit, all_of), lots in filled[1]
        )
    ]
    assert content == list(range(clearing.low_ticks, clearing.high_ticks + 1))

    imbalance = {price: demand(bids, price) - supply(offers, price) for price in content}
    least = min(map(abs, imbalance.values()))
    balanced = [price for price in content if abs(imbalance[price]) == least]
    point = clearing.low_ticks + k_ppm * (clearing.high_ticks - clearing.low_ticks) // 1_000_000
    wanted = point if reference is None else reference
    assert clearing.price_ticks == min(balanced, key=lambda price: abs(price - wanted))
    assert clearing.imbalance_lots == imbalance[clearing.price_ticks]

    largest = [price for price in range(13) if volumes[price] == clearing.volume_lots]
    spread = [demand(bids, price) - supply(offers, price) for price in largest]
    assert abs(clearing.imbalance_lots) == min(map(abs, spread))
    if all(each > 0 for each in spread):
        assert clearing.price_ticks == max(
            price for price, each in zip(largest, spread, strict=True) if each == min(spread)
        )
    if all(each < 0 for each in spread):
        assert clearing.price_ticks == min(
            price for price, each in zip(largest, spread, strict=True) if each == max(spread)
        )


@given(bids=orders, offers=orders)
def test_priority_is_respected_and_nothing_that_could_trade_is_left(bids, offers):
    clearing = clear(bids, offers)
    for side, fills, better in ((bids, clearing.buy_fills, -1), (offers, clearing.sell_fills, 1)):
        queue = sorted(range(len(side)), key=lambda at, side=side, better=better: better * side[at][0])
        short = [at for at in queue if fills[at] < side[at][1]]
        assert all(fills[at] == 0 for at in short[1:])
        assert queue[len(queue) - len(short) :] == short
    left_bids = [price for (price, lots), fill in zip(bids, clearing.buy_fills, strict=True) if fill < lots]
    left_offers = [
        price for (price, lots), fill in zip(offers, clearing.sell_fills, strict=True) if fill < lots
    ]
    assert not left_bids or not left_offers or max(left_bids) < min(left_offers)


@given(bids=orders, offers=orders, pays=st.sampled_from(Side))
def test_pay_as_bid_trades_the_same_orders_each_at_its_own_limit(bids, offers, pays):
    uniform, own = clear(bids, offers), clear_pay_as_bid(*arrays(bids, offers), pays=pays)
    assert own.buy_fills.tolist() == uniform.buy_fills.tolist()
    assert own.sell_fills.tolist() == uniform.sell_fills.tolist()
    assert (own.volume_lots, own.welfare) == (uniform.volume_lots, uniform.welfare)
    bought, sold = [0] * len(bids), [0] * len(offers)
    for buy, sell, lots, price in own.pairs.tolist():
        bought[buy] += lots
        sold[sell] += lots
        assert lots > 0
        assert bids[buy][0] >= offers[sell][0]
        assert price == (offers[sell][0] if pays is Side.SELL else bids[buy][0])
    assert (bought, sold) == (own.buy_fills.tolist(), own.sell_fills.tolist())


def test_the_best_bid_meets_the_best_offer_and_so_on_down():
    own = clear_pay_as_bid(*arrays([(5, 2), (9, 3)], [(3, 1), (2, 9)]))
    assert own.pairs.tolist() == [(1, 1, 3, 2), (0, 1, 2, 2)]
    assert own.price_rule == "own_offer"


@given(buys=st.lists(st.integers(0, 5)), sells=st.lists(st.integers(0, 5)))
def test_pairing_uses_every_fill_once_in_order(buys, sells):
    buys.append(max(0, sum(sells) - sum(buys)))
    sells.append(max(0, sum(buys) - sum(sells)))
    pairs = list(pair(np.array(buys, np.int64), np.array(sells, np.int64)))
    assert pairs == sorted(pairs)
    assert len(pairs) <= len(buys) + len(sells)
    for place, fills in ((0, buys), (1, sells)):
        assert [sum(each[2] for each in pairs if each[place] == at) for at in range(len(fills))] == fills
    assert all(lots > 0 for _, _, lots in pairs)


def test_fills_that_do_not_add_up_to_the_same_break_the_invariant():
    with pytest.raises(InvariantBroken, match="found 3 lots bought and 4 sold"):
        pair(np.array([3]), np.array([4]))


@pytest.mark.parametrize("far", [1 << 50, (1 << 61) + 7])
def test_prices_of_any_distance_sort_the_same(far):
    bids, offers = [(far, 1), (-far, 1), (far, 2)], [(-far, 2), (far, 1)]
    clearing = clear(bids, offers)
    assert clearing.buy_fills.tolist() == [1, 0, 2]
    assert (clearing.price_ticks, clearing.volume_lots, clearing.welfare) == (far, 3, 4 * far)


def test_welfare_beyond_64_bits_is_exact():
    clearing = clear([(1 << 60, 1 << 40)], [(1, 1 << 40)])
    assert clearing.welfare == ((1 << 60) - 1) << 40


@pytest.mark.parametrize(
    ("bid_prices", "bid_quantities", "complaint"),
    [
        ([1, 2], [1], r"bids: found \(2,\) prices and \(1,\) quantities"),
        ([[1]], [[1]], "bids: found"),
        ([1.5], [1], "bids: found prices of type float64, expected signed integers"),
        ([1], [True], "bids: found quantities of type bool"),
        ([1, 1], [1, 0], "bids: found 0 lots at index 1, expected at least 1"),
        ([1 << 62], [1], f"bids: found price {1 << 62} at index 0"),
        ([1, -(1 << 63)], [1, 1], f"bids: found price {-(1 << 63)} at index 1"),
        ([1, 1], [QUANTITY_MAX, 1], f"bids: found {1 << 63} lots together, expected at most"),
    ],
)
def test_input_that_cannot_be_cleared_is_malformed(bid_prices, bid_quantities, complaint):
    bids = np.array(bid_prices), np.array(bid_quantities)
    with pytest.raises(Malformed, match=complaint):
        clear_uniform(*bids, np.array([1]), np.array([1]))
    with pytest.raises(Malformed, match=complaint.replace("bids", "offers")):
        clear_pay_as_bid(np.array([1]), np.array([1]), *bids)


def test_k_outside_its_range_is_malformed():
    with pytest.raises(Malformed, match="k: found 1000001 ppm, expected 0 to 1000000"):
        clear([(1, 1)], [(1, 1)], k_ppm=1_000_001)
