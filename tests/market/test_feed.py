"""A consumer that starts from a snapshot and applies the deltas sees exactly what the book shows, at every step."""

from contextlib import suppress
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from market import matching
from market.book import OrderBook
from market.depth import Depth, DepthLevel
from market.feed import (
    FEW,
    Change,
    DepthMirror,
    DepthSnapshot,
    Feed,
    OrderMirror,
    OrderSnapshot,
    SequenceGap,
    ShownOrder,
    net_by_loop,
    net_by_sorting,
    shown_orders,
)
from market.listing import Allocation
from market.matching import PRICE_LIMIT
from market.orders import OrderType, Side, TimeInForce
from market.units import QUANTITY_MAX, InvariantBroken
from tests.market.oracle import SlowBook
from tests.market.random_messages import RandomMessages

ROW = np.dtype(
    [
        ("order_id", "<i8"),
        ("price_ticks", "<i8"),
        ("shown_lots", "<i8"),
        ("delta_lots", "<i8"),
        ("side", "u1"),
    ]
)
BUY, SELL = Side
LIMIT, GTC, IOC = OrderType.LIMIT, TimeInForce.GTC, TimeInForce.IOC
ADDED, CHANGED, REMOVED = Change


class ToldBook(SlowBook):
    """The slow book, which tells what changed by comparing what it shows now with what it showed before."""

    def publish(self, on, /):
        self.told, self.rows = self.queues(), []

    def changes(self):
        self.note_changes()
        told, self.rows = self.rows, []
        return np.array(told, ROW)

    def note_changes(self):
        """Note the changes since this was last called: what a message did, if it is called after each."""
        before, self.told = self.told, self.queues()
        for side, price in sorted(before.keys() | self.told.keys()):
            old, new = dict(before.get((side, price), ())), self.told.get((side, price), ())
            kept, place = [], iter(old)
            for order_id, _ in new:
                if order_id not in place:  # it is further forward than an order that kept its place
                    break
                kept.append(order_id)
            self.rows += [(name, price, 0, -lots, side) for name, lots in old.items() if name not in kept]
            for name, lots in new:
                by = lots - old[name] if name in kept else lots
                if by:
                    self.rows.append((name, price, lots, by, side))

    def queues(self):
        found = {}
        for side in Side:
            for price, order_id, lots in shown_orders(self, side):
                found.setdefault((int(side), price), []).append((order_id, lots))
        return found


def bid(book, order_id, price, lots, **asked):
    return book.place(order_id, BUY, LIMIT, GTC, price, lots, **asked)


def offer(book, order_id, price, lots, *, tif=GTC, **asked):
    return book.place(order_id, SELL, LIMIT, tif, price, lots, **asked)


def rows(*found):
    return np.array(list(found), ROW)


def told(feed):
    """The one update that a feed tells, as plain tuples."""
    (update,) = feed.updates()
    assert update.orders.sequence == update.depth.sequence == feed.sequence
    return update.orders.changes.tolist(), update.depth.changes.tolist()


def test_an_order_that_rests_is_added_and_its_level_grows():
    book = ToldBook()
    bid(book, 1, 100, 5)
    feed = Feed(book)
    bid(book, 2, 100, 7)
    assert told(feed) == ([(2, 100, 7, BUY, ADDED)], [(100, 12, 2, BUY)])


def test_a_trade_changes_the_order_and_takes_away_the_one_that_it_empties():
    book = ToldBook()
    bid(book, 1, 100, 5)
    bid(book, 2, 100, 7)
    feed = Feed(book)
    offer(book, 3, 100, 6)
    assert told(feed) == (
        [(1, 100, 0, BUY, REMOVED), (2, 100, 6, BUY, CHANGED)],
        [(100, 6, 1, BUY)],
    )


def test_a_level_that_empties_has_quantity_zero():
    book = ToldBook()
    bid(book, 1, 100, 5)
    feed = Feed(book)
    book.cancel(1)
    assert told(feed) == ([(1, 100, 0, BUY, REMOVED)], [(100, 0, 0, BUY)])


