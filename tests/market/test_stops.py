"""A stop sleeps until a trade reaches its price, then arrives like any other order."""

import pytest

from market.orders import OrderType, SelfTrade
from market.refusals import Refusal
from market.units import QUANTITY_MAX, InvariantBroken
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

TRIGGERED, RESTED, DROPPED = NoticeKind.TRIGGERED, NoticeKind.RESTED, NoticeKind.DROPPED


def trade_at(book, price, *, order_id=1000):
    """Let one lot trade at a price, in a book that is empty there."""
    offer(book, order_id, price, 1)
    return bid(book, order_id + 1, price, 1, tif=IOC)


@both_books
def test_a_stop_waits_unseen_until_there_is_a_price(new_book):
    book = new_book()
    assert bid(book, 1, 110, 5, stop_ticks=105) == Placement((), 5, 0, None, ())
    assert offer(book, 2, 90, 4, stop_ticks=95) == Placement((), 4, 0, None, ())
    assert (bids(book), offers(book), book.best_bid(), book.best_ask()) == ([], [], None, None)
    assert book.stops(BUY).tolist() == [(105, 1, 5, 110)]
    assert book.stops(SELL).tolist() == [(95, 2, 4, 90)]
    assert (book.remaining(1), len(book)) == (5, 2)


@both_books
@pytest.mark.parametrize(("price", "wakes"), [(104, False), (105, True), (106, True)])
def test_a_bid_wakes_at_its_stop_or_above(new_book, price, wakes):
    book = new_book()
    bid(book, 1, 110, 5, stop_ticks=105)
    placed = trade_at(book, price)
    assert told(placed) == ([(1, TRIGGERED, 5), (1, RESTED, 5)] if wakes else [])
    assert bids(book) == ([(110, 1, 5)] if wakes else [])


@both_books
@pytest.mark.parametrize(("price", "wakes"), [(96, False), (95, True), (94, True)])
def test_an_offer_wakes_at_its_stop_or_below(new_book, price, wakes):
    book = new_book()
    offer(book, 1, 90, 5, stop_ticks=95)
    placed = trade_at(book, price)
    assert told(placed) == ([(1, TRIGGERED, 5), (1, RESTED, 5)] if wakes else [])
    assert offers(book) == ([(90, 1, 5)] if wakes else [])


@both_books
def test_a_woken_stop_takes_what_it_finds_and_the_rest_rests(new_book):
    book = with_offers(new_book(), (105, 1), (106, 2), (108, 2))
    bid(book, 10, 107, 5, stop_ticks=105)
    assert bid(book, 11, 105, 1) == Placement(
        (Fill(11, 1, 105, 105, 1), Fill(10, 2, 106, 106, 2)),
        0,
        0,
        None,
        (Notice(10, TRIGGERED, 5, 1), Notice(10, RESTED, 3, 2)),
    )
    assert (bids(book), offers(book), book.last_price()) == ([(107, 10, 3)], [(108, 3, 2)], 106)


@both_books
def test_a_stop_market_order_drops_what_it_cannot_fill(new_book):
    book = with_offers(new_book(), (105, 1), (106, 2))
    bid(book, 10, 120, 5, kind=MARKET, stop_ticks=105)
    placed = bid(book, 11, 105, 1)
    assert traded(placed) == [(1, 105, 1), (2, 106, 2)]
    assert told(placed) == [(10, TRIGGERED, 5), (10, DROPPED, 3)]


@both_books
def test_one_trade_may_wake_stop_after_stop(new_book):
    book = with_offers(new_book(), (105, 1), (107, 1), (109, 1))
    bid(book, 11, 120, 1, kind=MARKET, stop_ticks=107)
    bid(book, 10, 120, 1, kind=MARKET, stop_ticks=105)
    placed = bid(book, 12, 105, 1)
    assert placed.fills == (
        Fill(12, 1, 105, 105, 1),
        Fill(10, 2, 107, 107, 1),
        Fill(11, 3, 109, 109, 1),
    )
    assert placed.notices == (Notice(10, TRIGGERED, 1, 1), Notice(11, TRIGGERED, 1, 2))


