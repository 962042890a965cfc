"""The engines that are given the flows: our book, the peers that install from PyPI and match for real, a plain walk.

An engine loads a flow (fresh books, what rests beforehand, messages in the form that its calls take), replays it against
the clock, and afterwards tells its trades. Only the replay is timed.

Peers that number orders themselves find that number wherever a flow names an order: their callers would have to keep such
a table, so this is to their favour, as are whole numbers for prices where a peer takes any type.
"""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from itertools import chain
from typing import Any, NamedTuple, Protocol

import numpy as np
from numba import njit

from market.book import OrderBook
from market.matching import CANCEL, NEW
from market.orders import OrderType, SelfTrade, Side, TimeInForce
from tests.benchmarks.flows import NO_PRICE, Flow, Numbers, Records, by_book
from tests.market.oracle import SlowBook

PLAIN = frozenset({"base", "hundred", "deep", "shuffled"})
"""The flows of limit orders and cancels alone."""


class Trades(NamedTuple):
    """What an engine tells, in order of time: taker, maker, price, quantity; or only taker and quantity."""

    rows: Numbers

    @property
    def are_whole(self) -> bool:
        return self.rows.shape[1] == 4

    @property
    def volume(self) -> int:
        return int(self.rows[:, -1].sum())

    @property
    def digest(self) -> str:
        """Return a hash of all rows in order."""
        return hashlib.sha256(np.ascontiguousarray(self.rows, "<i8").tobytes()).hexdigest()[:16]

    def by_taker(self) -> "Trades":
        """Return how much each taker traded, which even an engine that tells no trades gives away."""
        takers = self.rows[:, 0]
        starts = np.flatnonzero(np.append(True, takers[1:] != takers[:-1])[: len(takers)])
        lots = np.add.reduceat(self.rows[:, -1], starts) if len(starts) else starts
        return Trades(np.column_stack([takers[starts], lots]))


class Loaded(NamedTuple):
    """A flow in an engine. A plain walk has no trades to tell."""

    replay: Callable[[], object]
    trades: Callable[[], Trades] | None


@dataclass(frozen=True)
class Engine:
    """An engine, the module it comes in, the flows that it understands, and how many of their messages it can bear."""

    load: Callable[[Flow], Loaded]
    module: str = "market"
    flows: frozenset[str] = PLAIN
    longest: int | None = None

    @property
    def is_installed(self) -> bool:
        return find_spec(self.module) is not None


# --- our own book --------------------------------------------------------------------------------------------------


def columns(messages: Records, *names: str) -> Iterator[tuple[int, ...]]:
    """Return the messages as tuples of these fields, in plain integers."""
    return zip(*(messages[name].tolist() for name in names), strict=True)


def _our_trades(fills: Records) -> Numbers:
    names = ("taker_order_id", "maker_order_id", "price_ticks", "quantity_lots")
    return np.column_stack([fills[name] for name in names])


def _started_books(flow: Flow) -> list[OrderBook]:
    books = [OrderBook() for _ in range(flow.books)]
    books[0].run(flow.before)
    return books


def load_batch(flow: Flow) -> Loaded:
    """Give each book its share of the messages as one array; dealing them out is timed too."""
    books = _started_books(flow)
    conditions = () if flow.conditions is None else (flow.conditions,)
    fills: list[Records] = []

    def replay() -> None:
        fills.extend(
            book.run(share, *conditions).fills for book, share in zip(books, by_book(flow), strict=True)
        )

    return Loaded(replay, lambda: Trades(np.concatenate([_our_trades(each) for each in fills])))


def load_calls(flow: Flow) -> Loaded:
    """Call `place` or `cancel` for every message, in the same loop as the peers."""
    books = _started_books(flow)
    shares = _calls(flow)
    kept: list[tuple[Any, ...]] = []

    def replay() -> None:
        limit, gtc = OrderType.LIMIT, TimeInForce.GTC
        for book, rows in zip(books, shares, strict=True):
            place, cancel = book.place, book.cancel
            for is_new, order_id, side, price, quantity in rows:
                if is_new:
                    fills = place(order_id, side, limit, gtc, price, quantity).fills
                    if fills:
                        kept.append(fills)
                else:
                    cancel(order_id)

    return Loaded(replay, lambda: Trades(_fills(kept)))


