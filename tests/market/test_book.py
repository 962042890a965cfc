import copy

import numpy as np
import pytest

from market.book import OrderBook
from market.depth import Depth
from market.listing import TradePriceRule
from market.matching import MESSAGE, NO_PRICE, PRICE_LIMIT
from market.orders import OrderType, SelfTrade, Side, TimeInForce
from market.placement import Fill, Placement
from market.refusals import Refusal
from market.units import QUANTITY_MAX, InvariantBroken

BUY, SELL = Side.BUY, Side.SELL
LIMIT, MARKET = OrderType.LIMIT, OrderType.MARKET
GTC, IOC, FOK = TimeInForce.GTC, TimeInForce.IOC, TimeInForce.FOK


def a_book(*offers, rule=TradePriceRule.MAKER, weight_ppm=0, **options):
    """A book with these offers at (price, lots), numbered from 1."""
    book = OrderBook(rule=rule, weight_ppm=weight_ppm, **options)
    for order_id, (price, lots) in enumerate(offers, start=1):
        book.rest(order_id, SELL, price, lots)
    return book


def bid(book, price, lots, *, order_id=90, kind=LIMIT, tif=GTC, **flags):
    return book.place(order_id, BUY, kind, tif, price, lots, **flags)


def offer(book, price, lots, *, order_id=90, kind=LIMIT, tif=GTC, **flags):
    return book.place(order_id, SELL, kind, tif, price, lots, **flags)


def fill(maker, price, limit, lots, *, taker=90):
    return Fill(taker, maker, price, limit, lots)


def placed(fills, resting_lots, dropped_lots, refusal):
    return Placement(fills, resting_lots, dropped_lots, refusal, ())


def resting(book):
    return book.orders(BUY).tolist(), book.orders(SELL).tolist()


def test_better_price_trades_first_then_earlier_order():
    book = a_book((101, 5), (100, 3), (100, 4))
    assert bid(book, 101, 9) == placed(
        (fill(2, 100, 100, 3), fill(3, 100, 100, 4), fill(1, 101, 101, 2)), 0, 0, None
    )
    assert resting(book) == ([], [(101, 1, 3, 3)])


def test_highest_bid_trades_first_then_earlier_bid():
    book = OrderBook()
    for order_id, price in ((1, 99), (2, 100), (3, 100)):
        bid(book, price, 5, order_id=order_id)
    assert [fill.maker_order_id for fill in offer(book, 99, 12).fills] == [2, 3, 1]
    assert resting(book) == ([(99, 1, 3, 3)], [])


def test_an_order_stops_at_its_own_price_and_rests():
    book = a_book((100, 5), (105, 10))
    assert bid(book, 102, 12) == placed((fill(1, 100, 100, 5),), 7, 0, None)
    assert resting(book) == ([(102, 90, 7, 7)], [(105, 2, 10, 10)])


@pytest.mark.parametrize(
    ("rule", "weight_ppm", "price"),
    [
        (TradePriceRule.MAKER, 0, 100),
        (TradePriceRule.MIDPOINT, 0, 103),
        (TradePriceRule.NASH, 0, 100),
        (TradePriceRule.NASH, 142_857, 100),  # 7 x 0.142857 = 0.999999, rounded down
        (TradePriceRule.NASH, 142_858, 101),
        (TradePriceRule.NASH, 1_000_000, 107),
    ],
)
def test_the_supplier_gets_its_share_of_the_surplus_rounded_down(rule, weight_ppm, price):
    book = a_book((100, 5), rule=rule, weight_ppm=weight_ppm)
    assert bid(book, 107, 5).fills == (fill(1, price, 100, 5),)


@pytest.mark.parametrize(
    ("rule", "weight_ppm", "price"),
    [
        (TradePriceRule.MAKER, 0, 107),
        (TradePriceRule.MIDPOINT, 0, 103),
        (TradePriceRule.NASH, 142_857, 100),
        (TradePriceRule.NASH, 1_000_000, 107),
    ],
)
def test_the_share_is_counted_from_the_offer_when_the_bid_was_there_first(rule, weight_ppm, price):
    book = OrderBook(rule=rule, weight_ppm=weight_ppm)
    bid(book, 107, 5, order_id=1)
    assert offer(book, 100, 5).fills == (fill(1, price, 107, 5),)


