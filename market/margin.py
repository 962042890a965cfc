"""Find the orders about the margin of a large book without sorting it: a compiled pass or two over what was given.

Prices are counted into buckets. The curves of demand and supply over the buckets cross within a few of them, and only the
orders in there need to be looked at one by one; all others trade wholly or not at all. If too many orders fall into that
window (a far price makes buckets wide), its own prices are counted into buckets again.
"""

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numpy as np
from numba import njit
from numpy.typing import NDArray

Function = TypeVar("Function", bound=Callable[..., Any])
Integers = NDArray[np.int64]

BUCKET_BITS = 12
"""The buckets of both sides together fit into the processor's nearest cache."""
_FEW = 16
"""A window that holds less than one in so many of the lots is narrow enough."""


def _compiled(function: Function) -> Function:
    return cast(Function, njit(cache=True)(function))


def window(
    bid_prices: Integers,
    bid_quantities: Integers,
    offer_prices: Integers,
    offer_quantities: Integers,
    *,
    low: int,
    high: int,
) -> tuple[int, int]:
    """Return two prices between which demand and supply cross; `low` and `high` (ticks) are the ends of all prices.

    Arrays are contiguous, of 64-bit integers; the lots of a side fit into 64 bits together.
    """
    while True:
        shift = max((high - low).bit_length() - BUCKET_BITS, 0)
        buckets = ((high - low) >> shift) + 1
        bids, offers = np.zeros(buckets + 2, np.int64), np.zeros(buckets + 2, np.int64)
        _count(bid_prices, bid_quantities, low, high, shift, bids)
        _count(offer_prices, offer_quantities, low, high, shift, offers)
        demand, supply = bids[::-1].cumsum()[::-1], offers.cumsum()
        # At the prices of bucket b (counted from 1) demand is demand[b + 1] to demand[b], supply supply[b - 1] to supply[b].
        surely_short = np.flatnonzero(demand[2:] > supply[1:-1])
        surely_long = np.flatnonzero(demand[1:-1] < supply[:-2])
        first = int(surely_short[-1]) if len(surely_short) else 0
        last = int(surely_long[0]) if len(surely_long) else buckets - 1
        lots = int(bids[first + 1 : last + 2].sum()) + int(offers[first + 1 : last + 2].sum())
        low, high = low + (first << shift), min(high, low + ((last + 1) << shift) - 1)
        narrowed = last - first + 1 < buckets
        if not shift or not narrowed or lots * _FEW <= int(demand[0]) + int(supply[-1]):
            return low, high


@_compiled
def _count(
    prices: Integers, quantities: Integers, low: int, high: int, shift: int, buckets: Integers
) -> None:
    """Add up lots by bucket; what is below `low` or above `high` goes into the first or the last one."""
    last = len(buckets) - 1
    for at in range(len(prices)):
        price = prices[at]
        if price < low:
            bucket = 0
        elif price > high:
            bucket = last
        else:
            bucket = 1 + ((price - low) >> shift)
        buckets[bucket] += quantities[at]


@_compiled
def within(prices: Integers, low: int, high: int, found: Integers) -> int:
    """Write the indexes of the prices from `low` to `high`, and return how many there are."""
    count = 0
    for at in range(len(prices)):
        if np.uint64(prices[at] - low) <= np.uint64(high - low):  # one comparison: what is below wraps round
            found[count] = at
            count += 1
    return count


@_compiled
def above(prices: Integers, limit: int, quantities: Integers, found: Integers) -> int:
    """Write the quantities at prices above the limit, else 0, and return their sum."""
    total = 0
    for at in range(len(prices)):
        lots = quantities[at] if prices[at] > limit else 0
        found[at] = lots
        total += lots
    return total


@_compiled
def below(prices: Integers, limit: int, quantities: Integers, found: Integers) -> int:
    """Write the quantities at prices below the limit, else 0, and return their sum."""
    total = 0
    for at in range(len(prices)):
        lots = quantities[at] if prices[at] < limit else 0
        found[at] = lots
        total += lots
    return total
