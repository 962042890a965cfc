"""A market bid with a budget ends when the budget buys no further lot."""

import pytest

from market.listing import TradePriceRule
from market.orders import SelfTrade
from market.refusals import Refusal
from tests.market.book_words import (
    FOK,
    LIMIT,
    MARKET,
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


def spend(book, budget, *, order_id=90, price=200, lots=50, **asked):
    return bid(book, order_id, price, lots, kind=MARKET, budget=budget, **asked)


@both_books
def test_it_buys_as_many_lots_as_the_budget_covers(new_book):
    book = with_offers(new_book(), (100, 3), (110, 4), (120, 9))
    placed = spend(book, 300 + 440 + 250)
    assert traded(placed) == [(1, 100, 3), (2, 110, 4), (3, 120, 2)]
    assert (placed.resting_lots, placed.dropped_lots) == (0, 41)
    assert offers(book) == [(120, 3, 7)]


@both_books
@pytest.mark.parametrize(("budget", "lots"), [(299, 2), (300, 3), (301, 3)])
def test_a_lot_is_bought_wholly_or_not(new_book, budget, lots):
    book = with_offers(new_book(), (100, 3), (110, 4))
    assert traded(spend(book, budget)) == [(1, 100, lots)]


@both_books
def test_a_budget_below_one_lot_buys_nothing(new_book):
    book = with_offers(new_book(), (100, 3))
    placed = spend(book, 99)
    assert (placed.fills, placed.dropped_lots, placed.refusal) == ((), 50, None)


@both_books
def test_quantity_and_protective_limit_hold_too(new_book):
    book = with_offers(new_book(), (100, 3), (110, 4))
    assert traded(spend(book, 10_000, lots=2)) == [(1, 100, 2)]
    assert traded(spend(book, 10_000, price=109)) == [(1, 100, 1)]


@both_books
def test_it_pays_the_makers_price_under_every_rule(new_book):
    book = with_offers(new_book(rule=TradePriceRule.MIDPOINT), (100, 3))
    assert traded(spend(book, 250)) == [(1, 100, 2)]


@both_books
def test_an_all_or_none_offer_beyond_the_budget_is_passed_over(new_book):
    book = new_book()
    offer(book, 1, 100, 5, all_or_none=True)
    offer(book, 2, 101, 5)
    assert traded(spend(book, 499)) == [(2, 101, 4)]


@both_books
def test_the_reserve_of_an_iceberg_is_bought_slice_by_slice(new_book):
    book = new_book()
    offer(book, 1, 100, 9, display_lots=2)
    assert traded(spend(book, 550)) == [(1, 100, 2), (1, 100, 2), (1, 100, 1)]


@both_books
def test_own_offers_cost_nothing(new_book):
    book = new_book()
    mine = {"owner": 7, "self_trade": SelfTrade.CANCEL_OLDEST}
    offer(book, 1, 100, 5, **mine)
    offer(book, 2, 100, 5)
    placed = spend(book, 300, **mine)
    assert traded(placed) == [(2, 100, 3)]
    assert told(placed) == [(1, NoticeKind.SELF_TRADE_CANCELLED, 5)]


@both_books
def test_prices_of_nothing_or_less_cost_nothing(new_book):
    book = with_offers(new_book(), (-50, 3), (0, 4), (100, 9))
    assert traded(spend(book, 200)) == [(1, -50, 3), (2, 0, 4), (3, 100, 2)]


@both_books
def test_a_stop_may_have_a_budget(new_book):
    book = with_offers(new_book(), (100, 1), (110, 9))
    spend(book, 350, stop_ticks=100)
    placed = bid(book, 91, 100, 1)
    assert traded(placed) == [(1, 100, 1), (2, 110, 3)]
    assert told(placed) == [(90, NoticeKind.TRIGGERED, 50), (90, NoticeKind.DROPPED, 47)]


@both_books
@pytest.mark.parametrize(
    "asked",
    [
        {"kind": LIMIT, "budget": 100},
        {"tif": FOK, "budget": 100},
        {"minimum_lots": 1, "budget": 100},
        {"all_or_none": True, "budget": 100},
        {"budget": 0},
        {"budget": -5},
    ],
)
def test_only_a_market_bid_that_takes_what_it_gets_has_a_budget(new_book, asked):
    book = with_offers(new_book(), (100, 5))
    assert bid(book, 2, 100, 5, **{"kind": MARKET, **asked}) == refused(Refusal.CONDITIONS_CONFLICT)


@both_books
def test_offers_have_no_budget(new_book):
    conflicting = offer(new_book(), 1, 100, 5, kind=MARKET, budget=100)
    assert conflicting == refused(Refusal.CONDITIONS_CONFLICT)