def test_a_surplus_of_the_widest_prices_is_shared_exactly():
    book = a_book((1 - PRICE_LIMIT, 1), rule=TradePriceRule.NASH, weight_ppm=999_999)
    expected = 1 - PRICE_LIMIT + 999_999 * (2 * PRICE_LIMIT - 2) // 1_000_000
    assert bid(book, PRICE_LIMIT - 1, 1).fills[0].price_ticks == expected


@pytest.mark.parametrize("rule", TradePriceRule)
def test_a_market_order_trades_at_the_makers_price_under_every_rule_and_never_rests(rule):
    book = a_book((100, 5), (109, 5), (111, 5), rule=rule, weight_ppm=700_000)
    assert bid(book, 110, 20, kind=MARKET) == placed(
        (fill(1, 100, 100, 5), fill(2, 109, 109, 5)), 0, 10, None
    )
    assert resting(book) == ([], [(111, 3, 5, 5)])


def test_the_rule_can_change_between_orders():
    book = a_book((100, 1), (100, 1), (100, 1))
    prices = [bid(book, 110, 1).fills[0].price_ticks]
    book.set_rule(TradePriceRule.MIDPOINT, 0)
    prices.append(bid(book, 110, 1).fills[0].price_ticks)
    book.set_rule(TradePriceRule.NASH, 900_000)
    prices.append(bid(book, 110, 1).fills[0].price_ticks)
    assert prices == [100, 105, 109]


def test_what_an_immediate_order_cannot_fill_is_dropped():
    book = a_book((100, 5))
    assert bid(book, 100, 8, tif=IOC) == placed((fill(1, 100, 100, 5),), 0, 3, None)
    assert resting(book) == ([], [])


def test_fill_or_kill_fills_wholly_across_levels():
    book = a_book((100, 5), (101, 5))
    assert bid(book, 101, 10, tif=FOK).fills == (fill(1, 100, 100, 5), fill(2, 101, 101, 5))


def test_fill_or_kill_changes_nothing_when_one_lot_is_missing():
    book = a_book((100, 5), (101, 5), (102, 5))
    before = book.state_bytes()
    assert bid(book, 101, 11, tif=FOK) == placed((), 0, 0, Refusal.CANNOT_FILL_WHOLLY)
    assert book.state_bytes() == before


def test_post_only_is_refused_when_it_would_take_and_rests_otherwise():
    book = a_book((100, 5))
    assert bid(book, 100, 1, post_only=True) == placed((), 0, 0, Refusal.WOULD_TAKE)
    assert bid(book, 99, 1, post_only=True) == placed((), 1, 0, None)


def test_cancel_tells_what_was_left_and_only_once():
    book = a_book((100, 5), (100, 6))
    bid(book, 100, 2)
    assert (book.cancel(1), book.cancel(1), book.cancel(77)) == (3, None, None)
    assert resting(book) == ([], [(100, 2, 6, 6)])


def test_reducing_keeps_priority():
    book = a_book((100, 5), (100, 6))
    book.reduce(1, 2)
    assert bid(book, 100, 3).fills == (fill(1, 100, 100, 2), fill(2, 100, 100, 1))


def test_taking_keeps_priority_and_removes_an_emptied_order():
    book = a_book((100, 5), (100, 6))
    book.take(1, 4)
    assert resting(book) == ([], [(100, 1, 1, 1), (100, 2, 6, 6)])
    book.take(1, 1)
    assert (book.remaining(1), book.remaining(2), len(book)) == (None, 6, 1)


def test_resting_may_cross_the_book_without_trading():
    book = a_book((100, 5))
    book.rest(2, BUY, 103, 4)
    assert (book.best_bid(), book.best_ask()) == (103, 100)


