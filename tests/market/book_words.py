"""Short words for order books and orders, so that a test says only what matters to it."""

import pytest

from market.book import OrderBook
from market.orders import OrderType, Side, TimeInForce
from tests.market.oracle import Fill, Notice, NoticeKind, Placement, SlowBook

BUY, SELL = Side.BUY, Side.SELL
LIMIT, MARKET = OrderType.LIMIT, OrderType.MARKET
GTC, IOC, FOK = TimeInForce.GTC, TimeInForce.IOC, TimeInForce.FOK

both_books = pytest.mark.parametrize("new_book", [OrderBook, SlowBook], ids=["kernel", "oracle"])
"""Run a test on the compiled book and on its oracle: an example that only one of them keeps is no example."""


def with_offers(book, *offers):
    """Fill a book with offers of (price, lots), numbered from 1."""
    for order_id, (price, lots) in enumerate(offers, start=1):
        book.rest(order_id, SELL, price, lots)
    return book


def bid(book, order_id, price, lots, *, kind=LIMIT, tif=GTC, **asked):
    return book.place(order_id, BUY, kind, tif, price, lots, **asked)


def offer(book, order_id, price, lots, *, kind=LIMIT, tif=GTC, **asked):
    return book.place(order_id, SELL, kind, tif, price, lots, **asked)


def bids(book):
    """The bids as (price, order, lots), in priority order."""
    return [row[:3] for row in book.orders(BUY).tolist()]


def offers(book):
    """The offers as (price, order, lots), in priority order."""
    return [row[:3] for row in book.orders(SELL).tolist()]


def shown(book, side):
    """What a side displays as (order, displayed lots), in priority order."""
    return [(order_id, lots) for _, order_id, _, lots in book.orders(side).tolist()]


def waiting(book, side):
    """The stops of a side as (stop, order, lots), in the order in which they wake."""
    return [row[:3] for row in book.stops(side).tolist()]


def traded(placed):
    """The fills as (maker, price, lots)."""
    return [(fill.maker_order_id, fill.price_ticks, fill.quantity_lots) for fill in placed.fills]


def told(placed):
    """The notices as (order, kind, lots)."""
    return [(notice.order_id, notice.kind, notice.lots) for notice in placed.notices]


def refused(refusal):
    """The placement of an order that changed nothing."""
    return Placement((), 0, 0, refusal, ())


__all__ = [
    "BUY",
    "FOK",
    "GTC",
    "IOC",
    "LIMIT",
    "MARKET",
    "SELL",
    "Fill",
    "Notice",
    "NoticeKind",
    "Placement",
    "bid",
    "bids",
    "both_books",
    "offer",
    "offers",
    "refused",
    "shown",
    "told",
    "traded",
    "waiting",
    "with_offers",
]
