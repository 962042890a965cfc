"""What each party could have in the order book instead: its levels are walked, so that a thin book counts little.

Levels are pairs (price, quantity): money per unit, and units. Take your own resting orders and those of the counterparty
out first: you cannot trade with yourself, and the counterparty's are gone if the talks fail.
"""

from collections.abc import Iterable, Sequence

from market.depth import DepthLevel
from market.units import MICROS_PER_TOKEN, Commodity
from pricing.bargaining.valuations import Cost, Value
from pricing.errors import LARGEST, PricingError, number

Levels = Sequence[tuple[float, float]]


def buyer_outside(value: float | Value, asks: Levels, quantity: float, fee_per_unit: float = 0.0) -> float:
    """Return d_buyer = max over 0 <= q <= Q of [V(q) − walk_asks(q) − fee·q], in money; 0 if buying there never pays.

    `value` is a figure per unit or a `Value`. V is concave and the cost of walking convex, so each level is taken, best
    first, up to where the next unit is worth no more than its price and fee: exact, without a grid.

    >>> buyer_outside(Value(60, 1), [(36, 100)], quantity=60, fee_per_unit=1)
    264.5
    >>> buyer_outside(50, [(36, 10), (48, 5), (55, 100)], quantity=12)
    144.0

    Raises:
        PricingError: if a figure is not finite, or a quantity or the fee is negative.
    """
    worth = value if isinstance(value, Value) else Value(number("value", value))
    return _best_gain("asks", worth, _checked("asks", asks), quantity, fee_per_unit)


def seller_outside(cost: float | Cost, bids: Levels, quantity: float, fee_per_unit: float = 0.0) -> float:
    """Return d_seller = max over 0 <= q <= Q of [walk_bids(q) − fee·q − C(q)], in money; 0 if selling there never pays.

    `cost` is a figure per unit or a `Cost`.

    >>> seller_outside(Cost(10, 2), [(31, 4), (21, 100)], quantity=60, fee_per_unit=1)
    65.0

    Raises:
        PricingError: if a figure is not finite, or a quantity or the fee is negative.
    """
    burden = cost if isinstance(cost, Cost) else Cost(number("cost", cost))
    # selling at a price is buying back one's cost: −C is the value, and what the bids pay a negative price
    return _best_gain(
        "bids",
        Value(-burden.slope, burden.curvature),
        [(-price, size) for price, size in _checked("bids", bids)],
        quantity,
        fee_per_unit,
    )


def walk(levels: Levels, quantity: float, *, side: str) -> float:
    """Return what trading `quantity` units against the levels pays or is paid, in money: Σ price · units, best first.

    `side` is "asks" (lowest first) or "bids" (highest first).

    >>> walk([(36, 10), (40, 5)], 12, side="asks")
    440.0

    Raises:
        PricingError: if the book has not so many units, or a figure is out of range.
    """
    if side not in ("asks", "bids"):
        raise PricingError(f"side: found {side!r}, expected 'asks' or 'bids'")
    left, money = number("quantity", quantity, low=0), 0.0
    for price, size in sorted(_checked(side, levels), reverse=side == "bids"):
        taken = min(left, size)
        money, left = money + price * taken, left - taken
    if left > 0:
        raise PricingError(f"quantity: found {quantity:g}, expected at most the {quantity - left:g} on offer")
    return number("money", money)


def without_orders(levels: Levels, orders: Levels) -> tuple[tuple[float, float], ...]:
    """Return the levels less the orders, pairs (price, quantity), that would not be there if the talks fail.

    >>> without_orders([(36, 10), (40, 5)], [(36, 4), (40, 5)])
    ((36.0, 6.0),)

    Raises:
        PricingError: if an order is larger than what rests at its price.
    """
    left: dict[float, float] = {}
    for price, size in _checked("levels", levels):
        left[price] = left.get(price, 0.0) + size
    for price, size in _checked("orders", orders):
        if size > left.get(price, 0.0):
            raise PricingError(
                f"orders: found {size:g} units at {price:g}, expected at most the {left.get(price, 0.0):g} that rest there"
            )
        left[price] -= size
    return tuple((price, size) for price, size in left.items() if size > 0)


def levels_of(depth: Iterable[DepthLevel], commodity: Commodity) -> tuple[tuple[float, float], ...]:
    """Return one side of a `market.depth.Depth` as (price in tokens per unit, quantity in units).

    >>> from market.depth import DepthLevel
    >>> levels_of([DepthLevel(2110, 1500, 1)], Commodity.CMP)  # ticks of 0.001 and mGPU·h
    ((2.11, 1.5),)

    Raises:
        PricingError: if a level's price or quantity is no finite number.
    """
    return tuple(
        (
            number("price_ticks", level.price_ticks, low=-LARGEST, high=LARGEST)
            * commodity.tick_micros
            / MICROS_PER_TOKEN,
            number("quantity_lots", level.quantity_lots, low=0) / commodity.lots_per_unit,
        )
        for level in depth
    )


def _checked(side: str, levels: Levels) -> list[tuple[float, float]]:
    checked = []
    for place, level in enumerate(levels):
        if len(level) != 2:
            raise PricingError(f"{side}[{place}]: found {level!r}, expected a price and a quantity")
        price, size = level
        checked.append(
            (
                number(f"{side}[{place}] price", price, low=-LARGEST, high=LARGEST),
                number(f"{side}[{place}] quantity", size, low=0, high=LARGEST),
            )
        )
    return checked


def _best_gain(side: str, value: Value, levels: Levels, quantity: float, fee_per_unit: float) -> float:
    limit = number("quantity", quantity, low=0)
    fee = number("fee_per_unit", fee_per_unit, low=0)
    bought = gain = 0.0
    for price, size in sorted(levels):
        margin = value.slope - value.curvature * bought - price - fee  # of the next unit, at this level
        if margin <= 0:
            break
        worthwhile = margin / value.curvature if value.curvature else limit
        units = min(size, limit - bought, worthwhile)
        gain += units * margin - value.curvature * units * units / 2
        bought += units
    return number(f"gain from the {side}", gain)
