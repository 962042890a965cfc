"""One instrument's order book: strict price, then time."""

import struct
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from market import matching
from market.depth import Depth, DepthLevel
from market.matching import (
    CONDITIONS,
    DEPTH,
    FILL,
    MESSAGE,
    NO_PRICE,
    NOTICE,
    OUTCOME,
    PRICE_LIMIT,
    RESTING,
    WAITING,
)
from market.matching.compiled import kernel
from market.matching.layout import COLLAR, HALT, NO_BUDGET, NO_WEIGHT, PRO_RATA, word_of
from market.matching.memory import Memory
from market.matching.output import Changes, Output
from market.matching.trading import BEYOND, GROW, HIGHEST
from market.orders import Allocation, OrderType, SelfTrade, Side, TimeInForce, TradePriceRule
from market.placement import Fill, Notice, NoticeKind, Placement, Run
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
    Refusal.CANNOT_FILL_MINIMUM,
    Refusal.CONDITIONS_CONFLICT,
    Refusal.NOT_ALLOWED_IN_CALL,
)
"""The name of each outcome code of `OrderBook.run`; code 0 is done."""

_ANSWERS = frozenset(
    (
        matching.DONE,
        matching.WOULD_TAKE,
        matching.CANNOT_FILL_WHOLLY,
        matching.BOOK_FULL,
        matching.CANNOT_FILL_MINIMUM,
        matching.CONDITIONS_CONFLICT,
        matching.NOT_ALLOWED_IN_CALL,
    )
)
_NO_WEIGHT = Ppm(0)
_WEIGHT, _FILLED, _NOTICED = map(word_of, ("weight", "filled", "noticed"))
_MESSAGES, _COUNT, _OUTCOMES, _CONDITIONS = map(word_of, ("messages", "count", "outcomes", "conditions"))
_SETTINGS, _LAST = word_of("settings"), word_of("last")
_COLLAR_REFERENCE, _COLLAR_WIDTH = word_of("collar_reference"), word_of("collar_width")
_FILLS_AT_FIRST = 16
_FIRST_ROW = CONDITIONS.itemsize  # row 0 stays empty
_ASKED_WORDS = 9
_FILL_SIZE, _NOTICE_SIZE = FILL.itemsize, NOTICE.itemsize

# A call per message has to be quick: names found at once, records read as bytes, tuples made without their own __new__.
_send: Callable[..., int] = kernel.send
_place: Callable[..., Any] = kernel.place
_cancel: Callable[..., Any] = kernel.cancel
_new: Callable[..., Any] = tuple.__new__
_read_outcome = struct.Struct("<qqqiB3x").unpack_from
_read_fills = struct.Struct("<qqqqq").iter_unpack
_read_notices = struct.Struct("<qqqq").iter_unpack
_write_conditions = struct.Struct("<qqqqB7x").pack_into


@lru_cache(maxsize=4096)
def _rested(lots: Lots) -> Placement:
    """Return the result of most orders, which neither trade nor ask more. Equal ones may well be the same."""
    return Placement((), lots, Lots(0), None, ())


def _out_of_range(order_id: int, price: int = 0, quantity: int = 1, owner: int = 0) -> InvariantBroken:
    return InvariantBroken(
        f"order {order_id}: found price {price}, quantity {quantity} and owner {owner}, expected a 64-bit order id, a price "
        f"within ±{PRICE_LIMIT - 1} ticks, a quantity of 1 to {QUANTITY_MAX} lots and a 32-bit owner"
    )


