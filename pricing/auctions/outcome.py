"""What an auction did: who traded how much, and who paid whom."""

import math
from dataclasses import dataclass

import numpy as np

from market.units import InvariantBroken
from pricing.auctions.crossing import Efficient
from pricing.auctions.orders import LOTS_PER_UNIT, Book, Integers, Reals


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The outcome of an auction. `filled` (units) and `paid` (dollars) have one entry for each order of the book.

    Whoever pays has a positive entry, whoever is paid a negative one. `buyer_price` and `seller_price` are dollars per unit,
    and None where nobody trades or not everybody trades at one price. `welfare` is what the units traded are worth to their
    buyers less what they cost their sellers, taking the orders for true; `efficient_welfare` and `efficient_volume` are
    those of the best allocation, and `interval` the prices that clear the market. `rule` says what set the prices, and
    `note` what a reader should know of this outcome.
    """

    mechanism: str
    rule: str
    filled: tuple[float, ...]
    paid: tuple[float, ...]
    volume: float
    buyer_price: float | None
    seller_price: float | None
    welfare: float
    efficient_volume: float
    efficient_welfare: float
    interval: tuple[float, float] | None
    note: str = ""

    @property
    def budget_surplus(self) -> float:
        """What the auctioneer keeps, in dollars; negative is what he adds."""
        return math.fsum(self.paid)

    @property
    def efficiency(self) -> float:
        """The share of the greatest welfare that was realised; 1 where nothing could be gained."""
        return self.welfare / self.efficient_welfare if self.efficient_welfare > 0 else 1.0


def settle(
    book: Book,
    efficient: Efficient,
    filled: Integers,
    *,
    mechanism: str,
    rule: str,
    buyer_price: float | None = None,
    seller_price: float | None = None,
    paid: Reals | None = None,
    note: str = "",
) -> Outcome:
    """Return the outcome of `filled` lots at a price for each side, or at the money `paid` for each order.

    A price that nobody pays or gets is left out.

    >>> from pricing.auctions.crossing import cross
    >>> from pricing.auctions.orders import unit_book
    >>> book = unit_book([9], [2])
    >>> traded = settle(
    ...     book, cross(book).efficient, book.lots, mechanism="posted", rule="posted", buyer_price=5, seller_price=4
    ... )
    >>> traded.budget_surplus
    1.0

    Raises:
        InvariantBroken: if bids and offers do not trade as much, an order trades more than it wants, or money is not finite.
    """
    bought, sold = (int(filled[side].sum()) for side in (book.buys, ~book.buys))
    if bought != sold or np.any(filled < 0) or np.any(filled > book.lots):
        raise InvariantBroken(
            f"fills: found {bought} lots bought and {sold} sold, expected as many, none beyond its order"
        )
    units = filled / LOTS_PER_UNIT
    if paid is None:
        prices = np.where(book.buys, buyer_price or 0.0, seller_price or 0.0)
        paid = book.signs * prices * units
    if not np.all(np.isfinite(paid)):
        raise InvariantBroken("money: found a payment that is not finite, expected finite ones")
    return Outcome(
        mechanism=mechanism,
        rule=rule,
        filled=tuple(units.tolist()),
        paid=tuple((paid + 0.0).tolist()),  # + 0.0 turns -0.0 into 0.0
        volume=bought / LOTS_PER_UNIT,
        buyer_price=buyer_price,
        seller_price=seller_price,
        welfare=float((book.signs * book.prices) @ units),
        efficient_volume=efficient.lots / LOTS_PER_UNIT,
        efficient_welfare=efficient.welfare,
        interval=efficient.interval,
        note=note,
    )
