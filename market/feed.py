"""What an order book shows, and what changes in that, numbered so that nobody misses anything.

Level 3 is every displayed order in priority order; level 2 is the quantity and the number of orders at each price. A
consumer takes a snapshot and applies every delta with a later number; `OrderMirror` and `DepthMirror` do just that, and
show the book as it was at their number. Hidden orders, the reserves of icebergs and waiting stops are in none of it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from heapq import nlargest, nsmallest
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from market.depth import Depth, DepthLevel
from market.matching import PRICE_LIMIT
from market.orders import Side
from market.units import InvariantBroken, Lots, Ticks


class Change(IntEnum):
    """What happened to a displayed order: it came to the back of its price's queue, changed in its place, or left."""

    ADDED = 0
    CHANGED = 1
    REMOVED = 2


ORDER_CHANGE = np.dtype(
    [("order_id", "<i8"), ("price_ticks", "<i8"), ("quantity_lots", "<i8"), ("side", "u1"), ("change", "u1")]
)
"""A `Change` of an order, and the quantity that it displays afterwards: 0 once it has left."""

LEVEL_CHANGE = np.dtype([("price_ticks", "<i8"), ("quantity_lots", "<i8"), ("orders", "<i8"), ("side", "u1")])
"""The quantity and the number of orders at a price from now on: 0 of both once nothing is displayed there."""

FEW = 24
"""Up to so many rows a plain loop is faster than numpy, whose cost hardly depends on their number."""


class ShownOrder(NamedTuple):
    """An order as the market sees it."""

    price_ticks: Ticks
    order_id: int
    quantity_lots: Lots


class SequenceGap(Exception):
    """A delta is missing between a consumer's state and the one it was handed. Start again from a snapshot."""


class PublishingBook(Protocol):
    """What a feed needs of an order book.

    The rows of `changes` tell every change of what is displayed since the last call, in the order in which they happened:
    order id, price in ticks, displayed lots from then on (0: gone), by how much they changed, side. An order whose
    displayed lots are all new stands at the back of its price's queue; any other keeps its place.
    """

    def __len__(self) -> int: ...

    def publish(self, on: bool, /) -> None:
        """Start or stop keeping the rows of `changes`."""

    def changes(self) -> NDArray[np.void]:
        """Return the rows since the last call and forget them."""

    def orders(self, side: Side, /) -> NDArray[np.void]:
        """Return a side in priority order, hidden orders too, with `displayed_lots`."""

    def depth(self, levels: int, /) -> Depth:
        """Return the best levels of what is displayed."""


@dataclass(frozen=True, slots=True)
class OrderSnapshot:
    """Level 3: the displayed orders of both sides in priority order, as of a sequence number."""

    sequence: int
    bids: tuple[ShownOrder, ...]
    asks: tuple[ShownOrder, ...]


@dataclass(frozen=True, slots=True)
class DepthSnapshot:
    """Level 2: every price of both sides, best first, as of a sequence number."""

    sequence: int
    depth: Depth


@dataclass(frozen=True, slots=True, eq=False)
class OrderDelta:
    """Level 3: every change of an order in the order in which it happened, as `ORDER_CHANGE` records."""

    sequence: int
    changes: NDArray[np.void]


@dataclass(frozen=True, slots=True, eq=False)
class DepthDelta:
    """Level 2: what the changes of one update amount to at each price, as `LEVEL_CHANGE` records.

    Bids come before offers, each by ascending price. It may be empty, as when an iceberg only moved in its queue.
    """

    sequence: int
    changes: NDArray[np.void]


class Update(NamedTuple):
    """One step of a book at both levels, under one sequence number."""

    orders: OrderDelta
    depth: DepthDelta


