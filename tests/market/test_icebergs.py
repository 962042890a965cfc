"""An iceberg shows a slice of itself; the next slice queues up behind whoever waits at its price."""

from market.depth import Depth
from market.orders import SelfTrade
from market.refusals import Refusal
from tests.market.book_words import (
    BUY,
    GTC,
    IOC,
    LIMIT,
    MARKET,
    SELL,
    Fill,
    Notice,
    NoticeKind,
    bid,
    bids,
    both_books,
    offer,
    offers,
    refused,
    shown,
    told,
    traded,
)

REFRESHED = NoticeKind.REFRESHED


def an_iceberg_before_a_plain_offer(new_book):
    book = new_book()
    offer(book, 1, 100, 10, display_lots=3)
    offer(book, 2, 100, 5)
    return book


@both_books
def test_only_the_slice_is_displayed(new_book):
    book = an_iceberg_before_a_plain_offer(new_book)
    assert book.depth(5) == Depth(bids=(), asks=((100, 8, 2),))
    assert book.orders(SELL).tolist() == [(100, 1, 10, 3), (100, 2, 5, 5)]
    assert book.remaining(1) == 10


@both_books
def test_a_used_up_slice_is_followed_by_one_at_the_back(new_book):
    book = an_iceberg_before_a_plain_offer(new_book)
    placed = bid(book, 3, 100, 4)
    assert placed.fills == (Fill(3, 1, 100, 100, 3), Fill(3, 2, 100, 100, 1))
    assert placed.notices == (Notice(1, REFRESHED, 3, 1),)
    assert book.orders(SELL).tolist() == [(100, 2, 4, 4), (100, 1, 7, 3)]


@both_books
def test_a_slice_in_part_keeps_its_place(new_book):
    book = an_iceberg_before_a_plain_offer(new_book)
    assert bid(book, 3, 100, 2).notices == ()
    assert shown(book, SELL) == [(1, 1), (2, 5)]
    assert book.remaining(1) == 8


@both_books
def test_one_order_may_meet_slice_after_slice(new_book):
    book = an_iceberg_before_a_plain_offer(new_book)
    placed = bid(book, 3, 100, 15)
    assert traded(placed) == [(1, 100, 3), (2, 100, 5), (1, 100, 3), (1, 100, 3), (1, 100, 1)]
    assert told(placed) == [(1, REFRESHED, 3), (1, REFRESHED, 3), (1, REFRESHED, 1)]
    assert [notice.after_fills for notice in placed.notices] == [1, 3, 4]
    assert offers(book) == []


@both_books
def test_the_slice_is_refreshed_when_the_same_fill_uses_up_the_taker(new_book):
    book = an_iceberg_before_a_plain_offer(new_book)
    assert told(bid(book, 3, 100, 3)) == [(1, REFRESHED, 3)]
    assert shown(book, SELL) == [(2, 5), (1, 3)]


@both_books
def test_a_better_price_goes_before_the_next_slice(new_book):
    book = new_book()
    offer(book, 1, 100, 6, display_lots=2)
    offer(book, 2, 101, 5)
    assert traded(bid(book, 3, 101, 7)) == [(1, 100, 2), (1, 100, 2), (1, 100, 2), (2, 101, 1)]


@both_books
def test_an_incoming_iceberg_trades_with_all_of_its_quantity_and_rests_with_a_slice(new_book):
    book = new_book()
    offer(book, 1, 100, 12)
    placed = bid(book, 2, 100, 20, display_lots=5)
    assert (traded(placed), placed.resting_lots) == ([(1, 100, 12)], 8)
    assert book.orders(BUY).tolist() == [(100, 2, 8, 5)]


@both_books
def test_a_display_of_at_least_the_quantity_is_a_plain_order(new_book):
    book = new_book()
    offer(book, 1, 100, 5, display_lots=5)
    offer(book, 2, 100, 5, display_lots=9)
    assert bid(book, 3, 100, 6).notices == ()
    assert shown(book, SELL) == [(2, 4)]


@both_books
def test_reducing_takes_from_the_reserve_first(new_book):
    book = an_iceberg_before_a_plain_offer(new_book)
    book.reduce(1, 5)
    assert shown(book, SELL) == [(1, 3), (2, 5)]
    book.reduce(1, 2)
    assert shown(book, SELL) == [(1, 2), (2, 5)]


@both_books
def test_replacing_by_less_keeps_place_and_slice(new_book):
    book = an_iceberg_before_a_plain_offer(new_book)
    bid(book, 3, 100, 1)
    assert book.replace(1, LIMIT, GTC, 100, 6, display_lots=4).resting_lots == 6
    assert book.orders(SELL).tolist() == [(100, 1, 6, 2), (100, 2, 5, 5)]


@both_books
def test_replacing_by_more_queues_up_with_a_fresh_slice(new_book):
    book = an_iceberg_before_a_plain_offer(new_book)
    book.replace(1, LIMIT, GTC, 100, 12, display_lots=4)
    assert book.orders(SELL).tolist() == [(100, 2, 5, 5), (100, 1, 12, 4)]


@both_books
def test_decrement_takes_from_the_reserve_first(new_book):
    book = new_book()
    mine = {"owner": 7, "self_trade": SelfTrade.DECREMENT}
    offer(book, 1, 100, 10, display_lots=3, **mine)
    offer(book, 2, 100, 5)
    placed = bid(book, 3, 100, 8, **mine)
    assert told(placed) == [(1, NoticeKind.SELF_TRADE_REDUCED, 8), (3, NoticeKind.SELF_TRADE_CANCELLED, 8)]
    assert book.orders(SELL).tolist() == [(100, 1, 2, 2), (100, 2, 5, 5)]


@both_books
def test_taking_elsewhere_uses_up_the_slice_as_a_fill_does(new_book):
    book = an_iceberg_before_a_plain_offer(new_book)
    book.take(1, 2)
    assert shown(book, SELL) == [(1, 1), (2, 5)]
    book.take(1, 4)
    assert book.orders(SELL).tolist() == [(100, 2, 5, 5), (100, 1, 4, 3)]


@both_books
def test_the_taker_of_a_trade_elsewhere_keeps_its_place_with_a_fresh_slice(new_book):
    book = an_iceberg_before_a_plain_offer(new_book)
    book.take(1, 2, incoming=True)
    assert book.orders(SELL).tolist() == [(100, 1, 8, 3), (100, 2, 5, 5)]
    book.take(1, 6, incoming=True)
    assert book.orders(SELL).tolist() == [(100, 1, 2, 2), (100, 2, 5, 5)]


@both_books
def test_cancelling_tells_the_whole_remaining_quantity(new_book):
    book = an_iceberg_before_a_plain_offer(new_book)
    bid(book, 3, 100, 4)
    assert book.cancel(1) == 7


@both_books
def test_what_cannot_rest_cannot_show_a_part(new_book):
    book = new_book()
    conflict = refused(Refusal.CONDITIONS_CONFLICT)
    assert bid(book, 1, 100, 5, tif=IOC, display_lots=2) == conflict
    assert bid(book, 1, 100, 5, kind=MARKET, display_lots=2) == conflict
    assert bid(book, 1, 100, 5, display_lots=-1) == conflict
    assert bids(book) == []
