"""The exchange's own call auctions on real numbers: divisible step curves at one price, or each at its own limit.

`market.auctions` clears them in integers, a million orders at the speed of a sort: prices count here in millionths of a
dollar, quantities in millionths of a unit, and what is finer is refused.
"""

import numpy as np

from market.auctions import clear_pay_as_bid, clear_uniform
from market.orders import Side
from market.units import PPM_ONE, Ppm
from pricing.auctions.crossing import Efficient, cross
from pricing.auctions.orders import LOTS_PER_UNIT, Book, Integers, whole_millionths
from pricing.auctions.outcome import Outcome, settle
from pricing.auctions.ties import allocation
from pricing.errors import PricingError, number

_TICKS_PER_DOLLAR = LOTS_PER_UNIT


def uniform(book: Book, *, k: float = 0.5, ties: str = "time") -> Outcome:
    """Clear at the single price of the largest volume, then least imbalance, then k of the way up the interval.

    p = low + k (high − low) in dollars per unit, rounded down to a millionth, among the least imbalanced prices that clear
    the market. Efficient at truthful orders, strongly budget balanced, individually rational; not truthful. Source:
    `market.auctions.clear_uniform`, which says more.

    >>> from pricing.auctions.orders import step_book
    >>> outcome = uniform(step_book([(50, 10), (45, 20), (40, 30)], [(30, 15), (40, 20), (48, 40)]), ties="pro-rata")
    >>> outcome.volume, outcome.interval, outcome.welfare
    (35.0, (40.0, 40.0), 350.0)

    Raises:
        PricingError: if k is outside [0, 1], `ties` is unknown, or a price is finer than a millionth.
    """
    share = Ppm(round(number("k", k, low=0, high=1) * PPM_ONE))
    clearing = clear_uniform(*_sides(book), k_ppm=share, ties=allocation(ties))
    filled = _aligned(book, clearing.buy_fills, clearing.sell_fills)
    price, interval = None, None
    if (
        clearing.price_ticks is not None
        and clearing.low_ticks is not None
        and clearing.high_ticks is not None
    ):
        price = clearing.price_ticks / _TICKS_PER_DOLLAR
        interval = clearing.low_ticks / _TICKS_PER_DOLLAR, clearing.high_ticks / _TICKS_PER_DOLLAR
    welfare = clearing.welfare / (_TICKS_PER_DOLLAR * LOTS_PER_UNIT)
    return settle(
        book,
        Efficient(clearing.volume_lots, welfare, interval),
        filled,
        mechanism="uniform",
        rule=f"{clearing.price_rule}, {clearing.tie_rule}",
        buyer_price=price,
        seller_price=price,
    )


def pay_as_bid(book: Book, *, pays: Side = Side.SELL, ties: str = "time") -> Outcome:
    """Clear with every trade at the limit of its order on the `pays` side, dollars per unit.

    The same orders trade as under one price; the best bid meets the best offer and so on. Strongly budget balanced,
    individually rational, efficient at truthful orders; not truthful. Source: `market.auctions.clear_pay_as_bid`.

    >>> from pricing.auctions.orders import step_book
    >>> outcome = pay_as_bid(step_book([(50, 10)], [(30, 4), (40, 6)]))
    >>> outcome.paid
    (360.0, -120.0, -240.0)

    Raises:
        PricingError: if `ties` is unknown, `pays` is no side, or a price is finer than a millionth.
    """
    if not isinstance(pays, Side):
        raise PricingError(f"pays: found {pays!r}, expected Side.BUY or Side.SELL")
    clearing = clear_pay_as_bid(*_sides(book), pays=pays, ties=allocation(ties))
    money = clearing.pairs["price_ticks"].astype(np.float64) * clearing.pairs["quantity_lots"]
    bids, asks = np.flatnonzero(book.buys), np.flatnonzero(~book.buys)
    paid = np.zeros(len(book))
    np.add.at(paid, bids[clearing.pairs["buy_index"]], money)
    np.add.at(paid, asks[clearing.pairs["sell_index"]], -money)
    return settle(
        book,
        cross(book).efficient,
        _aligned(book, clearing.buy_fills, clearing.sell_fills),
        mechanism="pay-as-bid",
        rule=f"{clearing.price_rule}, {clearing.tie_rule}",
        paid=paid / (_TICKS_PER_DOLLAR * LOTS_PER_UNIT),
    )


def _sides(book: Book) -> tuple[Integers, Integers, Integers, Integers]:
    ticks = whole_millionths("prices", book.prices)
    bids, asks = book.buys, ~book.buys
    return ticks[bids], book.lots[bids], ticks[asks], book.lots[asks]


def _aligned(book: Book, bid_fills: Integers, ask_fills: Integers) -> Integers:
    filled = np.empty(len(book), np.int64)
    filled[book.buys], filled[~book.buys] = bid_fills, ask_fills
    return filled
