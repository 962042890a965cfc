"""What an order book holds, told without changing it."""

import struct

import numpy as np
from numpy.typing import NDArray

from market.depth import Depth, DepthLevel
from market.matching import DEPTH, NO_PRICE, RESTING, WAITING
from market.matching.compiled import kernel
from market.matching.layout import HALT, word_of
from market.matching.memory import Memory
from market.orders import Side
from market.units import InvariantBroken, Lots, Ticks

ASKED_WORDS = 9
"""How many words tell what a waiting stop will ask for, in `BookView.state_bytes`."""

_SETTINGS, _LAST = word_of("settings"), word_of("last")


class BookView:
    """What rests and waits in a book. Prices are in ticks, quantities in lots."""

    def __init__(self, capacity: int) -> None:
        """Make an empty book with room for `capacity` orders; it grows as they come."""
        if capacity < 1:
            raise InvariantBroken(f"capacity of an order book: found {capacity}, expected at least 1")
        self._memory = Memory(capacity)
        self._address = self._memory.address
        self._words = self._memory.words

    @property
    def halted(self) -> bool:
        """Whether the book collects orders without matching them."""
        return bool(self._words[_SETTINGS] & HALT)

    def last_price(self) -> Ticks | None:
        """Return the price of the last trade, None before the first."""
        last = self._words[_LAST]
        return None if last == NO_PRICE else Ticks(last)

    def __len__(self) -> int:
        """Return how many orders rest or wait."""
        return self._memory.orders

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
            asked = np.empty((len(self), ASKED_WORDS), np.int64)
            kernel.write_asked(self._address, int(side), asked.ctypes.data)
            parts += [len(waiting).to_bytes(8, "little"), waiting.tobytes(), asked[: len(waiting)].tobytes()]
        return b"".join(parts)

    def _best(self, side: Side) -> Ticks | None:
        price = kernel.best_price(self._address, side)
        return None if price == NO_PRICE else Ticks(price)

    def _depth(self, side: Side, levels: int) -> tuple[DepthLevel, ...]:
        found = np.empty(min(levels, len(self)), DEPTH)
        count = kernel.write_levels(self._address, int(side), found.ctypes.data, len(found))
        return tuple(DepthLevel(*row) for row in found[:count].tolist())