@lru_cache(maxsize=1)
def _calls(flow: Flow) -> list[list[tuple[bool, int, Side, int, int]]]:
    sides = tuple(Side)
    names = ("action", "order_id", "side", "price_ticks", "quantity_lots")
    return [
        [
            (action == NEW, order_id, sides[side], price, quantity)
            for action, order_id, side, price, quantity in columns(share, *names)
        ]
        for share in by_book(flow)
    ]


def load_oracle(flow: Flow) -> Loaded:
    """Give the messages to the slow, obvious book of our own tests, which knows every type of order."""
    book = SlowBook()
    orders = list(_orders(flow))
    kept: list[tuple[Any, ...]] = []

    def replay() -> None:
        for action, order_id, side, *terms, asked in orders:
            if action == CANCEL:
                book.cancel(order_id)
            elif action == NEW:
                kept.append(book.place(order_id, side, *terms, **asked).fills)
            elif book.remaining(order_id) is not None:
                kept.append(book.replace(order_id, *terms, **asked).fills)

    return Loaded(replay, lambda: Trades(_fills(kept)))


def _orders(flow: Flow) -> Iterator[tuple[Any, ...]]:
    """Return the messages in the words of `place`: action, order id, side, type, time in force, price, lots, keywords."""
    named = ("action", "order_id", "side", "order_type", "time_in_force", "price_ticks", "quantity_lots")
    asked = ("post_only", "owner", "self_trade", "conditions")
    for row, (post_only, owner, policy, number) in zip(
        columns(flow.messages, *named), columns(flow.messages, *asked), strict=True
    ):
        action, order_id, side, order_type, time_in_force, price, lots = row
        given = flow.conditions[number]
        conditions = {
            "post_only": bool(post_only),
            "owner": owner,
            "self_trade": SelfTrade(policy) if policy else None,
        }
        if number:
            stop, display, budget = (int(given[name]) for name in ("stop_ticks", "display_lots", "budget"))
            conditions |= {
                "all_or_none": bool(given["all_or_none"]),
                "minimum_lots": int(given["minimum_lots"]),
                "display_lots": None if display < 0 else display,
                "stop_ticks": None if stop == NO_PRICE else stop,
                "budget": budget or None,
            }
        yield (
            *(action, order_id, Side(side), OrderType(order_type), TimeInForce(time_in_force)),
            *(price, lots, conditions),
        )


def _fills(kept: list[tuple[Any, ...]]) -> Numbers:
    """Return the trades of placements. A fill of a woken stop names its own taker."""
    return _table(
        [
            (
                *(fill.taker_order_id, fill.maker_order_id),
                *(fill.price_ticks, fill.quantity_lots),
            )
            for fills in kept
            for fill in fills
        ]
    )


def _table(rows: list[Any], width: int = 4) -> Numbers:
    return np.array(rows, np.int64).reshape(-1, width)


# --- a plain walk --------------------------------------------------------------------------------------------------


@njit(_nrt=False, cache=True)
def _walk(words: Numbers) -> int:
    total = 0
    for word in words:
        total ^= word
    return total


def load_walk(flow: Flow) -> Loaded:
    """Read every word of the messages and do nothing with them: what the machine allows at that moment."""
    words = flow.messages.view(np.int64)
    return Loaded(lambda: _walk(words), None)


# --- peers ---------------------------------------------------------------------------------------------------------


Row = tuple[bool, bool, int, int, int]
"""A message of a plain flow: is it new, is it a bid, price, quantity, and the order's number.

Numbers count the new orders of a book from 0; a cancel names an order by it. (Plain tuples: Python unpacks them fastest.)
"""


class Peer(Protocol):
    """One book of a peer. Its trades name orders by their number."""

    def replay(self, rows: list[Row]) -> None: ...

    def trades(self) -> Numbers: ...