class Feed:
    """Publishes one book. Its cost is that of the changes, whatever the size of the book.

    A book has one feed at a time, since the feed takes the book's changes for itself.
    """

    def __init__(self, book: PublishingBook) -> None:
        """Publish from what the book displays now, which is sequence number 0."""
        book.publish(True)
        book.changes()
        self.sequence = 0
        """The number of the latest update."""
        self._book = book
        shown = book.depth(len(book))
        self._levels: tuple[dict[int, tuple[int, int]], ...] = tuple(
            {price: (lots, orders) for price, lots, orders in side} for side in (shown.bids, shown.asks)
        )
        self._untold: list[Update] = []

    def updates(self) -> list[Update]:
        """Return what has happened since the last call, oldest first; nothing if nothing displayed has changed.

        All that the book did in between makes one update, cut in two where a snapshot was taken.
        """
        self._gather()
        updates, self._untold = self._untold, []
        return updates

    def orders(self) -> OrderSnapshot:
        """Return level 3 as it is now. The updates up to its number are still told, and change nothing in it."""
        self._gather()
        return OrderSnapshot(
            self.sequence, shown_orders(self._book, Side.BUY), shown_orders(self._book, Side.SELL)
        )

    def depth(self) -> DepthSnapshot:
        """Return level 2 as it is now. The updates up to its number are still told, and change nothing in it."""
        self._gather()
        return DepthSnapshot(self.sequence, self._book.depth(len(self._book)))

    def _gather(self) -> None:
        """Number what the book did since it was last asked."""
        rows = self._book.changes()
        if len(rows) == 0:
            return
        self.sequence += 1
        few = len(rows) <= FEW
        net = net_by_loop(rows) if few else net_by_sorting(rows)
        self._untold.append(
            Update(
                OrderDelta(self.sequence, _few_changes(rows) if few else _many_changes(rows)),
                DepthDelta(self.sequence, self._move_levels(net)),
            )
        )

    def _move_levels(self, net: Iterable[tuple[int, int, int, int]]) -> NDArray[np.void]:
        changed = []
        for side, price, lots, orders in net:
            levels = self._levels[side]
            lots_before, orders_before = levels.get(price, (0, 0))
            now = (lots_before + lots, orders_before + orders)
            if min(now) > 0:
                levels[price] = now
            elif now == (0, 0):
                del levels[price]
            else:
                raise InvariantBroken(
                    f"{Side(side).name} level {price}: found {now[0]} lots in {now[1]} orders after a change of "
                    f"{lots} and {orders}, expected both above zero, or both zero"
                )
            changed.append((price, *now, side))
        return np.array(changed, LEVEL_CHANGE)


def shown_orders(book: PublishingBook, side: Side, limit: int | None = None) -> tuple[ShownOrder, ...]:
    """Return the displayed orders of a side in priority order, the first `limit` of them, with what they display."""
    rows = book.orders(side)
    rows = rows[rows["displayed_lots"] > 0][:limit]
    return tuple(map(ShownOrder._make, rows[["price_ticks", "order_id", "displayed_lots"]].tolist()))


def net_by_loop(rows: NDArray[np.void]) -> list[tuple[int, int, int, int]]:
    """Return what a book's rows amount to: side, price, lots, orders, for each price where that is not nothing.

    Sorted by side, then price.
    """
    net: dict[tuple[int, int], tuple[int, int]] = {}
    for _, price, shown, by, side in rows.tolist():
        lots, orders = net.get((side, price), (0, 0))
        net[side, price] = (lots + by, orders + (shown == by) - (shown == 0))
    return [(*key, *moved) for key, moved in sorted(net.items()) if moved != (0, 0)]


def net_by_sorting(rows: NDArray[np.void]) -> list[tuple[int, int, int, int]]:
    """Return the same as `net_by_loop`, faster where there are many rows.

    Sums of lots may leave 64 bits on the way, but not in the end, where wrapping around has undone itself.
    """
    shown, by = rows["shown_lots"], rows["delta_lots"]
    keys = rows["price_ticks"] + rows["side"].astype(np.int64) * (2 * PRICE_LIMIT)
    order = np.argsort(keys)
    keys = keys[order]
    starts = np.flatnonzero(np.concatenate(([True], keys[1:] != keys[:-1])))
    lots = np.add.reduceat(by[order], starts)
    came = (shown == by).astype(np.int64) - (shown == 0)
    orders = np.add.reduceat(came[order], starts)
    moved = (lots != 0) | (orders != 0)
    first = order[starts[moved]]
    columns = (rows["side"][first], rows["price_ticks"][first], lots[moved], orders[moved])
    return list(zip(*(column.tolist() for column in columns), strict=True))


