"""The compiled kernel: one book's orders matched strictly by price, then by time.

    messages  what goes in and comes out: the records of messages, outcomes and fills, and their codes
    layout    a book's memory: one head and four arrays of records, and how compiled code sees them
    ladder    from a price to its level, and from a level to the next
    queues    orders: found by id, queued at their level
    trading   what a message does
    views     what rests, listed
    compiled  the entry points, kept on disk as machine code
    memory    the arrays, and their growth

A call hands over the address of a book and nothing else. Nothing allocates in compiled code: when it finds no room for
the next message it returns, its caller lets the arrays grow, and calls again.
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
    NOTICE,
    NOT_ALLOWED_IN_CALL,
    NO_PRICE,
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
