"""What goes into the kernel and what comes out: records of messages, outcomes and fills, and the codes in them."""

import numpy as np

# What a message asks. From REST on they are for rebuilds and auctions: these change the book without matching. TAKE_INCOMING
# takes what an order traded as it came in, TRIGGER lets a waiting stop rest. ACTIVATE wakes what the last price reached.
NEW, CANCEL, REPLACE, REDUCE, REST, TAKE, TAKE_INCOMING, TRIGGER, ACTIVATE = range(9)

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
    CANNOT_FILL_MINIMUM,
    CONDITIONS_CONFLICT,
    NOT_ALLOWED_IN_CALL,
) = range(11)

PRICE_LIMIT = 1 << 57
"""Prices lie strictly between minus and plus this many ticks, so that a rank, a side and a layer fit into one key."""

NO_PRICE = -(1 << 63)
"""Stands where there is no price."""

MESSAGE = np.dtype(
    [
        ("order_id", "<i8"),
        ("price_ticks", "<i8"),
        ("quantity_lots", "<i8"),
        ("owner", "<i4"),
        ("conditions", "<i4"),
        ("action", "u1"),
        ("side", "u1"),
        ("order_type", "u1"),
        ("time_in_force", "u1"),
        ("post_only", "u1"),
        ("self_trade", "u1"),
    ],
    align=True,
)
"""A message. `owner` numbers the participant, 0 is nobody; `conditions` is a row of CONDITIONS, 0 for a plain order."""

CONDITIONS = np.dtype(
    [
        ("stop_ticks", "<i8"),
        ("display_lots", "<i8"),
        ("minimum_lots", "<i8"),
        ("budget", "<i8"),
        ("all_or_none", "u1"),
    ],
    align=True,
)
"""What an order asks beside price and quantity: NO_PRICE for no stop, -1 to display all, a budget of 0 for none."""

OUTCOME = np.dtype(
    [
        ("resting_lots", "<i8"),
        ("dropped_lots", "<i8"),
        ("fills_end", "<i8"),
        ("notices_end", "<i4"),
        ("code", "u1"),
    ],
    align=True,
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
NOTICE = np.dtype([("order_id", "<i8"), ("lots", "<i8"), ("after_fills", "<i8"), ("kind", "<i8")])
TRIGGERED, RESTED, DROPPED, SELF_TRADE_CANCELLED, SELF_TRADE_REDUCED, REFRESHED, HALTED = range(7)

CHANGE = np.dtype(
    [
        ("order_id", "<i8"),
        ("price_ticks", "<i8"),
        ("shown_lots", "<i8"),
        ("delta_lots", "<i8"),
        ("side", "<i8"),
    ]
)
"""A change of what is displayed. An order whose `delta_lots` are all that it shows appears at the back of its queue."""

RESTING = np.dtype(
    [("price_ticks", "<i8"), ("order_id", "<i8"), ("remaining_lots", "<i8"), ("displayed_lots", "<i8")]
)
WAITING = np.dtype(
    [("price_ticks", "<i8"), ("order_id", "<i8"), ("remaining_lots", "<i8"), ("limit_ticks", "<i8")]
)
DEPTH = np.dtype([("price_ticks", "<i8"), ("quantity_lots", "<i8"), ("orders", "<i8")])
