"""A book with a collar halts before a trade leaves it, and only collects orders until it is told to go on."""

import pytest

from market.listing import TradePriceRule
from market.orders import SelfTrade, Side
from market.refusals import Refusal
from tests.market.book_words import (
    BUY,
    FOK,
    GTC,
    IOC,
    LIMIT,
    MARKET,
    SELL,
    Fill,
    Notice,
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
    waiting,
    with_offers,
)

HALTED = NoticeKind.HALTED


def collared(new_book, *offered, **settings):
    """A book whose trades stay within 95 and 105 until the first one moves the centre."""
    book = with_offers(new_book(**settings), *offered)
    book.set_collar(100, 5)
    return book


@both_books
def test_trades_stop_at_the_edge_and_the_rest_of_the_order_rests(new_book):
    book = collared(new_book, (104, 2), (105, 3), (106, 4))
    assert bid(book, 4, 110, 9) == Placement(
        (Fill(4, 1, 104, 104, 2), Fill(4, 2, 105, 105, 3)), 4, 0, None, (Notice(4, HALTED, 4, 2),)
    )
    assert book.halted
    assert (bids(book), offers(book)) == ([(110, 4, 4)], [(106, 3, 4)])  # crossed, until the call's auction


@both_books
@pytest.mark.parametrize("asked", [{"tif": IOC}, {"kind": MARKET}])
def test_what_cannot_rest_is_dropped_at_the_edge(new_book, asked):
    book = collared(new_book, (104, 2), (106, 4))
    placed = bid(book, 3, 110, 9, **asked)
    assert (traded(placed), placed.dropped_lots, told(placed)) == ([(1, 104, 2)], 7, [(3, HALTED, 7)])
    assert book.halted


@both_books
def test_an_order_that_finds_nobody_beyond_the_edge_does_not_halt(new_book):
    book = collared(new_book, (104, 2))
    assert bid(book, 2, 110, 9).notices == ()
    assert (book.halted, bids(book)) == (False, [(110, 2, 7)])


@both_books
def test_an_order_that_is_filled_at_the_edge_does_not_halt(new_book):
    book = collared(new_book, (105, 2), (106, 2))
    assert bid(book, 3, 110, 2).notices == ()
    assert not book.halted


@both_books
def test_offers_halt_at_the_lower_edge(new_book):
    book = collared(new_book)
    for order_id, price in ((1, 95), (2, 94)):
        bid(book, order_id, price, 1)
    placed = offer(book, 3, 90, 5)
    assert (traded(placed), told(placed)) == ([(1, 95, 1)], [(3, HALTED, 4)])


@both_books
def test_a_resting_price_outside_the_collar_halts_whoever_would_trade_there(new_book):
    book = collared(new_book)
    bid(book, 1, 112, 3)
    placed = offer(book, 2, 100, 1)
    assert (traded(placed), told(placed), book.halted) == ([], [(2, HALTED, 1)], True)


@both_books
def test_the_last_price_is_the_centre_once_there_is_one(new_book):
    book = collared(new_book, (105, 1), (109, 1), (113, 1))
    bid(book, 4, 105, 1)
    assert told(bid(book, 5, 109, 1)) == []
    assert book.last_price() == 109
    assert told(bid(book, 6, 113, 1)) == []
    book.note_price(100)
    offer(book, 7, 106, 1)
    assert told(bid(book, 8, 106, 1)) == [(8, HALTED, 1)]


@both_books
def test_the_centre_does_not_move_within_one_message(new_book):
    book = collared(new_book, (104, 1), (106, 1))
    assert told(bid(book, 3, 106, 2)) == [(3, HALTED, 1)]


@both_books
@pytest.mark.parametrize(("rule", "price"), [(TradePriceRule.MAKER, 101), (TradePriceRule.MIDPOINT, 103)])
def test_a_limit_beyond_the_edge_counts_as_the_edge_in_the_price(new_book, rule, price):
    book = collared(new_book, (101, 1), rule=rule)
    assert traded(bid(book, 2, 119, 1)) == [(1, price, 1)]


@both_books
def test_fill_or_kill_and_minimum_reach_to_the_edge_and_do_not_halt_when_refused(new_book):
    book = collared(new_book, (105, 2), (106, 4))
    assert bid(book, 3, 106, 3, tif=FOK) == refused(Refusal.CANNOT_FILL_WHOLLY)
    assert bid(book, 3, 106, 5, minimum_lots=3) == refused(Refusal.CANNOT_FILL_MINIMUM)
    assert not book.halted
    assert told(bid(book, 3, 106, 5, minimum_lots=2)) == [(3, HALTED, 3)]


@both_books
def test_own_orders_and_all_or_none_orders_that_would_not_trade_do_not_halt(new_book):
    book = collared(new_book)
    mine = {"owner": 7, "self_trade": SelfTrade.CANCEL_OLDEST}
    offer(book, 1, 106, 5, **mine)
    offer(book, 2, 107, 5, all_or_none=True)
    assert told(bid(book, 3, 110, 4, **mine)) == [(1, NoticeKind.SELF_TRADE_CANCELLED, 5)]
    assert (book.halted, bids(book)) == (False, [(110, 3, 4)])


