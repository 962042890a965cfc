"""What holds of every book after every message, whatever the order types: said without a second book.

Each test drives a book with random messages. The oracle beside it only chooses them (it knows what is there); the promises
are checked on what the book itself answers.
"""

from collections import defaultdict
from random import Random

import pytest

from market.listing import Allocation
from market.orders import OrderType, Side, TimeInForce
from tests.market.book_words import NoticeKind, Placement, both_books
from tests.market.oracle import SlowBook
from tests.market.random_messages import RandomMessages
from tests.market.test_matching_oracle import told_by, views

TRADING = ("place", "cancel", "replace", "reduce")
SESSIONS = (*TRADING, "note_price", "set_rule", "set_collar", "halt", "resume", "activate")


def drive(new_book, random, *, length=60, allocation=Allocation.TIME, **chosen):
    """Send random messages to a book; yield the book, each message, what the book looked like before, and its answer."""
    book, guide = new_book(allocation=allocation), SlowBook(allocation=allocation)
    messages = RandomMessages(random, **chosen)
    for _ in range(length):
        message = messages.next(guide)
        before = views(book)
        answer = told_by(book, *message)
        told_by(guide, *message)
        yield book, message, before, answer


def on_random_streams(count=25):
    """Run a check at once on so many streams of chance, and say which one it was that failed."""

    def run(check):
        for seed in range(count):
            try:
                check(Random(seed))
            except AssertionError as error:
                error.add_note(f"stream {seed}")
                raise

    return run


@both_books
def test_better_prices_then_displayed_orders_then_earlier_ones_trade_first(new_book):
    """Whoever trades, all that stood before it had traded by then: at a better price wholly, at its own its slice."""

    @on_random_streams()
    def _(random):
        plain = {"only": TRADING, "without": {"all_or_none", "stop_ticks", "self_trade"}, "plain": 30}
        for _, _, before, answer in drive(new_book, random, **plain):
            if not isinstance(answer, Placement) or not answer.fills:
                continue
            makers = {fill.maker_order_id for fill in answer.fills}
            (queue,) = [rows for rows in before["orders"] if makers <= {row[1] for row in rows}]
            traded = defaultdict(int)
            for fill in answer.fills:
                ahead = queue[: [row[1] for row in queue].index(fill.maker_order_id)]
                if not traded[fill.maker_order_id]:
                    for price, order_id, remaining, shown in ahead:
                        own_price = price == fill.maker_limit_ticks
                        assert traded[order_id] >= (shown or remaining if own_price else remaining)
                traded[fill.maker_order_id] += fill.quantity_lots


@both_books
def test_everybody_trades_within_his_limit_and_the_rule(new_book):
    @on_random_streams()
    def _(random):
        limits = {}
        for _, (method, arguments, _), _, answer in drive(new_book, random, only=SESSIONS):
            if not isinstance(answer, Placement):
                continue
            if method in {"place", "replace"} and answer.refusal is None:
                limits[arguments[0]] = arguments[-2]
            for fill in answer.fills:
                both = sorted([limits[fill.taker_order_id], fill.maker_limit_ticks])
                assert both[0] <= fill.price_ticks <= both[1]
                assert fill.maker_limit_ticks == limits[fill.maker_order_id]
                assert fill.quantity_lots > 0


@both_books
@pytest.mark.parametrize("allocation", Allocation)
def test_nobody_trades_with_himself(new_book, allocation):
    @on_random_streams()
    def _(random):
        owners = {}
        for _, (method, arguments, asked), before, answer in drive(
            new_book, random, allocation=allocation, only=TRADING
        ):
            if not isinstance(answer, Placement):
                continue
            entered = method == "place" or (method == "replace" and not is_in_place(arguments, before))
            if entered and answer.refusal is None:
                owners[arguments[0]] = asked.get("owner") or f"order {arguments[0]}"
            for fill in answer.fills:
                assert owners[fill.taker_order_id] != owners[fill.maker_order_id]


