"""Huang, Scheller-Wolf and Sycara's double auction for orders of several, divisible units.

Source: P. Huang, A. Scheller-Wolf and K. Sycara, "Design of a multi-unit double auction e-market", Computational
Intelligence 18 (2002), 596-617.
"""

import numpy as np

from pricing.auctions.crossing import Queue, cross
from pricing.auctions.orders import Book, Integers
from pricing.auctions.outcome import Outcome, settle


def huang(book: Book) -> Outcome:
    """Let the two orders at the margin set the prices and stay out: buyers pay b_L, sellers get s_K, dollars per unit.

    L and K are the orders that hold the last unit that demand and supply have in common. All better orders of the short
    side trade wholly. On the long side each gives up as much as any other, as long as it has so much (constrained equal
    losses): max(0, q_i − δ), with δ such that both sides trade the same. Truthful in prices for participants with one order
    each, individually rational, weakly budget balanced; asymptotically efficient. The earlier of equal bids is the better.

    >>> from pricing.auctions.orders import step_book
    >>> outcome = huang(step_book([(4, 2), (3, 1), (1, 5)], [(1, 1), (2, 4), (6, 5)]))
    >>> outcome.buyer_price, outcome.seller_price, outcome.filled
    (3.0, 2.0, (1.0, 0.0, 0.0, 1.0, 0.0, 0.0))
    """
    crossing = cross(book)
    queues = crossing.bids, crossing.asks
    better = [_better(queue, crossing.lots) for queue in queues]
    lots = min(int(wanted.sum()) for wanted in better)
    bids, asks = (
        _equal_losses(wanted, lots, queue.index) for wanted, queue in zip(better, queues, strict=True)
    )
    return settle(
        book,
        crossing.efficient,
        crossing.aligned(bids, asks),
        mechanism="huang",
        rule="marginal orders set the prices",
        buyer_price=crossing.last_bid,
        seller_price=crossing.last_ask,
        note="one order per participant" if len(book.participants) < len(book) else "",
    )


def _better(queue: Queue, lots: int) -> Integers:
    """Return the lots of each order that is better than the one at the margin, 0 for the others."""
    better = np.zeros_like(queue.lots)
    if lots:
        before = queue.last(lots)
        better[:before] = queue.lots[:before]
    return better


def _equal_losses(wanted: Integers, lots: int, arrived: Integers) -> Integers:
    """Share `lots` out so that all lose the same, or all they want: lots left by rounding go to the earliest to arrive.

    Not to the best, or a higher bid would gain a lot. Exact integers: with the wants descending, the n largest share if
    each of them is over its loss.
    """
    if lots in (0, int(wanted.sum())):
        return wanted if lots else np.zeros_like(wanted)
    largest = np.sort(wanted)[::-1]
    losses = (np.cumsum(largest) - lots) / np.arange(1, len(wanted) + 1)
    sharing = int(np.flatnonzero(largest > losses)[-1]) + 1
    loss = (
        int(largest[:sharing].sum()) - lots
    ) // sharing  # rounded down: the shares are too large by less than n
    shares = np.maximum(wanted - loss, 0)
    surplus = int(shares.sum()) - lots
    sharers = np.flatnonzero(shares)
    latest = sharers[np.argsort(-arrived[sharers])]
    shares[latest[:surplus]] -= 1
    return shares
