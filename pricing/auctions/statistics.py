"""How well an auction did: what it traded of what it could, whom it profits, and what is left to the market."""

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np

from pricing.auctions.orders import LOTS_PER_UNIT, Book
from pricing.auctions.outcome import Outcome


def largest_volume(book: Book) -> float:
    """Return the most units that pairs of a bid and an offer it reaches can trade, each pair at its own price.

    By max-flow min-cut: whom a bid reaches, every higher bid reaches too, so some limit p cuts best, and the volume is
    min over p of (bids above p) + (offers at p or below). Never less than what a single price trades.

    >>> from pricing.auctions.orders import step_book
    >>> largest_volume(step_book([(3, 1), (2, 1)], [(1, 1.5)]))
    1.5
    """
    levels = np.unique(book.prices)
    ranks = np.searchsorted(levels, book.prices)
    bids, offers = np.zeros(len(levels) + 1, np.int64), np.zeros(len(levels) + 1, np.int64)
    np.add.at(bids, ranks[book.buys] + 1, book.lots[book.buys])
    np.add.at(offers, ranks[~book.buys] + 1, book.lots[~book.buys])
    above = bids.sum() - np.cumsum(bids)  # the first entry is a limit below all prices
    return float(np.min(above + np.cumsum(offers))) / LOTS_PER_UNIT


def percentage_traded(book: Book, outcome: Outcome) -> float:
    """Return the volume over the largest volume, a share in [0, 1]; 1 where nothing could trade.

    >>> from pricing.auctions import step_book, uniform
    >>> book = step_book([(3, 1), (2, 1)], [(1, 1.5)])
    >>> percentage_traded(book, uniform(book))
    1.0
    """
    most = largest_volume(book)
    return outcome.volume / most if most else 1.0


def percentage_welfare(outcome: Outcome) -> float:
    """Return the welfare over the greatest welfare, the outcome's efficiency; 1 where nothing could be gained.

    >>> from pricing.auctions import mcafee, unit_book
    >>> percentage_welfare(mcafee(unit_book([9, 8, 7, 5], [2, 3, 4, 12])))
    0.8
    """
    return outcome.efficiency


def profits(book: Book, outcome: Outcome) -> Mapping[str, float]:
    """Return what each participant gains, in dollars: what his trades are worth to him less what he paid.

    >>> from pricing.auctions import k_double, unit_book
    >>> book = unit_book([9], [2])
    >>> dict(profits(book, k_double(book, k=0)))
    {'buyer 0': 7.0, 'seller 0': 0.0}
    """
    gains = book.signs * book.prices * np.array(outcome.filled) - np.array(outcome.paid)
    sums = np.bincount(book.owners, gains, len(book.participants))
    return MappingProxyType(dict(zip(book.participants, (sums + 0.0).tolist(), strict=True)))


def market_profit(outcome: Outcome) -> float:
    """Return what is left to the market, in dollars: all that is paid less all that is received, fees included.

    >>> from pricing.auctions import mcafee, unit_book
    >>> market_profit(mcafee(unit_book([9, 8, 7, 5], [2, 3, 4, 12])))
    6.0
    """
    return outcome.budget_surplus
