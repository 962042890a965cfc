"""MUDA: the market is split in two by chance, and each half trades at the price of the other.

Nobody can move the price at which he trades. Within a half the side that wants more than the other pays Vickrey fees.
Source: E. Segal-Halevi, A. Hassidim and Y. Aumann, "MUDA: a truthful multi-unit double-auction mechanism", AAAI 2018.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from pricing.auctions.chance import Seed, generator
from pricing.auctions.crossing import Crossing, cross, cross_orders
from pricing.auctions.orders import LOTS_PER_UNIT, Book, Flags, Integers, Reals
from pricing.auctions.outcome import Outcome, settle
from pricing.auctions.vcg import clarke_payments
from pricing.errors import PricingError, number, whole

_BOTH_SIDES = (
    "a participant both bids and offers: his fee counts each side by itself, and he may gain by an untruth"
)


@dataclass(frozen=True, slots=True)
class Split:
    """What MUDA did. `left` says of each order whether it was in the left half.

    `price_left` is the price found in the left half, at which the right half trades, and the other way round; None where a
    half had no trade to take a price from. `fees` are dollars by participant, part of what the outcome says he paid.
    """

    outcome: Outcome
    left: tuple[bool, ...]
    price_left: float | None
    price_right: float | None
    fees: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Posted:
    """What traded at a price from outside, and the Vickrey fees by participant, in dollars."""

    outcome: Outcome
    fees: Mapping[str, float]


def muda(book: Book, *, seed: Seed | None = None, left: Collection[int] | None = None) -> Split:
    """Split the participants in two halves and let each trade at the other's price, with fees on its longer side.

    The price of a half is that of the marginal order that trades in part, or the middle of b_K and s_K where both marginal
    orders trade wholly, dollars per unit. `left` lists the orders of the left half by index in the book; without it each
    participant goes left or right by a fair coin drawn from `seed`. Truthful and individually rational for participants on
    one side each, also with several units of falling value; weakly budget balanced, asymptotically efficient.

    >>> from pricing.auctions.orders import Book, Order
    >>> from market.orders import Side
    >>> rows = [("b1", Side.BUY, 4), ("b2", Side.BUY, 2), ("s1", Side.SELL, 3), ("s2", Side.SELL, 1), ("b3", Side.BUY, 5)]
    >>> found = muda(Book.of(Order(*row) for row in rows), left=[1, 3, 4])
    >>> found.price_left, found.price_right, found.outcome.volume
    (3.0, 3.5, 2.0)

    Raises:
        PricingError: if neither or both of `seed` and `left` are given, or `left` names no order or half a participant.
    """
    half = _split(book, seed, left)
    price_left, price_right = (_half_price(book, side) for side in (half, ~half))
    filled, fees = np.zeros(len(book), np.int64), np.zeros(len(book))
    prices = np.zeros(len(book))
    for side, price in ((half, price_right), (~half, price_left)):
        if price is not None:
            prices[side] = price
            each_filled, each_fees = _at_price(book, price, side)
            filled, fees = filled + each_filled, fees + each_fees
    paid = (book.signs * prices * filled + fees) / LOTS_PER_UNIT
    outcome = settle(
        book,
        cross(book).efficient,
        filled,
        mechanism="muda",
        rule="the price of the other half",
        paid=paid,
        note=_both_sides(book),
    )
    return Split(outcome, tuple(half.tolist()), price_left, price_right, _by_participant(book, fees))


def posted_price(book: Book, price: float) -> Posted:
    """Trade at a price from outside, in dollars per unit: the shorter side wholly, the longer best first, with Vickrey fees.

    Whoever trades on the longer side pays what he keeps the others of that side from earning, G₋ᵤ − (G − gᵤ), where G is
    what the side earns on its limits and gᵤ his part of it. Truthful, as nobody moves the price. The market gains the fees.

    >>> from pricing.auctions.orders import unit_book
    >>> found = posted_price(unit_book([9], [1, 2, 3]), 5)
    >>> found.fees["seller 0"], found.outcome.filled
    (3.0, (1.0, 1.0, 0.0, 0.0))

    Raises:
        PricingError: if the price is no finite number.
    """
    price = number("price", price)
    filled, fees = _at_price(book, price, np.ones(len(book), np.bool_))
    outcome = settle(
        book,
        cross(book).efficient,
        filled,
        mechanism="posted-price",
        rule="a price from outside, Vickrey fees on the longer side",
        paid=(book.signs * price * filled + fees) / LOTS_PER_UNIT,
        note=_both_sides(book),
    )
    return Posted(outcome, _by_participant(book, fees))


def _split(book: Book, seed: Seed | None, left: Collection[int] | None) -> Flags:
    if (seed is None) == (left is None):
        raise PricingError("left: found both or neither of seed and left, expected one of them")
    if left is None:
        coins = generator(seed).random(len(book.participants)) < 0.5
        return np.asarray(coins[book.owners])
    half = np.zeros(len(book), np.bool_)
    for at in left:
        half[whole("left", at, high=len(book) - 1)] = True
    orders, lefts = (np.bincount(book.owners[each]) for each in (slice(None), half))
    lefts = np.pad(lefts, (0, len(orders) - len(lefts)))
    halved = (lefts > 0) & (lefts < orders)
    if np.any(halved):
        name = book.participants[int(np.argmax(halved))]
        raise PricingError(f"left: found some orders of {name!r}, expected all of a participant's or none")
    return half


def _half_price(book: Book, half: Flags) -> float | None:
    crossing: Crossing = cross_orders(book.prices[half], book.lots[half], book.buys[half])
    bid, ask, lots = crossing.last_bid, crossing.last_ask, crossing.lots
    if bid is None or ask is None:
        return None
    bids, asks = crossing.bids, crossing.asks
    if asks.totals[asks.last(lots)] > lots:
        return ask
    if bids.totals[bids.last(lots)] > lots:
        return bid
    return bid / 2 + ask / 2


def _at_price(book: Book, price: float, half: Flags) -> tuple[Integers, Reals]:
    """Return the lots that each order of a half trades at a price, and its fee in dollars times lots."""
    content = half & np.where(book.buys, book.prices >= price, book.prices <= price)
    at = np.flatnonzero(content)
    crossing = cross_orders(book.prices[at], book.lots[at], book.buys[at])
    lots = min(crossing.bids.all_lots, crossing.asks.all_lots)
    filled, fees = np.zeros(len(book), np.int64), np.zeros(len(book))
    filled[at] = crossing.fills(lots)
    if lots and crossing.bids.all_lots != crossing.asks.all_lots:
        longer = at[book.buys[at] == (crossing.bids.all_lots > lots)]
        fees[longer] = _vickrey_fees(book, longer, price, filled[longer], lots)
    return filled, fees


def _vickrey_fees(book: Book, longer: Integers, price: float, filled: Integers, lots: int) -> Reals:
    """Return the fees of the longer side: what its Clarke payments exceed the price by, against `lots` at that price.

    A participant's fee is spread over his orders in proportion to their gains, so that none of them loses.
    """
    buys = book.buys[longer]
    signs = np.where(buys, 1.0, -1.0)
    nobody = len(book.participants)
    payments = clarke_payments(
        np.append(book.prices[longer], price),
        np.append(book.lots[longer], lots),
        np.append(buys, ~buys[0]),
        np.append(book.owners[longer], nobody),
        np.append(filled, lots),
    )
    owners = book.owners[longer]
    fees = payments - np.bincount(owners, signs * price * filled, len(payments))
    gains = signs * (book.prices[longer] - price) * filled
    of_owner = np.bincount(owners, gains, len(payments))
    share = np.divide(gains, of_owner[owners], out=np.zeros_like(gains), where=of_owner[owners] > 0)
    return np.asarray(np.maximum(fees[owners], 0.0) * share)


def _by_participant(book: Book, fees: Reals) -> Mapping[str, float]:
    sums = np.bincount(book.owners, fees, len(book.participants)) / LOTS_PER_UNIT
    return MappingProxyType(dict(zip(book.participants, sums.tolist(), strict=True)))


def _both_sides(book: Book) -> str:
    buys, sells = (
        np.bincount(book.owners[side], minlength=len(book.participants)) for side in (book.buys, ~book.buys)
    )
    return _BOTH_SIDES if np.any((buys > 0) & (sells > 0)) else ""
