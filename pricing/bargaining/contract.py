"""Bilateral contracts: how much a buyer and a seller trade, and what is paid for it.

With a lump sum both want the efficient quantity and bargain over its gains alone. With nothing but a price per unit, the
price has to do both, and the quantity suffers.
"""

from dataclasses import dataclass

from pricing.bargaining.order_book import Levels, buyer_outside, seller_outside
from pricing.bargaining.outside import OutsideMode, bargain_price
from pricing.bargaining.valuations import Cost, Value
from pricing.errors import Unbounded, number


@dataclass(frozen=True, slots=True)
class Contract:
    """A quantity and a transfer. Without agreement both are 0, and so are the gains.

    Attributes:
        agreed: whether trading with each other beats going elsewhere.
        quantity: q*, in units.
        transfer: T, from buyer to seller, in money.
        unit_price: T/q*; None where nothing is traded.
        outside_buyer: d_b, in money.
        outside_seller: d_s, in money.
        surplus: W* − d_b − d_s, what trading with each other adds; negative where there is no agreement.
        gain_buyer: V(q*) − T − d_b.
        gain_seller: T − C(q*) − d_s.
    """

    agreed: bool
    quantity: float
    transfer: float
    unit_price: float | None
    outside_buyer: float
    outside_seller: float
    surplus: float
    gain_buyer: float
    gain_seller: float


@dataclass(frozen=True, slots=True)
class WholesalePrice:
    """A linear wholesale price, and what follows from it downstream.

    Attributes:
        price: w, per unit.
        quantity: what the downstream firm buys at w and sells on.
        retail_price: p, per unit.
        profit_upstream: (w − c)·q, in money.
        profit_downstream: (p − w)·q, in money.
    """

    price: float
    quantity: float
    retail_price: float
    profit_upstream: float
    profit_downstream: float


def bilateral_contract(
    value: Value,
    cost: Cost,
    *,
    outside_buyer: float = 0.0,
    outside_seller: float = 0.0,
    weight_seller: float = 0.5,
    mode: OutsideMode = OutsideMode.DISAGREEMENT,
    quantity_max: float | None = None,
) -> Contract:
    """Return the Nash contract over quantity and lump sum: q* = (a − c)/(b + e), T = C(q*) + d_s + w (W* − d_b − d_s).

    V(q) = a·q − b·q²/2, C(q) = c·q + e·q²/2, W* = V(q*) − C(q*), w the seller's weight. q* depends on neither w nor d;
    it is 0 where the first unit is worth less than it costs, and at most `quantity_max`. As a constraint (`mode`) the
    outside options only limit T.

    Source: efficient bargaining, e.g. Muthoo, Bargaining Theory with Applications (1999), 2.

    >>> contract = bilateral_contract(Value(60, 1), Cost(10, 1.5), weight_seller=0.5)
    >>> contract.quantity, contract.transfer, contract.unit_price
    (20.0, 750.0, 37.5)

    Raises:
        Unbounded: if every further unit is worth more than it costs, and no `quantity_max` is given.
        PricingError: if a figure is out of range.
    """
    margin, bend = value.slope - cost.slope, value.curvature + cost.curvature
    limit = None if quantity_max is None else number("quantity_max", quantity_max, low=0)
    if margin <= 0:
        quantity = 0.0
    elif bend > 0:
        quantity = margin / bend if limit is None else min(limit, margin / bend)
    elif limit is not None:
        quantity = limit
    else:
        raise Unbounded(
            f"quantity: found a margin of {margin:g} on every unit, expected curvature or quantity_max"
        )
    worth, burden = number("V(q*)", value.of(quantity)), number("C(q*)", cost.of(quantity))
    deal = bargain_price(
        value=worth,
        cost=burden,
        outside_buyer=outside_buyer,
        outside_seller=outside_seller,
        weight_seller=weight_seller,
        mode=mode,
    )
    if deal.price is None or quantity == 0:
        return Contract(False, 0.0, 0.0, None, outside_buyer, outside_seller, deal.high - deal.low, 0.0, 0.0)
    return Contract(
        agreed=True,
        quantity=quantity,
        transfer=deal.price,
        unit_price=deal.price / quantity,
        outside_buyer=outside_buyer,
        outside_seller=outside_seller,
        surplus=deal.high - deal.low,
        gain_buyer=deal.gain_buyer,
        gain_seller=deal.gain_seller,
    )


def contract_beside_book(
    value: Value,
    cost: Cost,
    *,
    asks: Levels,
    bids: Levels,
    quantity_max: float,
    fee_per_unit: float = 0.0,
    weight_seller: float = 0.5,
    mode: OutsideMode = OutsideMode.DISAGREEMENT,
) -> Contract:
    """Return the Nash contract between two who could each trade up to `quantity_max` units in an order book instead.

    The outside options are `buyer_outside` and `seller_outside` of the levels, from which both parties' own orders have
    been taken (`without_orders`).

    >>> contract = contract_beside_book(
    ...     Value(60, 1), Cost(10, 1.5), asks=[(36, 60)], bids=[(28, 60)], fee_per_unit=1, quantity_max=60
    ... )
    >>> contract.quantity, round(contract.unit_price, 6)
    (20.0, 33.295833)

    Raises:
        PricingError: if a figure is out of range.
    """
    return bilateral_contract(
        value,
        cost,
        outside_buyer=buyer_outside(value, asks, quantity_max, fee_per_unit),
        outside_seller=seller_outside(cost, bids, quantity_max, fee_per_unit),
        weight_seller=weight_seller,
        mode=mode,
        quantity_max=quantity_max,
    )


def wholesale_price(*, choke_price: float, cost: float = 0.0, weight_upstream: float = 0.5) -> WholesalePrice:
    """Return the Nash price per unit where no lump sum can be paid: w = c + β (a − c)/2, for demand q = a − p.

    The downstream firm buys at w and sells at p = (a + w)/2; each has nothing if they disagree. β = 1 is the Stackelberg
    leader's price, β = 0 leaves the upstream firm its cost c. Only then is the quantity that of the integrated firm:
    above it each adds a margin to a margin.

    Source: Nash (1950) on profits (w − c)(a − w)/2 and (a − w)²/4; Horn & Wolinsky, RAND J. Economics 19 (1988).

    >>> wholesale_price(choke_price=100)
    WholesalePrice(price=25.0, quantity=37.5, retail_price=62.5, profit_upstream=937.5, profit_downstream=1406.25)

    Raises:
        PricingError: if a figure is out of range, or the cost is above the choke price.
    """
    a = number("choke_price", choke_price, low=0)
    c = number("cost", cost, low=0, high=a)
    beta = number("weight_upstream", weight_upstream, low=0, high=1)
    price = c + beta * (a - c) / 2
    quantity = (a - price) / 2
    return WholesalePrice(
        price=price,
        quantity=quantity,
        retail_price=a - quantity,
        profit_upstream=(price - c) * quantity,
        profit_downstream=number("profit", quantity * quantity),
    )
