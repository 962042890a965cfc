"""All double auctions behind one door: a name, orders and parameters in, an `Outcome` out."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from pricing.auctions.divisible import pay_as_bid, uniform
from pricing.auctions.double import k_double
from pricing.auctions.huang import huang
from pricing.auctions.mcafee import mcafee
from pricing.auctions.muda import muda
from pricing.auctions.orders import Book, Order
from pricing.auctions.outcome import Outcome
from pricing.auctions.peer_to_peer import peer_to_peer
from pricing.auctions.trade_reduction import sbb_trade_reduction, trade_reduction
from pricing.auctions.vcg import vcg
from pricing.errors import PricingError

__all__ = ["MECHANISMS", "Mechanism", "Order", "Outcome", "clear"]


@dataclass(frozen=True, slots=True)
class Mechanism:
    """A double auction: `run(book, **parameters)`, the parameters that it takes, and what it is in a few words."""

    name: str
    run: Callable[..., Outcome]
    parameters: frozenset[str]
    summary: str


def clear(mechanism: str, orders: Iterable[Order] | Book, **parameters: Any) -> Outcome:
    """Clear orders by the auction of that name in `MECHANISMS`; money in dollars, quantities in units.

    A parameter that is None is left out; one that the auction does not take is refused by name. Auctions that draw lots
    take `seed`, and give the same outcome for the same seed.

    >>> from market.orders import Side
    >>> orders = [Order("lab", Side.BUY, 9.0, 2), Order("sun", Side.SELL, 4.0, 1), Order("wind", Side.SELL, 5.0, 3)]
    >>> outcome = clear("k-double", orders, k=0.5)
    >>> outcome.buyer_price, outcome.filled
    (5.0, (2.0, 1.0, 1.0))
    >>> clear("mcafee", orders, k=0.5)
    Traceback (most recent call last):
    pricing.errors.PricingError: k: found a parameter of mcafee, expected none

    Raises:
        PricingError: if there is no such auction, or an order or a parameter is malformed.
        EmptySide: if nobody bids or nobody offers.
    """
    if mechanism not in MECHANISMS:
        raise PricingError(f"mechanism: found {mechanism!r}, expected one of {', '.join(MECHANISMS)}")
    chosen = MECHANISMS[mechanism]
    given = {name: value for name, value in parameters.items() if value is not None}
    for name in given:
        if name not in chosen.parameters:
            expected = ", ".join(sorted(chosen.parameters)) or "none"
            raise PricingError(f"{name}: found a parameter of {mechanism}, expected {expected}")
    return chosen.run(orders if isinstance(orders, Book) else Book.of(orders), **given)


def _sbb(book: Book, **parameters: Any) -> Outcome:
    return sbb_trade_reduction(book, **parameters).outcome


def _muda(book: Book, **parameters: Any) -> Outcome:
    return muda(book, **parameters).outcome


def _p2p(book: Book, **parameters: Any) -> Outcome:
    return peer_to_peer(book, **parameters).outcome


MECHANISMS: Mapping[str, Mechanism] = MappingProxyType(
    {
        name: Mechanism(name, run, frozenset(parameters), summary)
        for name, run, parameters, summary in (
            ("uniform", uniform, ("k", "ties"), "the exchange's call auction: one price, the largest volume"),
            ("pay-as-bid", pay_as_bid, ("pays", "ties"), "every trade at the limit of one of its orders"),
            (
                "k-double",
                k_double,
                ("k", "ties"),
                "one price, k of the way up the prices that clear the market",
            ),
            ("mcafee", mcafee, (), "the price of those left out, or one trade less"),
            ("trade-reduction", trade_reduction, (), "one trade less, which sets both prices"),
            ("sbb-trade-reduction", _sbb, ("first", "seed"), "one price for both sides, and a lottery"),
            ("vcg", vcg, (), "everybody pays what the others lose; at a deficit"),
            ("huang", huang, (), "the marginal orders set the prices and stay out"),
            ("muda", _muda, ("left", "seed"), "two halves by chance, each at the other's price"),
            ("p2p", _p2p, ("k", "rounds", "seed"), "pairs that meet by chance"),
        )
    }
)
"""The double auctions by name."""
