"""Fill an empty order book with the content of another, as `OrderBook.state_bytes` tells it."""

import struct
from collections.abc import Callable, Sequence

import numpy as np

from market.book import OrderBook
from market.book_view import ASKED_WORDS
from market.matching import RESTING, WAITING
from market.matching.layout import NO_BUDGET
from market.orders import OrderType, SelfTrade, Side, TimeInForce
from market.units import InvariantBroken, Lots, Ticks


def load_book(book: OrderBook, content: bytes, *, owner_of: Callable[[int], int]) -> None:
    """Fill an empty book with what `state_bytes` returned; `owner_of` tells by order id who owns what.

    Raises:
        InvariantBroken: if that is no content of a book, or the book is not empty.
    """
    if len(book):
        raise InvariantBroken(f"order book: found {len(book)} orders, expected an empty book to load")
    try:
        last, halted = struct.unpack_from("<qq", content)
        rows = _Rows(content, at=16)
        for side in Side:
            resting = rows.take(RESTING)
            for row, special in zip(resting, rows.words(len(resting), 2), strict=True):
                _load_resting(book, side, row, special, owner_of)
        for side in Side:
            waiting = rows.take(WAITING)
            for row, asked in zip(waiting, rows.words(len(waiting), ASKED_WORDS), strict=True):
                _load_waiting(book, side, row, asked, owner_of)
        rows.end()
    except (struct.error, ValueError) as error:
        raise InvariantBroken(f"order book: found no content of one: {error}") from None
    book.note_price(Ticks(last))
    if halted:
        book.halt()


def _load_resting(
    book: OrderBook, side: Side, row: Sequence[int], special: Sequence[int], owner_of: Callable[[int], int]
) -> None:
    """Let an order rest; of an iceberg's full slice, take what it no longer shows. A hidden one shows nothing at all."""
    price, order_id, remaining, displayed = row
    slice_lots, all_or_none = special
    used_up = slice_lots - displayed if slice_lots > 0 else 0
    book.rest(
        order_id,
        side,
        Ticks(price),
        Lots(remaining + used_up),
        owner=owner_of(order_id),
        all_or_none=bool(all_or_none),
        display_lots=0 if displayed == 0 else slice_lots if slice_lots > 0 else None,
    )
    if used_up:
        book.take(order_id, Lots(used_up))


def _load_waiting(
    book: OrderBook, side: Side, row: Sequence[int], asked: Sequence[int], owner_of: Callable[[int], int]
) -> None:
    """Let a stop wait, with all that it will ask for."""
    stop, order_id, remaining, _ = row
    display, limit, minimum, budget, all_or_none, order_type, time_in_force, post_only, self_trade = asked
    book.rest(
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