def test_depth_shows_price_quantity_and_number_of_orders_best_first():
    book = a_book((101, 5), (100, 3), (101, 4))
    bid(book, 98, 7)
    assert book.depth(2) == Depth(bids=((98, 7, 1),), asks=((100, 3, 1), (101, 9, 2)))
    assert book.depth(1).asks == ((100, 3, 1),)
    assert book.depth(0) == Depth((), ())


def test_an_empty_book_has_no_best_prices():
    book = OrderBook()
    assert (book.best_bid(), book.best_ask(), len(book), book.depth(5)) == (None, None, 0, Depth((), ()))


def test_a_book_grows_past_its_capacity():
    book = OrderBook(capacity=1)
    for order_id in range(1000, 2000):
        book.rest(order_id, SELL, 6000 - order_id, 1)
    assert book.orders(SELL)["order_id"].tolist() == list(range(1999, 999, -1))
    assert bid(book, 5000, 1000).fills[-1] == fill(1000, 5000, 5000, 1)
    assert len(book) == 0


def test_prices_far_apart_cost_no_memory_and_keep_their_order():
    book = OrderBook()
    prices = sorted(
        {0, *(sign * (1 << power) - sign for power in range(2, PRICE_LIMIT.bit_length()) for sign in (-1, 1))}
    )
    for order_id, price in enumerate(prices):
        book.rest(order_id, SELL, price, 1)
        book.rest(1000 + order_id, BUY, price, 1)
    assert book.orders(SELL)["price_ticks"].tolist() == prices
    assert book.orders(BUY)["price_ticks"].tolist() == prices[::-1]
    assert book.nbytes < 1 << 18  # about a kilobyte a price


def test_a_new_book_costs_a_few_kilobytes():
    assert OrderBook().nbytes < 12_000


def test_a_large_book_costs_at_most_64_bytes_an_order():
    book = OrderBook()
    messages = np.zeros(100_000, MESSAGE)
    messages["order_id"] = np.arange(len(messages))
    messages["price_ticks"] = 1000 + messages["order_id"] % 400
    messages["quantity_lots"] = 1
    book.run(messages)
    assert len(book) == len(messages)
    assert book.nbytes / len(book) <= 64


def test_memory_that_became_free_is_used_again():
    book = OrderBook()
    for round_of in range(200):
        for order_id in range(50):
            book.rest(order_id, SELL, (1 << 20) * round_of + 1000 * order_id, 1)
        for order_id in range(50):
            book.cancel(order_id)
        if round_of == 0:
            size = book.nbytes
    assert (len(book), book.nbytes) == (0, size)


def test_a_book_is_not_copied():
    with pytest.raises(TypeError, match="an order book cannot be copied"):
        copy.deepcopy(OrderBook())


def test_an_order_id_may_be_used_again_once_its_order_is_gone():
    book = a_book((100, 5))
    bid(book, 100, 5)
    assert offer(book, 101, 2, order_id=1).resting_lots == 2


@pytest.mark.parametrize("order_id", [0, -1, (1 << 63) - 1, -(1 << 63)])
def test_any_64_bit_order_id_will_do(order_id):
    book = OrderBook()
    offer(book, 100, 3, order_id=order_id)
    assert bid(book, 100, 1).fills == (fill(order_id, 100, 100, 1),)
    assert (book.remaining(order_id), book.cancel(order_id)) == (2, 2)


def test_ids_that_share_their_low_bits_are_told_apart():
    book = OrderBook()
    for order_id in range(5000):
        book.rest(order_id << 40, BUY, 100, 1)
    assert all(book.cancel(order_id << 40) == 1 for order_id in range(5000))


def test_a_side_never_holds_more_lots_than_64_bits_can_count():
    book = a_book((100, QUANTITY_MAX - 5))
    assert offer(book, 101, 6) == placed((), 0, 0, Refusal.BOOK_FULL)
    assert offer(book, 101, 5).resting_lots == 5
    assert bid(book, 101, QUANTITY_MAX, order_id=91, tif=FOK).dropped_lots == 0


