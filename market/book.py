"""One instrument's order book: strict price, then time."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from market import matching
from market.depth import Depth, DepthLevel
from market.matching import FILL, MESSAGE, NONE, OUTCOME, PRICE_LIMIT
from market.orders import OrderType, Side, TimeInForce, TradePriceRule
from market.refusals import Refusal
from market.units import PPM_ONE, QUANTITY_MAX, InvariantBroken, Lots, Malformed, Ppm, Ticks

REFUSALS: tuple[Refusal | None, ...] = (
    None,
    Refusal.WOULD_TAKE,
    Refusal.CANNOT_FILL_WHOLLY,
    Refusal.UNKNOWN_ORDER,
    Refusal.CLIENT_ORDER_ID_REUSED,
    Refusal.QUANTITY_NOT_POSITIVE,
    Refusal.PRICE_OUTSIDE_BAND,
    Refusal.BOOK_FULL,
)
"""The name of each outcome code of `OrderBook.run`; code 0 is done."""

_ANSWERS = {matching.DONE, matching.WOULD_TAKE, matching.CANNOT_FILL_WHOLLY, matching.BOOK_FULL}
_HIGHEST = {"action": matching.TAKE, "side": 1, "order_type": 1, "time_in_force": 2, "post_only": 1}
_ORDER_ID_LIMIT = 1 << 63
_NO_WEIGHT = Ppm(0)
_LEVELS_AT_FIRST = 16
_LADDER_AT_FIRST = 128


@dataclass(frozen=True, slots=True)
class Fill:
    """A part of an incoming order that traded with a resting one, at `price_ticks` under the book's trade-price rule."""

    maker_order_id: int
    price_ticks: Ticks
    maker_limit_ticks: Ticks
    quantity_lots: Lots


@dataclass(frozen=True, slots=True)
class Placement:
    """What became of an incoming order. A refused one changed nothing."""

    fills: tuple[Fill, ...]
    resting_lots: Lots
    dropped_lots: Lots
    refusal: Refusal | None


@dataclass(frozen=True, slots=True)
class Run:
    """What became of a batch of messages: all fills in order (`FILL`), and one outcome for each message (`OUTCOME`).

    `outcomes["fills_end"]` is how many fills there were when a message was done; `REFUSALS` names `outcomes["code"]`.
    """

    fills: NDArray[np.void]
    outcomes: NDArray[np.void]


