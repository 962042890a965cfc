"""Call auctions on whole books: one uniform price (the k-double auction), or pay-as-bid.

An auction trades the largest volume that any single price allows. Better prices trade first; at equal prices the earlier
order, which is the one with the lower index. The margin is therefore decided by time and never shared out.

A uniform price is chosen in this order: largest volume; least imbalance between what is bid and what is offered at the
price; market pressure (towards the side that is left over); nearest the reference price, or, where there is none, the
point k between the ends of the equilibrium interval, rounded down (k = ½ is its middle). Sources: R. Wilson, "Incentive
efficiency of double auctions", Econometrica 53 (1985); K. Chatterjee and W. Samuelson, "Bargaining under incomplete
information", Operations Research 31 (1983), for k; the order of the tie-breaks is that of the large exchanges' auctions.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from market.orders import Side
from market.units import PPM_ONE, QUANTITY_MAX, InvariantBroken, Lots, Malformed, Ppm, Ticks

Integers = NDArray[np.int64]

HALF = Ppm(500_000)
PRICE_THEN_TIME = "price_then_time"
PRICE_LIMIT = 1 << 62
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


@dataclass(frozen=True, slots=True, eq=False)
class _Queue:
    """One side, best order first: where each order stood in the input, its price, and the running total of lots."""

    index: Integers
    prices: Integers
    totals: Integers

    def lots_within(self, count: int) -> int:
        return int(self.totals[count - 1]) if count else 0


def clear_uniform(
    bid_prices: Integers,
    bid_quantities: Integers,
    ask_prices: Integers,
    ask_quantities: Integers,
    *,
    reference: Ticks | None = None,
    k_ppm: Ppm = HALF,
) -> Clearing:
    """Clear a book at one price. Prices in ticks, quantities in lots, each side in the order of arrival.

    `reference` picks the equilibrium price nearest to it; without it, `k_ppm` says how far up the interval the price is.

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
    bids = _queue(bid_prices, bid_quantities, Side.BUY)
    offers = _queue(ask_prices, ask_quantities, Side.SELL)
    volume = _largest_volume(bids, offers)
    bought, sold = _fills(bids, volume), _fills(offers, volume)
    rule = "nearest_reference" if reference is not None else "midpoint" if k_ppm == HALF else "k_double"
    price, low, high, imbalance = None, None, None, 0
    if volume:
        low, high = _equilibrium(bids, offers, volume)
        lowest, highest = _most_balanced(bids, offers, low, high)
        wanted = reference if reference is not None else low + k_ppm * (high - low) // PPM_ONE
        price = min(max(wanted, lowest), highest)
        imbalance = _imbalance(bids, offers, price)
    return Clearing(
        price_ticks=None if price is None else Ticks(price),
        low_ticks=None if low is None else Ticks(low),
        high_ticks=None if high is None else Ticks(high),
        volume_lots=Lots(volume),
        imbalance_lots=imbalance,
        buy_fills=_aligned(bids, bought),
        sell_fills=_aligned(offers, sold),
        price_rule=rule,
        tie_rule=PRICE_THEN_TIME,
        welfare=_value(bids.prices, bought) - _value(offers.prices, sold),
    )


def clear_pay_as_bid(
    bid_prices: Integers,
    bid_quantities: Integers,
    ask_prices: Integers,
    ask_quantities: Integers,
    *,
    pays: Side = Side.SELL,
) -> PayAsBidClearing:
    """Clear a book with every trade at the limit of its order on the `pays` side: its own offer, or its own bid.

    The same orders trade as under a uniform price; the best bid meets the best offer, and so on down the queues.

    Raises:
        Malformed: as `clear_uniform`.
    """
    bids = _queue(bid_prices, bid_quantities, Side.BUY)
    offers = _queue(ask_prices, ask_quantities, Side.SELL)
    volume = _largest_volume(bids, offers)
    bought, sold = _fills(bids, volume), _fills(offers, volume)
    buy, sell, quantity = _meetings(bought, sold)
    pairs = np.empty(len(quantity), PRICED_PAIR)
    pairs["buy_index"] = bids.index[buy]
    pairs["sell_index"] = offers.index[sell]
    pairs["quantity_lots"] = quantity
    pairs["price_ticks"] = offers.prices[sell] if pays is Side.SELL else bids.prices[buy]
    return PayAsBidClearing(
        pairs=pairs,
        volume_lots=Lots(volume),
        buy_fills=_aligned(bids, bought),
        sell_fills=_aligned(offers, sold),
        price_rule="own_offer" if pays is Side.SELL else "own_bid",
        tie_rule=PRICE_THEN_TIME,
        welfare=_value(bids.prices, bought) - _value(offers.prices, sold),
    )


def pair(buy_fills: Integers, sell_fills: Integers) -> list[tuple[int, int, int]]:
    """Pair fills, both in priority order, into trades of (index of the bid, index of the offer, lots).

    >>> pair(np.array([3, 0, 2]), np.array([4, 1]))
    [(0, 0, 3), (2, 0, 1), (2, 1, 1)]

    Raises:
        InvariantBroken: if the two sides do not add up to the same quantity.
    """
    buy, sell, quantity = _meetings(buy_fills, sell_fills)
    return list(zip(buy.tolist(), sell.tolist(), quantity.tolist(), strict=True))


