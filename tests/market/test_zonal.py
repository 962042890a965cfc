import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from market.auctions import clear_uniform
from market.listing import Allocation
from market.orders import Side
from market.units import Malformed
from market.zonal import LOTS_LIMIT, Line, ZonalOrder, clear_zonal

ZONES = ["A", "B", "C"]
capacities = st.integers(0, 6)
random_lines = st.lists(
    st.builds(
        lambda ends, forward, backward: Line(*ends, forward, backward),
        st.sampled_from([("A", "B"), ("B", "C"), ("A", "C")]),
        capacities,
        capacities,
    ),
    max_size=4,
)
random_orders = st.lists(
    st.builds(
        ZonalOrder, st.sampled_from(Side), st.sampled_from(ZONES), st.integers(0, 6), st.integers(1, 5)
    ),
    max_size=10,
)


def a_bid(zone, price, lots):
    return ZonalOrder(Side.BUY, zone, price, lots)


def an_offer(zone, price, lots):
    return ZonalOrder(Side.SELL, zone, price, lots)


def test_a_full_line_parts_the_prices_and_earns_their_difference():
    orders = [an_offer("A", 10, 100), a_bid("A", 90, 40), an_offer("B", 50, 100), a_bid("B", 90, 60)]
    clearing = clear_zonal(["A", "B"], [Line("A", "B", 20, 20)], orders)
    assert clearing.prices == {"A": 10, "B": 50}
    assert (clearing.fills, clearing.flows) == ((60, 40, 40, 60), (20,))
    assert (clearing.volume_lots, clearing.welfare, clearing.congestion_rent) == (100, 6400, 800)
    assert (clearing.price_rule, clearing.tie_rule) == ("midpoint", "price_then_time")


def test_a_flow_against_the_direction_of_its_line_is_negative_and_has_its_own_capacity():
    clearing = clear_zonal(["A", "B"], [Line("B", "A", 0, 7)], [an_offer("A", 1, 9), a_bid("B", 5, 9)])
    assert (clearing.flows, clearing.fills) == ((-7,), (7, 7))
    assert clearing.prices == {"A": 1, "B": 5}


def test_a_line_with_room_makes_one_price_of_two_zones():
    clearing = clear_zonal(["A", "B"], [Line("A", "B", 9, 9)], [an_offer("A", 10, 5), a_bid("B", 21, 5)])
    assert clearing.prices == {"A": 15, "B": 15}
    assert clearing.intervals == {"A": (10, 21), "B": (10, 21)}
    assert clearing.congestion_rent == 0


def test_what_flows_takes_the_shortest_way_and_passes_zones_without_orders():
    lines = [Line("A", "B", 9, 9), Line("B", "C", 9, 9), Line("A", "C", 4, 4)]
    clearing = clear_zonal(ZONES, lines, [an_offer("A", 10, 6), a_bid("C", 20, 6)])
    assert clearing.flows == (2, 2, 4)
    assert clearing.prices == {"A": 15, "B": 15, "C": 15}


def test_a_zone_in_which_nothing_trades_and_one_side_is_missing_has_no_price():
    clearing = clear_zonal(["A", "B"], [], [a_bid("A", 10, 1), a_bid("B", 9, 1), an_offer("B", 12, 1)])
    assert clearing.intervals == {"A": (10, None), "B": (9, 12)}
    assert clearing.prices == {"A": None, "B": 10}
    assert clear_zonal(["A"], [], []).prices == {"A": None}


def test_trades_without_surplus_are_made_for_volume():
    clearing = clear_zonal(["A", "B"], [Line("A", "B", 5, 5)], [an_offer("A", 10, 9), a_bid("B", 10, 9)])
    assert (clearing.volume_lots, clearing.welfare, clearing.flows) == (5, 0, (5,))


def test_the_earlier_of_equal_orders_trades_first_wherever_it_is():
    orders = [an_offer("B", 10, 3), an_offer("A", 10, 3), a_bid("A", 20, 4)]
    assert clear_zonal(["A", "B"], [Line("A", "B", 9, 9)], orders).fills == (3, 1, 4)


def test_pro_rata_shares_over_all_zones_of_one_price():
    orders = [an_offer("A", 10, 100), an_offer("B", 10, 300), a_bid("A", 4000, 40), a_bid("B", 4000, 60)]
    clearing = clear_zonal(["A", "B"], [Line("A", "B", 500, 500)], orders, ties=Allocation.PRO_RATA)
    assert (clearing.fills, clearing.flows) == ((25, 75, 40, 60), (-15,))
    assert clearing.tie_rule == "price_then_pro_rata"


