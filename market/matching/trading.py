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
    call_at,
    head_at,
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

# A message's enumerated fields are bytes, looked at as one word.
HIGHEST = {
    "action": ACTIVATE,
    "side": 1,
    "order_type": 1,
    "time_in_force": 4,
    "post_only": 1,
    "self_trade": 4,
}
"""The highest value of each."""
_FLAGS_AT = MESSAGE_SIZE - 8
_SHIFTS = {name: 8 * at for at, name in enumerate(HIGHEST)}
_ALL_FLAGS = sum(0xFF << shift for shift in _SHIFTS.values())
_NOT_PLAIN = _ALL_FLAGS & ~(0xFF << _SHIFTS["side"])
_SLACK = sum((127 - highest) << _SHIFTS[name] for name, highest in HIGHEST.items())
_OVER = sum(0x80 << shift for shift in _SHIFTS.values())

LOOK, GROW, BEYOND = -1, -2, -3
"""Answers to a single message in place of lots: its outcome tells more, the book has to grow, its owner is no number."""

_FAR, _NEAR = 20, 10  # how many messages ahead their ids, then their orders are fetched
_AHEAD = 1024  # how many bytes ahead outcomes are fetched: the store has to own a line before it can write


@inlined
def _overflows(book: Book, side: int, quantity: int) -> bool:
    """Tell whether a side would hold more lots than can be counted."""
    return side_of(book, side).lots > QUANTITY_MAX - quantity


@inlined
def _enter_plain(book: Book, message_place: int, home: int, number: int, outcome_place: int) -> int:
    """Carry out a new limit order that asks nothing more; return how it ended, or NO_ROOM."""
    message, outcome = message_at(message_place), outcome_at(outcome_place)
    side = message.side
    price = message.price_ticks
    left = message.quantity_lots
    code = DONE
    resting = 0
    if number != NONE:
        code = ORDER_ID_IN_USE
    elif left <= 0:
        code = QUANTITY_OUT_OF_RANGE
    elif price <= -PRICE_LIMIT or price >= PRICE_LIMIT:
        code = PRICE_OUT_OF_RANGE
    elif _overflows(book, side, left):
        code = BOOK_FULL
    else:
        head = head_of(book)
        left = sweep(book, message.order_id, side, price, left, head.weight)
        if left > 0 and head.filled == head.fills_room:
            go_on_later(book.head, message_place, left)
            code = NO_ROOM
        elif left > 0:
            append(book, home, message.order_id, side, price, left, 0)
            resting = left
    outcome.resting_lots = resting
    outcome.dropped_lots = 0
    return code


@inlined
def _cancel_plain(book: Book, home: int, number: int, outcome_place: int) -> int:
    """Take an order off a book where none asks more; return how it ended."""
    outcome = outcome_at(outcome_place)
    outcome.resting_lots = 0
    if number == NONE:
        outcome.dropped_lots = 0
        return UNKNOWN_ORDER
    outcome.dropped_lots = order_of(book, number).remaining
    remove(book, home, number)
    return DONE


@inlined
def _fetch_ahead(book: Book, message_place: int, last: int) -> None:
    """Bring near what the messages after this one will need: their ids, then the orders that these lead to."""
    far = message_at(min(message_place + _FAR * MESSAGE_SIZE, last))
    prefetch(home_of(book, far.order_id))
    near = message_at(min(message_place + _NEAR * MESSAGE_SIZE, last))
    order = book.nodes + load_4(home_of(book, near.order_id)) * NODE_SIZE
    prefetch(order)
    prefetch(order + NODE_SIZE - 8)  # it may lie across two cache lines


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
    message_place = head.messages + head.done * MESSAGE_SIZE
    outcome_place = head.outcomes + head.done * OUTCOME_SIZE
    while message_place < end:
        if head.nodes_vacant < 2 or ladder_is_full(book):
            head.done = (message_place - head.messages) // MESSAGE_SIZE
            return 1
        _fetch_ahead(book, message_place, end - MESSAGE_SIZE)
        prefetch(outcome_place + _AHEAD)
        message, outcome = message_at(message_place), outcome_at(outcome_place)
        flags = load_8(message_place + _FLAGS_AT)
        home = home_of(book, message.order_id)
        number = find_order(book, home, message.order_id)
        beaten = head.special | head.settings | head.phase | message.conditions == 0
        if beaten and flags & _NOT_PLAIN == NEW:
            code = _enter_plain(book, message_place, home, number, outcome_place)
        elif beaten and flags & 0xFF == CANCEL:
            code = _cancel_plain(book, home, number, outcome_place)
        else:
            if head.phase == IDLE:
                outcome.resting_lots = 0
                outcome.dropped_lots = 0
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
def run(address: int) -> int:
    """Go on with the batch; return what `run_messages` does."""
    return call_at(head_at(address).loop, address)


@inlined
def send(
    address: int,
    action: int,
    order_id: int,
    side: int,
    order_type: int,
    time_in_force: int,
    price: int,
    quantity: int,
    post_only: int,
    owner: int,
    self_trade: int,
    conditions: int,
) -> int:
    """Write one message where the book expects the next, and carry it out.

    Return what rests if there is nothing else to tell; LOOK if the outcome tells more; GROW if it has to be carried out
    again by `run` once the book has grown; BEYOND if the owner's number does not fit in 32 bits.
    """
    head = head_at(address)
    message = message_at(head.messages)
    message.order_id = order_id
    message.price_ticks = price
    message.quantity_lots = quantity
    message.owner = owner
    message.conditions = conditions
    message.action = action
    message.side = side
    message.order_type = order_type
    message.time_in_force = time_in_force
    message.post_only = post_only
    message.self_trade = self_trade
    if message.owner != owner:
        return BEYOND
    if run(address) != 0:
        return GROW
    outcome = outcome_at(head.outcomes)
    told = (
        outcome.code != DONE
        or outcome.dropped_lots != 0
        or outcome.fills_end != 0
        or outcome.notices_end != 0
    )
    return LOOK if told else outcome.resting_lots


@inlined
def cancel(address: int, order_id: int) -> int:
    """Take an order off the book; return what was left of it, 0 if it is not here, or GROW."""
    head = head_at(address)
    message = message_at(head.messages)
    message.order_id = order_id
    message.action = CANCEL
    if run(address) != 0:
        return GROW
    return outcome_at(head.outcomes).dropped_lots


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
