"""An all-or-none order trades with all of its quantity at once or not at all, at rest too."""

import pytest

from market.listing import TradePriceRule
from market.orders import SelfTrade
from market.refusals import Refusal
from tests.market.book_words import (
    FOK,
    GTC,
    IOC,
    LIMIT,
    MARKET,
    SELL,
    Fill,
    NoticeKind,
    Placement,
    bid,
    bids,
    both_books,
    offer,
    offers,
    refused,
    shown,
    told,
    traded,
    with_offers,
)


@both_books
def test_it_fills_wholly_across_prices(new_book):
    book = with_offers(new_book(), (100, 3), (101, 4))
    assert traded(bid(book, 3, 101, 6, all_or_none=True)) == [(1, 100, 3), (2, 101, 3)]
    assert offers(book) == [(101, 2, 1)]


@both_books
def test_it_rests_without_a_trade_when_one_lot_is_missing(new_book):
    book = with_offers(new_book(), (100, 3), (101, 4))
    assert bid(book, 3, 101, 8, all_or_none=True) == Placement((), 8, 0, None, ())
    assert (bids(book), offers(book)) == ([(101, 3, 8)], [(100, 1, 3), (101, 2, 4)])
    assert book.depth(1).bids == ((101, 8, 1),)


@both_books
@pytest.mark.parametrize("asked", [{"tif": IOC}, {"tif": FOK}, {"kind": MARKET}])
def test_one_that_cannot_rest_is_fill_or_kill(new_book, asked):
    book = with_offers(new_book(), (100, 3))
    before = book.state_bytes()
    assert bid(book, 2, 100, 4, all_or_none=True, **asked) == refused(Refusal.CANNOT_FILL_WHOLLY)
    assert book.state_bytes() == before
    assert traded(bid(book, 2, 100, 3, all_or_none=True, **asked)) == [(1, 100, 3)]


@both_books
def test_a_taker_that_is_too_small_passes_it_over_and_it_keeps_its_place(new_book):
    book = new_book()
    offer(book, 1, 100, 5, all_or_none=True)
    offer(book, 2, 100, 2)
    offer(book, 3, 101, 2)
    assert traded(bid(book, 4, 101, 4)) == [(2, 100, 2), (3, 101, 2)]
    assert traded(bid(book, 5, 101, 5)) == [(1, 100, 5)]


@both_books
def test_what_is_left_decides_whether_it_is_passed_over(new_book):
    book = with_offers(new_book(), (99, 3))
    offer(book, 2, 100, 5, all_or_none=True)
    offer(book, 3, 100, 1)
    assert traded(bid(book, 4, 100, 7)) == [(1, 99, 3), (3, 100, 1)]
    assert bids(book) == [(100, 4, 3)]  # the book stays crossed: the offer waits for its five lots


@both_books
def test_fill_or_kill_counts_only_what_the_walk_would_fill(new_book):
    book = with_offers(new_book(), (99, 3))
    offer(book, 2, 100, 5, all_or_none=True)
    assert bid(book, 3, 100, 7, tif=FOK) == refused(Refusal.CANNOT_FILL_WHOLLY)
    assert traded(bid(book, 3, 100, 8, tif=FOK)) == [(1, 99, 3), (2, 100, 5)]


@both_books
def test_two_all_or_none_orders_meet_when_the_quantities_fit(new_book):
    book = new_book()
    offer(book, 1, 100, 5, all_or_none=True)
    assert bid(book, 2, 100, 4, all_or_none=True).resting_lots == 4
    assert traded(bid(book, 3, 100, 5, all_or_none=True)) == [(1, 100, 5)]


@both_books
def test_one_at_rest_is_the_maker_as_soon_as_enough_rests_across(new_book):
    book = new_book()
    bid(book, 1, 100, 10, all_or_none=True)
    assert offer(book, 2, 98, 4).fills == ()
    assert offer(book, 3, 99, 4).fills == ()
    assert offer(book, 4, 100, 4) == Placement(
        (Fill(2, 1, 100, 100, 4), Fill(3, 1, 100, 100, 4), Fill(4, 1, 100, 100, 2)), 2, 0, None, ()
    )
    assert (bids(book), offers(book), book.last_price()) == ([], [(100, 4, 2)], 100)


@both_books
def test_a_newcomer_that_fits_exactly_rests_no_more(new_book):
    book = new_book()
    bid(book, 1, 100, 10, all_or_none=True)
    offer(book, 2, 100, 4)
    assert offer(book, 3, 100, 6) == Placement(
        (Fill(2, 1, 100, 100, 4), Fill(3, 1, 100, 100, 6)), 0, 0, None, ()
    )
    assert len(book) == 0


