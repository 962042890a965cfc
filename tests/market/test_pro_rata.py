"""In a pro-rata book a price level is shared in proportion to the quantities; better prices still go first."""

import pytest

from market.listing import Allocation
from market.orders import SelfTrade
from market.refusals import Refusal
from market.units import QUANTITY_MAX
from tests.market.book_words import (
    FOK,
    MARKET,
    SELL,
    NoticeKind,
    bid,
    both_books,
    offer,
    offers,
    refused,
    told,
    traded,
    with_offers,
)


def shared(new_book, *offered):
    return with_offers(new_book(allocation=Allocation.PRO_RATA), *offered)


@both_books
def test_a_level_is_shared_in_proportion(new_book):
    book = shared(new_book, (100, 60), (100, 30), (100, 10))
    assert traded(bid(book, 4, 100, 50)) == [(1, 100, 30), (2, 100, 15), (3, 100, 5)]
    assert offers(book) == [(100, 1, 30), (100, 2, 15), (100, 3, 5)]


@both_books
def test_lots_that_do_not_divide_go_to_the_earliest(new_book):
    book = shared(new_book, (100, 5), (100, 5), (100, 5))
    assert traded(bid(book, 4, 100, 8)) == [(1, 100, 4), (2, 100, 2), (3, 100, 2)]


@both_books
def test_the_earliest_get_no_more_than_they_have(new_book):
    book = shared(new_book, (100, 1), (100, 1), (100, 1), (100, 1))
    assert traded(bid(book, 5, 100, 3)) == [(1, 100, 1), (2, 100, 1), (3, 100, 1)]


@both_books
def test_a_share_of_nothing_is_no_fill(new_book):
    book = shared(new_book, (100, 1), (100, 98), (100, 1))
    assert traded(bid(book, 4, 100, 50)) == [(1, 100, 1), (2, 100, 49)]


@both_books
def test_better_prices_go_first_and_whole_levels_trade_in_time_order(new_book):
    book = shared(new_book, (101, 6), (100, 2), (100, 3), (101, 2))
    assert traded(bid(book, 5, 101, 9)) == [(2, 100, 2), (3, 100, 3), (1, 101, 3), (4, 101, 1)]


@both_books
def test_hidden_orders_of_the_price_share_what_the_displayed_ones_leave(new_book):
    book = shared(new_book)
    offer(book, 1, 100, 6, display_lots=0)
    offer(book, 2, 100, 3, display_lots=0)
    offer(book, 3, 100, 4)
    assert traded(bid(book, 4, 100, 7)) == [(3, 100, 4), (1, 100, 2), (2, 100, 1)]


@both_books
def test_own_orders_are_dealt_with_before_the_level_is_shared(new_book):
    mine = {"owner": 7, "self_trade": SelfTrade.DECREMENT}
    book = shared(new_book, (100, 6), (100, 2))
    offer(book, 3, 100, 4, **mine)
    placed = bid(book, 4, 100, 8, **mine)
    assert told(placed) == [(3, NoticeKind.SELF_TRADE_CANCELLED, 4), (4, NoticeKind.SELF_TRADE_REDUCED, 4)]
    assert traded(placed) == [(1, 100, 3), (2, 100, 1)]


@both_books
def test_cancel_newest_trades_with_nobody_of_that_level(new_book):
    mine = {"owner": 7, "self_trade": SelfTrade.CANCEL_NEWEST}
    book = shared(new_book, (99, 2), (100, 6))
    offer(book, 3, 100, 4, **mine)
    placed = bid(book, 4, 100, 8, **mine)
    assert (traded(placed), told(placed)) == ([(1, 99, 2)], [(4, NoticeKind.SELF_TRADE_CANCELLED, 6)])


@both_books
def test_shares_are_exact_beyond_64_bits(new_book):
    third = QUANTITY_MAX // 3
    book = shared(new_book, (100, third), (100, third), (100, third))
    assert traded(bid(book, 4, 100, 3 * (third - 2) + 2)) == [
        (1, 100, third),
        (2, 100, third - 2),
        (3, 100, third - 2),
    ]


@both_books
def test_a_budget_is_shared_too(new_book):
    book = shared(new_book, (100, 6), (100, 3))
    assert traded(bid(book, 3, 100, 9, kind=MARKET, budget=399)) == [(1, 100, 2), (2, 100, 1)]


@both_books
def test_fill_or_kill_fills_wholly(new_book):
    book = shared(new_book, (100, 6), (101, 3))
    assert bid(book, 3, 101, 10, tif=FOK) == refused(Refusal.CANNOT_FILL_WHOLLY)
    assert traded(bid(book, 3, 101, 8, tif=FOK)) == [(1, 100, 6), (2, 101, 2)]


@both_books
def test_the_collar_holds(new_book):
    book = shared(new_book, (105, 4), (106, 4))
    book.set_collar(100, 5)
    placed = bid(book, 3, 106, 6)
    assert (traded(placed), told(placed)) == ([(1, 105, 4)], [(3, NoticeKind.HALTED, 2)])


@both_books
@pytest.mark.parametrize("asked", [{"all_or_none": True}, {"display_lots": 2}])
def test_it_knows_neither_icebergs_nor_all_or_none(new_book, asked):
    assert offer(shared(new_book), 1, 100, 5, **asked) == refused(Refusal.CONDITIONS_CONFLICT)


@both_books
def test_shrinking_keeps_the_place(new_book):
    book = shared(new_book, (100, 5), (100, 5))
    book.reduce(1, 4)
    assert traded(bid(book, 3, 100, 5)) == [(1, 100, 3), (2, 100, 2)]
    assert book.orders(SELL)["order_id"].tolist() == [1, 2]