def test_what_happens_between_two_updates_is_one_change_of_a_level_but_every_change_of_an_order():
    book = ToldBook()
    feed = Feed(book)
    book.changes = lambda: rows(
        (1, 100, 5, 5, BUY),
        (1, 100, 3, -2, BUY),
        (1, 100, 0, -3, BUY),
        (2, 99, 4, 4, BUY),
        (3, 101, 1, 1, SELL),
    )
    assert told(feed) == (
        [
            (1, 100, 5, BUY, ADDED),
            (1, 100, 3, BUY, CHANGED),
            (1, 100, 0, BUY, REMOVED),
            (2, 99, 4, BUY, ADDED),
            (3, 101, 1, SELL, ADDED),
        ],
        [(99, 4, 1, BUY), (101, 1, 1, SELL)],
    )


def test_an_iceberg_shows_its_slice_and_goes_to_the_back_with_the_next():
    book = ToldBook()
    bid(book, 1, 100, 30, display_lots=10)
    bid(book, 2, 100, 4)
    feed = Feed(book)
    assert feed.orders().bids == (ShownOrder(100, 1, 10), ShownOrder(100, 2, 4))
    mirror = OrderMirror(feed.orders())
    offer(book, 3, 100, 10, tif=IOC)
    (update,) = feed.updates()
    mirror.apply(update.orders)
    assert mirror.orders(BUY) == (ShownOrder(100, 2, 4), ShownOrder(100, 1, 10))
    assert update.depth.changes.tolist() == []


def test_nothing_is_told_of_hidden_orders_and_waiting_stops():
    book = ToldBook()
    offer(book, 1, 101, 5)
    feed = Feed(book)
    bid(book, 2, 100, 30, display_lots=0)
    bid(book, 3, 105, 30, stop_ticks=103)
    assert feed.updates() == []
    assert feed.sequence == 0
    assert feed.orders() == OrderSnapshot(0, (), (ShownOrder(101, 1, 5),))
    assert feed.depth() == DepthSnapshot(0, Depth((), (DepthLevel(101, 5, 1),)))


def test_updates_are_numbered_one_after_the_other_and_only_where_something_changed():
    book = ToldBook()
    feed = Feed(book)
    numbers = []
    for order_id in (1, 2, 3):
        bid(book, order_id, 100, 1)
        numbers += [update.depth.sequence for update in feed.updates() + feed.updates()]
    assert numbers == [1, 2, 3]


def test_a_snapshot_holds_what_was_not_told_yet_and_the_update_that_tells_it_changes_nothing_more():
    book = ToldBook()
    feed = Feed(book)
    early_orders, early_depth = OrderMirror(feed.orders()), DepthMirror(feed.depth())
    bid(book, 1, 100, 5)
    orders, depth = feed.orders(), feed.depth()
    assert orders == OrderSnapshot(1, (ShownOrder(100, 1, 5),), ())
    assert depth == DepthSnapshot(1, Depth((DepthLevel(100, 5, 1),), ()))
    bid(book, 2, 100, 6)
    late_orders, late_depth = OrderMirror(orders), DepthMirror(depth)
    updates = feed.updates()
    assert [update.orders.sequence for update in updates] == [1, 2]
    for update in updates:
        for mirror in (early_orders, late_orders):
            mirror.apply(update.orders)
        for mirror in (early_depth, late_depth):
            mirror.apply(update.depth)
    assert early_orders.orders(BUY) == late_orders.orders(BUY) == shown_orders(book, BUY)
    assert early_depth.depth(9) == late_depth.depth(9) == book.depth(9)


def test_a_missing_delta_is_an_error_and_the_mirror_stays_as_it_was():
    book = ToldBook()
    feed = Feed(book)
    orders, depth = OrderMirror(feed.orders()), DepthMirror(feed.depth())
    for order_id in (1, 2):
        bid(book, order_id, 100, 5)
        (update,) = feed.updates()
    with pytest.raises(SequenceGap, match="found delta 2, expected 1"):
        orders.apply(update.orders)
    with pytest.raises(SequenceGap, match="found delta 2, expected 1"):
        depth.apply(update.depth)
    assert orders.orders(BUY) == ()
    assert depth.depth(9) == Depth((), ())