@both_books
def test_an_all_or_none_order_outside_the_collar_is_not_tried(new_book):
    book = collared(new_book)
    bid(book, 1, 106, 5, all_or_none=True)
    assert told(offer(book, 2, 104, 3)) == []
    placed = offer(book, 3, 104, 2)
    assert (placed.fills, book.halted) == ((), False)


@both_books
def test_an_all_or_none_order_does_not_reach_past_an_order_outside_the_collar(new_book):
    book = collared(new_book)
    bid(book, 1, 100, 5, all_or_none=True)
    offer(book, 2, 94, 3)
    assert offer(book, 3, 95, 3).fills == ()
    book.cancel(2)
    assert traded(offer(book, 4, 96, 2)) == [(1, 100, 3), (1, 100, 2)]


@both_books
def test_a_collar_of_width_zero_never_halts(new_book):
    book = with_offers(new_book(), (1_000_000, 1))
    book.set_collar(100, 0)
    assert traded(bid(book, 2, 1_000_000, 1)) == [(1, 1_000_000, 1)]


@both_books
def test_a_woken_stop_may_halt_the_book(new_book):
    book = collared(new_book, (104, 1), (110, 2))
    bid(book, 3, 120, 2, stop_ticks=104)
    bid(book, 4, 120, 1, stop_ticks=104)
    placed = bid(book, 5, 104, 1)
    assert told(placed) == [(3, NoticeKind.TRIGGERED, 2), (3, HALTED, 2), (3, NoticeKind.RESTED, 2)]
    assert waiting(book, BUY) == [(104, 4, 1)]  # nobody wakes any more


@both_books
def test_while_halted_limit_orders_rest_even_across(new_book):
    book = with_offers(new_book(), (100, 5))
    book.halt()
    assert bid(book, 2, 103, 4) == Placement((), 4, 0, None, ())
    assert bid(book, 3, 103, 6, display_lots=2).resting_lots == 6
    assert (shown(book, BUY), offers(book)) == ([(2, 4), (3, 2)], [(100, 1, 5)])


@both_books
@pytest.mark.parametrize(
    "asked",
    [
        {"kind": MARKET},
        {"tif": IOC},
        {"tif": FOK},
        {"post_only": True},
        {"all_or_none": True},
        {"minimum_lots": 1},
    ],
)
def test_while_halted_nothing_else_is_taken(new_book, asked):
    book = with_offers(new_book(), (100, 5))
    book.halt()
    before = book.state_bytes()
    assert bid(book, 2, 90, 4, **asked) == refused(Refusal.NOT_ALLOWED_IN_CALL)
    assert book.state_bytes() == before


@both_books
def test_while_halted_orders_are_replaced_reduced_and_cancelled(new_book):
    book = with_offers(new_book(), (100, 5), (101, 5))
    book.halt()
    bid(book, 3, 99, 5)
    assert book.replace(3, LIMIT, GTC, 102, 5) == Placement((), 5, 0, None, ())
    assert book.replace(1, LIMIT, GTC, 100, 4) == Placement((), 4, 0, None, ())
    assert book.replace(2, LIMIT, IOC, 99, 4) == refused(Refusal.NOT_ALLOWED_IN_CALL)
    book.reduce(1, 3)
    assert book.cancel(2) == 5
    assert (bids(book), offers(book)) == ([(102, 3, 5)], [(100, 1, 3)])


@both_books
@pytest.mark.parametrize("side", Side)
def test_while_halted_stops_wait_even_if_their_price_was_reached(new_book, side):
    book = new_book()
    book.note_price(100)
    book.halt()
    assert book.place(1, side, LIMIT, GTC, 100, 5, stop_ticks=100) == Placement((), 5, 0, None, ())
    assert book.activate() == Placement((), 0, 0, None, ())
    book.resume()
    assert told(book.activate()) == [(1, NoticeKind.TRIGGERED, 5), (1, NoticeKind.RESTED, 5)]


@both_books
def test_after_the_halts_auction_the_book_matches_again(new_book):
    book = collared(new_book, (106, 4))
    bid(book, 2, 110, 5)
    book.take(1, 4)  # what the auction traded
    book.take(2, 4, incoming=True)
    book.note_price(108)
    book.resume()
    assert (book.halted, book.last_price()) == (False, 108)
    assert traded(offer(book, 3, 105, 1)) == [(2, 110, 1)]


@both_books
def test_all_or_none_orders_are_not_tried_while_halted(new_book):
    book = new_book()
    bid(book, 1, 100, 5, all_or_none=True)
    book.halt()
    assert offer(book, 2, 100, 5).fills == ()
    assert (bids(book), shown(book, SELL)) == ([(100, 1, 5)], [(2, 5)])
