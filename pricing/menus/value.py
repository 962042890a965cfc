"""What a buyer's q units are worth: concave values, known by their slope."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from scipy.optimize import brentq

from pricing.errors import PricingError, Unbounded, number


class ConcaveValue(Protocol):
    """S(q) in money, with S(0) = 0, and the quantity that is wanted at a price: the inverse of its slope."""

    def worth(self, quantity: float) -> float:
        """Return S(q), in money."""
        ...

    def demand(self, price: float) -> float:
        """Return the q >= 0 with S′(q) = price, 0 where S′(0) <= price."""
        ...


@dataclass(frozen=True, slots=True)
class QuadraticValue:
    """S(q) = a·q − b·q²/2: the first unit is worth a, and each unit b less than the one before.

    >>> value = QuadraticValue(10)
    >>> value.worth(8), value.demand(2), value.demand(11)
    (48.0, 8.0, 0.0)
    """

    intercept: float
    slope: float = 1.0

    def __post_init__(self) -> None:
        number("intercept", self.intercept, low=0)
        number("slope", self.slope, low=0, open_low=True)

    def worth(self, quantity: float) -> float:
        """Return a·q − b·q²/2."""
        q = number("quantity", quantity, low=0)
        return number("worth", self.intercept * q - self.slope * q * q / 2)

    def demand(self, price: float) -> float:
        """Return max(0, (a − price)/b)."""
        return number("demand", max(0.0, (self.intercept - number("price", price)) / self.slope))


@dataclass(frozen=True, slots=True)
class SmoothValue:
    """Any strictly concave S, given with its slope S′; demand is found by Brent's method within `quantity_max`.

    >>> import math
    >>> value = SmoothValue(lambda q: 6 * math.log1p(q), lambda q: 6 / (1 + q), quantity_max=100)
    >>> round(value.demand(2.0), 9)
    2.0
    """

    value: Callable[[float], float]
    marginal: Callable[[float], float]
    quantity_max: float

    def __post_init__(self) -> None:
        number("quantity_max", self.quantity_max, low=0, open_low=True)

    def worth(self, quantity: float) -> float:
        """Return S(q) − S(0).

        Raises:
            PricingError: if q is outside [0, quantity_max] or the value no finite number.
        """
        q = number("quantity", quantity, low=0, high=self.quantity_max)
        return number("value", float(self.value(q))) - number("value", float(self.value(0.0)))

    def demand(self, price: float) -> float:
        """Return the q with S′(q) = price, 0 where S′(0) <= price.

        Raises:
            Unbounded: if the slope at `quantity_max` is still above the price.
            PricingError: if the slope is no finite number, or rises.
        """
        p = number("price", price)

        def excess(q: float) -> float:
            return number(f"marginal({q:g})", float(self.marginal(q))) - p

        first, last = excess(0.0), excess(self.quantity_max)
        if last > first:
            raise PricingError(f"marginal: found it rising by {last - first:g}, expected a falling slope")
        if first <= 0:
            return 0.0
        if last > 0:
            raise Unbounded(
                f"marginal({self.quantity_max:g}): found {last + p:g}, expected at most the price {p:g}"
            )
        return float(brentq(excess, 0.0, self.quantity_max, xtol=1e-15 * self.quantity_max, rtol=1e-14))