def _few_changes(rows: NDArray[np.void]) -> NDArray[np.void]:
    found = []
    for order_id, price, shown, by, side in rows.tolist():
        change = Change.REMOVED if shown == 0 else Change.ADDED if shown == by else Change.CHANGED
        found.append((order_id, price, shown, side, change))
    return np.array(found, ORDER_CHANGE)


def _many_changes(rows: NDArray[np.void]) -> NDArray[np.void]:
    shown = rows["shown_lots"]
    kept = np.where(shown == rows["delta_lots"], Change.ADDED, Change.CHANGED)
    changes = np.empty(len(rows), ORDER_CHANGE)
    for name in ("order_id", "price_ticks", "side"):
        changes[name] = rows[name]
    changes["quantity_lots"] = shown
    changes["change"] = np.where(shown == 0, Change.REMOVED, kept)
    return changes


class DepthMirror:
    """A consumer's copy of level 2."""

    def __init__(self, snapshot: DepthSnapshot) -> None:
        """Start from a snapshot."""
        self.sequence = snapshot.sequence
        sides = (snapshot.depth.bids, snapshot.depth.asks)
        self._levels = tuple({level.price_ticks: level for level in side} for side in sides)

    def apply(self, delta: DepthDelta) -> None:
        """Take the next delta in; one that the snapshot or an earlier delta covers changes nothing.

        Raises:
            SequenceGap: if deltas before it are missing.
            InvariantBroken: if it takes away a level that is not there.
        """
        if not _is_next(delta.sequence, after=self.sequence):
            return
        for price, lots, orders, side in delta.changes.tolist():
            levels = self._levels[side]
            if orders:
                levels[price] = DepthLevel(price, lots, orders)
            elif levels.pop(price, None) is None:
                raise InvariantBroken(
                    f"delta {delta.sequence}: found that {Side(side).name} level {price} left, expected one that is there"
                )
        self.sequence = delta.sequence

    def depth(self, levels: int) -> Depth:
        """Return the best `levels` prices of both sides."""
        bids, asks = (side.values() for side in self._levels)
        return Depth(bids=tuple(nlargest(levels, bids)), asks=tuple(nsmallest(levels, asks)))


class OrderMirror:
    """A consumer's copy of level 3."""

    def __init__(self, snapshot: OrderSnapshot) -> None:
        """Start from a snapshot."""
        self.sequence = snapshot.sequence
        # Each price's queue is a dictionary by order id: it keeps the order of arrival, and any of them may leave at once.
        self._queues: tuple[dict[int, dict[int, int]], ...] = ({}, {})
        for queues, side in zip(self._queues, (snapshot.bids, snapshot.asks), strict=True):
            for price, order_id, lots in side:
                queues.setdefault(price, {})[order_id] = lots

    def apply(self, delta: OrderDelta) -> None:
        """Take the next delta in; one that the snapshot or an earlier delta covers changes nothing.

        Raises:
            SequenceGap: if deltas before it are missing.
            InvariantBroken: if it adds an order that is there, or changes or removes one that is not.
        """
        if not _is_next(delta.sequence, after=self.sequence):
            return
        for order_id, price, lots, side, change in delta.changes.tolist():
            queues = self._queues[side]
            queue = queues.setdefault(price, {})
            if (order_id in queue) == (change == Change.ADDED):
                raise InvariantBroken(
                    f"delta {delta.sequence}: found order {order_id} {Change(change).name} at {Side(side).name} level "
                    f"{price}, which holds {list(queue)}"
                )
            if lots:
                queue[order_id] = lots
            else:
                del queue[order_id]
                if not queue:
                    del queues[price]
        self.sequence = delta.sequence

    def orders(self, side: Side) -> tuple[ShownOrder, ...]:
        """Return the displayed orders of a side in priority order."""
        queues = self._queues[side]
        return tuple(
            ShownOrder(Ticks(price), order_id, Lots(lots))
            for price in sorted(queues, reverse=side is Side.BUY)
            for order_id, lots in queues[price].items()
        )


def _is_next(sequence: int, *, after: int) -> bool:
    """Tell whether a delta follows a state rather than being covered by it."""
    if sequence > after + 1:
        raise SequenceGap(f"found delta {sequence}, expected {after + 1}: start again from a snapshot")
    return sequence == after + 1
