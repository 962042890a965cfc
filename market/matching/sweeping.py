"""The beaten track of matching: a plain order against a book in which nothing asks for more than price and time."""

# mypy: disable-error-code="no-any-return"

from market.matching.ladder import close_level, free_nodes, rank_of
from market.matching.layout import (
    FILL_SIZE,
    NONE,
    Book,
    fill_at,
    head_of,
    inlined,
    level_of,
    order_of,
    side_of,
)
from market.matching.queues import home_of, strike_id
from market.matching.sharing import trade_price


@inlined
def _reaches(book: Book, other: int, reach: int) -> bool:
    """Tell whether the best level of the side across is within reach of a limit."""
    best = side_of(book, other).best
    return best != NONE and level_of(book, best).rank <= reach


@inlined
def sweep(book: Book, order_id: int, side: int, price: int, quantity: int, weight: int) -> int:
    """Trade with the orders across, in priority order, as far as the limit reaches and there is room to tell it.

    Return what is left.
    """
    head = head_of(book)
    other = 1 - side
    across = side_of(book, other)
    reach = rank_of(other, price)
    left = quantity
    fill_place = head.fills + head.filled * FILL_SIZE
    fills_end = head.fills + head.fills_room * FILL_SIZE
    while left > 0 and fill_place < fills_end and _reaches(book, other, reach):
        level_number = across.best
        level = level_of(book, level_number)
        maker_limit = rank_of(other, level.rank)
        traded_at = trade_price(weight, side, price, maker_limit)
        head.last = traded_at
        before = left
        first = level.next
        last = first
        maker = first
        gone = 0
        while left > 0 and fill_place < fills_end and maker != level_number:
            order = order_of(book, maker)
            traded = min(left, order.remaining)
            fill = fill_at(fill_place)
            fill.taker_order_id = order_id
            fill.maker_order_id = order.id
            fill.price_ticks = traded_at
            fill.maker_limit_ticks = maker_limit
            fill.quantity_lots = traded
            fill_place += FILL_SIZE
            left -= traded
            if traded < order.remaining:
                order.remaining -= traded
                break
            strike_id(book, home_of(book, order.id), maker)
            gone += 1
            last = maker
            maker = order.next
        level.quantity -= before - left
        across.lots -= before - left
        if gone > 0:  # the emptied orders are linked to each other still
            free_nodes(book, first, last, gone)
            level.next = maker
            level.count -= gone
            order_of(book, maker).prev = level_number
            if maker == level_number:
                close_level(book, level_number)
    head.filled = (fill_place - head.fills) // FILL_SIZE
    return left
