"""Orders of one participant never trade with each other; the incoming one's policy says which gives way."""

import pytest

from market.orders import SelfTrade
from market.refusals import Refusal
from tests.market.book_words import (
    FOK,
    IOC,
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
    told,
    traded,
)

CANCELLED, REDUCED = NoticeKind.SELF_TRADE_CANCELLED, NoticeKind.SELF_TRADE_REDUCED


def mine(policy, owner=7):
    return {"owner": owner, "self_trade": policy}


def own_offer_between_two(new_book, *, own_lots=5):
    """Offers of somebody else at 100, of participant 7 at 101, of somebody else again at 102."""
    book = new_book()
    offer(book, 1, 100, 2, **mine(SelfTrade.CANCEL_NEWEST, owner=8))
    offer(book, 2, 101, own_lots, **mine(SelfTrade.CANCEL_NEWEST))
    offer(book, 3, 102, 4, **mine(SelfTrade.CANCEL_NEWEST, owner=8))
    return book


@both_books
def test_cancel_newest_ends_the_incoming_order(new_book):
    book = own_offer_between_two(new_book)
    placed = bid(book, 4, 102, 9, **mine(SelfTrade.CANCEL_NEWEST))
    assert placed.fills == (Fill(4, 1, 100, 100, 2),)
    assert placed.notices == (Notice(4, CANCELLED, 7, 1),)
    assert (placed.resting_lots, placed.dropped_lots) == (0, 0)
    assert (bids(book), offers(book)) == ([], [(101, 2, 5), (102, 3, 4)])


@both_books
def test_cancel_oldest_takes_the_resting_order_off_and_goes_on(new_book):
    book = own_offer_between_two(new_book)
    placed = bid(book, 4, 102, 9, **mine(SelfTrade.CANCEL_OLDEST))
    assert traded(placed) == [(1, 100, 2), (3, 102, 4)]
    assert placed.notices == (Notice(2, CANCELLED, 5, 1),)
    assert (bids(book), offers(book)) == ([(102, 4, 3)], [])


@both_books
def test_cancel_both_ends_both(new_book):
    book = own_offer_between_two(new_book)
    placed = bid(book, 4, 102, 9, **mine(SelfTrade.CANCEL_BOTH))
    assert traded(placed) == [(1, 100, 2)]
    assert placed.notices == (Notice(2, CANCELLED, 5, 1), Notice(4, CANCELLED, 7, 1))
    assert (bids(book), offers(book)) == ([], [(102, 3, 4)])


@both_books
@pytest.mark.parametrize(
    ("own_lots", "notices", "fills", "left"),
    [
        (5, [(2, CANCELLED, 5), (4, REDUCED, 5)], [(1, 100, 2), (3, 102, 2)], [(102, 3, 2)]),
        (7, [(2, CANCELLED, 7), (4, CANCELLED, 7)], [(1, 100, 2)], [(102, 3, 4)]),
        (9, [(2, REDUCED, 7), (4, CANCELLED, 7)], [(1, 100, 2)], [(101, 2, 2), (102, 3, 4)]),
    ],
)
def test_decrement_takes_the_smaller_quantity_off_both(new_book, own_lots, notices, fills, left):
    book = own_offer_between_two(new_book, own_lots=own_lots)
    placed = bid(book, 4, 102, 9, **mine(SelfTrade.DECREMENT))
    assert (told(placed), traded(placed), offers(book)) == (notices, fills, left)
    assert (placed.resting_lots, placed.dropped_lots, bids(book)) == (0, 0, [])


@both_books
def test_prevention_acts_only_when_the_walk_gets_there(new_book):
    book = own_offer_between_two(new_book)
    placed = bid(book, 4, 102, 2, **mine(SelfTrade.CANCEL_BOTH))
    assert (traded(placed), told(placed)) == ([(1, 100, 2)], [])
    assert offers(book) == [(101, 2, 5), (102, 3, 4)]


@both_books
def test_without_a_policy_an_order_belongs_to_nobody(new_book):
    book = new_book()
    offer(book, 1, 100, 5, owner=7)
    placed = bid(book, 2, 100, 2, **mine(SelfTrade.CANCEL_NEWEST))
    assert (traded(placed), told(placed)) == ([(1, 100, 2)], [])
    offer(book, 3, 99, 1, **mine(SelfTrade.CANCEL_NEWEST))
    assert traded(bid(book, 4, 99, 1, owner=7)) == [(3, 99, 1)]


@both_books
def test_owner_zero_is_nobody(new_book):
    book = new_book()
    offer(book, 1, 100, 5, **mine(SelfTrade.CANCEL_BOTH, owner=0))
    assert traded(bid(book, 2, 100, 2, **mine(SelfTrade.CANCEL_BOTH, owner=0))) == [(1, 100, 2)]


@both_books
def test_an_order_put_to_rest_keeps_its_owner(new_book):
    book = new_book()
    book.rest(1, SELL, 100, 5, owner=7)
    assert told(bid(book, 2, 100, 5, **mine(SelfTrade.CANCEL_OLDEST))) == [(1, CANCELLED, 5)]


@both_books
@pytest.mark.parametrize("policy", SelfTrade)
def test_nothing_that_is_taken_away_counts_as_filled(new_book, policy):
    book = own_offer_between_two(new_book)
    before = book.state_bytes()
    assert bid(book, 4, 102, 7, tif=FOK, **mine(policy)) == refused(Refusal.CANNOT_FILL_WHOLLY)
    assert book.state_bytes() == before


@both_books
def test_fill_or_kill_goes_through_when_the_others_suffice(new_book):
    book = own_offer_between_two(new_book)
    placed = bid(book, 4, 102, 6, tif=FOK, **mine(SelfTrade.CANCEL_OLDEST))
    assert (traded(placed), told(placed)) == ([(1, 100, 2), (3, 102, 4)], [(2, CANCELLED, 5)])


@both_books
def test_what_an_immediate_order_loses_is_not_dropped(new_book):
    book = own_offer_between_two(new_book)
    placed = bid(book, 4, 102, 20, tif=IOC, **mine(SelfTrade.DECREMENT))
    assert told(placed) == [(2, CANCELLED, 5), (4, REDUCED, 5)]
    assert (traded(placed), placed.dropped_lots) == ([(1, 100, 2), (3, 102, 4)], 9)


@both_books
def test_an_own_all_or_none_order_that_is_too_large_is_just_passed_over(new_book):
    book = new_book()
    offer(book, 1, 100, 9, all_or_none=True, **mine(SelfTrade.CANCEL_NEWEST))
    offer(book, 2, 100, 5)
    placed = bid(book, 3, 100, 6, **mine(SelfTrade.CANCEL_BOTH))
    assert (traded(placed), told(placed)) == ([(2, 100, 5)], [])
    assert (bids(book), offers(book)) == ([(100, 3, 1)], [(100, 1, 9)])


@both_books
def test_post_only_sees_own_orders_as_any_other(new_book):
    book = own_offer_between_two(new_book)
    placed = bid(book, 4, 100, 1, post_only=True, **mine(SelfTrade.CANCEL_OLDEST, owner=8))
    assert placed == refused(Refusal.WOULD_TAKE)