def test_equal_content_gives_equal_bytes_however_it_came_about():
    straight = a_book((100, 5), (101, 6))
    detour = OrderBook(capacity=1)
    for order_id in range(50, 99):
        detour.rest(order_id, BUY, order_id, 1)
    detour.rest(2, SELL, 101, 60)
    detour.rest(1, SELL, 100, 5)
    detour.reduce(2, 6)
    for order_id in range(50, 99):
        detour.cancel(order_id)
    assert detour.state_bytes() == straight.state_bytes()
    detour.reduce(2, 5)
    assert detour.state_bytes() != straight.state_bytes()


def test_bytes_name_both_sides_in_priority_order():
    book = a_book((101, 5), (100, 3))
    bid(book, 98, 7)
    words = np.frombuffer(book.state_bytes(), "<i8").tolist()
    plain = (-1, 0)  # neither sliced nor all-or-none
    nobody_waits = 0
    assert words == [
        *(NO_PRICE, 0),  # no trade so far, and not halted
        *(1, 98, 90, 7, 7, *plain),
        *(2, 100, 2, 3, 3, 101, 1, 5, 5, *plain, *plain),
        *(nobody_waits, nobody_waits),
    ]


@pytest.mark.parametrize(
    "broken",
    [
        lambda book: bid(book, 99, 1, order_id=1),
        lambda book: book.rest(1, BUY, 99, 1),
        lambda book: bid(book, 99, 0),
        lambda book: bid(book, 99, QUANTITY_MAX + 1),
        lambda book: bid(book, PRICE_LIMIT, 1),
        lambda book: bid(book, -PRICE_LIMIT, 1),
        lambda book: bid(book, 99, 1, order_id=1 << 63),
        lambda book: bid(book, 99, 1, owner=1 << 31),
        lambda book: bid(book, 99, 1, owner=1 << 64),
        lambda book: bid(book, 99, 1, minimum_lots=1 << 63),
        lambda book: book.cancel(1 << 63),
        lambda book: book.replace(2, LIMIT, GTC, 99, 1),
        lambda book: book.trigger(1),
        lambda book: book.reduce(1, 6),
        lambda book: book.reduce(1, 0),
        lambda book: book.reduce(2, 1),
        lambda book: book.take(1, 6),
        lambda book: book.take(2, 1),
        lambda book: book.rest(2, SELL, 100, QUANTITY_MAX),
        lambda book: book.set_rule(TradePriceRule.NASH, 1_000_001),
        lambda book: book.set_rule(TradePriceRule.NASH, -1),
        lambda book: OrderBook(capacity=0),
    ],
)
def test_what_should_have_been_refused_upstairs_breaks_the_invariant_and_changes_nothing(broken):
    book = a_book((100, 5))
    before = book.state_bytes()
    with pytest.raises(InvariantBroken, match=r"found|cannot be placed|the book has"):
        broken(book)
    assert book.state_bytes() == before


@pytest.mark.parametrize("owner", [0, 7])
def test_a_single_order_that_fills_more_than_there_is_room_to_tell_is_told_wholly(owner):
    book = OrderBook(capacity=1)
    for order_id in range(1000, 1100):
        book.rest(order_id, SELL, 100, 1)
    placement = bid(book, 100, 105, owner=owner, self_trade=SelfTrade.CANCEL_NEWEST if owner else None)
    assert placement == placed(tuple(fill(maker, 100, 100, 1) for maker in range(1000, 1100)), 5, 0, None)
    assert bid(book, 100, 2, order_id=91) == placed((), 2, 0, None)


def test_what_one_order_asks_is_not_asked_by_the_next():
    book = a_book((100, 5))
    asked = bid(book, 100, 9, order_id=10, owner=3, self_trade=SelfTrade.CANCEL_NEWEST, display_lots=1)
    assert asked.resting_lots == 4
    assert bid(book, 99, 9, order_id=11) == placed((), 9, 0, None)
    assert resting(book) == ([(100, 10, 4, 1), (99, 11, 9, 9)], [])
    assert (book.cancel(10), book.cancel(11), len(book)) == (4, 9, 0)
