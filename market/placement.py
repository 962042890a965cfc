"""What a book tells of an order, or of a batch of messages: fills, notices, and what became of it in the end."""

from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from market.refusals import Refusal
from market.units import Lots, Ticks

REFUSALS: tuple[Refusal | None, ...] = (
    None,
    Refusal.WOULD_TAKE,
    Refusal.CANNOT_FILL_WHOLLY,
    Refusal.UNKNOWN_ORDER,
    Refusal.CLIENT_ORDER_ID_REUSED,
    Refusal.QUANTITY_NOT_POSITIVE,
    Refusal.PRICE_OUTSIDE_BAND,
    Refusal.BOOK_FULL,
    Refusal.CANNOT_FILL_MINIMUM,
    Refusal.CONDITIONS_CONFLICT,
    Refusal.NOT_ALLOWED_IN_CALL,
)
"""The name of each outcome code of `OrderBook.run`; code 0 is done."""


class Fill(NamedTuple):
    """A part of the taker's quantity that traded with a maker, at `price_ticks` under the book's trade-price rule."""

    taker_order_id: int
    maker_order_id: int
    price_ticks: Ticks
    maker_limit_ticks: Ticks
    quantity_lots: Lots


class NoticeKind(IntEnum):
    """What happened to an order besides fills and besides the outcome of the message in hand."""

    TRIGGERED = 0
    """A waiting stop became active; lots: its quantity."""
    RESTED = 1
    """What is left of a triggered order rests."""
    DROPPED = 2
    """What is left of a triggered order does not rest, or it could not be taken when it woke."""
    SELF_TRADE_CANCELLED = 3
    """An order, incoming or resting, left because it met one of its own participant; lots: what it had left."""
    SELF_TRADE_REDUCED = 4
    """An order lost lots because it met one of its own participant."""
    REFRESHED = 5
    """An iceberg shows its next slice, at the back of its queue; lots: what it shows."""
    HALTED = 6
    """The next trade would have left the collar, so the book collects from here on; lots: what its taker had left."""


class Notice(NamedTuple):
    """Something that happened to an order after so many fills."""

    order_id: int
    kind: NoticeKind
    lots: Lots
    after_fills: int


class Placement(NamedTuple):
    """What became of an incoming order, and what that caused. A refused one changed nothing.

    `resting_lots` and `dropped_lots` are what rests (or waits for its stop price) of the order itself, and what was dropped
    of it; what self-trade prevention took off it is in `notices`.
    """

    fills: tuple[Fill, ...]
    resting_lots: Lots
    dropped_lots: Lots
    refusal: Refusal | None
    notices: tuple[Notice, ...] = ()


@dataclass(frozen=True, slots=True)
class Run:
    """What became of a batch of messages: fills (`FILL`) and notices (`NOTICE`) in order, an `OUTCOME` for each message.

    `outcomes["fills_end"]` and `["notices_end"]` are how many there were when a message was done; `REFUSALS` names
    `outcomes["code"]`.
    """

    fills: NDArray[np.void]
    outcomes: NDArray[np.void]
    notices: NDArray[np.void]