def peer(make: Callable[[], Peer]) -> Callable[[Flow], Loaded]:
    """Return what loads a flow into a peer's books, dealt out and numbered beforehand."""

    def load(flow: Flow) -> Loaded:
        books = [make() for _ in range(flow.books)]
        shares = _shares(flow)
        for book, share in zip(books, shares, strict=True):
            book.replay(share.before)

        def replay() -> None:
            for book, share in zip(books, shares, strict=True):
                book.replay(share.rows)

        def trades() -> Trades:
            told = [book.trades() for book in books]
            for rows, share in zip(told, shares, strict=True):
                named = rows[:, : rows.shape[1] // 2]
                named[:] = share.order_ids[named]
            return Trades(np.concatenate(told))

        return Loaded(replay, trades)

    return load


class Share(NamedTuple):
    """What one book of a peer gets, before the clock starts and after, and the order id behind each number."""

    before: list[Row]
    rows: list[Row]
    order_ids: Numbers


@lru_cache(maxsize=1)
def _shares(flow: Flow) -> list[Share]:
    """Deal a flow out to the books and number its orders: once for all peers, and while they take turns."""
    nothing = flow.before[:0]
    before = [flow.before] + [nothing] * (flow.books - 1)
    return [_share(early, late) for early, late in zip(before, by_book(flow), strict=True)]


def _share(before: Records, messages: Records) -> Share:
    both = np.concatenate([before, messages])
    is_new = both["action"] == NEW
    order_ids = both["order_id"][is_new]
    by_id = np.argsort(order_ids)
    values = (
        *(is_new, both["side"] == Side.BUY, both["price_ticks"], both["quantity_lots"]),
        by_id[np.searchsorted(order_ids[by_id], both["order_id"])],
    )
    rows = list(zip(*(column.tolist() for column in values), strict=True))
    return Share(rows[: len(before)], rows[len(before) :], order_ids)


class Bourse:
    """`bourse`, in Rust. It forgets which of two orders came first unless the time is set before each message."""

    def __init__(self) -> None:
        from bourse.core import OrderBook as RustBook

        self._book = RustBook(0, 1, True)
        self._now = 0

    def replay(self, rows: list[Row]) -> None:
        place, cancel, set_time = self._book.place_order, self._book.cancel_order, self._book.set_time
        now = self._now
        for is_new, is_buy, price, quantity, number in rows:
            now += 1
            set_time(now)
            if is_new:
                place(is_buy, quantity, 0, price=price)
            else:
                cancel(number)
        self._now = now

    def trades(self) -> Numbers:
        return _table(
            [(taker, maker, price, lots) for _, _, price, lots, taker, maker in self._book.get_trades()]
        )


class LimitOrderBook:
    """`limit-order-book`, in C++ behind ctypes. Cancelling an order that is gone would end the process: ask first.

    It tells no trades. What its volume was before and after a message says how much the message traded.
    """

    def __init__(self) -> None:
        from limit_order_book.limit_order_book import LimitOrderBook as CppBook

        self._make = CppBook
        self._book = CppBook()
        self._given: list[list[Row]] = []

    def replay(self, rows: list[Row]) -> None:
        self._given.append(rows)
        buy, sell = self._book.limit_buy, self._book.limit_sell
        has, cancel = self._book.has, self._book.cancel
        for is_new, is_buy, price, quantity, number in rows:
            if not is_new:
                if has(number):
                    cancel(number)
            elif is_buy:
                buy(number, quantity, price)
            else:
                sell(number, quantity, price)

    def trades(self) -> Numbers:
        """Replay once more, and ask for the volume after every message."""
        book, volume, traded = self._make(), 0, []
        for is_new, is_buy, price, quantity, number in chain.from_iterable(self._given):
            if is_new:
                (book.limit_buy if is_buy else book.limit_sell)(number, quantity, price)
            elif book.has(number):
                book.cancel(number)
            after = book.volume()
            if is_new and after - volume != quantity:
                traded.append((number, (quantity - (after - volume)) // 2))
            volume = after
        return _table(traded, width=2)


class LightMatchingEngine:
    """`lightmatchingengine`, in Python. It fails on cancelling an order that is filled: ask first."""

    def __init__(self) -> None:
        from lightmatchingengine.lightmatchingengine import LightMatchingEngine as Engine

        self._engine = Engine()
        self._orders: list[Any] = []
        self._traded: list[tuple[int, list[Any]]] = []

    def replay(self, rows: list[Row]) -> None:
        add, cancel = self._engine.add_order, self._engine.cancel_order
        orders, traded = self._orders, self._traded
        for is_new, is_buy, price, quantity, number in rows:
            if is_new:
                order, trades = add("", price, quantity, 1 if is_buy else 2)
                orders.append(order)
                if trades:
                    traded.append((number, trades))
            elif orders[number].leaves_qty:
                cancel(orders[number].order_id, "")

    def trades(self) -> Numbers:
        """Return the makers' executions; it tells the taker's beside them, and counts orders from 1."""
        return _table(
            [
                (taker, trade.order_id - 1, trade.trade_price, trade.trade_qty)
                for taker, trades in self._traded
                for trade in trades
                if trade.order_id != taker + 1
            ]
        )


class CythonOrderBook:
    """`cython-orderbook`. It names orders by a text that is unique in the process."""

    def __init__(self) -> None:
        from cython_orderbook import Order, OrderBook, OrderSide

        self._book, self._order, self._side = OrderBook(), Order, OrderSide
        self._orders: list[Any] = []

    def replay(self, rows: list[Row]) -> None:
        make, bid, ask = self._order, self._side.BID, self._side.ASK
        add, cancel, orders = self._book.add_limit_order, self._book.cancel_order, self._orders
        for is_new, is_buy, price, quantity, number in rows:
            if is_new:
                order = make(bid if is_buy else ask, quantity, price)
                orders.append(order)
                add(order)
            else:
                cancel(orders[number].order_id)

    def trades(self) -> Numbers:
        numbers = {order.order_id: number for number, order in enumerate(self._orders)}
        return _table(
            [
                (numbers[each.aggressor_id], numbers[each.filler_id], int(each.price), each.quantity_filled)
                for each in self._book.trade_log
            ]
        )


class PyOrderBook:
    """`pyorderbook`, in Python with decimal prices. It fails on cancelling an order that is gone: ask first."""

    def __init__(self) -> None:
        from pyorderbook import Book, ask, bid

        self._book, self._bid, self._ask = Book(), bid, ask
        self._orders: list[Any] = []
        self._blotters: list[Any] = []

    def replay(self, rows: list[Row]) -> None:
        bid, ask, match, cancel = self._bid, self._ask, self._book.match, self._book.cancel
        known, orders, blotters = self._book.get_order, self._orders, self._blotters
        for is_new, is_buy, price, quantity, number in rows:
            if is_new:
                order = (bid if is_buy else ask)("", price, quantity)
                orders.append(order)
                blotter = match(order)
                if blotter.trades:
                    blotters.append(blotter)
            elif known(orders[number].id) is not None:
                cancel(orders[number])

    def trades(self) -> Numbers:
        numbers = {order.id: number for number, order in enumerate(self._orders)}
        return _table(
            [
                (
                    *(numbers[trade.incoming_order_id], numbers[trade.standing_order_id]),
                    *(int(trade.fill_price), trade.fill_quantity),
                )
                for blotter in self._blotters
                for trade in blotter.trades
            ]
        )


EVERY_TYPE = frozenset({"mixed", "crash"})
ENGINES: dict[str, Engine] = {
    "ccei": Engine(load_batch, flows=PLAIN | EVERY_TYPE),
    "ccei-calls": Engine(load_calls),
    "plain-walk": Engine(load_walk, flows=PLAIN | EVERY_TYPE),
    "bourse": Engine(peer(Bourse), "bourse"),
    "limit-order-book": Engine(peer(LimitOrderBook), "limit_order_book", longest=200_000),
    "cython-orderbook": Engine(peer(CythonOrderBook), "cython_orderbook", longest=200_000),
    "pyorderbook": Engine(peer(PyOrderBook), "pyorderbook", longest=100_000),
    "lightmatchingengine": Engine(
        peer(LightMatchingEngine), "lightmatchingengine", flows=PLAIN - {"deep"}, longest=100_000
    ),
    "oracle": Engine(load_oracle, flows=EVERY_TYPE, longest=2_000),
}
"""`ccei` takes a batch at a time, `plain-walk` too, all others a message at a time."""
