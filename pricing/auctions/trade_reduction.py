"""Trade reduction: the least valuable trade is given up, so that nobody who trades sets his own price.

`trade_reduction` leaves the difference of both prices to the auctioneer. `market.trade_reduction` is the same on the
exchange's ticks. `sbb_trade_reduction` has one price, and draws lots where one side is left with a trader too many.
"""

from dataclasses import dataclass

import numpy as np

from market.orders import Side
from pricing.auctions.chance import Seed, generator
from pricing.auctions.crossing import Crossing, Queue, cross
from pricing.auctions.orders import LOTS_PER_UNIT, Book, Integers
from pricing.auctions.outcome import Outcome, settle
from pricing.errors import PricingError

SEVERAL_UNITS = "not truthful for whoever trades several units: he may withhold one to move the price; see huang, muda, vcg"


@dataclass(frozen=True, slots=True)
class Lottery:
    """Lots drawn among the traders of a side: `winners` of `entrants` units trade."""

    side: Side
    winners: int
    entrants: int


@dataclass(frozen=True, slots=True)
class BalancedReduction:
    """A strongly budget balanced trade reduction; `lottery` is None where everybody who is to trade can."""

    outcome: Outcome
    lottery: Lottery | None


def trade_reduction(book: Book) -> Outcome:
    """Give up the last of the K efficient units: K − 1 trade, buyers pay b_K, sellers get s_K, dollars per unit.

    The auctioneer keeps (K − 1)(b_K − s_K) >= 0. Truthful for participants of one unit each, individually rational, weakly
    budget balanced; welfare is at least 1 − 1/K of the greatest. At equal prices the earlier trades. With K = 1 nobody does.
    Source: R. P. McAfee, "A dominant strategy double auction", Journal of Economic Theory 56 (1992).

    >>> from pricing.auctions.orders import unit_book
    >>> outcome = trade_reduction(unit_book([100, 90, 80, 70, 60], [80, 85, 95, 100, 110]))
    >>> outcome.volume, outcome.buyer_price, outcome.seller_price, outcome.budget_surplus
    (1.0, 90.0, 85.0, 5.0)

    Raises:
        PricingError: if a quantity is no whole number of units.
    """
    whole_units(book)
    return reduced(book, cross(book), "trade-reduction")


def reduced(book: Book, crossing: Crossing, mechanism: str) -> Outcome:
    """Return the outcome of a crossing with its last unit given up.

    >>> from pricing.auctions.orders import unit_book
    >>> book = unit_book([9, 8], [3, 4])
    >>> reduced(book, cross(book), "mcafee").budget_surplus
    4.0
    """
    lots = max(crossing.lots - LOTS_PER_UNIT, 0)
    return settle(
        book,
        crossing.efficient,
        crossing.fills(lots),
        mechanism=mechanism,
        rule="reduction",
        buyer_price=crossing.last_bid if lots else None,
        seller_price=crossing.last_ask if lots else None,
        note=units_note(book),
    )


