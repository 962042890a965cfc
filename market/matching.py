"""The compiled kernel: one book's orders matched strictly by price, then by time.

A book is five preallocated arrays and a few counters. Nothing in here allocates: a caller that is told there is no room
grows the arrays and calls again.

* `orders`: one record per resting order, linked into the queue of its level; freed records are used again.
* `levels`: one record per price that has orders: the two ends of its queue, its quantity, its count. (Free order records
  are chained by `next`, free level records by `head`.)
* `ids`: a hash table from order id to order record. Orders whose ids fall into the same place are chained by `chain`,
  so that a place is only four bytes and the table stays near the processor.
* `ladder`: an open-addressing hash table from (side, price) to level, and over it a sparse 64-ary trie that finds the next
  price. A trie node is one 64-bit word that says which of its children exist, kept under the prefix of their prices. A
  price far from all others therefore costs a few table entries and a look-up never more than `LAYERS` steps, whatever
  the distance (van Emde Boas, "Preserving order in a forest", FOCS 1975, with words of 64 bits instead of square roots).

Prices are kept as *ranks*: the price of an offer, minus the price of a bid. The best of a side is its lowest rank, so
that both sides share every line of code.

All compiled code lives in this one file because numba renews its cache by the age of the file of the entry point alone.
`_nrt=False` takes array reference counting out of the machine code (it costs a factor of five and more). That option is
private to numba: the version is pinned, and `tests/market/test_matching_compiled.py` guards what we rely on.
"""

# mypy: disable-error-code="no-any-return"

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar, cast

import numpy as np
from numba import njit
from numpy.typing import NDArray

from market.orders import OrderType, Side, TimeInForce
from market.units import PPM_ONE, QUANTITY_MAX

Function = TypeVar("Function", bound=Callable[..., Any])
Records = NDArray[Any]

# What a message asks. REST and TAKE are for call sessions and rebuilds: they change the book without matching.
NEW, CANCEL, REPLACE, REDUCE, REST, TAKE = range(6)

# How a message ended. All but DONE changed nothing.
(
    DONE,
    WOULD_TAKE,
    CANNOT_FILL_WHOLLY,
    UNKNOWN_ORDER,
    ORDER_ID_IN_USE,
    QUANTITY_OUT_OF_RANGE,
    PRICE_OUT_OF_RANGE,
    BOOK_FULL,
) = range(8)

MESSAGE = np.dtype(
    [
        ("order_id", "<i8"),
        ("price_ticks", "<i8"),
        ("quantity_lots", "<i8"),
        ("action", "u1"),
        ("side", "u1"),
        ("order_type", "u1"),
        ("time_in_force", "u1"),
        ("post_only", "u1"),
    ],
    align=True,
)
OUTCOME = np.dtype(
    [("resting_lots", "<i8"), ("dropped_lots", "<i8"), ("fills_end", "<i8"), ("code", "u1")], align=True
)
FILL = np.dtype(
    [
        ("taker_order_id", "<i8"),
        ("maker_order_id", "<i8"),
        ("price_ticks", "<i8"),
        ("maker_limit_ticks", "<i8"),
        ("quantity_lots", "<i8"),
    ]
)
RESTING = np.dtype([("price_ticks", "<i8"), ("order_id", "<i8"), ("remaining_lots", "<i8")])
DEPTH = np.dtype([("price_ticks", "<i8"), ("quantity_lots", "<i8"), ("orders", "<i8")])

ORDER = np.dtype(
    [
        ("id", "<i8"),
        ("remaining", "<i8"),
        ("level", "<i4"),
        ("next", "<i4"),
        ("prev", "<i4"),
        ("chain", "<i4"),
    ]
)
LEVEL = np.dtype(
    [
        ("rank", "<i8"),
        ("quantity", "<i8"),
        ("head", "<i4"),
        ("tail", "<i4"),
        ("count", "<i4"),
        ("side", "<i4"),
    ]
)
ENTRY = np.dtype([("key", "<i8"), ("value", "<i8")])  # value 0: the place is free

# Places in `state`. BEST and LOTS have one for each side.
BEST, LOTS, ORDERS, FREE_ORDER, FREE_LEVEL, LADDER_USED, WEIGHT, FILLED, STATE_SIZE = (
    0,
    2,
    4,
    5,
    6,
    7,
    8,
    9,
    10,
)

NONE = -1
ORDERS_MAX = 1 << 30
LAYERS = 10
PRICE_LIMIT = 1 << 57
"""Prices lie strictly between minus and plus this many ticks, so that a rank, a side and a layer fit into one key."""

