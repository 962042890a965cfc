"""Where demand and supply cross: both sides in priority, the efficient volume, and the orders about the margin.

With bids descending and offers ascending, the volume K is the largest at which the K-th unit's bid reaches its offer,
b_K >= s_K. Any price in [low, high] clears the market: low = max(s_K, b_{K+1}), high = min(b_K, s_{K+1}). Where b_{K+1} or
s_{K+1} does not exist, it limits nothing. An order that trades in part is the last to trade and the first that does not.
"""

from dataclasses import dataclass

import numpy as np

from market.auctions import share
from pricing.auctions.orders import LOTS_PER_UNIT, Book, Flags, Integers, Reals


@dataclass(frozen=True, slots=True, eq=False)
class Queue:
    """One side, best price first and the earlier first at equal prices; `index` says where in the book each order is."""

    index: Integers
    prices: Reals
    lots: Integers
    totals: Integers

    @property
    def all_lots(self) -> int:
        """All that the side wants to trade."""
        return int(self.totals[-1]) if len(self.totals) else 0

    def last(self, lots: int) -> int:
        """Return the place in the queue of the order that holds the last of the first `lots`."""
        return int(np.searchsorted(self.totals, lots, side="left"))

    def next_price(self, lots: int) -> float | None:
        """Return the price of the first lot beyond `lots`, or None if there is none."""
        place = int(np.searchsorted(self.totals, lots, side="right"))
        return float(self.prices[place]) if place < len(self.prices) else None

    def fills(self, lots: int, *, pro_rata: bool = False) -> Integers:
        """Return what each in the queue trades of the first `lots`; `pro_rata` shares them at the last price."""
        fills: Integers = np.minimum(np.maximum(lots - (self.totals - self.lots), 0), self.lots)
        if pro_rata and lots:
            level = self.prices == self.prices[self.last(lots)]
            fills[level] = share(int(fills[level].sum()), self.lots[level])
        return fills


@dataclass(frozen=True, slots=True)
class Efficient:
    """The best that a book allows: lots, welfare in dollars, and the interval of prices that clear the market."""

    lots: int
    welfare: float
    interval: tuple[float, float] | None


@dataclass(frozen=True, slots=True, eq=False)
class Crossing:
    """Both queues, the efficient volume in lots, and the prices about the margin, None where nobody stands.

    `last_bid` and `last_ask` belong to the last lot that trades, `next_bid` and `next_ask` to the first that does not.
    """

    bids: Queue
    asks: Queue
    lots: int
    last_bid: float | None
    next_bid: float | None
    last_ask: float | None
    next_ask: float | None

    @property
    def interval(self) -> tuple[float, float] | None:
        """The lowest and the highest price that clear the market; None where nothing trades."""
        if self.last_bid is None or self.last_ask is None:
            return None
        low = self.last_ask if self.next_bid is None else max(self.last_ask, self.next_bid)
        high = self.last_bid if self.next_ask is None else min(self.last_bid, self.next_ask)
        return low, high

    def fills(self, lots: int, *, pro_rata: bool = False) -> Integers:
        """Return the lots that each order of the book trades when both sides trade their first `lots`."""
        return self.aligned(
            self.bids.fills(lots, pro_rata=pro_rata), self.asks.fills(lots, pro_rata=pro_rata)
        )

    def aligned(self, bid_fills: Integers, ask_fills: Integers) -> Integers:
        """Put fills, in the order of the queues, where the orders stand in the book."""
        filled = np.zeros(len(self.bids.index) + len(self.asks.index), np.int64)
        filled[self.bids.index], filled[self.asks.index] = bid_fills, ask_fills
        return filled

    @property
    def efficient(self) -> Efficient:
        """What trading the whole volume comes to."""
        worth, cost = (float(side.prices @ side.fills(self.lots)) for side in (self.bids, self.asks))
        return Efficient(self.lots, (worth - cost) / LOTS_PER_UNIT, self.interval)


def cross(book: Book) -> Crossing:
    """Return where a book crosses, in O(n log n).

    >>> from pricing.auctions.orders import unit_book
    >>> crossing = cross(unit_book([10, 9, 8, 7, 3], [1, 2, 5, 6, 9]))
    >>> crossing.lots // 1_000_000, crossing.interval, crossing.efficient.welfare
    (4, (6.0, 7.0), 20.0)
    """
    return cross_orders(book.prices, book.lots, book.buys)


def cross_orders(prices: Reals, lots: Integers, buys: Flags) -> Crossing:
    """Return where some orders cross; either side may be empty, and then nothing trades.

    >>> cross_orders(np.array([2.0]), np.array([1]), np.array([True])).lots
    0
    """
    bids, asks = (
        _queue(prices, lots, np.flatnonzero(buys), -1.0),
        _queue(prices, lots, np.flatnonzero(~buys), 1.0),
    )
    volume = 0
    if len(bids.index) and len(asks.index):
        # At the best price, which is some bid's limit, what trades is the lesser of what is bid and offered there
        supply = np.concatenate(([0], asks.totals))[np.searchsorted(asks.prices, bids.prices, side="right")]
        volume = int(np.minimum(bids.totals, supply).max())
    return Crossing(
        bids=bids,
        asks=asks,
        lots=volume,
        last_bid=float(bids.prices[bids.last(volume)]) if volume else None,
        next_bid=bids.next_price(volume),
        last_ask=float(asks.prices[asks.last(volume)]) if volume else None,
        next_ask=asks.next_price(volume),
    )


def _queue(prices: Reals, lots: Integers, index: Integers, direction: float) -> Queue:
    index = index[np.argsort(direction * prices[index], kind="stable")]
    return Queue(index, prices[index], lots[index], np.cumsum(lots[index]))
