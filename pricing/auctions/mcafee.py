"""McAfee's double auction: one price from the traders left out if that suits all who trade, else a trade less.

Source: R. P. McAfee, "A dominant strategy double auction", Journal of Economic Theory 56 (1992), 434-450.
"""

from pricing.auctions.crossing import Crossing, cross
from pricing.auctions.orders import Book
from pricing.auctions.outcome import Outcome, settle
from pricing.auctions.trade_reduction import reduced, units_note, whole_units


def mcafee(book: Book) -> Outcome:
    """Trade all K units at p0 = (b_{K+1} + s_{K+1})/2 if s_K <= p0 <= b_K, else give the last one up.

    Without it, K − 1 trade, buyers pay b_K, sellers get s_K, dollars per unit. `rule` says which: "p0" or "reduction". If
    b_{K+1} or s_{K+1} does not exist there is no p0, and a trade is given up. Truthful and individually rational for
    participants of one unit each; weakly budget balanced; welfare is at least 1 − 1/K of the greatest.

    >>> from pricing.auctions.orders import unit_book
    >>> outcome = mcafee(unit_book([9, 8, 7, 4], [2, 3, 4, 6]))
    >>> outcome.rule, outcome.volume, outcome.buyer_price
    ('p0', 3.0, 5.0)

    Raises:
        PricingError: if a quantity is no whole number of units.
    """
    whole_units(book)
    crossing = cross(book)
    price = _price_that_suits_all(crossing)
    if price is None:
        return reduced(book, crossing, "mcafee")
    return settle(
        book,
        crossing.efficient,
        crossing.fills(crossing.lots),
        mechanism="mcafee",
        rule="p0",
        buyer_price=price,
        seller_price=price,
        note=units_note(book),
    )


def _price_that_suits_all(crossing: Crossing) -> float | None:
    bid, ask = crossing.next_bid, crossing.next_ask
    if bid is None or ask is None or crossing.last_bid is None or crossing.last_ask is None:
        return None
    price = bid / 2 + ask / 2
    return price if crossing.last_ask <= price <= crossing.last_bid else None