_BUY, _SELL = int(Side.BUY), int(Side.SELL)
_MARKET = int(OrderType.MARKET)
_GTC = int(TimeInForce.GTC)
_FOK = int(TimeInForce.FOK)
_PPM_ONE = int(PPM_ONE)
_RUN_BITS = 12
_GOLDEN = 0x9E3779B97F4A7C15 - (1 << 64)  # 2^64 over the golden ratio, as a signed word (Knuth, TAOCP 3, 6.4)


class Book(NamedTuple):
    """The arrays of one book: `STATE_SIZE` counters, records of ORDER and LEVEL, order numbers (or NONE), and ENTRY."""

    state: Records
    orders: Records
    levels: Records
    ids: Records
    ladder: Records


_njit: Callable[..., Any] = njit  # numba's own signature leaves its private options out


def _inlined(function: Function) -> Function:
    return cast(Function, _njit(forceinline=True, _nrt=False, cache=True)(function))


def _compiled(function: Function) -> Function:
    return cast(Function, _njit(_nrt=False, cache=True)(function))


# --- hash tables (their sizes are powers of two) -------------------------------------------------------------------


@_inlined
def _home(table: Records, key: int) -> int:
    return (((key ^ (key >> 32)) * _GOLDEN) >> 32) & (len(table) - 1)


@_inlined
def _find(table: Records, key: int) -> int:
    """Return where the key is, or the free place where it belongs."""
    at = _home(table, key)
    while table[at].value != 0 and table[at].key != key:
        at = (at + 1) & (len(table) - 1)
    return at


@_inlined
def _put(table: Records, at: int, key: int, value: int) -> None:
    table[at].key = key
    table[at].value = value


@_inlined
def _erase(table: Records, at: int) -> None:
    """Free a place and move later entries up, so that no search ends too early (Knuth, TAOCP 3, algorithm 6.4R)."""
    mask = len(table) - 1
    hole = at
    probe = (hole + 1) & mask
    while table[probe].value != 0:
        if (probe - _home(table, table[probe].key)) & mask >= (probe - hole) & mask:
            _put(table, hole, table[probe].key, table[probe].value)
            hole = probe
        probe = (probe + 1) & mask
    table[hole].value = 0


@_compiled
def rehash(ladder: Records, larger: Records) -> None:
    """Copy all entries of a ladder into an empty, larger one."""
    for at in range(len(ladder)):
        if ladder[at].value != 0:
            _put(larger, _find(larger, ladder[at].key), ladder[at].key, ladder[at].value)


# --- the ladder of prices ------------------------------------------------------------------------------------------


@_inlined
def _rank(side: int, price: int) -> int:
    return -price if side == _BUY else price


@_inlined
def ladder_is_full(book: Book) -> bool:
    """Tell whether a price that is far from all others would fill more than half of the ladder."""
    return 2 * (book.state[LADDER_USED] + LAYERS + 1) > len(book.ladder)


@_inlined
def _key(side: int, layer: int, prefix: int) -> int:
    return (prefix << 5) | (layer << 1) | side


@_inlined
def _node(book: Book, side: int, layer: int, prefix: int) -> int:
    """Return what the ladder keeps there: in layer 0 the level plus one, above it the children's bits; 0 for nothing."""
    return book.ladder[_find(book.ladder, _key(side, layer, prefix))].value


@_inlined
def _path(rank: int) -> int:
    return rank + PRICE_LIMIT


@_inlined
def _lowest_bit(word: int) -> int:
    position = 0
    for width in (32, 16, 8, 4, 2, 1):
        if word & ((1 << width) - 1) == 0:
            word >>= width
            position += width
    return position


@_inlined
def _mark(book: Book, side: int, rank: int) -> None:
    """Set the bits that lead to a price, up to the first node that existed before."""
    path = _path(rank)
    for layer in range(1, LAYERS + 1):
        bit = 1 << (path & 63)
        path >>= 6
        key = _key(side, layer, path)
        at = _find(book.ladder, key)
        known = book.ladder[at].value
        _put(book.ladder, at, key, known | bit)
        if known != 0:
            return
        book.state[LADDER_USED] += 1


@_inlined
def _unmark(book: Book, side: int, rank: int) -> None:
    """Clear the bits that lead to a price, up to the first node that still has another child."""
    path = _path(rank)
    for layer in range(1, LAYERS + 1):
        bit = 1 << (path & 63)
        path >>= 6
        at = _find(book.ladder, _key(side, layer, path))
        left = book.ladder[at].value & ~bit
        if left != 0:
            book.ladder[at].value = left
            return
        _erase(book.ladder, at)
        book.state[LADDER_USED] -= 1