@both_books
def test_bids_wake_from_the_lowest_stop_then_by_time_then_offers_from_the_highest(new_book):
    book = new_book()
    for order_id, stop in ((1, 103), (2, 101), (3, 101)):
        bid(book, order_id, 50, 1, stop_ticks=stop)
    for order_id, stop in ((4, 107), (5, 109), (6, 109)):
        offer(book, order_id, 150, 1, stop_ticks=stop)
    assert [order_id for _, order_id, _ in waiting(book, BUY)] == [2, 3, 1]
    assert [order_id for _, order_id, _ in waiting(book, SELL)] == [5, 6, 4]
    woken = [each for each, kind, _ in told(trade_at(book, 105)) if kind == TRIGGERED]
    assert woken == [2, 3, 1, 5, 6, 4]


@both_books
def test_a_stop_that_a_price_reached_wakes_even_if_the_price_came_back(new_book):
    book = new_book()
    bid(book, 1, 110, 1)
    bid(book, 2, 100, 1)
    bid(book, 3, 50, 5, stop_ticks=108)  # the first fill reaches it, the last does not
    placed = offer(book, 4, 100, 2)
    assert traded(placed) == [(1, 110, 1), (2, 100, 1)]
    assert told(placed) == [(3, TRIGGERED, 5), (3, RESTED, 5)]


@both_books
def test_a_price_of_an_earlier_message_wakes_nothing_later(new_book):
    book = new_book()
    book.note_price(110)
    bid(book, 1, 120, 5, stop_ticks=111)
    book.note_price(112)
    assert told(trade_at(book, 110)) == []
    assert waiting(book, BUY) == [(111, 1, 5)]


@both_books
def test_a_stop_that_is_already_reached_arrives_at_once(new_book):
    book = with_offers(new_book(), (105, 2))
    book.note_price(106)
    assert bid(book, 2, 105, 5, stop_ticks=106) == Placement(
        (Fill(2, 1, 105, 105, 2),), 3, 0, None, (Notice(2, TRIGGERED, 5, 0),)
    )


@both_books
def test_a_stop_that_is_reached_but_refused_changes_nothing(new_book):
    book = with_offers(new_book(), (105, 2))
    book.note_price(106)
    before = book.state_bytes()
    assert bid(book, 2, 105, 5, tif=FOK, stop_ticks=106) == refused(Refusal.CANNOT_FILL_WHOLLY)
    assert bid(book, 2, 105, 5, post_only=True, stop_ticks=106) == refused(Refusal.WOULD_TAKE)
    assert book.state_bytes() == before


@both_books
@pytest.mark.parametrize(
    "asked", [{"post_only": True}, {"tif": FOK}, {"minimum_lots": 3}, {"tif": IOC, "all_or_none": True}]
)
def test_conditions_that_cannot_be_kept_on_waking_drop_the_order_wholly(new_book, asked):
    book = with_offers(new_book(), (105, 1), (106, 2))
    bid(book, 10, 106, 5, stop_ticks=105, **asked)
    placed = bid(book, 11, 105, 1)
    assert told(placed) == [(10, TRIGGERED, 5), (10, DROPPED, 5)]
    assert offers(book) == [(106, 2, 2)]
    assert book.remaining(10) is None


@both_books
def test_a_woken_all_or_none_order_rests_until_it_can_be_filled(new_book):
    book = with_offers(new_book(), (105, 1), (106, 2))
    bid(book, 10, 106, 5, stop_ticks=105, all_or_none=True)
    assert told(bid(book, 11, 105, 1)) == [(10, TRIGGERED, 5), (10, RESTED, 5)]
    assert bids(book) == [(106, 10, 5)]


@both_books
def test_a_stopped_iceberg_shows_its_slice_once_awake(new_book):
    book = new_book()
    bid(book, 1, 110, 9, stop_ticks=105, display_lots=2)
    trade_at(book, 105)
    assert shown(book, BUY) == [(1, 2)]


@both_books
def test_a_woken_stop_is_newest_at_its_price(new_book):
    book = new_book()
    bid(book, 1, 100, 5, stop_ticks=105)
    bid(book, 2, 100, 5)
    trade_at(book, 105)
    assert bids(book) == [(100, 2, 5), (100, 1, 5)]


