"""A hidden order trades like any other but is shown to nobody, and gives way to what is displayed at its price."""

from market.depth import Depth
from market.refusals import Refusal
from tests.market.book_words import BUY, FOK, SELL, bid, both_books, offer, offers, refused, shown, traded


@both_books
def test_hidden_orders_are_not_in_the_depth(new_book):
    book = new_book()
    offer(book, 1, 99, 4, display_lots=0)
    offer(book, 2, 100, 5)
    offer(book, 3, 100, 6, display_lots=0)
    assert book.depth(5) == Depth(bids=(), asks=((100, 5, 1),))
    assert book.best_ask() == 99
    assert book.orders(SELL).tolist() == [(99, 1, 4, 0), (100, 2, 5, 5), (100, 3, 6, 0)]


@both_books
def test_displayed_orders_of_the_price_go_first_however_late_they_came(new_book):
    book = new_book()
    offer(book, 1, 100, 5, display_lots=0)
    offer(book, 2, 100, 5, display_lots=0)
    offer(book, 3, 100, 5)
    assert traded(bid(book, 4, 100, 12)) == [(3, 100, 5), (1, 100, 5), (2, 100, 2)]
    assert shown(book, SELL) == [(2, 0)]


@both_books
def test_a_better_hidden_price_goes_before_a_displayed_one(new_book):
    book = new_book()
    offer(book, 1, 100, 5)
    offer(book, 2, 99, 5, display_lots=0)
    assert traded(bid(book, 3, 100, 7)) == [(2, 99, 5), (1, 100, 2)]


@both_books
def test_the_slices_of_an_iceberg_go_before_hidden_orders(new_book):
    book = new_book()
    offer(book, 1, 100, 4, display_lots=0)
    offer(book, 2, 100, 5, display_lots=2)
    assert traded(bid(book, 3, 100, 6)) == [(2, 100, 2), (2, 100, 2), (2, 100, 1), (1, 100, 1)]


@both_books
def test_hidden_orders_count_for_post_only_and_fill_or_kill(new_book):
    book = new_book()
    offer(book, 1, 100, 5, display_lots=0)
    assert bid(book, 2, 100, 1, post_only=True) == refused(Refusal.WOULD_TAKE)
    assert traded(bid(book, 2, 100, 5, tif=FOK)) == [(1, 100, 5)]


@both_books
def test_a_hidden_post_only_order_may_rest(new_book):
    book = new_book()
    assert bid(book, 1, 100, 5, post_only=True, display_lots=0).resting_lots == 5
    assert book.depth(1).bids == ()
    assert shown(book, BUY) == [(1, 0)]


@both_books
def test_reducing_and_taking_keep_a_hidden_orders_place(new_book):
    book = new_book()
    for order_id in (1, 2):
        offer(book, order_id, 100, 5, display_lots=0)
    book.reduce(1, 4)
    book.take(1, 1)
    book.take(1, 1, incoming=True)
    assert offers(book) == [(100, 1, 2), (100, 2, 5)]