@_inlined
def _next_level(book: Book, side: int, rank: int) -> int:
    """Return the level that comes after this rank, or NONE: climb until a later child exists, then descend to the first."""
    path = _path(rank)
    for layer in range(1, LAYERS + 1):
        position = path & 63
        path >>= 6
        later = _node(book, side, layer, path) & ((-1 << position) << 1)
        if later != 0:
            path = (path << 6) | _lowest_bit(later)
            for below in range(layer - 1, 0, -1):
                path = (path << 6) | _lowest_bit(_node(book, side, below, path))
            return _node(book, side, 0, path) - 1
    return NONE


@_inlined
def _open_level(book: Book, side: int, rank: int) -> int:
    """Return the level of this rank; make it if it does not exist."""
    key = _key(side, 0, _path(rank))
    at = _find(book.ladder, key)
    if book.ladder[at].value != 0:
        return book.ladder[at].value - 1
    slot = book.state[FREE_LEVEL]
    level = book.levels[slot]
    book.state[FREE_LEVEL] = level.head
    level.rank = rank
    level.side = side
    level.quantity = 0
    level.head = NONE
    level.tail = NONE
    level.count = 0
    _put(book.ladder, at, key, slot + 1)
    book.state[LADDER_USED] += 1
    _mark(book, side, rank)
    best = book.state[BEST + side]
    if best == NONE or rank < book.levels[best].rank:
        book.state[BEST + side] = slot
    return slot


@_inlined
def _close_level(book: Book, slot: int) -> None:
    level = book.levels[slot]
    side = level.side
    rank = level.rank
    if book.state[BEST + side] == slot:
        book.state[BEST + side] = _next_level(book, side, rank)
    _erase(book.ladder, _find(book.ladder, _key(side, 0, _path(rank))))
    book.state[LADDER_USED] -= 1
    _unmark(book, side, rank)
    level.head = book.state[FREE_LEVEL]
    book.state[FREE_LEVEL] = slot


# --- order ids -----------------------------------------------------------------------------------------------------


@_inlined
def _id_home(ids: Records, order_id: int) -> int:
    """Return where an id belongs. Runs of ids stay neighbours, so that orders numbered by arrival share cache lines."""
    return (order_id ^ (((order_id >> _RUN_BITS) * _GOLDEN) >> 32)) & (len(ids) - 1)


@_inlined
def _find_order(ids: Records, orders: Records, order_id: int) -> int:
    """Return the record of a resting order, or NONE."""
    slot = ids[_id_home(ids, order_id)]
    while slot != NONE and orders[slot].id != order_id:
        slot = orders[slot].chain
    return slot


@_inlined
def _enter_id(ids: Records, orders: Records, slot: int) -> None:
    home = _id_home(ids, orders[slot].id)
    orders[slot].chain = ids[home]
    ids[home] = slot


@_inlined
def _strike_id(ids: Records, orders: Records, slot: int) -> None:
    home = _id_home(ids, orders[slot].id)
    if ids[home] == slot:
        ids[home] = orders[slot].chain
        return
    at = ids[home]
    while orders[at].chain != slot:
        at = orders[at].chain
    orders[at].chain = orders[slot].chain


@_compiled
def enter_ids(ids: Records, orders: Records, count: int) -> None:
    """Enter the first `count` order records into an empty table."""
    for slot in range(count):
        _enter_id(ids, orders, slot)


# --- queues of orders ----------------------------------------------------------------------------------------------


@_inlined
def _append(book: Book, order_id: int, side: int, price: int, quantity: int) -> None:
    """Put an order at the end of the queue of its price."""
    level_slot = _open_level(book, side, _rank(side, price))
    level = book.levels[level_slot]
    slot = book.state[FREE_ORDER]
    order = book.orders[slot]
    book.state[FREE_ORDER] = order.next
    order.id = order_id
    order.remaining = quantity
    order.level = level_slot
    order.next = NONE
    order.prev = level.tail
    if level.tail == NONE:
        level.head = slot
    else:
        book.orders[level.tail].next = slot
    level.tail = slot
    level.quantity += quantity
    level.count += 1
    book.state[LOTS + side] += quantity
    book.state[ORDERS] += 1
    _enter_id(book.ids, book.orders, slot)


