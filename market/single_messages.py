"""One message at a time through the kernel of an order book, and what it answered.

A call per message has to be quick: names are found at once, records are read as bytes, tuples are made without their own
`__new__`. For the same reason `OrderBook` is one of these, and does not ask another object.
"""

import struct
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from market import matching
from market.book_view import BookView
from market.matching import CONDITIONS, FILL, MESSAGE, NO_PRICE, NOTICE, OUTCOME, PRICE_LIMIT
from market.matching.compiled import kernel
from market.matching.layout import word_of
from market.matching.output import Changes, Output
from market.matching.trading import BEYOND, GROW
from market.placement import REFUSALS, Fill, Notice, NoticeKind, Placement
from market.units import QUANTITY_MAX, InvariantBroken, Lots

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
_MESSAGES, _COUNT, _OUTCOMES, _CONDITIONS = map(word_of, ("messages", "count", "outcomes", "conditions"))
_FILLS_AT_FIRST = 16
_FIRST_ROW = CONDITIONS.itemsize  # row 0 stays empty
_FILL_SIZE, _NOTICE_SIZE = FILL.itemsize, NOTICE.itemsize

_send: Callable[..., int] = kernel.send
_new: Callable[..., Any] = tuple.__new__
_read_outcome = struct.Struct("<qqqiB3x").unpack_from
_read_fills = struct.Struct("<qqqqq").iter_unpack
_read_notices = struct.Struct("<qqqq").iter_unpack
_write_conditions = struct.Struct("<qqqqB7x").pack_into


@lru_cache(maxsize=4096)
def rested(lots: Lots) -> Placement:
    """Return the result of most orders, which neither trade nor ask more. Equal ones may well be the same."""
    return Placement((), lots, Lots(0), None, ())


def out_of_range(order_id: int, price: int = 0, quantity: int = 1, owner: int = 0) -> InvariantBroken:
    """Say that numbers do not fit into a message."""
    return InvariantBroken(
        f"order {order_id}: found price {price}, quantity {quantity} and owner {owner}, expected a 64-bit order id, a price "
        f"within ±{PRICE_LIMIT - 1} ticks, a quantity of 1 to {QUANTITY_MAX} lots and a 32-bit owner"
    )


class SingleMessages(BookView):
    """A book that is told one message at a time, and grows whatever is full."""

    def __init__(self, capacity: int) -> None:
        """Make an empty book with room for `capacity` orders, and for a message, its outcome, fills and notices."""
        super().__init__(capacity)
        self._message = np.zeros(1, MESSAGE)
        self._outcome = np.zeros(1, OUTCOME)
        self._conditions = np.zeros(2, CONDITIONS)
        self._outcome_bytes = self._outcome.view(np.uint8).data
        self._conditions_bytes = self._conditions.view(np.uint8).data
        self._changes = Changes(self._words)
        self._output = Output(self._words, _FILLS_AT_FIRST)
        self._take_single_messages()

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
            raise out_of_range(order_id, price, quantity, owner)
        return answer

    def _go_on(self) -> None:
        """Grow, and finish the single message in hand."""
        self._grow(self._output)
        self._finish(self._output)
        self._output_has_moved()

    def _placement(self, answer: int) -> Placement:
        """Return what became of an order whose message was answered like this."""
        if answer >= 0:
            return rested(Lots(answer))
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

    def _dropped(self) -> Lots:
        """Return what the single message in hand took off the book, once it is done."""
        return Lots(_read_outcome(self._outcome_bytes)[1])

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