@both_books
@pytest.mark.parametrize("allocation", Allocation)
def test_no_lot_is_lost_or_made(new_book, allocation):
    """What came in is what traded (twice), was taken off with a word, or is still there: order by order."""

    @on_random_streams()
    def _(random):
        left = defaultdict(int)
        for book, (method, arguments, _), _, answer in drive(
            new_book, random, allocation=allocation, only=SESSIONS
        ):
            order_id = arguments[0] if arguments else None
            if method == "cancel" and answer is not None:
                assert left.pop(order_id) == answer
            if method == "reduce":
                left[order_id] = arguments[1]
            if isinstance(answer, Placement):
                if method in {"place", "replace"} and answer.refusal is None:
                    left[order_id] = arguments[-1] - answer.dropped_lots
                for fill in answer.fills:
                    left[fill.taker_order_id] -= fill.quantity_lots
                    left[fill.maker_order_id] -= fill.quantity_lots
                for notice in answer.notices:
                    if notice.kind in TAKEN_OFF:
                        left[notice.order_id] -= notice.lots
            here = {
                row[1]: row[2] for rows in (*views(book)["orders"], *views(book)["stops"]) for row in rows
            }
            assert here == {each: lots for each, lots in left.items() if lots}
            assert len(here) == len(book)


TAKEN_OFF = {NoticeKind.DROPPED, NoticeKind.SELF_TRADE_CANCELLED, NoticeKind.SELF_TRADE_REDUCED}


@both_books
@pytest.mark.parametrize("allocation", Allocation)
def test_a_refused_order_changes_nothing(new_book, allocation):
    @on_random_streams()
    def _(random):
        book, guide = new_book(allocation=allocation), SlowBook(allocation=allocation)
        messages = RandomMessages(random, plain=10, only=SESSIONS)
        for _ in range(60):
            message = messages.next(guide)
            before = book.state_bytes(), views(book)
            answer = told_by(book, *message)
            told_by(guide, *message)
            if isinstance(answer, Placement) and answer.refusal is not None:
                assert (book.state_bytes(), views(book)) == before
                assert answer == Placement((), 0, 0, answer.refusal, ())


@both_books
def test_the_book_is_crossed_only_while_halted_or_around_all_or_none_orders(new_book):
    @on_random_streams()
    def _(random):
        for book, _, _, _ in drive(new_book, random, only=TRADING, without={"all_or_none"}):
            bid, ask = book.best_bid(), book.best_ask()
            assert bid is None or ask is None or bid < ask


@both_books
def test_no_trade_leaves_the_collar(new_book):
    """Each order's own trades lie around the last price before it; only an order that wakes moves on."""

    @on_random_streams()
    def _(random):
        width = 3
        book, guide = new_book(), SlowBook()
        for each in (book, guide):
            each.set_collar(100, width)
        messages = RandomMessages(random, only=(*TRADING, "resume", "activate"))
        for _ in range(60):
            message = messages.next(guide)
            last = book.last_price()
            answer = told_by(book, *message)
            told_by(guide, *message)
            if not isinstance(answer, Placement):
                continue
            starts = {each.after_fills for each in answer.notices if each.kind == NoticeKind.TRIGGERED}
            centre = 100 if last is None else last
            for at, fill in enumerate(answer.fills):
                if at in starts:
                    centre = answer.fills[at - 1].price_ticks if at else centre
                assert abs(fill.price_ticks - centre) <= width


@both_books
def test_depth_shows_what_is_displayed_and_nothing_else(new_book):
    @on_random_streams()
    def _(random):
        for book, _, _, _ in drive(new_book, random, only=SESSIONS, plain=20):
            depth = book.depth(100)
            for levels, side in ((depth.bids, Side.BUY), (depth.asks, Side.SELL)):
                at_price = defaultdict(list)
                for price, _, remaining, shown in book.orders(side).tolist():
                    assert 0 <= shown <= remaining
                    if shown:
                        at_price[price].append(shown)
                assert levels == tuple((price, sum(lots), len(lots)) for price, lots in at_price.items())


@both_books
@pytest.mark.parametrize("allocation", Allocation)
def test_the_same_messages_give_the_same_answers_and_the_same_state(new_book, allocation):
    @on_random_streams(20)
    def _(random):
        driven = list(drive(new_book, random, allocation=allocation))
        sent, answers = [step[1] for step in driven], [step[3] for step in driven]
        again = new_book(allocation=allocation, capacity=1)
        assert [told_by(again, *message) for message in sent] == answers
        assert again.state_bytes() == driven[-1][0].state_bytes()