@_inlined
def _remove(book: Book, slot: int) -> None:
    """Take an emptied order off the book, and its level with it if it was the last one there."""
    order = book.orders[slot]
    level = book.levels[order.level]
    if order.prev == NONE:
        level.head = order.next
    else:
        book.orders[order.prev].next = order.next
    if order.next == NONE:
        level.tail = order.prev
    else:
        book.orders[order.next].prev = order.prev
    level.count -= 1
    if level.count == 0:
        _close_level(book, order.level)
    _strike_id(book.ids, book.orders, slot)
    order.next = book.state[FREE_ORDER]
    book.state[FREE_ORDER] = slot
    book.state[ORDERS] -= 1


@_inlined
def _shrink(book: Book, slot: int, by: int) -> None:
    """Take quantity off an order. It keeps its place in the queue, and leaves the book when nothing is left."""
    order = book.orders[slot]
    level = book.levels[order.level]
    order.remaining -= by
    level.quantity -= by
    book.state[LOTS + level.side] -= by
    if order.remaining == 0:
        _remove(book, slot)


# --- matching ------------------------------------------------------------------------------------------------------


@_inlined
def _reaches(book: Book, other: int, reach: int) -> bool:
    """Tell whether the best level of the side across is within reach of a limit."""
    best = book.state[BEST + other]
    return best != NONE and book.levels[best].rank <= reach


@_inlined
def _fillable(book: Book, other: int, reach: int, quantity: int) -> bool:
    """Tell whether the levels within reach hold the whole quantity."""
    missing = quantity
    slot = book.state[BEST + other]
    while slot != NONE and book.levels[slot].rank <= reach:
        missing -= book.levels[slot].quantity
        if missing <= 0:
            return True
        slot = _next_level(book, other, book.levels[slot].rank)
    return False


@_inlined
def _trade_price(weight: int, side: int, order_type: int, limit: int, maker_limit: int) -> int:
    """Return the offer's limit plus the supplier's share of the surplus, rounded down; or the maker's price.

    The surplus is split into whole millions and a rest, so that no product leaves 64 bits.
    """
    if weight == NONE or order_type == _MARKET:
        return maker_limit
    bid = limit if side == _BUY else maker_limit
    ask = maker_limit if side == _BUY else limit
    millions = (bid - ask) // _PPM_ONE
    rest = (bid - ask) - millions * _PPM_ONE
    return ask + weight * millions + weight * rest // _PPM_ONE


@_inlined
def _overflows(book: Book, side: int, quantity: int, replaced: int) -> bool:
    """Tell whether a side would hold more lots, or the book more orders, than can be counted."""
    held = book.state[LOTS + side]
    if replaced != NONE:
        held -= book.orders[replaced].remaining
    return held > QUANTITY_MAX - quantity or book.state[ORDERS] >= ORDERS_MAX


@_inlined
def _place(book: Book, message: Any, side: int, replaced: int, fills: Records, outcome: Any) -> int:
    """Match an order against the side across, then rest or drop what is left. A replaced order leaves the book first.

    Every check comes before the first change. None of them depends on the replaced order, which stands on its own side.
    """
    other = 1 - side
    price = message.price_ticks
    left = message.quantity_lots
    reach = _rank(other, price)
    matches = message.action != REST
    rests = not matches or (message.order_type != _MARKET and message.time_in_force == _GTC)
    if matches:
        if message.post_only != 0 and _reaches(book, other, reach):
            return WOULD_TAKE
        if message.time_in_force == _FOK and not _fillable(book, other, reach, left):
            return CANNOT_FILL_WHOLLY
    if rests and _overflows(book, side, left, replaced):
        return BOOK_FULL
    if replaced != NONE:
        _shrink(book, replaced, book.orders[replaced].remaining)

    while matches and left > 0 and _reaches(book, other, reach):
        level = book.levels[book.state[BEST + other]]
        maker = level.head
        maker_limit = _rank(other, level.rank)
        traded = min(left, book.orders[maker].remaining)
        fill = fills[book.state[FILLED]]
        fill.taker_order_id = message.order_id
        fill.maker_order_id = book.orders[maker].id
        fill.price_ticks = _trade_price(book.state[WEIGHT], side, message.order_type, price, maker_limit)
        fill.maker_limit_ticks = maker_limit
        fill.quantity_lots = traded
        book.state[FILLED] += 1
        left -= traded
        _shrink(book, maker, traded)

    if rests and left > 0:
        _append(book, message.order_id, side, price, left)
        outcome.resting_lots = left
    else:
        outcome.dropped_lots = left
    return DONE