class OrderBook:
    """Resting orders of one instrument, and the matching of new ones against them.

    Prices are in ticks, quantities in lots, all signed 64-bit. What a participant may ask (tick, band, cap, who owns
    an order) is checked upstairs; a call that should not have come this far raises `InvariantBroken`.

    >>> book = OrderBook(rule=TradePriceRule.MIDPOINT)
    >>> book.rest(1, Side.SELL, Ticks(100), Lots(5))
    >>> book.place(2, Side.BUY, OrderType.LIMIT, TimeInForce.GTC, Ticks(103), Lots(7)).fills
    (Fill(maker_order_id=1, price_ticks=101, maker_limit_ticks=100, quantity_lots=5),)
    >>> book.best_bid(), book.remaining(2)
    (103, 2)
    """

    def __init__(
        self,
        *,
        rule: TradePriceRule = TradePriceRule.MAKER,
        weight_ppm: Ppm = _NO_WEIGHT,
        capacity: int = 64,
    ) -> None:
        """Make an empty book with room for `capacity` orders; it grows by doubling."""
        if capacity < 1:
            raise InvariantBroken(f"capacity of an order book: found {capacity}, expected at least 1")
        size = 1 << (capacity - 1).bit_length()
        self._book = matching.Book(
            state=np.zeros(matching.STATE_SIZE, np.int64),
            orders=np.zeros(size, matching.ORDER),
            levels=np.zeros(_LEVELS_AT_FIRST, matching.LEVEL),
            ids=np.full(4 * size, NONE, np.int32),
            ladder=np.zeros(_LADDER_AT_FIRST, matching.ENTRY),
        )
        self._state = self._book.state
        self._state[[matching.BEST + side for side in Side]] = NONE
        self._state[matching.FREE_ORDER] = _chain(self._book.orders["next"], start=0)
        self._state[matching.FREE_LEVEL] = _chain(self._book.levels["head"], start=0)
        self._message = np.zeros(1, MESSAGE)
        self._outcome = np.zeros(1, OUTCOME)
        self._fills = np.zeros(size + 2, FILL)
        self.set_rule(rule, weight_ppm)

    def set_rule(self, rule: TradePriceRule, weight_ppm: Ppm) -> None:
        """Set who gets the surplus of later trades. `weight_ppm`, the supplier's share, counts under NASH alone."""
        if not 0 <= weight_ppm <= PPM_ONE:
            raise InvariantBroken(f"supplier's weight: found {weight_ppm} ppm, expected 0 to {PPM_ONE}")
        weights = {TradePriceRule.MAKER: NONE, TradePriceRule.MIDPOINT: PPM_ONE // 2}
        self._state[matching.WEIGHT] = weights.get(rule, weight_ppm)

    def __len__(self) -> int:
        return int(self._state[matching.ORDERS])

    def place(
        self,
        order_id: int,
        side: Side,
        order_type: OrderType,
        time_in_force: TimeInForce,
        price_ticks: Ticks,
        quantity_lots: Lots,
        *,
        post_only: bool = False,
    ) -> Placement:
        """Match an order at once; what is left of a GTC limit order rests, of any other it is dropped.

        A market order's price is its protective limit. It trades at the maker's price whatever the rule.

        Raises:
            InvariantBroken: if an order of this id rests already, or a number is out of range.
        """
        resting, dropped, filled, code = self._do(
            matching.NEW,
            order_id,
            side=side,
            price_ticks=price_ticks,
            quantity_lots=quantity_lots,
            flags=(order_type, time_in_force, post_only),
        )
        if code not in _ANSWERS:
            raise InvariantBroken(f"order {order_id} cannot be placed: {REFUSALS[code]}")
        rows = self._fills[:filled].tolist() if filled else []
        return Placement(
            fills=tuple(Fill(maker, price, limit, lots) for _, maker, price, limit, lots in rows),
            resting_lots=Lots(resting),
            dropped_lots=Lots(dropped),
            refusal=REFUSALS[code],
        )

    def cancel(self, order_id: int) -> Lots | None:
        """Take an order off the book; return what was left of it in lots, None if it does not rest here."""
        _, dropped, _, code = self._do(matching.CANCEL, order_id)
        return None if code == matching.UNKNOWN_ORDER else Lots(dropped)

    def reduce(self, order_id: int, remaining_lots: Lots) -> None:
        """Shrink a resting order to `remaining_lots`; it keeps its priority.

        Raises:
            InvariantBroken: if it does not rest here, or has less.
        """
        self._must(matching.REDUCE, order_id, quantity_lots=remaining_lots)

    def rest(self, order_id: int, side: Side, price_ticks: Ticks, quantity_lots: Lots) -> None:
        """Put an order at the end of its price's queue without matching it; the book may be crossed afterwards.

        Raises:
            InvariantBroken: if an order of this id rests already, a number is out of range, or the book is full.
        """
        self._must(matching.REST, order_id, side=side, price_ticks=price_ticks, quantity_lots=quantity_lots)

    def take(self, order_id: int, quantity_lots: Lots) -> None:
        """Take what traded elsewhere (in an auction, in the record) off a resting order; it keeps its priority.

        Raises:
            InvariantBroken: if it does not rest here, or has less.
        """
        self._must(matching.TAKE, order_id, quantity_lots=quantity_lots)

    def remaining(self, order_id: int) -> Lots | None:
        """Return what is left of an order in lots, None if it does not rest here."""
        slot = matching.find_order(self._book.ids, self._book.orders, order_id)
        return None if slot == NONE else Lots(int(self._book.orders[slot]["remaining"]))

    def best_bid(self) -> Ticks | None:
        """Return the highest bid in ticks, None if there is none."""
        rank = self._best_rank(Side.BUY)
        return None if rank is None else Ticks(-rank)

    def best_ask(self) -> Ticks | None:
        """Return the lowest offer in ticks, None if there is none."""
        rank = self._best_rank(Side.SELL)
        return None if rank is None else Ticks(rank)

    def orders(self, side: Side) -> NDArray[np.void]:
        """Return a side in priority order: records of `price_ticks`, `order_id`, `remaining_lots`.

        `.tolist()` turns them into tuples of plain integers.
        """
        found = np.empty(len(self), matching.RESTING)
        count = matching.list_orders(self._book, int(side), found)
        return found[:count].copy()

    def depth(self, levels: int) -> Depth:
        """Return the best `levels` prices of both sides."""
        return Depth(bids=self._depth(Side.BUY, levels), asks=self._depth(Side.SELL, levels))

    def state_bytes(self) -> bytes:
        """Return the book's content in canonical form: what rests, in priority order, however it got there.

        For bids, then offers: the count, then price, order id and remaining lots of each, as little-endian 64-bit words.
        """
        sides = [self.orders(side) for side in (Side.BUY, Side.SELL)]
        return b"".join(len(found).to_bytes(8, "little") + found.tobytes() for found in sides)

    def run(self, messages: NDArray[np.void]) -> Run:
        """Carry out a whole batch of `MESSAGE` records and return their fills and outcomes.

        NEW matches as `place` does; CANCEL, REDUCE, REST and TAKE as the methods of their names. REPLACE puts a new
        price and remaining quantity in place of a resting order's: it keeps its priority if only the quantity shrinks,
        else it leaves and is placed anew under the message's type, time in force and post-only flag (if that is refused,
        the old order stays). A message that cannot be carried out changes nothing and its outcome says why.

        Raises:
            Malformed: if the records are no `MESSAGE`, or an enumerated field is outside its values.
        """
        if messages.dtype != MESSAGE or messages.ndim != 1:
            raise Malformed(f"messages: found {messages.dtype}, expected one row of {MESSAGE}")
        messages = np.ascontiguousarray(messages)
        row = matching.first_malformed(messages)
        if row != NONE:
            raise Malformed(
                f"message {row}: found {messages[row]}, expected at most "
                + ", ".join(f"{name} {highest}" for name, highest in _HIGHEST.items())
            )
        fills = np.empty(len(self) + 2 * len(messages), FILL)
        outcomes = np.empty(len(messages), OUTCOME)
        self._run(messages, fills, outcomes)
        return Run(fills=fills[: self._state[matching.FILLED]].copy(), outcomes=outcomes)

    def _run(
        self, messages: NDArray[np.void], fills: NDArray[np.void] | None, outcomes: NDArray[np.void]
    ) -> None:
        """Let the kernel work through the messages, and grow whenever it finds no room."""
        self._state[matching.FILLED] = 0
        done = 0
        while True:
            into = self._fills if fills is None else fills
            done = matching.run(*self._book, messages, done, into, outcomes)
            if done == len(messages):
                return
            self._grow()

    def _do(
        self,
        action: int,
        order_id: int,
        *,
        side: int = 0,
        price_ticks: int = 0,
        quantity_lots: int = 1,
        flags: tuple[int, int, bool] = (OrderType.LIMIT, TimeInForce.GTC, False),
    ) -> tuple[int, int, int, int]:
        """Send one message through the kernel and return its `OUTCOME`."""
        in_range = (
            -_ORDER_ID_LIMIT <= order_id < _ORDER_ID_LIMIT
            and -PRICE_LIMIT < price_ticks < PRICE_LIMIT
            and 0 < quantity_lots <= QUANTITY_MAX
        )
        if not in_range:
            raise InvariantBroken(
                f"order {order_id}: found price {price_ticks} and quantity {quantity_lots}, expected a 64-bit order id, "
                f"a price within ±{PRICE_LIMIT - 1} ticks and a quantity of 1 to {QUANTITY_MAX} lots"
            )
        self._message[0] = (order_id, price_ticks, quantity_lots, action, side, *flags)
        self._run(self._message, None, self._outcome)
        outcome: tuple[int, int, int, int] = self._outcome[0].item()
        return outcome

    def _must(
        self, action: int, order_id: int, *, side: int = 0, price_ticks: int = 0, quantity_lots: int
    ) -> None:
        """Send one message that cannot fail."""
        *_, code = self._do(action, order_id, side=side, price_ticks=price_ticks, quantity_lots=quantity_lots)
        if code != matching.DONE:
            raise InvariantBroken(
                f"order {order_id}, {quantity_lots} lots: {REFUSALS[code]}; the book has {self.remaining(order_id)}"
            )

    def _best_rank(self, side: Side) -> int | None:
        slot = int(self._state[matching.BEST + side])
        return None if slot == NONE else int(self._book.levels[slot]["rank"])

    def _depth(self, side: Side, levels: int) -> tuple[DepthLevel, ...]:
        found = np.empty(min(levels, len(self)), matching.DEPTH)
        count = matching.list_levels(self._book, int(side), found)
        return tuple(DepthLevel(*row) for row in found[:count].tolist())

    def _grow(self) -> None:
        """Double whatever is full."""
        state, book = self._state, self._book
        if state[matching.FREE_ORDER] == NONE:  # then every record is a resting order
            used = len(book.orders)
            book = book._replace(orders=_doubled(book.orders), ids=np.full(2 * len(book.ids), NONE, np.int32))
            matching.enter_ids(book.ids, book.orders, used)
            self._fills = np.zeros(len(book.orders) + 2, FILL)
            state[matching.FREE_ORDER] = _chain(book.orders["next"], start=used)
        if state[matching.FREE_LEVEL] == NONE:
            book = book._replace(levels=_doubled(book.levels))
            state[matching.FREE_LEVEL] = _chain(book.levels["head"], start=len(self._book.levels))
        if matching.ladder_is_full(book):
            larger = np.zeros(2 * len(book.ladder), matching.ENTRY)
            matching.rehash(book.ladder, larger)
            book = book._replace(ladder=larger)
        self._book = book


def _chain(links: NDArray[np.int32], *, start: int) -> int:
    """Chain the records from `start` on into a list of free ones; return its head."""
    links[start:] = np.arange(start + 1, len(links) + 1)
    links[-1] = NONE
    return start


def _doubled(records: NDArray[np.void]) -> NDArray[np.void]:
    larger = np.zeros(2 * len(records), records.dtype)
    larger[: len(records)] = records
    return larger
