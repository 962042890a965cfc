"""The k-double auction: all who are efficient trade, at one price inside the interval that clears the market.

Sources: R. Wilson, "Incentive efficiency of double auctions", Econometrica 53 (1985); K. Chatterjee and W. Samuelson,
"Bargaining under incomplete information", Operations Research 31 (1983). Efficient at truthful orders, individually rational
and strongly budget balanced; not truthful, as whoever is at the margin moves the price.
"""

from market.listing import Allocation
from pricing.auctions.crossing import cross
from pricing.auctions.orders import Book
from pricing.auctions.outcome import Outcome, settle
from pricing.auctions.ties import allocation
from pricing.errors import number


def k_double(book: Book, *, k: float = 0.5, ties: str = "time") -> Outcome:
    """Clear a book at p = (1 − k)·low + k·high, low = max(s_K, b_{K+1}), high = min(b_K, s_{K+1}), dollars per unit.

    At k = 1 the buyers' limits set the price, at k = 0 the sellers'. A marginal order that does not exist limits nothing.
    At equal prices the earlier order trades first, or with `ties` "pro-rata" all in proportion to their quantities.

    >>> from pricing.auctions.orders import unit_book
    >>> outcome = k_double(unit_book([10, 9, 8, 7, 3], [1, 2, 5, 6, 9]))
    >>> outcome.volume, outcome.buyer_price, outcome.welfare
    (4.0, 6.5, 20.0)

    Raises:
        PricingError: if k is outside [0, 1], or `ties` is unknown.
    """
    share = number("k", k, low=0, high=1)
    shared = allocation(ties) is Allocation.PRO_RATA
    crossing = cross(book)
    price = None
    if crossing.interval is not None:
        low, high = crossing.interval
        price = min(high, max(low, (1 - share) * low + share * high))
    return settle(
        book,
        crossing.efficient,
        crossing.fills(crossing.lots, pro_rata=shared),
        mechanism="k-double",
        rule=f"(1 - k) low + k high, k = {share:g}",
        buyer_price=price,
        seller_price=price,
    )
