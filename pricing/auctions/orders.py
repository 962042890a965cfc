"""Orders of an auction, and a book of them as arrays.

Prices are dollars per unit, any finite real number. Quantities are units (GPU·h, Mbps·h, kWh) and count in millionths: sums
of them are then exact, and no residue of 1e-14 units decides who is at the margin.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from market.orders import Side
from pricing.errors import LARGEST, EmptySide, PricingError, number, vector, whole

Reals = NDArray[np.float64]
Integers = NDArray[np.int64]
Flags = NDArray[np.bool_]

LOTS_PER_UNIT = 1_000_000
"""A lot is a millionth of a unit."""
DOLLARS_MAX = 1e15
"""The largest price, up or down: sums of money stay finite and keep their cents."""
_LOTS_MAX = 1 << 53
"""So many lots together, some nine thousand million units, are still exact as floats."""


@dataclass(frozen=True, slots=True)
class Order:
    """A bid for up to `quantity` units at `price` dollars each or less, or an offer of them at that price or more."""

    participant: str
    side: Side
    price: float
    quantity: float = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class Book:
    """Orders as arrays, in the order of arrival: at equal prices the earlier goes first.

    `owners` says by index in `participants` whose order each is. The arrays are read-only.

    Raises:
        PricingError: if a price is no number in range, an order has no lots or no owner, or the arrays differ in length.
        EmptySide: if nobody bids or nobody offers.
    """

    prices: Reals
    lots: Integers
    buys: Flags
    owners: Integers
    participants: tuple[str, ...]

    def __post_init__(self) -> None:
        size = len(self.lots)
        columns: dict[str, NDArray[Any]] = {
            "prices": vector("prices", self.prices, size=size, low=-DOLLARS_MAX, high=DOLLARS_MAX),
            "lots": _integers("lots", self.lots),
            "buys": np.array(self.buys, np.bool_),
            "owners": _integers("owners", self.owners),
        }
        for name, column in columns.items():
            if column.shape != (size,):
                raise PricingError(f"{name}: found {len(column)}, expected one for each of {size} orders")
            column.flags.writeable = False
            object.__setattr__(self, name, column)
        bids = int(np.count_nonzero(self.buys))
        if bids in (0, size):
            raise EmptySide(f"orders: found {bids} bids and {size - bids} offers, expected some of both")
        if self.lots.min() < 1:
            raise PricingError(f"lots: found {self.lots.min()}, expected at least 1")
        if self.owners.min() < 0 or self.owners.max() >= len(self.participants):
            raise PricingError(
                f"owners: found {self.owners.min()} to {self.owners.max()}, expected indexes of participants"
            )

    def __len__(self) -> int:
        return len(self.lots)

    @classmethod
    def of(cls, orders: Iterable[Order]) -> Self:
        """Return the book of some orders.

        >>> len(Book.of([Order("lab", Side.BUY, 3.0, 2), Order("sun", Side.SELL, 1.0, 0.5)]))
        2

        Raises:
            PricingError: if an order has no side, or a price or a quantity that is no number in range.
            EmptySide: if nobody bids or nobody offers.
        """
        given = list(orders)
        for at, order in enumerate(given):
            if not isinstance(order.side, Side):
                raise PricingError(f"orders[{at}].side: found {order.side!r}, expected Side.BUY or Side.SELL")
        codes: dict[str, int] = {}
        owners = [codes.setdefault(order.participant, len(codes)) for order in given]
        return cls(
            prices=vector("prices", [order.price for order in given]),
            lots=to_lots([order.quantity for order in given]),
            buys=np.array([order.side is Side.BUY for order in given], np.bool_),
            owners=np.array(owners, np.int64),
            participants=tuple(codes),
        )

    @property
    def signs(self) -> Reals:
        """+1 for a bid, −1 for an offer."""
        return np.where(self.buys, 1.0, -1.0)

    def with_price(self, at: int, price: float) -> Self:
        """Return the same book with another price on one order: what it would be had its owner said so.

        Raises:
            PricingError: if there is no such order, or the price is no number in range.
        """
        prices = self.prices.copy()
        prices[whole("at", at, high=len(self) - 1)] = number("price", price)
        return replace(self, prices=prices)


def unit_book(bids: Sequence[float] | Reals, asks: Sequence[float] | Reals) -> Book:
    """Return the book of participants who each buy or sell a single unit: first the bids, then the offers.

    `bids` are values and `asks` costs, in dollars.

    >>> unit_book([9, 8], [2]).participants
    ('buyer 0', 'buyer 1', 'seller 0')

    Raises:
        PricingError: if a price is no finite number.
        EmptySide: if nobody bids or nobody offers.
    """
    values, costs = vector("bids", bids), vector("asks", asks)
    return _book(values, np.ones(len(values)), costs, np.ones(len(costs)))


def step_book(bids: Iterable[Sequence[float]] | Reals, asks: Iterable[Sequence[float]] | Reals) -> Book:
    """Return the book of two step curves, rows of (price, quantity), each row a participant: first bids, then offers.

    >>> step_book([(50, 10), (45, 20)], [(30, 15)]).lots.tolist()
    [10000000, 20000000, 15000000]

    Raises:
        PricingError: if a row is no pair of numbers, or a quantity not positive.
        EmptySide: if nobody bids or nobody offers.
    """
    (bid_prices, bid_quantities), (ask_prices, ask_quantities) = (
        _columns("bids", bids),
        _columns("asks", asks),
    )
    return _book(bid_prices, bid_quantities, ask_prices, ask_quantities)


def to_lots(quantities: Iterable[float]) -> Integers:
    """Return quantities in units as whole lots.

    >>> to_lots([1, 0.3]).tolist()
    [1000000, 300000]

    Raises:
        PricingError: if one is not positive, is finer than a lot, or they are too many together.
    """
    given = vector("quantities", quantities, low=0, high=LARGEST, open_low=True)
    if np.sum(given) * LOTS_PER_UNIT >= _LOTS_MAX:
        raise PricingError(
            f"quantities: found {np.sum(given):g} together, expected less than {_LOTS_MAX / LOTS_PER_UNIT:g}"
        )
    return whole_millionths("quantities", given, low=1)


def whole_millionths(what: str, values: Reals, *, low: int = -_LOTS_MAX) -> Integers:
    """Return values times a million as integers, at least `low`; the rounding of floats, up to 1e-9, is forgiven.

    >>> whole_millionths("prices", np.array([0.1 + 0.2])).tolist()
    [300000]

    Raises:
        PricingError: if a value is finer than a millionth or too large.
    """
    scaled = np.rint(values * LOTS_PER_UNIT)
    wrong = (np.abs(scaled / LOTS_PER_UNIT - values) > 1e-9 * np.maximum(1, np.abs(values))) | (scaled < low)
    wrong |= np.abs(scaled) >= _LOTS_MAX
    if np.any(wrong):
        at = int(np.argmax(wrong))
        raise PricingError(
            f"{what}[{at}]: found {values[at]:.17g}, expected whole millionths below {_LOTS_MAX / LOTS_PER_UNIT:g}"
        )
    return scaled.astype(np.int64)


def _columns(what: str, rows: Iterable[Sequence[float]] | Reals) -> tuple[Reals, Reals]:
    listed = rows if isinstance(rows, np.ndarray) else list(rows)
    if len(listed) == 0:
        return np.zeros(0), np.zeros(0)
    try:
        table = np.asarray(listed, np.float64)
    except (TypeError, ValueError, OverflowError):
        table = np.zeros(0)
    if table.ndim != 2 or table.shape[1] != 2:
        raise PricingError(f"{what}: found {listed!r:.60}, expected rows of (price, quantity)")
    return vector(f"{what} prices", table[:, 0]), vector(f"{what} quantities", table[:, 1], high=LARGEST)


def _integers(what: str, values: Integers) -> Integers:
    given = np.asarray(values)
    if given.dtype.kind not in "iu":
        raise PricingError(f"{what}: found an array of {given.dtype}, expected integers")
    return given.astype(np.int64)


def _book(bid_prices: Reals, bid_quantities: Reals, ask_prices: Reals, ask_quantities: Reals) -> Book:
    bids, asks = len(bid_prices), len(ask_prices)
    buyers, sellers = (f"buyer {at}" for at in range(bids)), (f"seller {at}" for at in range(asks))
    return Book(
        prices=np.concatenate((bid_prices, ask_prices)),
        lots=to_lots(np.concatenate((bid_quantities, ask_quantities))),
        buys=np.arange(bids + asks) < bids,
        owners=np.arange(bids + asks),
        participants=(*buyers, *sellers),
    )