@both_books
@pytest.mark.parametrize(
    ("rule", "weight_ppm", "prices"),
    [
        (TradePriceRule.MAKER, 0, [100, 100]),
        (TradePriceRule.MIDPOINT, 0, [97, 99]),
        (TradePriceRule.NASH, 250_000, [95, 98]),
    ],
)
def test_its_trades_are_priced_by_the_books_rule(new_book, rule, weight_ppm, prices):
    book = new_book(rule=rule, weight_ppm=weight_ppm)
    bid(book, 1, 100, 10, all_or_none=True)
    offer(book, 2, 94, 5)
    placed = offer(book, 3, 98, 5)
    assert [fill.price_ticks for fill in placed.fills] == prices
    assert {fill.maker_limit_ticks for fill in placed.fills} == {100}


@both_books
def test_at_rest_it_does_not_reach_beyond_its_limit(new_book):
    book = new_book()
    bid(book, 1, 100, 10, all_or_none=True)
    offer(book, 2, 101, 10)
    assert offer(book, 3, 100, 5).fills == ()


@both_books
def test_those_at_rest_are_tried_in_priority_order_each_once(new_book):
    book = new_book()
    bid(book, 1, 100, 6, all_or_none=True)
    bid(book, 2, 101, 9, all_or_none=True)
    bid(book, 3, 100, 4, all_or_none=True)
    offer(book, 4, 100, 3)
    assert offer(book, 5, 100, 3).fills == (Fill(4, 1, 100, 100, 3), Fill(5, 1, 100, 100, 3))
    offer(book, 6, 100, 3)
    assert offer(book, 7, 100, 8).fills == (Fill(7, 3, 100, 100, 4),)


@both_books
def test_at_rest_it_passes_over_its_owner_and_larger_all_or_none_orders(new_book):
    book = new_book()
    mine = {"owner": 7, "self_trade": SelfTrade.CANCEL_NEWEST}
    offer(book, 1, 98, 20, all_or_none=True)
    bid(book, 2, 100, 8, all_or_none=True, **mine)
    offer(book, 3, 99, 5, all_or_none=True, owner=8, self_trade=SelfTrade.CANCEL_NEWEST)
    book.rest(4, SELL, 97, 5, owner=7)
    assert offer(book, 5, 100, 3).fills == (Fill(3, 2, 100, 100, 5), Fill(5, 2, 100, 100, 3))
    assert offers(book) == [(97, 4, 5), (98, 1, 20)]


@both_books
def test_an_iceberg_across_gives_all_of_its_quantity_and_keeps_its_place(new_book):
    book = new_book()
    bid(book, 1, 100, 12, all_or_none=True)
    offer(book, 2, 100, 8, display_lots=3)
    offer(book, 3, 100, 3)
    placed = offer(book, 4, 99, 6)
    assert placed.fills == (Fill(4, 1, 100, 100, 6), Fill(2, 1, 100, 100, 6))
    assert placed.notices == ()
    assert book.orders(SELL).tolist() == [(100, 2, 2, 2), (100, 3, 3, 3)]


@both_books
def test_its_trades_wake_stops(new_book):
    book = new_book()
    bid(book, 1, 100, 10, all_or_none=True)
    offer(book, 2, 150, 1, stop_ticks=100)
    placed = offer(book, 3, 90, 10)
    assert traded(placed) == [(1, 100, 10)]
    assert told(placed) == [(2, NoticeKind.TRIGGERED, 1), (2, NoticeKind.RESTED, 1)]


@both_books
def test_a_replaced_order_is_a_newcomer_too(new_book):
    book = new_book()
    bid(book, 1, 100, 10, all_or_none=True)
    offer(book, 2, 105, 10)
    assert book.replace(2, LIMIT, GTC, 100, 10).fills == (Fill(2, 1, 100, 100, 10),)


@both_books
def test_reducing_keeps_its_place_and_tries_nothing(new_book):
    book = new_book()
    offer(book, 1, 100, 10, all_or_none=True)
    bid(book, 2, 100, 5)
    book.reduce(1, 5)
    assert (shown(book, SELL), bids(book)) == ([(1, 5)], [(100, 2, 5)])
    assert traded(bid(book, 3, 100, 5)) == [(1, 100, 5)]


@both_books
@pytest.mark.parametrize("asked", [{"display_lots": 2}, {"display_lots": 0}, {"post_only": True}])
def test_it_cannot_hide_or_insist_on_resting(new_book, asked):
    assert bid(new_book(), 1, 100, 5, all_or_none=True, **asked) == refused(Refusal.CONDITIONS_CONFLICT)