@both_books
def test_a_woken_stop_never_trades_with_its_owner(new_book):
    book = new_book()
    mine = {"owner": 7, "self_trade": SelfTrade.CANCEL_NEWEST}
    offer(book, 1, 106, 2, **mine)
    bid(book, 2, 106, 3, stop_ticks=105, **mine)
    placed = trade_at(book, 105)
    assert told(placed) == [(2, TRIGGERED, 3), (2, NoticeKind.SELF_TRADE_CANCELLED, 3)]
    assert offers(book) == [(106, 1, 2)]


@both_books
def test_waiting_stops_are_reduced_cancelled_and_replaced(new_book):
    book = new_book()
    for order_id in (1, 2):
        bid(book, order_id, 110, 5, stop_ticks=105)
    book.reduce(1, 2)
    assert waiting(book, BUY) == [(105, 1, 2), (105, 2, 5)]
    assert book.replace(1, LIMIT, GTC, 110, 1, stop_ticks=105).resting_lots == 1
    assert waiting(book, BUY) == [(105, 2, 5), (105, 1, 1)]  # even a smaller one is placed anew
    assert book.cancel(2) == 5
    assert book.replace(1, LIMIT, GTC, 99, 3).resting_lots == 3
    assert (waiting(book, BUY), bids(book)) == ([], [(99, 1, 3)])


@both_books
def test_a_price_that_is_noted_wakes_nothing_until_the_book_is_told_to(new_book):
    book = with_offers(new_book(), (105, 2))
    bid(book, 10, 105, 5, stop_ticks=104)
    book.note_price(104)
    assert waiting(book, BUY) == [(104, 10, 5)]
    assert book.activate() == Placement(
        (Fill(10, 1, 105, 105, 2),), 0, 0, None, (Notice(10, TRIGGERED, 5, 0), Notice(10, RESTED, 3, 1))
    )
    assert book.activate() == Placement((), 0, 0, None, ())


@both_books
def test_without_a_last_price_there_is_nothing_to_wake(new_book):
    book = new_book()
    bid(book, 1, 105, 5, stop_ticks=104)
    assert book.activate() == Placement((), 0, 0, None, ())


@both_books
def test_a_rebuild_triggers_without_matching(new_book):
    book = with_offers(new_book(), (105, 2))
    book.rest(2, BUY, 110, 8, stop_ticks=104, display_lots=3)
    book.trigger(2)
    assert (book.orders(BUY).tolist(), offers(book)) == ([(110, 2, 8, 3)], [(105, 1, 2)])
    book.take(2, 2, incoming=True)
    assert book.orders(BUY).tolist() == [(110, 2, 6, 3)]


@both_books
def test_a_triggered_stop_is_newest_at_its_price(new_book):
    book = new_book()
    book.rest(1, BUY, 100, 5, stop_ticks=104)
    book.rest(2, BUY, 100, 5)
    book.trigger(1)
    assert bids(book) == [(100, 2, 5), (100, 1, 5)]


@both_books
def test_waiting_stops_count_towards_what_a_side_can_hold(new_book):
    book = new_book()
    bid(book, 1, 100, QUANTITY_MAX - 5, stop_ticks=104)
    assert bid(book, 2, 100, 6) == refused(Refusal.BOOK_FULL)
    assert bid(book, 2, 100, 6, stop_ticks=105) == refused(Refusal.BOOK_FULL)
    assert bid(book, 2, 100, 5).resting_lots == 5
    assert told(trade_at(book, 104)) == [(1, TRIGGERED, QUANTITY_MAX - 5), (1, RESTED, QUANTITY_MAX - 5)]


@both_books
def test_a_rebuilt_stop_wakes_as_what_it_was(new_book):
    book = with_offers(new_book(), (105, 1), (106, 1))
    book.rest(10, BUY, 120, 5, stop_ticks=105, order_type=OrderType.MARKET, time_in_force=IOC)
    assert told(bid(book, 11, 105, 1)) == [(10, TRIGGERED, 5), (10, DROPPED, 4)]


@both_books
def test_only_a_waiting_stop_can_be_triggered_and_only_what_rests_can_be_taken(new_book):
    book = with_offers(new_book(), (105, 1))
    bid(book, 2, 110, 5, stop_ticks=107)
    with pytest.raises(InvariantBroken):
        book.trigger(1)
    with pytest.raises(InvariantBroken):
        book.trigger(9)
    with pytest.raises(InvariantBroken):
        book.take(2, 1)
