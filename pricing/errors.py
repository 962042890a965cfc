"""What pricing raises when an input cannot be priced, and the checks that every public function hands its inputs to.

PricingError                an input is malformed: not a number, out of range, of the wrong size
├── EmptySide               an auction or a game without anybody on one side
├── DisagreementOutside     no outcome gives everybody at least the disagreement payoff
├── Infeasible              no decision meets every limit
├── Unbounded               the objective has no limit
└── NotConverged            a published algorithm did not reach its tolerance within its iterations
"""

import math
from collections.abc import Iterable
from numbers import Real

import numpy as np
from numpy.typing import NDArray

LOG_MAX = 700.0
"""The largest logarithm whose exponential is safely finite as a float."""


class PricingError(ValueError):
    """An input that has no price: says which, what was found and what was expected."""


class EmptySide(PricingError):
    """Nobody is there to trade, or to play, with."""


class DisagreementOutside(PricingError):
    """The disagreement payoffs are more than the parties can reach together, or lie outside the set."""


class Infeasible(PricingError):
    """No decision meets every limit."""


class Unbounded(PricingError):
    """The objective can be improved for ever."""


class NotConverged(PricingError):
    """An algorithm did not reach its tolerance within its iterations."""


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


def vector(
    what: str,
    values: Iterable[float],
    *,
    size: int | None = None,
    low: float = -math.inf,
    high: float = math.inf,
    open_low: bool = False,
) -> NDArray[np.float64]:
    """Return `values` as a one-dimensional array once each is a finite number in [low, high], as `number` checks it.

    >>> vector("costs", [1, 2.5], low=0)
    array([1. , 2.5])
    >>> vector("costs", [1, -2], low=0)
    Traceback (most recent call last):
    pricing.errors.PricingError: costs[1]: found -2, expected a number in [0, inf)
    >>> vector("costs", [1, 2], size=3)
    Traceback (most recent call last):
    pricing.errors.PricingError: costs: found 2 values, expected 3

    Raises:
        PricingError: if one is not, or their number is not `size`.
    """
    if isinstance(values, np.ndarray):
        if values.ndim != 1:
            raise PricingError(f"{what}: found an array of {values.ndim} dimensions, expected 1")
        inside = (
            np.isfinite(values) & (values >= low) & (values <= high) if values.dtype.kind in "iuf" else False
        )
        if np.all(inside) and size in (None, len(values)) and not (open_low and np.any(values == low)):
            return values.astype(
                np.float64
            )  # a million bids at the speed of numpy; what is wrong is named below
    try:
        given = values.tolist() if isinstance(values, np.ndarray) else list(values)
    except TypeError:
        raise PricingError(f"{what}: found {values!r}, expected numbers") from None
    if size is not None and len(given) != size:
        raise PricingError(f"{what}: found {len(given)} values, expected {size}")
    return np.array(
        [
            number(f"{what}[{place}]", each, low=low, high=high, open_low=open_low)
            for place, each in enumerate(given)
        ],
        np.float64,
    )


def weights(what: str, values: Iterable[float] | None, *, size: int) -> NDArray[np.float64]:
    """Return bargaining weights that sum to 1: `values` over their sum, or equal ones for None.

    >>> weights("weights", [1, 3], size=2)
    array([0.25, 0.75])

    Raises:
        PricingError: if one is negative, all are zero, or their number is not `size`.
    """
    if values is None:
        return np.full(size, 1 / size)
    given = vector(what, values, size=size, low=0)
    total = math.fsum(given)
    if not 0 < total < math.inf:
        raise PricingError(f"{what}: found a sum of {total:g}, expected a positive one")
    return np.asarray(given / total)
