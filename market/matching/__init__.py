"""The compiled kernel: one book's orders matched by price and time, and by all else that an order may ask for.

    messages  what goes in and comes out: the records of messages, outcomes, fills and notices, and their codes
    layout    a book's memory: one head and five arrays of records, and how compiled code sees them
    ladder    from a price to its level, and from a level to the next
    queues    orders: found by id, queued at their level
    sharing   who gets the surplus of a trade
    sweeping  the beaten track: a plain order against plain ones
    resting   orders at rest that ask for more
    walking   an order that asks for more, or meets one that does, walks along its makers
    arrival   the other messages, phase by phase
    trading   the messages of a batch, or a single one
    views     what rests, listed
    compiled  the entry points, kept on disk as machine code
    memory    the arrays, and their growth
    output    what is told, and its growth

A call hands over the address of a book and nothing else, or a single message in plain integers. Nothing allocates in
compiled code: when it finds no room it returns, its caller lets the arrays grow, and calls again.
"""

from market.matching.messages import (
    ACTIVATE,
    BOOK_FULL,
    CANCEL,
    CANNOT_FILL_MINIMUM,
    CANNOT_FILL_WHOLLY,
    CHANGE,
    CONDITIONS,
    CONDITIONS_CONFLICT,
    DEPTH,
    DONE,
    FILL,
    MESSAGE,
    NEW,
    NO_PRICE,
    NOT_ALLOWED_IN_CALL,
    NOTICE,
    ORDER_ID_IN_USE,
    OUTCOME,
    PRICE_LIMIT,
    PRICE_OUT_OF_RANGE,
    QUANTITY_OUT_OF_RANGE,
    REDUCE,
    REPLACE,
    REST,
    RESTING,
    TAKE,
    TAKE_INCOMING,
    TRIGGER,
    UNKNOWN_ORDER,
    WAITING,
    WOULD_TAKE,
)

__all__ = [
    "ACTIVATE",
    "BOOK_FULL",
    "CANCEL",
    "CANNOT_FILL_MINIMUM",
    "CANNOT_FILL_WHOLLY",
    "CHANGE",
    "CONDITIONS",
    "CONDITIONS_CONFLICT",
    "DEPTH",
    "DONE",
    "FILL",
    "MESSAGE",
    "NEW",
    "NOTICE",
    "NOT_ALLOWED_IN_CALL",
    "NO_PRICE",
    "ORDER_ID_IN_USE",
    "OUTCOME",
    "PRICE_LIMIT",
    "PRICE_OUT_OF_RANGE",
    "QUANTITY_OUT_OF_RANGE",
    "REDUCE",
    "REPLACE",
    "REST",
    "RESTING",
    "TAKE",
    "TAKE_INCOMING",
    "TRIGGER",
    "UNKNOWN_ORDER",
    "WAITING",
    "WOULD_TAKE",
]
