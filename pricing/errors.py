"""What pricing raises when an input cannot be priced."""

import math
from numbers import Real

LOG_MAX = 700.0
"""The largest logarithm whose exponential is safely finite as a float."""


class PricingError(ValueError):
    """An input that has no price: says which, what was found and what was expected."""


def number(
    what: str, value: float, *, low: float = -math.inf, high: float = math.inf, open_low: bool = False
) -> float:
    """Return `value` as a float once it is a finite number in [low, high], or (low, high] if `open_low`.

    Every public function passes its inputs through here, and so no NaN or infinity gets in, or out.

    >>> number("load", 0.5, low=0, high=1)
    0.5
    >>> number("load", float("nan"), low=0, high=1)
    Traceback (most recent call last):
    pricing.errors.PricingError: load: found nan, expected a number in [0, 1]

    Raises:
        PricingError: if it is not.
    """
    try:
        real = float(value) if isinstance(value, Real) and not isinstance(value, bool) else math.nan
    except OverflowError:
        real = math.inf
    if not math.isfinite(real) or not low <= real <= high or (open_low and real == low):
        left = "(" if open_low or low == -math.inf else "["
        right = ")" if high == math.inf else "]"
        raise PricingError(f"{what}: found {value!r}, expected a number in {left}{low:g}, {high:g}{right}")
    return real
