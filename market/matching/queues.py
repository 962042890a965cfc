"""The orders: found by id, queued at their level, first in, first out."""

# mypy: disable-error-code="no-any-return"

from market.matching.ladder import close_level, free_nodes, open_level, rank_of, take_node
from market.matching.layout import (
    NONE,
    Book,
    called,
    inlined,
    level_of,
    load_4,
    open_book,
    order_of,
    side_of,
    stay_apart,
    store_4,
)

_RUN_BITS = 12
_GOLDEN = 0x9E3779B97F4A7C15 - (1 << 64)


@inlined
def home_of(book: Book, order_id: int) -> int:
    """Return the address where an id belongs. Runs of ids stay neighbours: orders numbered by arrival share cache lines."""
    return book.ids + 4 * ((order_id ^ (((order_id >> _RUN_BITS) * _GOLDEN) >> 32)) & book.ids_mask)


@inlined
def find_order(book: Book, home: int, order_id: int) -> int:
    """Return the record of a resting order whose id belongs at this home, or NONE."""
    number = load_4(home)
    while number != NONE and order_of(book, number).id != order_id:
        number = order_of(book, number).chain
    return number


@inlined
def enter_id(book: Book, home: int, number: int) -> None:
    """Let an order be found at this home."""
    order_of(book, number).chain = load_4(home)
    store_4(home, number)


@inlined
def strike_id(book: Book, home: int, number: int) -> None:
    """Let an order no longer be found at this home, where it is."""
    after = order_of(book, number).chain
    at = load_4(home)
    if at == number:
        store_4(home, after)
        return
    while order_of(book, at).chain != number:
        at = order_of(book, at).chain
    order_of(book, at).chain = after


@called
def move_ids(address: int, old: int, size: int) -> int:
    """Enter the orders of an old table of ids into the present one, which is empty."""
    stay_apart()
    book = open_book(address)
    for place in range(size):
        number = load_4(old + 4 * place)
        while number != NONE:
            after = order_of(book, number).chain
            enter_id(book, home_of(book, order_of(book, number).id), number)
            number = after
    return 0


@inlined
def append(book: Book, home: int, order_id: int, side: int, price: int, quantity: int, owner: int) -> int:
    """Put an order at the end of the queue of its price; return its record."""
    level_number = open_level(book, side, rank_of(side, price))
    level = level_of(book, level_number)
    number = take_node(book)
    order = order_of(book, number)
    last = level.prev
    order.id = order_id
    order.remaining = quantity
    order.next = level_number
    order.prev = last
    order.level = level_number
    order.owner = owner
    order.extra = NONE
    order_of(book, last).next = number
    level.prev = number
    level.quantity += quantity
    level.count += 1
    side_of(book, side & 1).lots += quantity
    enter_id(book, home, number)
    return number


@inlined
def shrink(book: Book, number: int, by: int) -> None:
    """Take quantity off an order, less than it has; it keeps its place in the queue."""
    order = order_of(book, number)
    level = level_of(book, order.level)
    order.remaining -= by
    level.quantity -= by
    side_of(book, level.side & 1).lots -= by


@inlined
def remove(book: Book, home: int, number: int) -> None:
    """Take an order off the book with all that it has left, and its level with it if it was the last one there."""
    order = order_of(book, number)
    level = level_of(book, order.level)
    order_of(book, order.prev).next = order.next
    order_of(book, order.next).prev = order.prev
    level.quantity -= order.remaining
    side_of(book, level.side & 1).lots -= order.remaining
    level.count -= 1
    strike_id(book, home, number)
    if level.count == 0:
        close_level(book, order.level)
    free_nodes(book, number, number, 1)