@both_books
@pytest.mark.parametrize("allocation", Allocation)
def test_a_book_is_rebuilt_from_what_it_told(new_book, allocation):
    """Without matching anything: orders are put to rest, trades taken off them, and the words of the book carried out."""

    @on_random_streams()
    def _(random):
        rebuilt = new_book(allocation=allocation)
        for book, message, before, answer in drive(new_book, random, allocation=allocation, only=SESSIONS):
            rebuild(rebuilt, message, before, answer, book.last_price())
            assert views(rebuilt) == views(book)


def rebuild(book, message, before, answer, last_price):
    """Carry out on a book what another one answered to a message."""
    method, arguments, asked = message
    if method in {"cancel", "reduce", "halt", "resume", "set_rule", "set_collar", "note_price"}:
        told_by(book, *message)
        return
    if answer.refusal is not None:
        return
    if method == "replace" and is_in_place(arguments, before):
        book.reduce(arguments[0], arguments[-1])
        return
    if method in {"place", "replace"}:
        put_to_rest(book, method, arguments, asked, answer)
    told = list(answer.notices)
    for at in range(len(answer.fills) + 1):
        while told and told[0].after_fills == at:
            carry_out(book, told.pop(0))
        if at < len(answer.fills):
            fill = answer.fills[at]
            book.take(fill.maker_order_id, fill.quantity_lots)
            book.take(fill.taker_order_id, fill.quantity_lots, incoming=True)
    if answer.dropped_lots:
        book.cancel(arguments[0])
    if last_price is not None:
        book.note_price(last_price)


def is_in_place(arguments, before):
    """Tell whether a replacement only shrinks an order that rests."""
    order_id, *_, price, lots = arguments
    return any(
        row[0] == price and row[1] == order_id and lots <= row[2] for rows in before["orders"] for row in rows
    )


def put_to_rest(book, method, arguments, asked, answer):
    """Enter an order that was taken in, before its trades: to wait if it waits, else to rest."""
    if method == "place":
        order_id, side, kind, tif, price, lots = arguments
    else:
        order_id, kind, tif, price, lots = arguments
        side = next(side for side in Side if order_id in ids_of(book, side))
        book.cancel(order_id)
    woke = any(each.order_id == order_id and each.kind == NoticeKind.TRIGGERED for each in answer.notices)
    if asked.get("stop_ticks") is not None:
        book.rest(order_id, side, price, lots, order_type=kind, time_in_force=tif, **asked)
        if not woke:
            return
    else:
        shown = {name: asked[name] for name in ("owner", "all_or_none", "display_lots") if name in asked}
        book.rest(order_id, side, price, lots, **shown)


def ids_of(book, side):
    return {row[1] for row in (*book.orders(side).tolist(), *book.stops(side).tolist())}


def carry_out(book, notice):
    """Do to a book what a notice tells."""
    match notice.kind:
        case NoticeKind.TRIGGERED:
            book.trigger(notice.order_id)
        case NoticeKind.DROPPED | NoticeKind.SELF_TRADE_CANCELLED:
            book.cancel(notice.order_id)
        case NoticeKind.SELF_TRADE_REDUCED:
            book.reduce(notice.order_id, book.remaining(notice.order_id) - notice.lots)
        case NoticeKind.HALTED:
            book.halt()


@both_books
def test_an_order_that_only_shrinks_keeps_its_place_and_any_other_change_loses_it(new_book):
    book = new_book()
    for order_id in (1, 2, 3):
        book.rest(order_id, Side.SELL, 100, 5)
    book.replace(1, OrderType.LIMIT, TimeInForce.GTC, 100, 4)
    assert [row[1] for row in book.orders(Side.SELL).tolist()] == [1, 2, 3]
    book.replace(1, OrderType.LIMIT, TimeInForce.GTC, 100, 5)
    assert [row[1] for row in book.orders(Side.SELL).tolist()] == [2, 3, 1]
    book.replace(2, OrderType.LIMIT, TimeInForce.GTC, 101, 1)
    book.replace(2, OrderType.LIMIT, TimeInForce.GTC, 100, 1)
    assert [row[1] for row in book.orders(Side.SELL).tolist()] == [3, 1, 2]