def test_a_mirror_refuses_what_cannot_have_happened():
    orders = OrderMirror(OrderSnapshot(0, (ShownOrder(100, 1, 5),), ()))
    depth = DepthMirror(DepthSnapshot(0, Depth((DepthLevel(100, 5, 1),), ())))
    book = ToldBook()
    feed = Feed(book)
    book.changes = lambda: rows((1, 100, 5, 5, BUY))
    (added,) = feed.updates()
    with pytest.raises(InvariantBroken, match="found order 1 ADDED at BUY level 100, which holds \\[1\\]"):
        orders.apply(added.orders)
    book.changes = lambda: rows((1, 100, 0, -5, BUY))
    (removed,) = feed.updates()
    orders = OrderMirror(OrderSnapshot(1, (), ()))
    with pytest.raises(InvariantBroken, match="found order 1 REMOVED at BUY level 100"):
        orders.apply(removed.orders)
    depth = DepthMirror(DepthSnapshot(1, Depth((), ())))
    with pytest.raises(InvariantBroken, match="found that BUY level 100 left"):
        depth.apply(removed.depth)


def test_rows_that_do_not_fit_what_the_book_showed_stop_the_feed():
    book = ToldBook()
    bid(book, 1, 100, 5)
    feed = Feed(book)
    book.changes = lambda: rows((1, 100, 0, -6, BUY))
    with pytest.raises(InvariantBroken, match="BUY level 100: found -1 lots in 0 orders"):
        feed.updates()


class Watched:
    """A book, its feed, and the mirrors of somebody who follows it."""

    def __init__(self, book):
        self.feed = Feed(book)
        self.orders, self.depth = OrderMirror(self.feed.orders()), DepthMirror(self.feed.depth())

    def assert_shows(self, book):
        """Take the updates in, and see that the mirrors show just what a book does."""
        for update in self.feed.updates():
            self.orders.apply(update.orders)
            self.depth.apply(update.depth)
        assert [self.orders.orders(side) for side in Side] == [shown_orders(book, side) for side in Side]
        assert self.depth.depth(99) == book.depth(99)
        assert self.depth.depth(2) == book.depth(2)
        assert self.orders.sequence == self.depth.sequence == self.feed.sequence


def send(book, message):
    """Send a random message; one that breaks a promise changes nothing."""
    method, arguments, keywords = message
    with suppress(InvariantBroken):
        getattr(book, method)(*arguments, **keywords)


allocations = st.sampled_from([Allocation.TIME, Allocation.TIME, Allocation.PRO_RATA])
batch_sizes = st.lists(st.integers(1, 6), max_size=8)


@settings(max_examples=100, deadline=None)
@given(random=st.randoms(), allocation=allocations, before=st.integers(0, 20), sizes=batch_sizes)
def test_mirrors_show_exactly_what_the_book_shows(random, allocation, before, sizes):
    book, messages = ToldBook(allocation=allocation), RandomMessages(random)
    for _ in range(before):
        send(book, messages.next(book))
    watched = Watched(book)
    for size in sizes:
        for _ in range(size):
            send(book, messages.next(book))
            book.note_changes()
        watched.assert_shows(book)


@settings(max_examples=100, deadline=None)
@given(random=st.randoms(), allocation=allocations, before=st.integers(0, 20), sizes=batch_sizes)
def test_mirrors_of_the_compiled_book_show_exactly_what_the_oracle_shows(random, allocation, before, sizes):
    slow, messages = SlowBook(allocation=allocation), RandomMessages(random)
    book = OrderBook(allocation=allocation, capacity=1)
    for at, size in enumerate([before, *sizes]):
        for _ in range(size):
            message = messages.next(slow)
            send(slow, message)
            send(book, message)
        if at == 0:
            watched = Watched(book)
        watched.assert_shows(slow)


@settings(max_examples=100, deadline=None)
@given(random=st.randoms(), allocation=allocations, sizes=st.lists(st.integers(1, 40), max_size=4))
def test_mirrors_show_what_whole_batches_of_messages_leave(random, allocation, sizes):
    slow = SlowBook(allocation=allocation)
    messages = RandomMessages(random, only=("place", "replace", "cancel", "reduce"))
    book = OrderBook(allocation=allocation, capacity=1)
    watched = Watched(book)
    for size in sizes:
        book.run(*a_batch(messages, slow, size))
        watched.assert_shows(slow)