def test_pro_rata_shares_as_evenly_as_the_lines_let_it():
    """B alone could sell 75 by its share; its line carries 8 out, and A and C share the rest as their quantities."""
    orders = [an_offer("A", 10, 100), an_offer("B", 10, 300), an_offer("C", 10, 60), a_bid("A", 90, 40)]
    lines = [Line("A", "B", 50, 8), Line("A", "C", 50, 50)]
    assert clear_zonal(ZONES, lines, orders, ties=Allocation.PRO_RATA).fills == (20, 8, 12, 40)


def test_pro_rata_shares_come_out_in_whole_lots():
    orders = [an_offer("A", 10, 1), an_offer("B", 10, 1), an_offer("C", 10, 1), a_bid("A", 90, 2)]
    lines = [Line("A", "B", 5, 5), Line("A", "C", 5, 5)]
    clearing = clear_zonal(ZONES, lines, orders, ties=Allocation.PRO_RATA)
    assert sorted(clearing.fills) == [0, 1, 1, 2]


@settings(max_examples=60)
@given(orders=random_orders, lines=random_lines, ties=st.sampled_from(Allocation))
def test_nobody_would_rather_have_traded_otherwise_and_no_line_could_gain(orders, lines, ties):
    clearing = clear_zonal(ZONES, lines, orders, ties=ties)
    for order, filled in zip(orders, clearing.fills, strict=True):
        price = clearing.prices[order.zone]
        if price is None:
            assert filled == 0
            continue
        gain = order.price_ticks - price if order.side is Side.BUY else price - order.price_ticks
        assert filled == order.quantity_lots or gain <= 0
        assert filled == 0 or gain >= 0
    for line, flow in zip(lines, clearing.flows, strict=True):
        start, end = clearing.prices[line.start], clearing.prices[line.end]
        if start is None or end is None:
            assert flow == 0
            continue
        assert flow == line.forward_lots or end <= start
        assert flow == -line.backward_lots or start <= end
    assert clearing.congestion_rent >= 0
    same = clear_zonal(ZONES, lines, orders)
    assert (clearing.welfare, clearing.volume_lots) == (same.welfare, same.volume_lots)


@settings(max_examples=40)
@given(orders=random_orders)
def test_zones_whose_lines_have_room_clear_like_one_market(orders):
    lines = [Line("A", "B", 99, 99), Line("B", "C", 99, 99)]
    clearing = clear_zonal(ZONES, lines, orders)
    sides = [[each for each in orders if each.side is side] for side in Side]
    arrays = [
        np.array([getattr(each, name) for each in side], np.int64)
        for side in sides
        for name in ("price_ticks", "quantity_lots")
    ]
    uniform = clear_uniform(*arrays)
    fills = {
        side: [lots for each, lots in zip(orders, clearing.fills, strict=True) if each.side is side]
        for side in Side
    }
    assert (clearing.welfare, clearing.volume_lots) == (uniform.welfare, uniform.volume_lots)
    assert fills == {Side.BUY: uniform.buy_fills.tolist(), Side.SELL: uniform.sell_fills.tolist()}
    if uniform.volume_lots:
        assert clearing.intervals["C"] == (uniform.low_ticks, uniform.high_ticks)


def test_prices_and_lots_as_large_as_they_may_be_are_exact():
    lots, price = LOTS_LIMIT // 2 - 1, 10**30
    clearing = clear_zonal(
        ["A", "B"], [Line("A", "B", lots - 1, 0)], [a_bid("B", price + 1, lots), an_offer("A", price, lots)]
    )
    assert clearing.fills == (lots - 1, lots - 1)
    assert (clearing.welfare, clearing.congestion_rent) == (lots - 1, lots - 1)


@pytest.mark.parametrize(
    ("zones", "lines", "orders", "complaint"),
    [
        (["A", "A"], [], [], r"zones: found \['A', 'A'\], expected each once"),
        (["A"], [Line("A", "B", 1, 1)], [], r"line 0: found A to B, expected two of \['A'\]"),
        (["A"], [Line("A", "A", 1, 1)], [], "line 0: found A at both ends, expected two zones"),
        (["A", "B"], [Line("A", "B", 1, -1)], [], "line 0: found 1 forward and -1 backward"),
        (["A"], [], [a_bid("B", 1, 1)], r"order 0: found zone B, expected one of \['A'\]"),
        (["A"], [], [a_bid("A", 1, 0)], "order 0: found 0 lots, expected at least 1"),
        (["A"], [], [a_bid("A", 1, LOTS_LIMIT)], f"orders: found {LOTS_LIMIT} lots together"),
    ],
)
def test_input_that_cannot_be_cleared_is_malformed(zones, lines, orders, complaint):
    with pytest.raises(Malformed, match=complaint):
        clear_zonal(zones, lines, orders)
