"""The Vickrey-Clarke-Groves double auction: everybody pays what the others lose by his being there.

Sources: W. Vickrey, Journal of Finance 16 (1961); E. H. Clarke, Public Choice 11 (1971); T. Groves, Econometrica 41 (1973).
The welfare of the others comes for all participants at once from linear programming duality, in O(n log² n):
W = min over prices p of Σ_bids (b − p)⁺ q + Σ_offers (p − s)⁺ q, a convex function with kinks at the limits only.
"""

import numpy as np

from pricing.auctions.crossing import cross
from pricing.auctions.orders import LOTS_PER_UNIT, Book, Flags, Integers, Reals
from pricing.auctions.outcome import Outcome, settle
from pricing.auctions.prefix import Prefix


def vcg(book: Book) -> Outcome:
    """Clear efficiently; each pays W₋ᵢ − (W − vᵢ), dollars: what the others would have without him less what they have.

    vᵢ is what his trades are worth to him, so that he keeps W − W₋ᵢ >= 0. For participants of one unit each buyers pay
    max(s_K, b_{K+1}) and sellers get min(b_K, s_{K+1}); a marginal order that does not exist drops out. Truthful also for
    participants with several orders, individually rational and efficient; the auctioneer adds the deficit. A participant's
    gain is spread over his orders in proportion to what they trade. `buyer_price` and `seller_price` are set where all pay
    the same.

    >>> from pricing.auctions.orders import unit_book
    >>> outcome = vcg(unit_book([9, 8, 7, 4], [2, 3, 4, 6]))
    >>> outcome.buyer_price, outcome.seller_price, outcome.budget_surplus
    (4.0, 6.0, -6.0)
    """
    crossing = cross(book)
    filled = crossing.fills(crossing.lots)
    payments = clarke_payments(book.prices, book.lots, book.buys, book.owners, filled)
    worth = book.signs * book.prices * filled
    gains = np.bincount(book.owners, worth) - payments
    traded = np.bincount(book.owners, filled)
    gain_per_lot = np.divide(gains, traded, out=np.zeros_like(gains), where=traded > 0)
    paid = (worth - gain_per_lot[book.owners] * filled) / LOTS_PER_UNIT
    return settle(
        book,
        crossing.efficient,
        filled,
        mechanism="vcg",
        rule="Clarke pivot",
        buyer_price=_one_price(paid, filled, book.buys),
        seller_price=_one_price(-paid, filled, ~book.buys),
        paid=paid,
    )


def clarke_payments(prices: Reals, lots: Integers, buys: Flags, owners: Integers, filled: Integers) -> Reals:
    """Return what each owner pays (+) or gets (−) by the Clarke pivot, in dollars times lots, for an efficient `filled`.

    >>> sides = np.array([True, True, False])
    >>> clarke_payments(np.array([9.0, 7.0, 2.0]), np.ones(3, int), sides, np.arange(3), np.array([1, 0, 1])).tolist()
    [7.0, 0.0, -9.0]
    """
    worth = np.where(buys, prices, -prices) * filled
    traders = np.flatnonzero(np.bincount(owners, filled))  # who trades nothing moves nobody
    others = worth.sum() - np.bincount(owners, worth)
    payments = np.zeros(len(others))
    payments[traders] = welfare_without(traders, prices, lots, buys, owners) - others[traders]
    return payments


def welfare_without(each: Integers, prices: Reals, lots: Integers, buys: Flags, owners: Integers) -> Reals:
    """Return for each of some owners the greatest welfare of all others, in dollars times lots.

    Bisects for all of them together the lowest limit p at which the others offer, at p or less, as much as they bid above
    it: there the convex sum of their surpluses is least. An owner can move that limit no further than his own lots reach.

    >>> sides = np.array([True, True, False])
    >>> welfare_without(np.arange(3), np.array([9.0, 7.0, 2.0]), np.ones(3, int), sides, np.arange(3)).tolist()
    [5.0, 7.0, 0.0]
    """
    levels, ranks = np.unique(prices, return_inverse=True)
    size = int(owners.max()) + 1
    bids, asks = (
        Prefix.of(ranks[side], prices[side], lots[side], owners[side], levels=len(levels), size=size)
        for side in (buys, ~buys)
    )
    excess = asks.all_lots - (bids.all_lots[-1] - bids.all_lots)
    top = len(levels) - 1
    low = np.minimum(np.searchsorted(excess, -bids.owned(each)), top)
    high = np.minimum(np.searchsorted(excess, asks.owned(each)), top)
    while np.any(low < high):
        middle = (low + high) // 2
        enough = asks.up_to(each, middle)[0] >= bids.above(each, middle)[0]
        low, high = np.where(enough, low, middle + 1), np.where(enough, middle, high)
    offered, cost = asks.up_to(each, low)
    bid, worth = bids.above(each, low)
    return np.asarray(worth - cost + levels[low] * (offered - bid))


def _one_price(money: Reals, filled: Integers, side: Flags) -> float | None:
    """Return what each unit of a side costs if all cost the same up to rounding."""
    trades = side & (filled > 0)
    if not np.any(trades):
        return None
    each = money[trades] / filled[trades] * LOTS_PER_UNIT
    price = float(each[0])
    return price if np.ptp(each) <= 1e-9 * max(1.0, abs(price)) else None
