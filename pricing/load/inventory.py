"""Selling a fixed stock of reservations before a deadline: the price that rises as units go and falls as time does.

Buyers come at rate λ(p) = a·e^{−αp} per unit of time at price p. Money is per unit, time in the unit of a.
"""

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import gammaln, logsumexp

from pricing.errors import PricingError, number

STOCK_MAX = 10**9


@dataclass(frozen=True, slots=True)
class ReservationSale:
    """Demand λ(p) = a·e^{−αp}: a is `arrival_rate`, what would come at no price, and α `sensitivity`, per unit of price.

    Source: Gallego & van Ryzin, Management Science 40 (1994), section 3; cases D01 and D02.
    """

    arrival_rate: float
    sensitivity: float

    def __post_init__(self) -> None:
        number("arrival_rate", self.arrival_rate, low=0, open_low=True)
        number("sensitivity", self.sensitivity, low=0, open_low=True)

    def value(self, units: int, time_left: float) -> float:
        """Return the expected revenue J(n, t) = (1/α) ln Σ_{i=0..n} (at/e)^i/i! of the best policy.

        >>> round(ReservationSale(10, 1).value(1, 1), 6)
        1.54304

        Raises:
            PricingError: if `units` is no integer from 0 to 10^9, or the time left is negative.
        """
        n, z = self._state(units, time_left)
        return number("value", _log_exponential_sum(n, z) / self.sensitivity)

    def price(self, units: int, time_left: float) -> float:
        """Return the best price now, p* = J(n, t) − J(n − 1, t) + 1/α: what a unit sold costs later, and the markup.

        >>> round(ReservationSale(10, 1).price(1, 1), 6)
        2.54304

        Raises:
            PricingError: if `units` is no integer from 1 to 10^9, or the time left is negative.
        """
        n, z = self._state(units, time_left, least=1)
        if z == 0:
            return number("price", 1 / self.sensitivity)
        # one term more of the sum: two values, each of them large, would cancel
        last = n * math.log(z) - float(gammaln(n + 1))
        gap = last - _log_exponential_sum(n - 1, z)
        return number("price", (1 + float(np.logaddexp(0, gap))) / self.sensitivity)

    def fluid_value(self, units: int, time_left: float) -> float:
        """Return the revenue J^D of demand without chance, at least J: n·ln(at/n)/α if n < at/e, else at/(eα).

        >>> round(ReservationSale(20, 1).fluid_value(5, 1), 6)
        6.931472

        Raises:
            PricingError: as `value`.
        """
        n, z = self._state(units, time_left)
        if n == 0:
            return 0.0
        return number("value", (n * (math.log(z / n) + 1) if n < z else z) / self.sensitivity)

    def fluid_price(self, units: int, time_left: float) -> float:
        """Return the constant price that is best without chance: ln(at/n)/α if the stock is scarce, else 1/α.

        >>> round(ReservationSale(20, 1).fluid_price(5, 1), 6)
        1.386294

        Raises:
            PricingError: as `price`.
        """
        n, z = self._state(units, time_left, least=1)
        return number("price", (math.log(z / n) + 1 if n < z else 1.0) / self.sensitivity)

    def _state(self, units: int, time_left: float, *, least: int = 0) -> tuple[int, float]:
        """Return n and z = at/e, the sales that the price 1/α would bring."""
        if type(units) is not int or not least <= units <= STOCK_MAX:
            raise PricingError(f"units: found {units!r}, expected an integer from {least} to {STOCK_MAX}")
        time = number("time_left", time_left, low=0)
        return units, number("expected sales", self.arrival_rate * time / math.e, high=STOCK_MAX)


def _log_exponential_sum(n: int, z: float) -> float:
    """Return ln Σ_{i=0..n} z^i/i!, from the terms within reach of the largest: the others are below e^−70 of it."""
    if z == 0:
        return 0.0
    top = min(n, math.floor(z))
    reach = 60 + math.ceil(12 * math.sqrt(top))
    i = np.arange(max(0, top - reach), min(n, top + reach) + 1)
    return float(logsumexp(i * math.log(z) - gammaln(i + 1)))
