"""The merit order of one hour: what its divisible orders take in at which price, exactly.

Bids and offers lie on one curve. Its *intake* is what the bids buy minus what the offers sell; it starts where every offer
sells and no bid buys and grows as the price falls: past a bid's limit the bid buys, past an offer's the offer stops
selling. The slope of the welfare over the intake is the price.
"""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import accumulate

from market.orders import Side


@dataclass(frozen=True, slots=True)
class Merit:
    """One hour's curve: prices that fall strictly, the intakes (lots) where each begins and the last ends.

    `worths` are the welfare of the hour's orders there, in ticks times lots.
    """

    prices: tuple[int, ...]
    ends: tuple[int, ...]
    worths: tuple[int, ...]

    @property
    def lowest(self) -> int:
        """The least intake: all offers sell."""
        return self.ends[0]

    @property
    def highest(self) -> int:
        """The greatest intake: all bids buy."""
        return self.ends[-1]

    def price_range(self, intake: int) -> tuple[int | None, int | None]:
        """Return the prices at which the hour takes in this much: from, to. None where nothing limits them.

        >>> merit_of([(Side.BUY, 10, 5), (Side.SELL, 4, 5)]).price_range(0), merit_of([]).price_range(0)
        ((4, 10), (None, None))
        """
        below = bisect_right(self.ends, intake) - 1
        above = bisect_left(self.ends, intake) - 1
        low = self.prices[below] if below < len(self.prices) else None
        high = self.prices[above] if above >= 0 else None
        return low, high

    def worth(self, intake: int) -> int:
        """Return the welfare of the hour's orders when they take in this much, in ticks times lots."""
        step = max(bisect_right(self.ends, intake) - 1, 0)
        beyond = intake - self.ends[step]
        return self.worths[step] + (beyond * self.prices[step] if beyond else 0)

    def intake_range(self, price: float) -> tuple[int, int]:
        """Return the least and the most that the hour takes in at a price."""
        dearer = bisect_left(self.prices, -price, key=lambda each: -each)
        as_dear = bisect_right(self.prices, -price, key=lambda each: -each)
        return self.ends[dearer], self.ends[as_dear]


def merit_of(orders: Iterable[tuple[Side, int, int]]) -> Merit:
    """Return the curve of an hour's orders (side, limit in ticks, lots)."""
    lots_at: defaultdict[int, int] = defaultdict(int)
    offered = cost = 0
    for side, price, lots in orders:
        lots_at[price] += lots
        if side is Side.SELL:
            offered += lots
            cost += price * lots
    prices = tuple(sorted(lots_at, reverse=True))
    ends = accumulate((lots_at[price] for price in prices), initial=-offered)
    worths = accumulate((price * lots_at[price] for price in prices), initial=-cost)
    return Merit(prices, tuple(ends), tuple(worths))