def _queue(prices: Integers, quantities: Integers, side: Side) -> _Queue:
    """Check one side and sort it by price, then by index."""
    what = "bids" if side is Side.BUY else "offers"
    prices, quantities = np.asarray(prices), np.asarray(quantities)
    if prices.ndim != 1 or prices.shape != quantities.shape:
        raise Malformed(
            f"{what}: found {prices.shape} prices and {quantities.shape} quantities, expected as many"
        )
    if prices.size == 0:
        none = np.zeros(0, np.int64)
        return _Queue(none, none, none)
    for name, numbers in (("prices", prices), ("quantities", quantities)):
        if numbers.dtype.kind != "i":
            raise Malformed(f"{what}: found {name} of type {numbers.dtype}, expected signed integers")
    if int(quantities.min()) < 1:
        at = int(quantities.argmin())
        raise Malformed(f"{what}: found {quantities[at]} lots at index {at}, expected at least 1")
    at = int(max(prices.argmax(), prices.argmin(), key=lambda each: abs(int(prices[each]))))
    if abs(int(prices[at])) >= PRICE_LIMIT:
        raise Malformed(
            f"{what}: found price {prices[at]} at index {at}, expected less than {PRICE_LIMIT} ticks"
        )
    total = (int((quantities >> 32).sum()) << 32) + int((quantities & 0xFFFFFFFF).sum())
    if total > QUANTITY_MAX:
        raise Malformed(f"{what}: found {total} lots together, expected at most {QUANTITY_MAX}")
    prices = prices.astype(np.int64)
    index = _in_order(-prices if side is Side.BUY else prices)
    return _Queue(index, prices[index], np.cumsum(quantities[index], dtype=np.int64))


def _in_order(ranks: Integers) -> Integers:
    """Return the indexes by rank, then by index.

    Where rank and index fit into one word together, sorting those words is ten times as fast as a stable sort of indexes.
    """
    lowest = int(ranks.min())
    index_bits = len(ranks).bit_length()
    if (int(ranks.max()) - lowest).bit_length() + index_bits > 62:
        return np.argsort(ranks, kind="stable")
    words = np.sort((ranks - lowest) << index_bits | np.arange(len(ranks)))
    return words & ((1 << index_bits) - 1)


def _largest_volume(bids: _Queue, offers: _Queue) -> int:
    """Return the most lots that one price lets trade.

    Raising a price to the next bid's limit loses no bid and no offer, so the best price is some bid's limit.
    """
    if not len(bids.prices) or not len(offers.prices):
        return 0
    supply = np.concatenate(([0], offers.totals))[np.searchsorted(offers.prices, bids.prices, side="right")]
    return int(np.minimum(bids.totals, supply).max())


def _equilibrium(bids: _Queue, offers: _Queue, volume: int) -> tuple[int, int]:
    """Return the interval of prices at which nobody who trades loses and nobody left over would gain.

    This is also where market pressure ends: bids left over hold the lower end up, offers left over the upper end down.
    """
    last_bid, next_bid = _margin(bids, volume)
    last_offer, next_offer = _margin(offers, volume)
    low = last_offer if next_bid is None else max(last_offer, next_bid)
    high = last_bid if next_offer is None else min(last_bid, next_offer)
    return low, high


def _margin(queue: _Queue, volume: int) -> tuple[int, int | None]:
    """Return the limit of the last order that trades, and of the first that does not, or not wholly."""
    last = int(np.searchsorted(queue.totals, volume, side="left"))
    following = last + (int(queue.totals[last]) == volume)
    return int(queue.prices[last]), int(queue.prices[following]) if following < len(queue.prices) else None


def _most_balanced(bids: _Queue, offers: _Queue, low: int, high: int) -> tuple[int, int]:
    """Narrow the interval to its least imbalanced prices. Strictly inside no limit lies, so its ends and edges decide."""
    candidates = sorted({low, min(low + 1, high), max(high - 1, low), high})
    imbalances = [abs(_imbalance(bids, offers, price)) for price in candidates]
    least = [
        price for price, imbalance in zip(candidates, imbalances, strict=True) if imbalance == min(imbalances)
    ]
    return least[0], least[-1]


def _imbalance(bids: _Queue, offers: _Queue, price: int) -> int:
    demand = len(bids.prices) - int(np.searchsorted(bids.prices[::-1], price, side="left"))
    supply = int(np.searchsorted(offers.prices, price, side="right"))
    return bids.lots_within(demand) - offers.lots_within(supply)


def _fills(queue: _Queue, volume: int) -> Integers:
    """Share a volume out along the queue."""
    filled = np.minimum(queue.totals, volume)
    return np.diff(filled, prepend=0)


def _aligned(queue: _Queue, fills: Integers) -> Integers:
    """Put fills back into the order in which the orders were given."""
    aligned = np.empty_like(fills)
    aligned[queue.index] = fills
    return aligned


def _meetings(buy_fills: Integers, sell_fills: Integers) -> tuple[Integers, Integers, Integers]:
    """Lay both queues of fills along one line of lots; each stretch between two ends is a meeting of two orders."""
    bought, sold = np.cumsum(buy_fills, dtype=np.int64), np.cumsum(sell_fills, dtype=np.int64)
    total_bought, total_sold = (int(each[-1]) if len(each) else 0 for each in (bought, sold))
    if total_bought != total_sold:
        raise InvariantBroken(
            f"fills: found {total_bought} lots bought and {total_sold} sold, expected as many"
        )
    ends = np.sort(np.concatenate((bought, sold)))
    lengths = np.diff(ends, prepend=0)
    ends, lengths = ends[lengths > 0], lengths[lengths > 0]
    return np.searchsorted(bought, ends), np.searchsorted(sold, ends), lengths


def _value(prices: Integers, fills: Integers) -> int:
    """Return the sum of price times quantity exactly, in Python's integers where 64 bits might not do."""
    if not len(prices):
        return 0
    if int(np.abs(prices).max()) * int(fills.sum()) <= QUANTITY_MAX:
        return int(np.dot(prices, fills))
    return sum(int(price) * int(lots) for price, lots in zip(prices, fills, strict=True) if lots)
