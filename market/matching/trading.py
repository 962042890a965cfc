"""The messages of a batch, one after the other."""

# mypy: disable-error-code="no-any-return"

from market.matching.arrival import IDLE, NO_ROOM, carry_out, go_on_later
from market.matching.ladder import ladder_is_full
from market.matching.layout import (
    MESSAGE_SIZE,
    NODE_SIZE,
    NONE,
    OUTCOME_SIZE,
    Book,
    head_of,
    inlined,
    load_4,
    load_8,
    message_at,
    open_book,
    order_of,
    outcome_at,
    prefetch,
    side_of,
)
from market.matching.messages import (
    ACTIVATE,
    BOOK_FULL,
    CANCEL,
    DONE,
    MESSAGE,
    NEW,
    ORDER_ID_IN_USE,
    PRICE_LIMIT,
    PRICE_OUT_OF_RANGE,
    QUANTITY_OUT_OF_RANGE,
    UNKNOWN_ORDER,
)
from market.matching.queues import append, find_order, home_of, remove
from market.matching.sweeping import sweep
from market.units import QUANTITY_MAX

# A message's enumerated fields, seen as one word.
_FLAGS_AT = (MESSAGE.fields or {})["action"][1]
_SHIFTS = {name: 8 * (place[1] - _FLAGS_AT) for name, place in (MESSAGE.fields or {}).items() if place[1] >= _FLAGS_AT}
_ALL_FLAGS = sum(0xFF << shift for shift in _SHIFTS.values())
_NOT_PLAIN = _ALL_FLAGS & ~(0xFF << _SHIFTS["side"])
HIGHEST = {"action": ACTIVATE, "side": 1, "order_type": 1, "time_in_force": 4, "post_only": 1, "self_trade": 4}
"""The highest value of each enumerated field of a message."""
_SLACK = sum(127 - highest << _SHIFTS[name] for name, highest in HIGHEST.items())
_OVER = sum(0x80 << shift for shift in _SHIFTS.values())

_FAR, _NEAR = 20, 10  # how many messages ahead their ids, then their orders are fetched
_AHEAD = 1024  # how many bytes ahead outcomes are fetched: the store has to own a line before it can write


@inlined
def _overflows(book: Book, side: int, quantity: int) -> bool:
    """Tell whether a side would hold more lots than can be counted."""
    return side_of(book, side).lots > QUANTITY_MAX - quantity


@inlined
def run_messages(address: int) -> int:
    """Carry out the messages of the batch from `done` on; return 1 when the book has to grow first, 0 at the end.

    Plain orders and cancels, which most messages are, stay in here. The batch is known in advance: what a message will
    need is fetched while those before it are carried out.
    """
    book = open_book(address)
    head = head_of(book)
    head.wanted = 0
    if head.done == 0 and head.phase == IDLE:
        head.filled = 0
        head.noticed = 0
    end = head.messages + head.count * MESSAGE_SIZE
    last = end - MESSAGE_SIZE
    message_place = head.messages + head.done * MESSAGE_SIZE
    outcome_place = head.outcomes + head.done * OUTCOME_SIZE
    while message_place < end:
        if head.nodes_vacant < 2 or ladder_is_full(book):
            head.done = (message_place - head.messages) // MESSAGE_SIZE
            return 1
        prefetch(outcome_place + _AHEAD)
        prefetch(home_of(book, message_at(min(message_place + _FAR * MESSAGE_SIZE, last)).order_id))
        near = home_of(book, message_at(min(message_place + _NEAR * MESSAGE_SIZE, last)).order_id)
        coming = book.nodes + load_4(near) * NODE_SIZE
        prefetch(coming)
        prefetch(coming + NODE_SIZE - 8)

        message, outcome = message_at(message_place), outcome_at(outcome_place)
        flags = load_8(message_place + _FLAGS_AT)
        order_id = message.order_id
        home = home_of(book, order_id)
        number = find_order(book, home, order_id)
        code = DONE
        resting = dropped = 0
        beaten = head.special | head.settings | head.phase | message.conditions == 0
        if beaten and flags & _NOT_PLAIN == NEW:
            side = message.side
            price = message.price_ticks
            left = message.quantity_lots
            if number != NONE:
                code = ORDER_ID_IN_USE
            elif left <= 0:
                code = QUANTITY_OUT_OF_RANGE
            elif price <= -PRICE_LIMIT or price >= PRICE_LIMIT:
                code = PRICE_OUT_OF_RANGE
            elif _overflows(book, side, left):
                code = BOOK_FULL
            else:
                left = sweep(book, order_id, side, price, left, head.weight)
                if left > 0 and head.filled == head.fills_room:
                    go_on_later(address, message_place, left)
                    head.done = (message_place - head.messages) // MESSAGE_SIZE
                    return 1
                if left > 0:
                    append(book, home, order_id, side, price, left, 0)
                    resting = left
            outcome.resting_lots = resting
            outcome.dropped_lots = dropped
        elif beaten and flags & 0xFF == CANCEL:
            if number == NONE:
                code = UNKNOWN_ORDER
            else:
                dropped = order_of(book, number).remaining
                remove(book, home, number)
            outcome.resting_lots = resting
            outcome.dropped_lots = dropped
        else:
            if head.phase == IDLE:
                outcome.resting_lots = resting
                outcome.dropped_lots = dropped
            code = carry_out(address, message_place, number, outcome_place)
            if code == NO_ROOM:
                head.done = (message_place - head.messages) // MESSAGE_SIZE
                return 1
        outcome.fills_end = head.filled
        outcome.notices_end = head.noticed
        outcome.code = code
        message_place += MESSAGE_SIZE
        outcome_place += OUTCOME_SIZE
    head.done = 0
    return 0


@inlined
def find_malformed(messages: int, count: int, rows: int) -> int:
    """Return the first message with an enumerated field outside its values, or conditions beyond so many rows, or -1.

    A byte is over its highest value if it has its upper bit, or gets it when 127 minus that value is added.
    """
    place = messages + _FLAGS_AT
    over = 0
    beyond = 0
    for index in range(count):
        flags = load_8(place + index * MESSAGE_SIZE)
        over |= flags | ((flags & _ALL_FLAGS) + _SLACK)
        conditions = message_at(messages + index * MESSAGE_SIZE).conditions
        beyond |= conditions | (rows - 1 - conditions)
    if over & _OVER != 0 or beyond < 0:
        for index in range(count):
            flags = load_8(place + index * MESSAGE_SIZE)
            conditions = message_at(messages + index * MESSAGE_SIZE).conditions
            if (flags | ((flags & _ALL_FLAGS) + _SLACK)) & _OVER != 0 or conditions < 0 or conditions >= rows:
                return index
    return -1