@_inlined
def _change(book: Book, message: Any, slot: int, outcome: Any) -> int:
    """Cancel, shrink or take from a resting order; it keeps its priority."""
    remaining = book.orders[slot].remaining
    by = message.quantity_lots
    if message.action == CANCEL:
        by = remaining
        outcome.dropped_lots = remaining
    else:
        if by <= 0 or by > remaining:
            return QUANTITY_OUT_OF_RANGE
        if message.action != TAKE:
            by = remaining - by
        outcome.resting_lots = remaining - by
    _shrink(book, slot, by)
    return DONE


@_inlined
def _only_shrinks(book: Book, message: Any, slot: int) -> bool:
    """Tell whether a replacement changes nothing but the quantity, and that not upwards."""
    order = book.orders[slot]
    level = book.levels[order.level]
    return level.rank == _rank(level.side, message.price_ticks) and message.quantity_lots <= order.remaining


@_inlined
def _apply(book: Book, message: Any, fills: Records, outcome: Any) -> int:
    """Carry out one message and return how it ended."""
    side = message.side
    slot = _find_order(book.ids, book.orders, message.order_id)
    if message.action in (NEW, REST):
        if slot != NONE:
            return ORDER_ID_IN_USE
    else:
        if slot == NONE:
            return UNKNOWN_ORDER
        if message.action != REPLACE or _only_shrinks(book, message, slot):
            return _change(book, message, slot, outcome)
        side = book.levels[book.orders[slot].level].side
    if message.quantity_lots <= 0:
        return QUANTITY_OUT_OF_RANGE
    if message.price_ticks <= -PRICE_LIMIT or message.price_ticks >= PRICE_LIMIT:
        return PRICE_OUT_OF_RANGE
    return _place(book, message, side, slot, fills, outcome)


@_compiled
def first_malformed(messages: Records) -> int:
    """Return the first message with an enumerated field outside its values, or NONE."""
    for index in range(len(messages)):
        message = messages[index]
        if (
            message.action > TAKE
            or message.side > _SELL
            or message.order_type > _MARKET
            or message.time_in_force > _FOK
            or message.post_only > 1
        ):
            return index
    return NONE


@_compiled
def run(
    state: Records,
    orders: Records,
    levels: Records,
    ids: Records,
    ladder: Records,
    messages: Records,
    start: int,
    fills: Records,
    outcomes: Records,
) -> int:
    """Carry out messages from `start` on; return how many are done, fewer than all when the arrays must grow first.

    The arrays come one by one because numba unpacks them in half the time that it needs for a named tuple of them.
    `fills` must have room: a fill either empties a resting order or ends a message, so `ORDERS` at the start plus two
    for every message is enough.
    """
    book = Book(state, orders, levels, ids, ladder)
    for index in range(start, len(messages)):
        if state[FREE_ORDER] == NONE or state[FREE_LEVEL] == NONE or ladder_is_full(book):
            return index
        outcome = outcomes[index]
        outcome.resting_lots = 0
        outcome.dropped_lots = 0
        outcome.code = _apply(book, messages[index], fills, outcome)
        outcome.fills_end = state[FILLED]
    return len(messages)


# --- views ---------------------------------------------------------------------------------------------------------


@_compiled
def find_order(ids: Records, orders: Records, order_id: int) -> int:
    """Return the record of a resting order, or NONE."""
    return _find_order(ids, orders, order_id)


@_compiled
def list_orders(book: Book, side: int, out: Records) -> int:
    """Write a side's orders in priority order; return how many."""
    written = 0
    slot = book.state[BEST + side]
    while slot != NONE:
        level = book.levels[slot]
        at = level.head
        while at != NONE:
            order = book.orders[at]
            out[written].price_ticks = _rank(side, level.rank)
            out[written].order_id = order.id
            out[written].remaining_lots = order.remaining
            written += 1
            at = order.next
        slot = _next_level(book, side, level.rank)
    return written


@_compiled
def list_levels(book: Book, side: int, out: Records) -> int:
    """Write a side's levels, best first, as many as fit; return how many."""
    written = 0
    slot = book.state[BEST + side]
    while slot != NONE and written < len(out):
        level = book.levels[slot]
        out[written].price_ticks = _rank(side, level.rank)
        out[written].quantity_lots = level.quantity
        out[written].orders = level.count
        written += 1
        slot = _next_level(book, side, level.rank)
    return written
