"""Orders at rest that ask for more than price and time, and what is told about those that are displayed.

Such an order has an `EXTRA` beside its record. The record's `remaining` is what the order can trade at once: the slice of an
iceberg, all of any other; it is what its level counts. What an iceberg does not show is its reserve.
"""

# mypy: disable-error-code="no-any-return"

from typing import Any

from market.matching.ladder import rank_of
from market.matching.layout import (
    CHANGE_SIZE,
    HIDDEN,
    NONE,
    NOTICE_SIZE,
    PUBLISH,
    WAITS,
    Book,
    called,
    change_at,
    extra_of,
    head_of,
    inlined,
    level_of,
    notice_at,
    open_book,
    order_of,
    side_of,
    stay_apart,
    taker_of,
)
from market.matching.messages import REFRESHED
from market.matching.queues import append, home_of, remove, shrink


@inlined
def has_room(book: Book, fills: int) -> bool:
    """Tell whether so many fills, and all that they cause, can be told; if not, leave a note of how many there are."""
    head = head_of(book)
    if (
        head.filled + fills <= head.fills_room
        and head.noticed + 2 * fills + 2 <= head.notices_room
        and (head.settings & PUBLISH == 0 or head.changed + 4 * fills + 4 <= head.changes_room)
    ):
        return True
    head.wanted = fills
    return False


@called
def notice(address: int, order_id: int, kind: int, lots: int) -> None:
    """Tell what happened to an order."""
    stay_apart()
    book = open_book(address)
    head = head_of(book)
    row = notice_at(head.notices + head.noticed * NOTICE_SIZE)
    row.order_id = order_id
    row.kind = kind
    row.lots = lots
    row.after_fills = head.filled
    head.noticed += 1


@called
def _write_change(address: int, number: int, shown: int, delta: int) -> None:
    stay_apart()
    book = open_book(address)
    head = head_of(book)
    order = order_of(book, number)
    level = level_of(book, order.level)
    if level.side >= HIDDEN or delta == 0:
        return
    row = change_at(head.changes + head.changed * CHANGE_SIZE)
    row.order_id = order.id
    row.price_ticks = rank_of(level.side, level.rank)
    row.shown_lots = shown
    row.delta_lots = delta
    row.side = level.side
    head.changed += 1


@inlined
def _publish(book: Book, number: int, shown: int, delta: int) -> None:
    """Tell those who follow the book that an order shows something else now, if it is displayed at all."""
    if head_of(book).settings & PUBLISH != 0:
        _write_change(book.head, number, shown, delta)


@inlined
def total_lots(book: Book, number: int) -> int:
    """Return what is left of an order, its reserve included."""
    order = order_of(book, number)
    if order.extra == NONE:
        return order.remaining
    return order.remaining + extra_of(book, order.extra).reserve


@inlined
def is_all_or_none(book: Book, number: int) -> bool:
    """Tell whether a resting order trades wholly or not at all."""
    extra = order_of(book, number).extra
    return extra != NONE and extra_of(book, extra).all_or_none != 0


@inlined
def _attach(book: Book, number: int) -> Any:
    """Give an order an `EXTRA`."""
    head = head_of(book)
    extra_number = head.extras_free
    if extra_number == NONE:
        head.extras_used += 1
        extra_number = head.extras_used
    else:
        head.extras_free = extra_of(book, extra_number).next
    order_of(book, number).extra = extra_number
    head.special += 1
    return extra_of(book, extra_number)


@called
def put(
    address: int, side: int, price: int, quantity: int, order_id: int, owner: int, display: int, patient: int
) -> None:
    """Let an order rest at the back of its queue. It shows `display` lots at a time, all where that is negative."""
    stay_apart()
    book = open_book(address)
    head = head_of(book)
    home = home_of(book, order_id)
    shown = display if 0 < display < quantity else quantity
    if display < 0 or display >= quantity:
        number = append(book, home, order_id, side, price, quantity, owner)
    elif display == 0:
        number = append(book, home, order_id, side + HIDDEN, price, quantity, owner)
    else:
        number = append(book, home, order_id, side, price, shown, owner)
    if patient != 0 or 0 <= display < quantity:
        extra = _attach(book, number)
        extra.reserve = quantity - shown
        extra.display = display
        extra.all_or_none = patient
        head.patient += patient
        side_of(book, side).lots += quantity - shown
    _publish(book, number, shown, shown)


@called
def put_to_wait(address: int, stop: int) -> None:
    """Let the order in hand wait for its stop price."""
    stay_apart()
    book = open_book(address)
    taker = taker_of(book)
    home = home_of(book, taker.order_id)
    number = append(book, home, taker.order_id, WAITS + taker.side, stop, taker.left, taker.owner)
    extra = _attach(book, number)
    extra.reserve = 0
    extra.display = taker.display
    extra.limit = taker.limit
    extra.minimum = taker.minimum
    extra.budget = taker.budget
    extra.all_or_none = taker.all_or_none
    extra.order_type = taker.order_type
    extra.time_in_force = taker.time_in_force
    extra.post_only = taker.post_only
    extra.self_trade = taker.self_trade


