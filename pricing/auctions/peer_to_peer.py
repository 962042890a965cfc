"""Peer to peer: buyers and sellers meet in pairs by chance, and trade wherever a bid reaches an offer.

Everybody meets everybody of the other side once, in rounds in which nobody meets two. Individually rational and strongly
budget balanced; neither truthful nor efficient, as whoever meets early may trade with the wrong party. A benchmark of
markets without an auctioneer: D. Kiedanski, D. Kofman and J. Horta, "PyMarket", J. Open Source Software 5 (2020), 1591.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from pricing.auctions.chance import Seed, generator
from pricing.auctions.crossing import cross
from pricing.auctions.orders import LOTS_PER_UNIT, Book, Integers
from pricing.auctions.outcome import Outcome, settle
from pricing.errors import PricingError, number, whole


@dataclass(frozen=True, slots=True)
class Deal:
    """A trade between two orders, by index in the book: units, at dollars per unit."""

    bid: int
    offer: int
    quantity: float
    price: float


@dataclass(frozen=True, slots=True)
class PeerToPeer:
    """The deals in the order in which they were made, and what they come to."""

    outcome: Outcome
    deals: tuple[Deal, ...]


def peer_to_peer(
    book: Book,
    *,
    k: float = 0.5,
    seed: Seed | None = None,
    rounds: Iterable[Sequence[tuple[int, int]]] | None = None,
) -> PeerToPeer:
    """Let orders meet in pairs; each pair with b >= s trades what both have left at p = k·b + (1 − k)·s, dollars per unit.

    `rounds` lists who meets whom, (bid, offer) by index in the book, nobody twice in a round. Without it both sides are
    shuffled with `seed` and the longer one moves on by a place each round, until every pair has met once.

    >>> from pricing.auctions.orders import step_book
    >>> book = step_book([(3, 1), (4, 2)], [(2, 4)])
    >>> [(deal.bid, deal.quantity, deal.price) for deal in peer_to_peer(book, rounds=[[(1, 2)], [(0, 2)]]).deals]
    [(1, 2.0, 3.0), (0, 1.0, 2.5)]

    Raises:
        PricingError: if k is outside [0, 1], neither or both of `seed` and `rounds` are given, or a round has an order that
            is not in the book, is on the wrong side or is met twice.
    """
    share = number("k", k, low=0, high=1)
    if (seed is None) == (rounds is None):
        raise PricingError("rounds: found both or neither of seed and rounds, expected one of them")
    meetings = _everybody_once(book, generator(seed)) if rounds is None else _checked(book, rounds)
    left = book.lots.copy()
    made: list[tuple[Integers, Integers, Integers]] = []
    for bids, offers in meetings:
        lots = np.minimum(left[bids], left[offers])
        trade = (lots > 0) & (book.prices[bids] >= book.prices[offers])
        if np.any(trade):
            deals = bids[trade], offers[trade], lots[trade]
            left[deals[0]] -= deals[2]
            left[deals[1]] -= deals[2]
            made.append(deals)
    nothing = np.zeros(0, np.int64)
    bids, offers, lots = (np.concatenate([nothing, *(deals[at] for deals in made)]) for at in range(3))
    bid_prices, offer_prices = book.prices[bids], book.prices[offers]
    prices = np.clip(share * bid_prices + (1 - share) * offer_prices, offer_prices, bid_prices)
    paid = np.zeros(len(book))
    np.add.at(paid, bids, prices * lots)
    np.add.at(paid, offers, -prices * lots)
    outcome = settle(
        book,
        cross(book).efficient,
        book.lots - left,
        mechanism="p2p",
        rule=f"k b + (1 - k) s of each pair, k = {share:g}",
        paid=paid / LOTS_PER_UNIT,
    )
    rows = zip(*(each.tolist() for each in (bids, offers, lots / LOTS_PER_UNIT, prices)), strict=True)
    return PeerToPeer(outcome, tuple(Deal(*row) for row in rows))


def _everybody_once(book: Book, chance: np.random.Generator) -> Iterator[tuple[Integers, Integers]]:
    bids, offers = (chance.permutation(np.flatnonzero(side)) for side in (book.buys, ~book.buys))
    shorter, longer = (bids, offers) if len(bids) <= len(offers) else (offers, bids)
    twice = np.concatenate((longer, longer))
    for turn in range(len(longer)):
        met = twice[turn : turn + len(shorter)]
        yield (shorter, met) if shorter is bids else (met, shorter)


def _checked(book: Book, rounds: Iterable[Sequence[tuple[int, int]]]) -> Iterator[tuple[Integers, Integers]]:
    for turn, pairs in enumerate(rounds):
        met: set[int] = set()
        for pair in pairs:
            if len(pair) != 2:
                raise PricingError(f"rounds[{turn}]: found {pair!r}, expected a bid and an offer")
            for given, buys in zip(pair, (True, False), strict=True):
                at = whole(f"rounds[{turn}]", given, high=len(book) - 1)
                if bool(book.buys[at]) is not buys or at in met:
                    expected = "a bid" if buys else "an offer"
                    raise PricingError(
                        f"rounds[{turn}]: found order {at}, expected {expected} not met before in it"
                    )
                met.add(at)
        yield np.array([bid for bid, _ in pairs], np.int64), np.array([offer for _, offer in pairs], np.int64)
