"""Outside options: what a party can have elsewhere, and the two ways in which that bears on a bargain.

An option that ends the talks by chance, as when the book may move away, is what a breakdown gives: it shifts the starting
point. One that a party may take up at will is a threat only where it beats the bargain: it is a limit. Binmore, Shaked &
Sutton, The Outside Option Principle in Noncooperative Bargaining, Q. J. Economics 104 (1989).
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from pricing.bargaining.problem import Agreement, agreement, no_agreement
from pricing.bargaining.transferable import Transferable
from pricing.bargaining.water_filling import water_fill
from pricing.errors import LARGEST, PricingError, number, vector
from pricing.errors import weights as checked_weights


class OutsideMode(StrEnum):
    """How an outside option bears on the bargain.

    Attributes:
        DISAGREEMENT: it is the disagreement payoff, and what is over is shared (split the difference).
        CONSTRAINT: all is shared, and nobody has less than the option (deal me out).
    """

    DISAGREEMENT = "disagreement"
    CONSTRAINT = "constraint"

    @classmethod
    def _missing_(cls, value: object) -> None:
        raise PricingError(f"mode: found {value!r}, expected one of {', '.join(cls)}")


@dataclass(frozen=True, slots=True)
class PriceAgreement:
    """A price between the least that the seller takes and the most that the buyer pays, and the gains over going elsewhere.

    Attributes:
        agreed: whether there is a zone of agreement, low <= high.
        price: in the unit of value and cost, total or per unit; None where there is no zone.
        low: cost plus what the seller has elsewhere.
        high: value less what the buyer has elsewhere.
        gain_buyer: high − price; 0 where there is none.
        gain_seller: price − low; 0 where there is none.
    """

    agreed: bool
    price: float | None
    low: float
    high: float
    gain_buyer: float
    gain_seller: float


def split(
    total: float,
    outside: Iterable[float],
    weights: Iterable[float] | None = None,
    *,
    mode: OutsideMode = OutsideMode.DISAGREEMENT,
) -> Agreement:
    """Share a total, in money, among parties who each have an outside option. Gains are over the options.

    With the option b as disagreement x_i = b_i + w_i (S − Σ b). As a constraint the shares maximise Π x_i^{w_i} over
    x >= b, Σ x = S: w_i S each, raised to b_i where that is more, the others sharing what remains.
    Where Σ b > S there is no agreement.

    Source: Osborne & Rubinstein, Bargaining and Markets (1990), 3.12.

    >>> split(1, (0, 0.6)).payoffs
    (0.2, 0.8)
    >>> split(1, (0, 0.6), mode=OutsideMode.CONSTRAINT).payoffs
    (0.4, 0.6)

    Raises:
        EmptySide: if nobody is named.
        PricingError: if a figure is not finite, a weight is negative or all are zero, or there is no such mode.
    """
    options = vector("outside", outside)
    pie = Transferable(total, tuple(options.tolist()))
    shares = checked_weights("weights", weights, size=len(options))
    if OutsideMode(mode) is OutsideMode.DISAGREEMENT:
        return pie.best_product(shares)
    nothing, no_cap = np.zeros_like(options), np.full(len(options), math.inf)
    least = np.maximum(options, nothing)  # without a deal, and without the option, there is nothing
    if math.fsum(least) > total:
        return no_agreement(options)
    return agreement(water_fill(total, start=nothing, weights=shares, low=least, high=no_cap), options)


def bargain_price(
    *,
    value: float,
    cost: float,
    outside_buyer: float = 0.0,
    outside_seller: float = 0.0,
    weight_seller: float = 0.5,
    mode: OutsideMode = OutsideMode.DISAGREEMENT,
) -> PriceAgreement:
    """Return the Nash price of one trade: the buyer has value − p, the seller p − cost, in money, total or per unit.

    The zone of agreement is [cost + d_s, value − d_b]. With the outside options as disagreement p = low + w (high − low),
    w the seller's weight; as a constraint p = cost + w (value − cost), moved into the zone.

    Source: Nash (1950); Binmore, Shaked & Sutton (1989).

    >>> bargain_price(value=10, cost=4, weight_seller=0.75).price
    8.5
    >>> bargain_price(value=10, cost=4, outside_seller=4).price
    9.0
    >>> bargain_price(value=10, cost=4, outside_seller=4, mode=OutsideMode.CONSTRAINT).price
    8.0
    >>> bargain_price(value=4, cost=5).price is None
    True

    Raises:
        PricingError: if a figure is not finite, or the weight is not in [0, 1].
    """
    v = number("value", value, low=-LARGEST, high=LARGEST)
    c = number("cost", cost, low=-LARGEST, high=LARGEST)
    low = c + number("outside_seller", outside_seller, low=-LARGEST, high=LARGEST)
    high = v - number("outside_buyer", outside_buyer, low=-LARGEST, high=LARGEST)
    w = number("weight_seller", weight_seller, low=0, high=1)
    if low > high:
        return PriceAgreement(False, None, low, high, 0.0, 0.0)
    if OutsideMode(mode) is OutsideMode.CONSTRAINT:
        price = min(high, max(low, c + w * (v - c)))
    else:
        price = min(high, low + w * (high - low))
    return PriceAgreement(True, price, low, high, high - price, price - low)


def inside_spread_price(
    *,
    value: float,
    cost: float,
    best_bid: float | None = None,
    best_ask: float | None = None,
    fee_buyer: float = 0.0,
    fee_seller: float = 0.0,
    weight_seller: float = 0.5,
    mode: OutsideMode = OutsideMode.DISAGREEMENT,
) -> PriceAgreement:
    """Return the price of one unit between parties who could each trade it in the book instead, money per unit.

    With the options as disagreement p = p_lo + w (p_hi − p_lo), p_lo = max(cost, bid − fee_s) and
    p_hi = min(value, ask + fee_b). A side of the book that is empty is no option.

    >>> inside_spread_price(value=60, cost=10, best_bid=28, best_ask=36, fee_buyer=1, fee_seller=1).price
    32.0

    Raises:
        PricingError: if a figure is not finite, a fee is negative, or the weight is not in [0, 1].
    """
    v, c = number("value", value), number("cost", cost)
    fee_b, fee_s = number("fee_buyer", fee_buyer, low=0), number("fee_seller", fee_seller, low=0)
    bought = 0.0 if best_ask is None else v - number("best_ask", best_ask) - fee_b
    sold = 0.0 if best_bid is None else number("best_bid", best_bid) - fee_s - c
    return bargain_price(
        value=v,
        cost=c,
        outside_buyer=max(0.0, bought),
        outside_seller=max(0.0, sold),
        weight_seller=weight_seller,
        mode=mode,
    )
