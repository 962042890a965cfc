"""Auctions of one unit by one seller: first and second price, and the reserve that earns most.

Sources: W. Vickrey, Journal of Finance 16 (1961); R. Myerson, "Optimal auction design", Mathematics of Operations Research 6
(1981); J. Riley and W. Samuelson, "Optimal auctions", American Economic Review 71 (1981).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pricing.auctions.orders import DOLLARS_MAX
from pricing.errors import EmptySide, PricingError, number, vector


@dataclass(frozen=True, slots=True)
class Sale:
    """Who won, by index, and the price in dollars; both None if no bid reached the reserve."""

    winner: int | None
    price: float | None


def second_price(bids: Sequence[float], *, reserve: float = 0.0) -> Sale:
    """Sell to the highest bid for the larger of the second highest and the reserve, dollars; truthful.

    >>> second_price([3, 8, 5])
    Sale(winner=1, price=5.0)

    Raises:
        PricingError: if a figure is negative.
        EmptySide: if there is no bid.
    """
    offered, winner = _highest(bids, reserve)
    if winner is None:
        return Sale(None, None)
    others = np.delete(offered, winner)
    return Sale(winner, float(max(reserve, others.max(initial=0.0))))


def first_price(bids: Sequence[float], *, reserve: float = 0.0) -> Sale:
    """Sell to the highest bid for what it says, dollars; bidders shade their bids.

    >>> first_price([3, 8, 5])
    Sale(winner=1, price=8.0)

    Raises:
        PricingError: if a figure is negative.
        EmptySide: if there is no bid.
    """
    offered, winner = _highest(bids, reserve)
    return Sale(None, None) if winner is None else Sale(winner, float(offered[winner]))


@dataclass(frozen=True, slots=True)
class UniformBidders:
    """`count` bidders whose values are independent and uniform on [low, high], dollars.

    >>> bidders = UniformBidders(2)
    >>> bidders.optimal_reserve, round(bidders.revenue(), 6), round(bidders.revenue(reserve=0.5), 6)
    (0.5, 0.333333, 0.416667)

    Raises:
        PricingError: if there is no bidder, or 0 <= low < high does not hold.
    """

    count: int
    low: float = 0.0
    high: float = 1.0

    def __post_init__(self) -> None:
        if type(self.count) is not int or self.count < 1:
            raise PricingError(f"count: found {self.count!r}, expected an integer of at least 1")
        number("high", self.high, low=number("low", self.low, low=0), high=DOLLARS_MAX, open_low=True)

    @property
    def first_price_slope(self) -> float:
        """The slope (n − 1)/n of the equilibrium bid in a first-price auction."""
        return (self.count - 1) / self.count

    def first_price_bid(self, value: float) -> float:
        """Return the equilibrium bid b(v) = v − (v − low)/n without a reserve, dollars.

        >>> UniformBidders(4).first_price_bid(0.8)
        0.6000000000000001

        Raises:
            PricingError: if the value is outside [low, high].
        """
        v = number("value", value, low=self.low, high=self.high)
        return self.low + self.first_price_slope * (v - self.low)

    @property
    def optimal_reserve(self) -> float:
        """Where the virtual value v − (1 − F)/f = 2v − high of a bidder is 0, but at least `low`."""
        return max(self.low, self.high / 2)

    def revenue(self, *, reserve: float | None = None) -> float:
        """Return the expected revenue, the same for first and second price: E[(2v − high)·1{v >= r}] for the highest v.

        In closed form with t = (r − low)/(high − low), d = high − low: (2 low − high)(1 − tⁿ) + 2d n/(n+1) (1 − tⁿ⁺¹).

        >>> round(UniformBidders(3).revenue(reserve=0.5), 6)
        0.53125

        Raises:
            PricingError: if the reserve is negative.
        """
        given = self.low if reserve is None else number("reserve", reserve, low=0)
        width, n = self.high - self.low, self.count
        t = min(1.0, max(0.0, (given - self.low) / width))
        return (2 * self.low - self.high) * (1 - t**n) + 2 * width * n / (n + 1) * (1 - t ** (n + 1))


def _highest(bids: Sequence[float], reserve: float) -> tuple[np.ndarray, int | None]:
    offered, least = vector("bids", bids, low=0), number("reserve", reserve, low=0)
    if not len(offered):
        raise EmptySide("bids: found none, expected at least one")
    winner = int(np.argmax(offered))
    return offered, winner if offered[winner] >= least else None