class OrderBook:
    """Resting orders of one instrument, and the matching of new ones against them.

    Prices are in ticks, quantities in lots, all signed 64-bit. What a participant may ask (tick, band, cap, who owns
    an order) is checked upstairs; a call that should not have come this far raises `InvariantBroken`.

    >>> book = OrderBook(rule=TradePriceRule.MIDPOINT)
    >>> book.rest(1, Side.SELL, Ticks(100), Lots(5))
    >>> book.place(2, Side.BUY, OrderType.LIMIT, TimeInForce.GTC, Ticks(103), Lots(7)).fills
    (Fill(taker_order_id=2, maker_order_id=1, price_ticks=101, maker_limit_ticks=100, quantity_lots=5),)
    >>> book.best_bid(), book.remaining(2)
    (103, 2)
    """

    def __init__(
        self,
        *,
        rule: TradePriceRule = TradePriceRule.MAKER,
        weight_ppm: Ppm = _NO_WEIGHT,
        allocation: Allocation = Allocation.TIME,
        capacity: int = 64,
    ) -> None:
        """Make an empty book with room for `capacity` orders; it grows as they come."""
        if capacity < 1:
            raise InvariantBroken(f"capacity of an order book: found {capacity}, expected at least 1")
        self._memory = Memory(capacity)
        self._address = self._memory.address
        self._words = self._memory.words
        self._message = np.zeros(1, MESSAGE)
        self._outcome = np.zeros(1, OUTCOME)
        self._conditions = np.zeros(2, CONDITIONS)
        self._outcome_bytes = self._outcome.view(np.uint8).data
        self._conditions_bytes = self._conditions.view(np.uint8).data
        self._changes = Changes(self._words)
        self._output = Output(self._words, _FILLS_AT_FIRST)
        self._take_single_messages()
        self._words[_SETTINGS] = PRO_RATA if allocation is Allocation.PRO_RATA else 0
        self.set_rule(rule, weight_ppm)

    def set_rule(self, rule: TradePriceRule, weight_ppm: Ppm) -> None:
        """Set who gets the surplus of later trades. `weight_ppm`, the supplier's share, counts under NASH alone."""
        if not 0 <= weight_ppm <= PPM_ONE:
            raise InvariantBroken(f"supplier's weight: found {weight_ppm} ppm, expected 0 to {PPM_ONE}")
        weights = {TradePriceRule.MAKER: NO_WEIGHT, TradePriceRule.MIDPOINT: PPM_ONE // 2}
        self._words[_WEIGHT] = weights.get(rule, weight_ppm)

    def set_collar(self, reference_ticks: Ticks, width_ticks: Ticks) -> None:
        """Halt before a trade further than `width_ticks` from the last price, or from the reference before the first.

        A width of 0 takes the collar off.
        """
        if width_ticks < 0:
            raise InvariantBroken(f"collar: found a width of {width_ticks} ticks, expected at least 0")
        self._words[_COLLAR_REFERENCE], self._words[_COLLAR_WIDTH] = reference_ticks, width_ticks
        self._set(COLLAR, wanted=width_ticks > 0)

    @property
    def halted(self) -> bool:
        """Whether the book collects orders without matching them."""
        return bool(self._words[_SETTINGS] & HALT)

    def halt(self) -> None:
        """Collect orders from here on, and match none."""
        self._set(HALT, wanted=True)

    def resume(self) -> None:
        """Match again. What collected is for an auction to match, and `activate` to wake."""
        self._set(HALT, wanted=False)

    def last_price(self) -> Ticks | None:
        """Return the price of the last trade, None before the first."""
        last = self._words[_LAST]
        return None if last == NO_PRICE else Ticks(last)

    def note_price(self, price_ticks: Ticks) -> None:
        """Take note of a trade that was made elsewhere (in an auction, in the record). It wakes nothing by itself."""
        self._words[_LAST] = price_ticks

    def __len__(self) -> int:
        """Return how many orders rest or wait."""
        return self._memory.orders

    @property
    def nbytes(self) -> int:
        """The size of the book's memory in bytes."""
        singles = (self._message, self._outcome, self._conditions, self._output.fills, self._output.notices)
        return self._memory.nbytes + sum(each.nbytes for each in singles)

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
        owner: int = 0,
        self_trade: SelfTrade | None = None,
        all_or_none: bool = False,
        minimum_lots: int = 0,
        display_lots: int | None = None,
        stop_ticks: int | None = None,
        budget: int | None = None,
    ) -> Placement:
        """Match an order at once; what is left of a limit order rests unless it is IOC or FOK, of any other it is dropped.

        A market order's price is its protective limit. It trades at the maker's price whatever the rule. `owner` numbers
        the participant, 0 is nobody; `self_trade` is what happens where two orders of one owner meet. What the other
        keywords ask is in `docs/reference/order-types.md`; `display_lots` None shows all, `budget` is in ticks times lots.

        Raises:
            InvariantBroken: if an order of this id rests already, or a number is out of range.
        """
        if (
            all_or_none
            or minimum_lots
            or post_only
            or owner
            or self_trade
            or display_lots is not None
            or stop_ticks is not None
            or budget is not None
        ):
            return self._placement(
                self._tell(
                    matching.NEW,
                    order_id,
                    side,
                    order_type,
                    time_in_force,
                    price_ticks,
                    quantity_lots,
                    post_only,
                    owner,
                    self_trade or 0,
                    self._ask(all_or_none, minimum_lots, display_lots, stop_ticks, budget),
                )
            )
        try:
            answer = _place(
                self._address, order_id, side, order_type, time_in_force, price_ticks, quantity_lots
            )
        except OverflowError:
            raise _out_of_range(order_id, price_ticks, quantity_lots) from None
        return _rested(answer) if answer >= 0 else self._placement(answer)

    def replace(
        self,
        order_id: int,
        order_type: OrderType,
        time_in_force: TimeInForce,
        price_ticks: Ticks,
        quantity_lots: Lots,
        *,
        post_only: bool = False,
        owner: int = 0,
        self_trade: SelfTrade | None = None,
        all_or_none: bool = False,
        minimum_lots: int = 0,
        display_lots: int | None = None,
        stop_ticks: int | None = None,
        budget: int | None = None,
    ) -> Placement:
        """Put a new price and remaining quantity in place of a resting order's.

        It keeps its priority if only the quantity shrinks; else it leaves and is placed anew, and if that is refused the
        old order stays.

        Raises:
            InvariantBroken: if it does not rest here, or a number is out of range.
        """
        answer = self._tell(
            matching.REPLACE,
            order_id,
            Side.BUY,  # the order keeps its own
            order_type,
            time_in_force,
            price_ticks,
            quantity_lots,
            post_only,
            owner,
            self_trade or 0,
            self._ask(all_or_none, minimum_lots, display_lots, stop_ticks, budget),
        )
        return self._placement(answer)

    def cancel(self, order_id: int) -> Lots | None:
        """Take an order off the book; return what was left of it in lots, None if it does not rest here."""
        try:
            dropped: Lots = _cancel(self._address, order_id)
        except OverflowError:
            raise _out_of_range(order_id) from None
        if dropped == GROW:
            self._go_on()
            dropped = _read_outcome(self._outcome_bytes)[1]
        return dropped if dropped else None

    def reduce(self, order_id: int, remaining_lots: Lots) -> None:
        """Shrink a resting order to `remaining_lots`; it keeps its priority.

        Raises:
            InvariantBroken: if it does not rest here, or has less.
        """
        self._must(self._tell(matching.REDUCE, order_id, quantity=remaining_lots))

    def rest(
        self,
        order_id: int,
        side: Side,
        price_ticks: Ticks,
        quantity_lots: Lots,
        *,
        order_type: OrderType = OrderType.LIMIT,
        time_in_force: TimeInForce = TimeInForce.GTC,
        post_only: bool = False,
        owner: int = 0,
        self_trade: SelfTrade | None = None,
        all_or_none: bool = False,
        minimum_lots: int = 0,
        display_lots: int | None = None,
        stop_ticks: int | None = None,
        budget: int | None = None,
    ) -> None:
        """Put an order where it belongs without matching it: to wait if it has a stop, else at the end of its queue.

        The book may be crossed afterwards. What else the order asks matters when it wakes.

        Raises:
            InvariantBroken: if an order of this id is here already, a number is out of range, its conditions conflict, or
                the book is full.
        """
        answer = self._tell(
            matching.REST,
            order_id,
            side,
            order_type,
            time_in_force,
            price_ticks,
            quantity_lots,
            post_only,
            owner,
            self_trade or 0,
            self._ask(all_or_none, minimum_lots, display_lots, stop_ticks, budget),
        )
        self._must(answer)

    def take(self, order_id: int, quantity_lots: Lots, *, incoming: bool = False) -> None:
        """Take what traded elsewhere (in an auction, in the record) off a resting order.

        The slice of an iceberg is used up as by a fill; one that was `incoming` in that trade has it cut afresh instead,
        and keeps its place.

        Raises:
            InvariantBroken: if it does not rest here, or has less.
        """
        action = matching.TAKE_INCOMING if incoming else matching.TAKE
        self._must(self._tell(action, order_id, quantity=quantity_lots))

    def trigger(self, order_id: int) -> None:
        """Let a waiting stop rest at the back of its queue, without matching it.

        Raises:
            InvariantBroken: if no stop of this id waits.
        """
        self._must(self._tell(matching.TRIGGER, order_id))

    def activate(self) -> Placement:
        """Wake the stops that the last price has reached, and return what that caused."""
        return self._placement(self._tell(matching.ACTIVATE, 0))

    def publish(self, wanted: bool) -> None:
        """Keep changes of what is displayed from here on, or no longer."""
        self._changes.publish(wanted)

    def changes(self) -> NDArray[np.void]:
        """Return the changes of what is displayed since the last call (`CHANGE`), in the order in which they happened.

        An order that is added, or shows a new slice, is one whose `delta_lots` are all that it shows: it is at the back of
        its queue. `shown_lots` of 0 says that it is gone. Hidden orders and waiting stops never appear.
        """
        return self._changes.take()

    def remaining(self, order_id: int) -> Lots | None:
        """Return what is left of an order in lots, its reserve included; None if it neither rests nor waits here."""
        left = kernel.remaining_lots(self._address, order_id)
        return Lots(left) if left else None

    def best_bid(self) -> Ticks | None:
        """Return the highest bid in ticks, hidden ones included; None if there is none."""
        return self._best(Side.BUY)

    def best_ask(self) -> Ticks | None:
        """Return the lowest offer in ticks, hidden ones included; None if there is none."""
        return self._best(Side.SELL)

    def orders(self, side: Side) -> NDArray[np.void]:
        """Return all that can trade on a side in priority order.

        Records of `price_ticks`, `order_id`, `remaining_lots` (reserve included) and `displayed_lots`; `.tolist()` turns
        them into tuples of plain integers.
        """
        found = np.empty(len(self), RESTING)
        return found[: kernel.write_orders(self._address, int(side), found.ctypes.data)].copy()

    def stops(self, side: Side) -> NDArray[np.void]:
        """Return the stops that wait on a side in the order in which they wake.

        Records of `price_ticks` (the stop), `order_id`, `remaining_lots` and `limit_ticks`.
        """
        found = np.empty(len(self), WAITING)
        return found[: kernel.write_stops(self._address, int(side), found.ctypes.data)].copy()

    def depth(self, levels: int) -> Depth:
        """Return the best `levels` prices of both sides, as displayed."""
        return Depth(bids=self._depth(Side.BUY, levels), asks=self._depth(Side.SELL, levels))

    def state_bytes(self) -> bytes:
        """Return the book's content in canonical form: what rests and waits, in priority order, however it got there.

        Little-endian 64-bit words: the last price (or the lowest word) and whether the book is halted; then for bids, then
        offers the count of resting orders and each as in `orders` with the slice of an iceberg (else -1) and whether it is
        all-or-none; then likewise those that wait, each as in `stops` with all that it will ask for. Who owns what is left
        out: that is the caller's to number.
        """
        parts = [struct.pack("<qq", self._words[_LAST], self.halted)]
        for side in Side:
            found = self.orders(side)
            special = np.empty((len(self), 2), np.int64)
            kernel.write_special(self._address, int(side), special.ctypes.data)
            parts += [len(found).to_bytes(8, "little"), found.tobytes(), special[: len(found)].tobytes()]
        for side in Side:
            waiting = self.stops(side)
            asked = np.empty((len(self), _ASKED_WORDS), np.int64)
            kernel.write_asked(self._address, int(side), asked.ctypes.data)
            parts += [len(waiting).to_bytes(8, "little"), waiting.tobytes(), asked[: len(waiting)].tobytes()]
        return b"".join(parts)

    def load(self, content: bytes, *, owner_of: Callable[[int], int]) -> None:
        """Fill an empty book with what `state_bytes` returned; `owner_of` tells by order id who owns what.

        Raises:
            InvariantBroken: if that is no content of a book, or the book is not empty.
        """
        if len(self):
            raise InvariantBroken(f"order book: found {len(self)} orders, expected an empty book to load")
        try:
            last, halted = struct.unpack_from("<qq", content)
            rows = _Rows(content, at=16)
            for side in Side:
                resting = rows.take(RESTING)
                for row, special in zip(resting, rows.words(len(resting), 2), strict=True):
                    self._load_resting(side, row, special, owner_of)
            for side in Side:
                waiting = rows.take(WAITING)
                for row, asked in zip(waiting, rows.words(len(waiting), _ASKED_WORDS), strict=True):
                    self._load_waiting(side, row, asked, owner_of)
            rows.end()
        except (struct.error, ValueError) as error:
            raise InvariantBroken(f"order book: found no content of one: {error}") from None
        self._words[_LAST] = last
        self._set(HALT, wanted=bool(halted))

    def _load_resting(
        self, side: Side, row: Sequence[int], special: Sequence[int], owner_of: Callable[[int], int]
    ) -> None:
        """Let an order rest; of an iceberg's full slice, take what it no longer shows. A hidden one shows nothing at all."""
        price, order_id, remaining, displayed = row
        slice_lots, all_or_none = special
        used_up = slice_lots - displayed if slice_lots > 0 else 0
        self.rest(
            order_id,
            side,
            Ticks(price),
            Lots(remaining + used_up),
            owner=owner_of(order_id),
            all_or_none=bool(all_or_none),
            display_lots=0 if displayed == 0 else slice_lots if slice_lots > 0 else None,
        )
        if used_up:
            self.take(order_id, Lots(used_up))

    def _load_waiting(
        self, side: Side, row: Sequence[int], asked: Sequence[int], owner_of: Callable[[int], int]
    ) -> None:
        """Let a stop wait, with all that it will ask for."""
        stop, order_id, remaining, _ = row
        display, limit, minimum, budget, all_or_none, order_type, time_in_force, post_only, self_trade = asked
        self.rest(
            order_id,
            side,
            Ticks(limit),
            Lots(remaining),
            order_type=OrderType(order_type),
            time_in_force=TimeInForce(time_in_force),
            post_only=bool(post_only),
            owner=owner_of(order_id),
            self_trade=SelfTrade(self_trade),
            all_or_none=bool(all_or_none),
            minimum_lots=minimum,
            display_lots=None if display < 0 else display,
            stop_ticks=stop,
            budget=None if budget == NO_BUDGET else budget,
        )

    def run(self, messages: NDArray[np.void], conditions: NDArray[np.void] | None = None) -> Run:
        """Carry out a whole batch of `MESSAGE` records and return their fills, notices and outcomes.

        NEW matches as `place` does; CANCEL, REPLACE, REDUCE, REST and so on as the methods of their names. A message whose
        `conditions` is not 0 asks for that row of the `CONDITIONS` given; row 0 is not used. A message that cannot be
        carried out changes nothing and its outcome says why.

        Raises:
            Malformed: if the records are no `MESSAGE` and `CONDITIONS`, an enumerated field is outside its values, or there
                are no such conditions.
        """
        asked = self._conditions[:1] if conditions is None else conditions
        for what, found, expected in (("messages", messages, MESSAGE), ("conditions", asked, CONDITIONS)):
            if found.dtype != expected or found.ndim != 1:
                raise Malformed(f"{what}: found {found.dtype}, expected one row of {expected}")
        messages, asked = np.ascontiguousarray(messages), np.ascontiguousarray(asked)
        row = kernel.find_malformed(messages.ctypes.data, len(messages), max(len(asked), 1))
        if row >= 0:
            highest = ", ".join(f"{name} {value}" for name, value in HIGHEST.items())
            raise Malformed(
                f"message {row}: found {messages[row]}, expected conditions below {max(len(asked), 1)} and at most {highest}"
            )
        self._memory.reserve(len(messages))
        outcomes = np.empty(len(messages), OUTCOME)
        fills_at_most = len(self) + 2 * len(messages)  # where nothing is sliced
        output = Output(self._words, fills_at_most)
        self._take_messages(messages, asked, outcomes, output)
        self._finish(output)
        self._memory.trim()
        fills, notices = output.end()
        self._take_single_messages()
        return Run(fills=fills, outcomes=outcomes, notices=notices)

    def _set(self, setting: int, *, wanted: bool) -> None:
        self._words[_SETTINGS] = self._words[_SETTINGS] & ~setting | (setting if wanted else 0)

    def _take_messages(
        self,
        messages: NDArray[np.void],
        conditions: NDArray[np.void],
        outcomes: NDArray[np.void],
        output: Output,
    ) -> None:
        """Tell the kernel where the next messages are, and where to write."""
        words = self._words
        words[_MESSAGES], words[_COUNT] = messages.ctypes.data, len(messages)
        words[_CONDITIONS], words[_OUTCOMES] = conditions.ctypes.data, outcomes.ctypes.data
        output.tell()

    def _take_single_messages(self) -> None:
        self._take_messages(self._message, self._conditions, self._outcome, self._output)
        self._output_has_moved()

    def _output_has_moved(self) -> None:
        self._fills_bytes = self._output.fills.view(np.uint8).data
        self._notices_bytes = self._output.notices.view(np.uint8).data

    def _finish(self, output: Output) -> None:
        """Let the kernel work through the messages, and grow whatever is full."""
        while kernel.run(self._address):
            self._grow(output)

    def _grow(self, output: Output) -> None:
        self._memory.grow()
        self._changes.grow()
        output.grow()

    def _ask(
        self,
        all_or_none: bool,
        minimum_lots: int,
        display_lots: int | None,
        stop_ticks: int | None,
        budget: int | None,
    ) -> int:
        """Write down what one order asks beside price and quantity; return in which row of the conditions that is."""
        if not (all_or_none or minimum_lots) and display_lots is stop_ticks is budget is None:
            return 0
        display = -1 if display_lots is None else display_lots if display_lots >= 0 else -2
        spend = 0 if budget is None else budget if budget > 0 else -1
        stop = NO_PRICE if stop_ticks is None else stop_ticks
        try:
            _write_conditions(
                self._conditions_bytes, _FIRST_ROW, stop, display, minimum_lots, spend, all_or_none
            )
        except struct.error as error:
            raise InvariantBroken(f"conditions: found a number beyond 64 bits: {error}") from None
        return 1

    def _tell(
        self,
        action: int,
        order_id: int,
        side: int = 0,
        order_type: int = 0,
        time_in_force: int = 0,
        price: int = 0,
        quantity: int = 1,
        post_only: int = 0,
        owner: int = 0,
        self_trade: int = 0,
        conditions: int = 0,
    ) -> int:
        """Send one message through the kernel; return its answer."""
        try:
            answer = _send(
                self._address,
                action,
                order_id,
                side,
                order_type,
                time_in_force,
                price,
                quantity,
                post_only,
                owner,
                self_trade,
                conditions,
            )
        except OverflowError:
            answer = BEYOND
        if answer == BEYOND:
            raise _out_of_range(order_id, price, quantity, owner)
        return answer

    def _go_on(self) -> None:
        """Grow, and finish the single message in hand."""
        self._grow(self._output)
        self._finish(self._output)
        self._output_has_moved()

    def _placement(self, answer: int) -> Placement:
        """Return what became of an order whose message was answered like this."""
        if answer >= 0:
            return _rested(Lots(answer))
        if answer == GROW:
            self._go_on()
        resting, dropped, filled, noticed, code = _read_outcome(self._outcome_bytes)
        if code not in _ANSWERS:
            raise self._broken(code)
        fills: tuple[Fill, ...] = ()
        if filled:
            rows = _read_fills(self._fills_bytes[: filled * _FILL_SIZE])
            fills = tuple([_new(Fill, row) for row in rows])
        notices = self._notices(noticed) if noticed else ()
        placement: Placement = _new(Placement, (fills, resting, dropped, REFUSALS[code], notices))
        return placement

    def _notices(self, noticed: int) -> tuple[Notice, ...]:
        rows = _read_notices(self._notices_bytes[: noticed * _NOTICE_SIZE])
        return tuple(Notice(order_id, NoticeKind(kind), lots, after) for order_id, lots, after, kind in rows)

    def _must(self, answer: int) -> None:
        """Break the invariant unless a message that was answered like this was carried out."""
        if answer == GROW:
            self._go_on()
        if answer < 0:
            code = _read_outcome(self._outcome_bytes)[-1]
            if code != matching.DONE:
                raise self._broken(code)

    def _broken(self, code: int) -> InvariantBroken:
        """Say why the message in hand cannot be carried out."""
        order_id, price, quantity = self._message[0].tolist()[:3]
        return InvariantBroken(
            f"order {order_id}: {REFUSALS[code]}; found price {price} and quantity {quantity}, expected a price within "
            f"±{PRICE_LIMIT - 1} ticks and a quantity of 1 to {QUANTITY_MAX} lots; the book has {self.remaining(order_id)}"
        )

    def _best(self, side: Side) -> Ticks | None:
        price = kernel.best_price(self._address, side)
        return None if price == NO_PRICE else Ticks(price)

    def _depth(self, side: Side, levels: int) -> tuple[DepthLevel, ...]:
        found = np.empty(min(levels, len(self)), DEPTH)
        count = kernel.write_levels(self._address, int(side), found.ctypes.data, len(found))
        return tuple(DepthLevel(*row) for row in found[:count].tolist())


class _Rows:
    """Reads the counted rows of `state_bytes` one kind after the other."""

    def __init__(self, content: bytes, *, at: int) -> None:
        self._content = content
        self._at = at

    def take(self, kind: "np.dtype[np.void]") -> list[tuple[int, ...]]:
        """Return rows of a kind, as many as the word before them says."""
        count = int.from_bytes(self._bytes(8), "little")
        rows: list[tuple[int, ...]] = np.frombuffer(self._bytes(count * kind.itemsize), kind).tolist()
        return rows

    def words(self, count: int, width: int) -> list[list[int]]:
        """Return rows of so many words."""
        words = np.frombuffer(self._bytes(8 * count * width), np.int64)
        rows: list[list[int]] = words.reshape(count, width).tolist()
        return rows

    def end(self) -> None:
        """Require that nothing is left."""
        if self._at != len(self._content):
            raise ValueError(f"{len(self._content)} bytes, expected {self._at}")

    def _bytes(self, size: int) -> bytes:
        found = self._content[self._at : self._at + size]
        if len(found) != size:
            raise ValueError(f"{len(self._content)} bytes, expected at least {self._at + size}")
        self._at += size
        return found