def sbb_trade_reduction(book: Book, *, first: Side = Side.BUY, seed: Seed | None = None) -> BalancedReduction:
    """Trade at one price set by whoever comes next, strongly budget balanced; if nobody may set it, reduce and draw lots.

    With `first` the buyers: if s_{K+1} <= b_K, all K trade at p = s_{K+1}. Otherwise the K-th buyer is given up and
    p = b_K: K − 1 buyers trade, with K − 1 of the K sellers, drawn by lot. With `first` the sellers, the same mirrored:
    p = b_{K+1} if it is at least s_K, else s_K and a lottery among K buyers. Here K counts the units with b_K > s_K: one
    without gain would only enter the lottery. A marginal order that does not exist sets no price.

    Truthful and individually rational for participants of one unit each. Source: E. Segal-Halevi, A. Hassidim and
    Y. Aumann, "SBBA: a strongly-budget-balanced double-auction mechanism", SAGT 2016; the order of the categories is that
    of R. Gonen and E. Segal-Halevi, "Strongly budget balanced auctions for multi-sided markets", AAAI 2020.

    >>> from pricing.auctions.orders import unit_book
    >>> found = sbb_trade_reduction(unit_book([9, 8], [4, 3]), seed=7)
    >>> found.outcome.buyer_price, found.lottery.winners, found.lottery.entrants, found.outcome.budget_surplus
    (8.0, 1, 2, 0.0)

    Raises:
        PricingError: if a quantity is no whole number of units, `first` is no side, or there is no seed.
    """
    whole_units(book)
    if not isinstance(first, Side):
        raise PricingError(f"first: found {first!r}, expected Side.BUY or Side.SELL")
    chance = generator(seed)
    crossing = cross(book)
    lots = _gainful(crossing)
    queue, others = (crossing.bids, crossing.asks) if first is Side.BUY else (crossing.asks, crossing.bids)
    price, lottery = None, None
    own_fills, other_fills = queue.fills(lots), others.fills(lots)
    if lots:
        own, rival = float(queue.prices[queue.last(lots)]), others.next_price(lots)
        sets_price = rival is not None and (rival <= own if first is Side.BUY else rival >= own)
        price = rival if sets_price else own
        if not sets_price:
            trades = lots // LOTS_PER_UNIT - 1
            lottery = Lottery(first.other, trades, trades + 1)
            own_fills = queue.fills(trades * LOTS_PER_UNIT)
            other_fills = _without_one(others, other_fills, lottery, chance)
            price, lottery = (price, lottery) if trades else (None, None)
    fills = (own_fills, other_fills) if first is Side.BUY else (other_fills, own_fills)
    outcome = settle(
        book,
        crossing.efficient,
        crossing.aligned(*fills),
        mechanism="sbb-trade-reduction",
        rule="external competition" if lottery is None and price is not None else "reduction",
        buyer_price=price,
        seller_price=price,
        note=units_note(book),
    )
    return BalancedReduction(outcome, lottery)


def whole_units(book: Book) -> None:
    """Refuse a book with a part of a unit in it.

    >>> from pricing.auctions.orders import step_book
    >>> whole_units(step_book([(9, 1.5)], [(2, 1)]))
    Traceback (most recent call last):
    pricing.errors.PricingError: quantities[0]: found 1.5, expected whole units, as the last unit is given up

    Raises:
        PricingError: if there is one.
    """
    parts = book.lots % LOTS_PER_UNIT != 0
    if np.any(parts):
        at = int(np.argmax(parts))
        found = book.lots[at] / LOTS_PER_UNIT
        raise PricingError(
            f"quantities[{at}]: found {found:g}, expected whole units, as the last unit is given up"
        )


def units_note(book: Book) -> str:
    """Return what to note where a participant has more than one unit, else nothing.

    >>> from pricing.auctions.orders import unit_book
    >>> units_note(unit_book([9], [2]))
    ''
    """
    several = bool(np.any(book.lots > LOTS_PER_UNIT)) or len(book.participants) < len(book)
    return SEVERAL_UNITS if several else ""


def _gainful(crossing: Crossing) -> int:
    """Return the lots at the front of both queues that trade with a gain."""
    bids, asks = crossing.bids, crossing.asks
    if not crossing.lots:
        return 0
    supply = np.concatenate(([0], asks.totals))[np.searchsorted(asks.prices, bids.prices, side="left")]
    return int(np.minimum(bids.totals, supply).max())


def _without_one(queue: Queue, fills: Integers, lottery: Lottery, chance: np.random.Generator) -> Integers:
    """Take one unit, each as likely as any other, off the fills of a queue."""
    loser = int(chance.integers(lottery.entrants)) * LOTS_PER_UNIT + 1
    left = fills.copy()
    left[queue.last(loser)] -= LOTS_PER_UNIT
    return left