@called
def drop(address: int, number: int) -> None:
    """Take an order off the book, wherever it stands."""
    stay_apart()
    book = open_book(address)
    head = head_of(book)
    order = order_of(book, number)
    side = level_of(book, order.level).side
    _publish(book, number, 0, -order.remaining)
    extra_number = order.extra
    if extra_number != NONE:
        extra = extra_of(book, extra_number)
        side_of(book, side & 1).lots -= extra.reserve
        if side < WAITS:
            head.patient -= extra.all_or_none
        extra.next = head.extras_free
        head.extras_free = extra_number
        head.special -= 1
    remove(book, home_of(book, order.id), number)


@called
def cut(address: int, number: int, by: int) -> None:
    """Take lots, less than all, off an order: off its reserve first. It keeps its place."""
    stay_apart()
    book = open_book(address)
    order = order_of(book, number)
    shown_goes = by
    if order.extra != NONE:
        extra = extra_of(book, order.extra)
        reserve_goes = min(by, extra.reserve)
        extra.reserve -= reserve_goes
        side_of(book, level_of(book, order.level).side & 1).lots -= reserve_goes
        shown_goes -= reserve_goes
    if shown_goes > 0:
        _publish(book, number, order.remaining - shown_goes, -shown_goes)
        shrink(book, number, shown_goes)


@inlined
def _to_the_back(book: Book, number: int) -> None:
    order = order_of(book, number)
    level = level_of(book, order.level)
    order_of(book, order.prev).next = order.next
    order_of(book, order.next).prev = order.prev
    order.prev = level.prev
    order.next = order.level
    order_of(book, level.prev).next = number
    level.prev = number


@inlined
def _show(book: Book, number: int, slice_lots: int) -> None:
    """Make this much of an iceberg the slice that it shows; the rest of what it has is its reserve."""
    order = order_of(book, number)
    extra = extra_of(book, order.extra)
    more = slice_lots - order.remaining
    extra.reserve -= more
    order.remaining = slice_lots
    level_of(book, order.level).quantity += more


@inlined
def trade_away(book: Book, number: int, lots: int) -> int:
    """Take lots that a maker trades, at most what it trades at once, off it; return whether it is displayed afresh."""
    order = order_of(book, number)
    if lots < order.remaining:
        _publish(book, number, order.remaining - lots, -lots)
        shrink(book, number, lots)
        return 0
    if order.extra == NONE or extra_of(book, order.extra).reserve == 0:
        drop(book.head, number)
        return 0
    _publish(book, number, 0, -lots)
    shrink(book, number, lots)
    extra = extra_of(book, order.extra)
    _show(book, number, min(extra.display, extra.reserve))
    _to_the_back(book, number)
    _publish(book, number, order.remaining, order.remaining)
    return 1


@called
def take_off(address: int, number: int, lots: int, incoming: int) -> None:
    """Take lots that were traded elsewhere, at most all that an order has, off it.

    If it traded as it came in, its slice is cut afresh and it keeps its place; else its slice is used up, and if nothing
    is left of that the next one goes to the back.
    """
    stay_apart()
    book = open_book(address)
    order = order_of(book, number)
    left = total_lots(book, number) - lots
    if left == 0:
        drop(address, number)
        return
    before = order.remaining
    if order.extra == NONE or extra_of(book, order.extra).display <= 0:
        _publish(book, number, before - lots, -lots)
        shrink(book, number, lots)
        return
    extra = extra_of(book, order.extra)
    if incoming == 0 and lots < before:
        _publish(book, number, before - lots, -lots)
        shrink(book, number, lots)
        return
    slice_lots = min(extra.display, left)
    extra.reserve -= (
        lots  # what is taken counts off the side once, and may leave the reserve below zero for a moment
    )
    side_of(book, level_of(book, order.level).side & 1).lots -= lots
    _show(book, number, slice_lots)
    if incoming != 0:
        _publish(book, number, slice_lots, slice_lots - before)
    else:
        _publish_gone_and_back(book, number, before, slice_lots)


@inlined
def _publish_gone_and_back(book: Book, number: int, before: int, slice_lots: int) -> None:
    _publish(book, number, 0, -before)
    _to_the_back(book, number)
    _publish(book, number, slice_lots, slice_lots)


@inlined
def tell_refreshed(book: Book, number: int) -> None:
    """Tell that an iceberg shows its next slice."""
    order = order_of(book, number)
    notice(book.head, order.id, REFRESHED, order.remaining)
