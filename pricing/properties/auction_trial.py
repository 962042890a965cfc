"""An auction on trial: a mechanism, the true orders, and what everybody gains in the end."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, Self

import numpy as np

from market.orders import Side
from pricing.auctions.crossing import cross
from pricing.auctions.mechanism import MECHANISMS, clear
from pricing.auctions.orders import LOTS_PER_UNIT, Book, Reals
from pricing.auctions.trade_reduction import sbb_trade_reduction
from pricing.errors import LARGEST, PricingError, vector


class Traded(Protocol):
    """What a mechanism gives back: units traded and dollars paid (negative: paid out), one for each order of the book."""

    @property
    def filled(self) -> Sequence[float]:
        """Units of each order."""
        ...

    @property
    def paid(self) -> Sequence[float]:
        """Dollars of each order."""
        ...


AuctionMechanism = Callable[[Book], Traded]


@dataclass(frozen=True, slots=True)
class Fills:
    """A plain `Traded`, for a mechanism of one's own.

    Raises:
        PricingError: if units and dollars are not numbers up to 1e100, as many of the one as of the other.
    """

    filled: Sequence[float]
    paid: Sequence[float]

    def __post_init__(self) -> None:
        filled = _figures("filled", self.filled)
        paid = _figures("paid", self.paid, size=len(filled))
        object.__setattr__(self, "filled", tuple(filled.tolist()))
        object.__setattr__(self, "paid", tuple(paid.tolist()))


@dataclass(frozen=True, slots=True, eq=False)
class AuctionTrial:
    """A mechanism and a book of true orders. `gains` are dollars by participant when all tell the truth."""

    run: AuctionMechanism
    book: Book
    tolerance: float
    reports: int
    traded: Traded
    gains: Reals

    @classmethod
    def of(cls, mechanism: AuctionMechanism, book: Book, *, tolerance: float, reports: int) -> Self:
        """Run the mechanism at the truth.

        Raises:
            PricingError: if it refuses the orders, or gives back what no auction can.
        """
        traded = checked(book, mechanism(book))
        return cls(mechanism, book, tolerance, reports, traded, gains_of(book, traded))

    @property
    def slack(self) -> float:
        """The dollars that count as rounding: the tolerance times the value of the largest order, at least of a dollar."""
        return self.tolerance * max(
            1.0, float(np.max(np.abs(self.book.prices) * self.book.lots)) / LOTS_PER_UNIT
        )

    def gain(self, owner: int, reported: Book) -> float:
        """Return what a participant really gains when the book is `reported`; −∞ if the mechanism refuses it."""
        try:
            traded = checked(reported, self.run(reported))
        except PricingError:
            return -math.inf
        return _gain(self.book, owner, reported, traded)


def auction_named(name: str, parameters: dict[str, Any]) -> AuctionMechanism:
    """Return the auction of that name; one that draws lots among traders is taken on average over them.

    `muda` and `p2p` take `seed`: who goes where does not depend on what anybody reports, so one draw is as good as all.

    >>> from pricing.auctions import unit_book
    >>> auction_named("sbb-trade-reduction", {})(unit_book([9, 8], [4, 3])).filled
    (1.0, 0.0, 0.5, 0.5)

    Raises:
        PricingError: if there is none of that name, or it does not take a parameter.
    """
    if name not in MECHANISMS:
        raise PricingError(f"mechanism: found {name!r}, expected one of {', '.join(MECHANISMS)}")
    parameters = {each: value for each, value in parameters.items() if value is not None}
    for given in parameters:
        if given not in MECHANISMS[name].parameters:
            expected = ", ".join(sorted(MECHANISMS[name].parameters)) or "none"
            raise PricingError(f"{given}: found a parameter of {name}, expected {expected}")
    if name == "sbb-trade-reduction":
        return lambda book: _on_average(book, parameters.get("first", Side.BUY))
    if name in ("muda", "p2p") and {"left", "rounds"}.isdisjoint(parameters):
        parameters = {"seed": 0} | parameters
    return lambda book: clear(name, book, **parameters)


def _on_average(book: Book, first: Side) -> Traded:
    """Let each unit that draws a lot trade with the chance that it has."""
    found = sbb_trade_reduction(book, first=first, seed=0)
    lottery, price = found.lottery, found.outcome.buyer_price
    if lottery is None or price is None:
        return found.outcome
    crossing = cross(book)
    entrants = lottery.entrants * LOTS_PER_UNIT
    chance = lottery.winners / lottery.entrants
    filled = np.array(found.outcome.filled)
    drawn = book.buys == (lottery.side is Side.BUY)
    filled[drawn] = crossing.fills(entrants)[drawn] * chance / LOTS_PER_UNIT
    return Fills(tuple(filled.tolist()), tuple((book.signs * price * filled).tolist()))


def checked(book: Book, traded: Traded) -> Traded:
    """Return what traded, once it is so much and so much money for each order, within it, and as much bought as sold.

    Raises:
        PricingError: if not.
    """
    filled = _figures("filled", getattr(traded, "filled", ()), size=len(book))
    _figures("paid", getattr(traded, "paid", ()), size=len(book))
    limits = book.lots / LOTS_PER_UNIT
    for at in np.flatnonzero((filled < -1e-9) | (filled > limits * (1 + 1e-9))):
        raise PricingError(
            f"filled[{at}]: found {filled[at]:g}, expected 0 to the {limits[at]:g} of its order"
        )
    bought, sold = filled[book.buys].sum(), filled[~book.buys].sum()
    if not math.isclose(bought, sold, rel_tol=1e-9, abs_tol=1e-9):
        raise PricingError(f"filled: found {bought:g} bought and {sold:g} sold, expected as much")
    return traded


def _figures(what: str, values: Sequence[float], *, size: int | None = None) -> Reals:
    return vector(what, values, size=size, low=-LARGEST, high=LARGEST)


def gains_of(book: Book, traded: Traded) -> Reals:
    """Return what each participant gains, in dollars, if the book is the truth.

    >>> from pricing.auctions import k_double, unit_book
    >>> book = unit_book([9, 8], [3, 4])
    >>> gains_of(book, k_double(book)).tolist()
    [3.0, 2.0, 3.0, 2.0]
    """
    return np.array([_gain(book, owner, book, traded) for owner in range(len(book.participants))])


def _gain(truth: Book, owner: int, reported: Book, traded: Traded) -> float:
    """Units are alike: whatever order they came by, the first that is bought has the highest value that he has for one."""
    own = np.flatnonzero(reported.owners == owner)
    filled = np.asarray(traded.filled, np.float64)[own]
    money = math.fsum(np.asarray(traded.paid, np.float64)[own])
    worth = 0.0
    for buys, sign in ((True, 1.0), (False, -1.0)):
        units = float(filled[reported.buys[own] == buys].sum())
        if units > 0:
            mine = np.flatnonzero((truth.owners == owner) & (truth.buys == buys))
            mine = mine[np.argsort(-sign * truth.prices[mine], kind="stable")]
            lots = truth.lots[mine] / LOTS_PER_UNIT
            taken = np.clip(units - (np.cumsum(lots) - lots), 0.0, lots)
            worth += sign * float(truth.prices[mine] @ taken)
    return worth - money
