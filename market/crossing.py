"""Where the two sides of a book cross: the orders about the margin, best first, and the volume that one price lets trade.

A large book is not sorted for it: `market.margin` finds the orders about the margin, and those ahead of it need no order.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from market.orders import Side
from market.units import QUANTITY_MAX, Malformed

Integers = NDArray[np.int64]

PRICE_LIMIT = 1 << 62
LARGE = 1 << 15
"""Smaller books are sorted whole."""


@dataclass(frozen=True, slots=True, eq=False)
class Orders:
    """One side as it was given: checked, with the ends of its prices and the sum of its lots."""

    side: Side
    prices: Integers
    quantities: Integers
    lowest: int
    highest: int
    lots: int

    def __len__(self) -> int:
        return len(self.prices)


@dataclass(frozen=True, slots=True, eq=False)
class Queue:
    """The orders of one side within a window of prices, best first.

    `index` is where each order stood in the input, `totals` the running total of lots. `ahead` has the lots of the orders
    with better prices than the window, in the places where they stood; `behind` is how many lots have worse prices.
    """

    index: Integers
    prices: Integers
    quantities: Integers
    totals: Integers
    ahead: Integers
    ahead_lots: int
    behind_lots: int

    def lots_within(self, count: int) -> int:
        """Return the lots of the first `count` orders and of all that are ahead of them."""
        return int(self.totals[count - 1]) if count else self.ahead_lots

    def holds_margin(self, volume: int) -> bool:
        """Say whether the last order to trade and the first that does not are both in the window."""
        reaches = self.lots_within(len(self.totals))
        return self.ahead_lots < volume and (volume < reaches or not self.behind_lots)


def checked(prices: Integers, quantities: Integers, side: Side) -> Orders:
    """Return one side of a book, in ticks and lots.

    Raises:
        Malformed: if the arrays differ in length, are no integers, or hold a number out of range.
    """
    what = "bids" if side is Side.BUY else "offers"
    prices, quantities = np.asarray(prices), np.asarray(quantities)
    if prices.ndim != 1 or prices.shape != quantities.shape:
        raise Malformed(
            f"{what}: found {prices.shape} prices and {quantities.shape} quantities, expected as many"
        )
    for name, numbers in (("prices", prices), ("quantities", quantities)):
        if numbers.dtype.kind != "i" and numbers.size:
            raise Malformed(f"{what}: found {name} of type {numbers.dtype}, expected signed integers")
    prices, quantities = (np.ascontiguousarray(each, np.int64) for each in (prices, quantities))
    if not prices.size:
        return Orders(side, prices, quantities, 0, 0, 0)
    fewest, most = int(quantities.min()), int(quantities.max())
    if fewest < 1:
        at = int(quantities.argmin())
        raise Malformed(f"{what}: found {fewest} lots at index {at}, expected at least 1")
    lowest, highest = int(prices.min()), int(prices.max())
    if max(highest, -lowest) >= PRICE_LIMIT:
        at = int(prices.argmax() if highest >= -lowest else prices.argmin())
        raise Malformed(
            f"{what}: found price {prices[at]} at index {at}, expected less than {PRICE_LIMIT} ticks"
        )
    if most * len(quantities) <= QUANTITY_MAX:
        total = int(quantities.sum())
    else:
        total = (int((quantities >> 32).sum()) << 32) + int((quantities & 0xFFFFFFFF).sum())
    if total > QUANTITY_MAX:
        raise Malformed(f"{what}: found {total} lots together, expected at most {QUANTITY_MAX}")
    return Orders(side, prices, quantities, lowest, highest, total)


def crossed(bids: Orders, offers: Orders) -> tuple[Queue, Queue, int]:
    """Return both queues about the margin, and the volume."""
    window = _window(bids, offers)
    if window is not None:
        near = queue_of(bids, window), queue_of(offers, window)
        volume = largest_volume(*near)
        if all(queue.holds_margin(volume) for queue in near):
            return *near, volume
    whole = queue_of(bids), queue_of(offers)
    return *whole, largest_volume(*whole)


def _window(bids: Orders, offers: Orders) -> tuple[int, int] | None:
    """Return two prices with the margin between them; None if the book is so small that sorting it is as good."""
    if bids.prices.size + offers.prices.size < LARGE:
        return None
    from market import margin  # brings the compiler along, which small books can do without

    sides = bids.prices, bids.quantities, offers.prices, offers.quantities
    low, high = min(bids.lowest, offers.lowest), max(bids.highest, offers.highest)
    return margin.window(*sides, low=low, high=high)


def queue_of(orders: Orders, window: tuple[int, int] | None = None) -> Queue:
    """Sort the orders within a window of prices (or all), by price, then by index."""
    prices, quantities = orders.prices, orders.quantities
    if window is None:
        index, ahead, ahead_lots = np.arange(len(prices)), np.zeros_like(quantities), 0
    else:
        from market import margin

        low, high = window
        index, ahead = np.empty_like(prices), np.empty_like(quantities)
        index = index[: margin.within(prices, low, high, index)].copy()
        if orders.side is Side.BUY:
            ahead_lots = margin.above(prices, high, quantities, ahead)
        else:
            ahead_lots = margin.below(prices, low, quantities, ahead)
    index = index[_in_order(-prices[index] if orders.side is Side.BUY else prices[index])]
    quantities = quantities[index]
    totals = np.cumsum(quantities) + ahead_lots
    behind_lots = orders.lots - (int(totals[-1]) if len(totals) else ahead_lots)
    return Queue(index, prices[index], quantities, totals, ahead, ahead_lots, behind_lots)


def _in_order(ranks: Integers) -> Integers:
    """Return the indexes by rank, then by index.

    Where rank and index fit into one word together, sorting those words is ten times as fast as a stable sort of indexes.
    """
    if not len(ranks):
        return np.zeros(0, np.int64)
    lowest = int(ranks.min())
    index_bits = len(ranks).bit_length()
    if (int(ranks.max()) - lowest).bit_length() + index_bits > 62:
        return np.argsort(ranks, kind="stable")
    words = np.sort((ranks - lowest) << index_bits | np.arange(len(ranks)))
    return words & ((1 << index_bits) - 1)


def largest_volume(bids: Queue, offers: Queue) -> int:
    """Return the most lots that one price lets trade.

    Raising a price to the next bid's limit loses no bid and no offer, so the best price is some bid's limit.
    """
    if not len(bids.prices) or not len(offers.prices):
        return 0
    supply = np.concatenate(([offers.ahead_lots], offers.totals))
    reached = supply[np.searchsorted(offers.prices, bids.prices, side="right")]
    return int(np.minimum(bids.totals, reached).max())


def aligned(queue: Queue, fills: Integers) -> Integers:
    """Put the fills of both the queue and those ahead of it where the orders stood in the input."""
    queue.ahead[queue.index] = fills
    return queue.ahead
