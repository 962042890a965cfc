"""The trade-reduction double auction: truthful for all, at the price of the least valuable trade.

Of the efficient trades (the best bids and the best offers, while a bid reaches its offer) the last one is dropped. Its bid
is what all other buyers pay, its offer what all other sellers get: nobody sets his own price, so for one who wants a single
unit nothing beats the truth. The auctioneer keeps the difference, which is never negative. Source: R. P. McAfee, "A
dominant strategy double auction", Journal of Economic Theory 56 (1992), whose mechanism falls back to this one.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from market.units import Malformed, Ticks

__all__ = ["TradeReduction", "clear_trade_reduction"]

Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class TradeReduction:
    """The outcome. `buyers` and `sellers` are the indexes of those who trade one unit each, best first.

    Buyers pay `buyer_price_ticks`, sellers get `seller_price_ticks`: None if nobody trades. `welfare` (ticks) is the surplus
    of all trades, of which the auctioneer keeps `auctioneer_surplus`; `lost_welfare` is that of the trade dropped.
    """

    buyers: tuple[int, ...]
    sellers: tuple[int, ...]
    buyer_price_ticks: Ticks | None
    seller_price_ticks: Ticks | None
    auctioneer_surplus: int
    welfare: int
    lost_welfare: int


def clear_trade_reduction(bid_prices: Integers, offer_prices: Integers) -> TradeReduction:
    """Clear bids and offers of one unit each, prices in ticks; the earlier goes first at equal prices.

    >>> clear_trade_reduction(np.array([100, 90, 80, 70, 60]), np.array([80, 85, 95, 100, 110]))
    ... # doctest: +NORMALIZE_WHITESPACE
    TradeReduction(buyers=(0,), sellers=(0,), buyer_price_ticks=90, seller_price_ticks=85, auctioneer_surplus=5,
        welfare=20, lost_welfare=5)

    Raises:
        Malformed: if a side is no list of integers.
    """
    bids, offers = _checked(bid_prices, "bids"), _checked(offer_prices, "offers")
    buyers = sorted(range(len(bids)), key=lambda at: (-bids[at], at))
    sellers = sorted(range(len(offers)), key=lambda at: (offers[at], at))
    gains = [bids[buyer] - offers[seller] for buyer, seller in zip(buyers, sellers, strict=False)]
    efficient = sum(gain >= 0 for gain in gains)
    trades = max(efficient - 1, 0)
    dropped = trades if trades else None  # a single trade leaves nobody to pay its prices
    return TradeReduction(
        buyers=tuple(buyers[:trades]),
        sellers=tuple(sellers[:trades]),
        buyer_price_ticks=None if dropped is None else Ticks(bids[buyers[dropped]]),
        seller_price_ticks=None if dropped is None else Ticks(offers[sellers[dropped]]),
        auctioneer_surplus=0 if dropped is None else trades * gains[dropped],
        welfare=sum(gains[:trades]),
        lost_welfare=sum(gains[trades:efficient]),
    )


def _checked(prices: Integers, what: str) -> list[int]:
    prices = np.asarray(prices)
    if prices.ndim != 1 or (prices.size and prices.dtype.kind != "i"):
        raise Malformed(
            f"{what}: found {prices.dtype} of shape {prices.shape}, expected a list of signed integers"
        )
    listed: list[int] = prices.tolist()
    return listed
