"""An order with a minimum quantity enters only if at least that much of it trades at once."""

import pytest

from market.orders import SelfTrade
from market.refusals import Refusal
from tests.market.book_words import (
    FOK,
    IOC,
    MARKET,
    NoticeKind,
    bid,
    bids,
    both_books,
    offer,
    offers,
    refused,
    told,
    traded,
    with_offers,
)


@both_books
def test_the_minimum_trades_and_the_rest_rests(new_book):
    book = with_offers(new_book(), (100, 3), (101, 4))
    placed = bid(book, 3, 101, 10, minimum_lots=7)
    assert (traded(placed), placed.resting_lots) == ([(1, 100, 3), (2, 101, 4)], 3)
    assert bids(book) == [(101, 3, 3)]


@both_books
@pytest.mark.parametrize("asked", [{}, {"tif": IOC}, {"kind": MARKET}])
def test_one_lot_short_of_the_minimum_changes_nothing(new_book, asked):
    book = with_offers(new_book(), (100, 3), (101, 4), (102, 9))
    before = book.state_bytes()
    assert bid(book, 4, 101, 10, minimum_lots=8, **asked) == refused(Refusal.CANNOT_FILL_MINIMUM)
    assert book.state_bytes() == before


@both_books
def test_the_minimum_counts_once(new_book):
    book = with_offers(new_book(), (100, 3))
    bid(book, 2, 100, 10, minimum_lots=3)
    assert traded(offer(book, 3, 100, 1)) == [(2, 100, 1)]


@both_books
def test_own_orders_and_larger_all_or_none_orders_do_not_count(new_book):
    book = new_book()
    mine = {"owner": 7, "self_trade": SelfTrade.CANCEL_OLDEST}
    offer(book, 1, 100, 5, **mine)
    offer(book, 2, 100, 9, all_or_none=True)
    offer(book, 3, 100, 2)
    assert bid(book, 4, 100, 8, minimum_lots=3, **mine) == refused(Refusal.CANNOT_FILL_MINIMUM)
    placed = bid(book, 4, 100, 8, minimum_lots=2, **mine)
    assert traded(placed) == [(3, 100, 2)]
    assert told(placed) == [(1, NoticeKind.SELF_TRADE_CANCELLED, 5)]
    assert offers(book) == [(100, 2, 9)]


@both_books
def test_hidden_quantity_and_reserves_count(new_book):
    book = new_book()
    offer(book, 1, 100, 5, display_lots=1)
    offer(book, 2, 100, 3, display_lots=0)
    assert bid(book, 3, 100, 9, minimum_lots=9) == refused(Refusal.CANNOT_FILL_MINIMUM)
    assert bid(book, 3, 100, 9, minimum_lots=8).resting_lots == 1


@both_books
def test_fill_or_kill_is_the_stronger_condition(new_book):
    book = with_offers(new_book(), (100, 3))
    assert bid(book, 2, 100, 5, tif=FOK, minimum_lots=4) == refused(Refusal.CANNOT_FILL_WHOLLY)


@both_books
def test_an_all_or_none_order_with_a_minimum_does_not_rest_unfilled(new_book):
    book = with_offers(new_book(), (100, 3))
    asked = {"all_or_none": True, "minimum_lots": 1}
    assert bid(book, 2, 100, 5, **asked) == refused(Refusal.CANNOT_FILL_MINIMUM)
    assert traded(bid(book, 2, 100, 3, **asked)) == [(1, 100, 3)]


@both_books
@pytest.mark.parametrize("asked", [{"minimum_lots": 6}, {"minimum_lots": -1}])
def test_a_minimum_outside_the_quantity_is_a_conflict(new_book, asked):
    assert bid(new_book(), 1, 100, 5, **asked) == refused(Refusal.CONDITIONS_CONFLICT)


@both_books
def test_post_only_contradicts_a_minimum(new_book):
    conflicting = bid(new_book(), 1, 100, 5, minimum_lots=1, post_only=True)
    assert conflicting == refused(Refusal.CONDITIONS_CONFLICT)
