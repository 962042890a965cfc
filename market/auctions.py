"""Call auctions on whole books: one uniform price (the k-double auction), or pay-as-bid.

An auction trades the largest volume that any single price allows. Better prices trade first; at equal prices either the
earlier order, which is the one with the lower index, or all of them in proportion to their quantities.

A uniform price is chosen in this order: largest volume; least imbalance between what is bid and what is offered at the
price; market pressure (towards the side that is left over); nearest the reference price, or, where there is none, the
point k between the ends of the equilibrium interval, rounded down (k = ½ is its middle). Sources: R. Wilson, "Incentive
efficiency of double auctions", Econometrica 53 (1985); K. Chatterjee and W. Samuelson, "Bargaining under incomplete
information", Operations Research 31 (1983), for k; the order of the tie-breaks is that of the large exchanges' auctions.

A uniform price needs no sorted book, only the orders about the margin (`market.margin` finds them in large books): those
with better prices trade wholly, those with worse not at all.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from market.crossing import Integers, Orders, Queue, aligned, checked, crossed, largest_volume, queue_of
from market.listing import Allocation
from market.orders import Side
from market.pairing import Pairing, meetings, pair
from market.units import PPM_ONE, QUANTITY_MAX, InvariantBroken, Lots, Malformed, Ppm, Ticks

__all__ = [
    "HALF",
    "PRICED_PAIR",
    "TIE_RULES",
    "Clearing",
    "Pairing",
    "PayAsBidClearing",
    "clear_pay_as_bid",
    "clear_uniform",
    "pair",  # who clears a book pairs its fills next
    "share",
]

HALF = Ppm(500_000)
TIE_RULES = {Allocation.TIME: "price_then_time", Allocation.PRO_RATA: "price_then_pro_rata"}
PRICED_PAIR = np.dtype(
    [("buy_index", "<i8"), ("sell_index", "<i8"), ("quantity_lots", "<i8"), ("price_ticks", "<i8")]
)


@dataclass(frozen=True, slots=True, eq=False)
class Clearing:
    """The outcome of a uniform-price auction. `buy_fills` and `sell_fills` (lots) are aligned to the orders given.

    Any price in [low, high] is an equilibrium: whoever trades is content to, and nobody left over would rather have. The
    three prices are None when nothing trades. `imbalance_lots` is what is bid minus what is offered at the price.
    `welfare` is the surplus of all trades, in ticks times lots.
    """

    price_ticks: Ticks | None
    low_ticks: Ticks | None
    high_ticks: Ticks | None
    volume_lots: Lots
    imbalance_lots: int
    buy_fills: Integers
    sell_fills: Integers
    price_rule: str
    tie_rule: str
    welfare: int


@dataclass(frozen=True, slots=True, eq=False)
class PayAsBidClearing:
    """The outcome of a pay-as-bid auction: every pair of orders that traded, each at its own price (`PRICED_PAIR`)."""

    pairs: NDArray[np.void]
    volume_lots: Lots
    buy_fills: Integers
    sell_fills: Integers
    price_rule: str
    tie_rule: str
    welfare: int


def clear_uniform(
    bid_prices: Integers,
    bid_quantities: Integers,
    ask_prices: Integers,
    ask_quantities: Integers,
    *,
    reference: Ticks | None = None,
    k_ppm: Ppm = HALF,
    ties: Allocation = Allocation.TIME,
) -> Clearing:
    """Clear a book at one price. Prices in ticks, quantities in lots, each side in the order of arrival.

    `reference` picks the equilibrium price nearest to it; without it, `k_ppm` says how far up the interval the price is.
    `ties` says who trades at the margin.

    >>> bids, offers = np.array([100, 50]), np.array([70, 80])
    >>> clearing = clear_uniform(bids, np.array([100, 100]), offers, np.array([100, 100]))
    >>> clearing.price_ticks, clearing.low_ticks, clearing.high_ticks, clearing.volume_lots
    (75, 70, 80, 100)
    >>> clearing.buy_fills.tolist(), clearing.sell_fills.tolist()
    ([100, 0], [100, 0])

    Raises:
        Malformed: if the arrays of a side differ in length, are no integers, or hold a number out of range.
    """
    if not 0 <= k_ppm <= PPM_ONE:
        raise Malformed(f"k: found {k_ppm} ppm, expected 0 to {PPM_ONE}")
    all_bids = checked(bid_prices, bid_quantities, Side.BUY)
    all_offers = checked(ask_prices, ask_quantities, Side.SELL)
    bids, offers, volume = crossed(all_bids, all_offers)
    bought, sold = _fills(bids, volume, ties), _fills(offers, volume, ties)
    rule = "nearest_reference" if reference is not None else "midpoint" if k_ppm == HALF else "k_double"
    price, low, high, imbalance = None, None, None, 0
    if volume:
        low, high = _equilibrium(bids, offers, volume)
        lowest, highest = _most_balanced(bids, offers, low, high)
        wanted = reference if reference is not None else low + k_ppm * (high - low) // PPM_ONE
        price = min(max(wanted, lowest), highest)
        imbalance = _imbalance(bids, offers, price)
    buy_fills, sell_fills = aligned(bids, bought), aligned(offers, sold)
    return Clearing(
        price_ticks=None if price is None else Ticks(price),
        low_ticks=None if low is None else Ticks(low),
        high_ticks=None if high is None else Ticks(high),
        volume_lots=Lots(volume),
        imbalance_lots=imbalance,
        buy_fills=buy_fills,
        sell_fills=sell_fills,
        price_rule=rule,
        tie_rule=TIE_RULES[ties],
        welfare=_value(all_bids, buy_fills, volume) - _value(all_offers, sell_fills, volume),
    )


def clear_pay_as_bid(
    bid_prices: Integers,
    bid_quantities: Integers,
    ask_prices: Integers,
    ask_quantities: Integers,
    *,
    pays: Side = Side.SELL,
    ties: Allocation = Allocation.TIME,
) -> PayAsBidClearing:
    """Clear a book with every trade at the limit of its order on the `pays` side: its own offer, or its own bid.

    The same orders trade as under a uniform price; the best bid meets the best offer, and so on down the queues.

    Raises:
        Malformed: as `clear_uniform`.
    """
    all_bids = checked(bid_prices, bid_quantities, Side.BUY)
    all_offers = checked(ask_prices, ask_quantities, Side.SELL)
    bids, offers = queue_of(all_bids), queue_of(all_offers)
    volume = largest_volume(bids, offers)
    bought, sold = _fills(bids, volume, ties), _fills(offers, volume, ties)
    buy, sell, quantity = meetings(bought, sold)
    pairs = np.empty(len(quantity), PRICED_PAIR)
    pairs["buy_index"] = bids.index[buy]
    pairs["sell_index"] = offers.index[sell]
    pairs["quantity_lots"] = quantity
    pairs["price_ticks"] = offers.prices[sell] if pays is Side.SELL else bids.prices[buy]
    buy_fills, sell_fills = aligned(bids, bought), aligned(offers, sold)
    return PayAsBidClearing(
        pairs=pairs,
        volume_lots=Lots(volume),
        buy_fills=buy_fills,
        sell_fills=sell_fills,
        price_rule="own_offer" if pays is Side.SELL else "own_bid",
        tie_rule=TIE_RULES[ties],
        welfare=_value(all_bids, buy_fills, volume) - _value(all_offers, sell_fills, volume),
    )


def share(lots: int, quantities: Integers) -> Integers:
    """Share lots out pro rata: floor(lots x quantity / all quantities) each; what is left over goes to the earliest.

    Exact for any 64-bit quantities. Nobody gets more than his quantity.

    >>> share(7, np.array([5, 5, 5])).tolist()
    [3, 2, 2]

    Raises:
        InvariantBroken: if there is more to share out than the quantities hold.
    """
    total = int(quantities.sum())
    if not 0 <= lots <= total:
        raise InvariantBroken(f"shares: found {lots} lots to share out, expected 0 to {total}")
    if not lots:
        return np.zeros_like(quantities)
    exact = quantities if lots * int(quantities.max()) <= QUANTITY_MAX else quantities.astype(object)
    shares = (exact * lots // total).astype(np.int64)
    left = lots - int(shares.sum())
    taken = np.minimum(np.cumsum(quantities - shares), left)
    return shares + np.diff(taken, prepend=0)


def _equilibrium(bids: Queue, offers: Queue, volume: int) -> tuple[int, int]:
    """Return the interval of prices at which nobody who trades loses and nobody left over would gain.

    This is also where market pressure ends: bids left over hold the lower end up, offers left over the upper end down.
    """
    last_bid, next_bid = _margin(bids, volume)
    last_offer, next_offer = _margin(offers, volume)
    low = last_offer if next_bid is None else max(last_offer, next_bid)
    high = last_bid if next_offer is None else min(last_bid, next_offer)
    return low, high


def _margin(queue: Queue, volume: int) -> tuple[int, int | None]:
    """Return the limit of the last order that trades, and of the first that does not, or not wholly."""
    last = int(np.searchsorted(queue.totals, volume, side="left"))
    following = last + (int(queue.totals[last]) == volume)
    return int(queue.prices[last]), int(queue.prices[following]) if following < len(queue.prices) else None


def _most_balanced(bids: Queue, offers: Queue, low: int, high: int) -> tuple[int, int]:
    """Narrow the interval to its least imbalanced prices. Strictly inside no limit lies, so its ends and edges decide."""
    candidates = sorted({low, min(low + 1, high), max(high - 1, low), high})
    imbalances = [abs(_imbalance(bids, offers, price)) for price in candidates]
    least = [
        price for price, imbalance in zip(candidates, imbalances, strict=True) if imbalance == min(imbalances)
    ]
    return least[0], least[-1]


def _imbalance(bids: Queue, offers: Queue, price: int) -> int:
    demand = len(bids.prices) - int(np.searchsorted(bids.prices[::-1], price, side="left"))
    supply = int(np.searchsorted(offers.prices, price, side="right"))
    return bids.lots_within(demand) - offers.lots_within(supply)


def _fills(queue: Queue, volume: int, ties: Allocation) -> Integers:
    """Share out along the queue what the orders ahead of it leave of a volume."""
    fills = np.diff(np.minimum(queue.totals, volume), prepend=min(queue.ahead_lots, volume))
    if ties is Allocation.PRO_RATA and volume:
        level = queue.prices == _margin(queue, volume)[0]
        fills[level] = share(int(fills[level].sum()), queue.quantities[level])
    return fills


def _value(orders: Orders, fills: Integers, volume: int) -> int:
    """Return the sum of price times quantity exactly: some bits of the prices at a time, as many as 64 bits let add up."""
    bits = 63 - volume.bit_length()
    if max(orders.highest, -orders.lowest).bit_length() <= bits:
        return int(np.dot(orders.prices, fills))
    prices = orders.prices - orders.lowest
    if not bits:
        prices, fills, bits = prices.astype(object), fills.astype(object), 63
    value = orders.lowest * volume
    for shift in range(0, (orders.highest - orders.lowest).bit_length(), bits):
        value += int(np.dot(prices >> shift & (1 << bits) - 1, fills)) << shift
    return value