def a_batch(messages, slow, size):
    """Return random messages as `OrderBook.run` takes them; the slow book carries them out as they are drawn."""
    batch = np.zeros(size, matching.MESSAGE)
    conditions = np.zeros(size + 1, matching.CONDITIONS)
    conditions["stop_ticks"], conditions["display_lots"] = matching.NO_PRICE, -1
    for at in range(size):
        method, arguments, asked = messages.next(slow)
        if asked.get("display_lots") == -1:  # in a record that asks for nothing
            del asked["display_lots"]
        send(slow, (method, arguments, asked))
        batch[at]["action"] = ACTIONS[method]
        for name, value in zip(FIELDS[method], arguments, strict=True):
            batch[at][name] = value
        batch[at]["conditions"] = at + 1
        for name, value in asked.items():
            if name in matching.MESSAGE.names:
                batch[at][name] = value
            else:
                conditions[at + 1][name] = value
    return batch, conditions


ACTIONS = {
    "place": matching.NEW,
    "replace": matching.REPLACE,
    "cancel": matching.CANCEL,
    "reduce": matching.REDUCE,
}
TERMS = ("order_type", "time_in_force", "price_ticks", "quantity_lots")
FIELDS = {
    "place": ("order_id", "side", *TERMS),
    "replace": ("order_id", *TERMS),
    "cancel": ("order_id",),
    "reduce": ("order_id", "quantity_lots"),
}


far_prices = st.one_of(st.integers(97, 103), st.sampled_from([1 - PRICE_LIMIT, -1, 0, PRICE_LIMIT - 1]))
shown = st.one_of(st.integers(0, 9), st.just(QUANTITY_MAX))
some_rows = st.lists(
    st.builds(
        lambda name, price, before, after, side: (name, price, after, after - before, side),
        st.integers(1, 12),
        far_prices,
        shown,
        shown,
        st.sampled_from([0, 1]),
    ).filter(lambda row: row[3] != 0),
    min_size=1,
    max_size=3 * FEW,
)


@given(found=some_rows)
def test_a_level_moves_by_the_same_however_many_rows_are_summed_up(found):
    def wrapped(moved):
        return [(side, price, (by + (1 << 63)) % (1 << 64) - (1 << 63), n) for side, price, by, n in moved]

    by_loop = [move for move in wrapped(net_by_loop(rows(*found))) if move[2:] != (0, 0)]
    assert by_loop == net_by_sorting(rows(*found))


@pytest.mark.parametrize("count", [1, FEW, FEW + 1, 500])
def test_many_rows_are_told_as_few_are(count):
    found = [(name, 90 + name % 20, 5 + name % 3, 5 + name % 3, name % 2) for name in range(1, count + 1)]
    found += [(name, price, 2, 2 - was, side) for name, price, was, _, side in found[::2]]
    found += [(name, price, 0, -2, side) for name, price, _, _, side in found[:count:4]]
    at_once, one_by_one = ToldBook(), ToldBook()
    feeds = Feed(at_once), Feed(one_by_one)
    at_once.changes = lambda: rows(*found)
    orders, levels = told(feeds[0])
    steps = []
    mirror = DepthMirror(DepthSnapshot(0, Depth((), ())))
    for row in found:
        one_by_one.changes = lambda row=row: rows(row)
        (update,) = feeds[1].updates()
        steps += update.orders.changes.tolist()
        mirror.apply(update.depth)
    assert orders == steps
    depth = mirror.depth(99)
    assert levels == [
        (*level, side) for side in Side for level in sorted(depth.bids if side is BUY else depth.asks)
    ]
    assert all(earlier < later for earlier, later in pairwise((side, price) for price, _, _, side in levels))


def test_deltas_have_the_fields_that_their_formats_name():
    book = ToldBook()
    feed = Feed(book)
    bid(book, 1, 100, 5)
    (update,) = feed.updates()
    assert update.orders.changes.dtype.names == ("order_id", "price_ticks", "quantity_lots", "side", "change")
    assert update.depth.changes.dtype.names == ("price_ticks", "quantity_lots", "orders", "side")
