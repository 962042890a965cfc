"""Kelly's mechanism among users who anticipate the price: bid money, get capacity in proportion to it."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from scipy.optimize import brentq

from pricing.errors import LARGEST, EmptySide, Infeasible, number

HALVINGS = 60
NOTHING = 1e-18
"""Of the capacity: an amount that is none."""


class Utility(Protocol):
    """What an amount of capacity is worth: concave, never falling, 0 for nothing. Money; money per unit."""

    def value(self, amount: float) -> float:
        """Return the worth of an amount."""

    def marginal(self, amount: float) -> float:
        """Return the worth of the next unit at a positive amount; never rises with it."""


@dataclass(frozen=True, slots=True)
class LinearUtility:
    """Every unit is worth the same: U(x) = slope·x.

    >>> LinearUtility(0.5).value(4)
    2.0

    Raises:
        PricingError: if the slope is negative.
    """

    slope: float

    def __post_init__(self) -> None:
        number("slope", self.slope, low=0)

    def value(self, amount: float) -> float:
        """Return slope·x.

        Raises:
            PricingError: if the amount is negative or not finite.
        """
        return number("value", self.slope * number("amount", amount, low=0))

    def marginal(self, amount: float) -> float:  # noqa: ARG002
        """Return the slope."""
        return self.slope


@dataclass(frozen=True, slots=True)
class LogUtility:
    """Each unit is worth less than the one before: U(x) = weight·ln(1 + x).

    >>> LogUtility(3.0).marginal(2)
    1.0

    Raises:
        PricingError: if the weight is negative.
    """

    weight: float

    def __post_init__(self) -> None:
        number("weight", self.weight, low=0)

    def value(self, amount: float) -> float:
        """Return weight·ln(1 + x).

        Raises:
            PricingError: if the amount is negative or not finite.
        """
        return number("value", self.weight * math.log1p(number("amount", amount, low=0)))

    def marginal(self, amount: float) -> float:
        """Return weight/(1 + x).

        Raises:
            PricingError: if the amount is negative or not finite.
        """
        return self.weight / (1 + number("amount", amount, low=0))


@dataclass(frozen=True, slots=True)
class Shared:
    """Who gets how much and bids what, the price of a unit, and total worth over the most there could be."""

    shares: tuple[float, ...]
    bids: tuple[float, ...]
    price: float
    welfare: float
    best_welfare: float
    efficiency: float


def share_by_bids(users: Sequence[Utility], *, capacity: float) -> Shared:
    """Return the Nash equilibrium of Kelly's mechanism: user r bids w_r and gets x_r = C·w_r/Σw, at μ = Σw/C a unit.

    Users know that their bid moves the price. In the one equilibrium U_r'(x_r)·(1 − x_r/C) = μ for everybody with
    x_r > 0, and <= μ for the others, Σx = C; each left side falls in x_r, so shares and price come from bisection.
    `efficiency` is ΣU_r(x_r) over its maximum: never below 3/4 (Johari and Tsitsiklis 2004), and 1 for users who take
    the price as given (Kelly 1997).

    >>> shared = share_by_bids([LinearUtility(1), LinearUtility(0.5)], capacity=1)
    >>> [round(x, 9) for x in shared.shares], round(shared.price, 9), round(shared.efficiency, 9)
    ([0.666666667, 0.333333333], 0.333333333, 0.833333333)

    Raises:
        EmptySide: if there is no user.
        Infeasible: if fewer than two have any use for it: a single bidder would bid ever less, and there is no
            equilibrium.
        PricingError: if the capacity is not positive, or a utility is not finite.
    """
    C = number("capacity", capacity, low=1 / LARGEST, high=LARGEST)
    if not users:
        raise EmptySide("users: found none, expected at least two")
    interested = sum(
        number(f"marginal of user {r}", u.marginal(C / len(users))) > 0 for r, u in enumerate(users)
    )
    if interested < 2:
        raise Infeasible(
            f"users: found {interested} with any use for capacity, expected at least two bidders"
        )
    anticipated = [_anticipated(user, C) for user in users]
    shares, price = _divide(anticipated, C)
    efficient, _ = _divide([user.marginal for user in users], C)
    welfare, best = (
        number("welfare", math.fsum(u.value(x) for u, x in zip(users, division, strict=True)))
        for division in (shares, efficient)
    )
    return Shared(tuple(shares), tuple(price * x for x in shares), price, welfare, best, welfare / best)


def _anticipated(user: Utility, capacity: float) -> Callable[[float], float]:
    return lambda amount: user.marginal(amount) * (1 - amount / capacity)


def _divide(marginals: Sequence[Callable[[float], float]], capacity: float) -> tuple[list[float], float]:
    """Return amounts that add up to the capacity and equalise falling marginals, and the common level.

    Somebody gets at least C/n, so the level is at most the largest marginal there. Where a marginal is flat at the
    level, the amounts jump between the last two levels; all divisions between them are equally good: mix them.
    """
    low = 0.0
    high = math.nextafter(max(marginal(capacity / len(marginals)) for marginal in marginals), math.inf)
    for _ in range(HALVINGS):
        level = (low + high) / 2
        if math.fsum(_amount(marginal, level, capacity) for marginal in marginals) >= capacity:
            low = level
        else:
            high = level
    most, least = ([_amount(marginal, level, capacity) for marginal in marginals] for level in (low, high))
    room = math.fsum(most) - math.fsum(least)
    mix = (capacity - math.fsum(least)) / room if room else 0.0
    return [b + mix * (a - b) for a, b in zip(most, least, strict=True)], low


def _amount(marginal: Callable[[float], float], level: float, capacity: float) -> float:
    """Return the largest amount up to the capacity whose marginal is at least the level, by Brent's method."""
    least = NOTHING * capacity  # at 0 itself a marginal may be infinite
    if marginal(capacity) >= level:
        return capacity
    if marginal(least) <= level:
        return 0.0
    return float(brentq(lambda amount: marginal(amount) - level, least, capacity, xtol=least, rtol=1e-15))
