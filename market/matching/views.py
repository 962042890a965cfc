"""What rests, listed. Nothing in here changes the book."""

# mypy: disable-error-code="no-any-return"

from market.matching.ladder import next_level, rank_of
from market.matching.layout import (
    DEPTH_SIZE,
    HIDDEN,
    NONE,
    RESTING_SIZE,
    WAITING_SIZE,
    WAITS,
    depth_at,
    extra_of,
    inlined,
    level_of,
    open_book,
    order_of,
    resting_at,
    side_of,
    store_8,
    waiting_at,
)
from market.matching.messages import NO_PRICE
from market.matching.queues import find_order, home_of
from market.matching.resting import is_all_or_none, total_lots
from market.matching.walking import after, first_of, is_displayed_next


@inlined
def remaining_lots(address: int, order_id: int) -> int:
    """Return what is left of a resting order in lots, 0 if it does not rest here."""
    book = open_book(address)
    number = find_order(book, home_of(book, order_id), order_id)
    return 0 if number == NONE else total_lots(book, number)


@inlined
def best_price(address: int, side: int) -> int:
    """Return a side's best price in ticks, hidden orders included; NO_PRICE if nothing rests there."""
    book = open_book(address)
    displayed, hidden = first_of(book, side), first_of(book, side + HIDDEN)
    if displayed == NONE and hidden == NONE:
        return NO_PRICE
    best = displayed if is_displayed_next(book, displayed, hidden) else hidden
    return rank_of(side, level_of(book, order_of(book, best).level).rank)


@inlined
def write_orders(address: int, side: int, place: int) -> int:
    """Write all that can trade on a side, in priority order, as RESTING; return how many."""
    book = open_book(address)
    written = 0
    displayed, hidden = first_of(book, side), first_of(book, side + HIDDEN)
    while displayed != NONE or hidden != NONE:
        is_displayed = is_displayed_next(book, displayed, hidden)
        number = displayed if is_displayed else hidden
        order = order_of(book, number)
        row = resting_at(place + written * RESTING_SIZE)
        row.price_ticks = rank_of(side, level_of(book, order.level).rank)
        row.order_id = order.id
        row.remaining_lots = total_lots(book, number)
        row.displayed_lots = order.remaining if is_displayed else 0
        written += 1
        if is_displayed:
            displayed = after(book, displayed)
        else:
            hidden = after(book, hidden)
    return written


@inlined
def write_special(address: int, side: int, place: int) -> int:
    """Write, for each order that `write_orders` writes, how an iceberg is sliced (else -1) and whether it is all-or-none."""
    book = open_book(address)
    written = 0
    displayed, hidden = first_of(book, side), first_of(book, side + HIDDEN)
    while displayed != NONE or hidden != NONE:
        is_displayed = is_displayed_next(book, displayed, hidden)
        number = displayed if is_displayed else hidden
        extra = order_of(book, number).extra
        display = -1
        if extra != NONE and extra_of(book, extra).reserve > 0:
            display = extra_of(book, extra).display
        store_8(place + 16 * written, display)
        store_8(place + 16 * written + 8, 1 if is_all_or_none(book, number) else 0)
        written += 1
        if is_displayed:
            displayed = after(book, displayed)
        else:
            hidden = after(book, hidden)
    return written


@inlined
def write_stops(address: int, side: int, place: int) -> int:
    """Write the stops that wait on a side, in the order in which they wake, as WAITING; return how many."""
    book = open_book(address)
    written = 0
    number = first_of(book, WAITS + side)
    while number != NONE:
        order = order_of(book, number)
        row = waiting_at(place + written * WAITING_SIZE)
        row.price_ticks = rank_of(WAITS + side, level_of(book, order.level).rank)
        row.order_id = order.id
        row.remaining_lots = order.remaining
        row.limit_ticks = extra_of(book, order.extra).limit
        written += 1
        number = after(book, number)
    return written


@inlined
def write_asked(address: int, side: int, place: int) -> int:
    """Write, for each stop that `write_stops` writes, all that it will ask for when it wakes, as nine words."""
    book = open_book(address)
    written = 0
    number = first_of(book, WAITS + side)
    while number != NONE:
        extra = extra_of(book, order_of(book, number).extra)
        row = place + 72 * written
        store_8(row, extra.display)
        store_8(row + 8, extra.limit)
        store_8(row + 16, extra.minimum)
        store_8(row + 24, extra.budget)
        store_8(row + 32, extra.all_or_none)
        store_8(row + 40, extra.order_type)
        store_8(row + 48, extra.time_in_force)
        store_8(row + 56, extra.post_only)
        store_8(row + 64, extra.self_trade)
        written += 1
        number = after(book, number)
    return written


@inlined
def write_levels(address: int, side: int, place: int, room: int) -> int:
    """Write a side's displayed levels as DEPTH, best first, as many as there is room for; return how many."""
    book = open_book(address)
    written = 0
    number = side_of(book, side).best
    while number != NONE and written < room:
        level = level_of(book, number)
        row = depth_at(place + written * DEPTH_SIZE)
        row.price_ticks = rank_of(side, level.rank)
        row.quantity_lots = level.quantity
        row.orders = level.count
        written += 1
        number = next_level(book, number)
    return written
