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
from numpy.typing import ArrayLike, NDArray

LOG_MAX = 700.0
"""The largest logarithm whose exponential is safely finite as a float."""
LARGEST = 1e100
"""What a figure may be, up or down, where figures are multiplied: products of three stay finite."""
FLOAT_MAX = float(np.finfo(np.float64).max)


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
    except OverflowError:  # an integer beyond all floats; one of thousands of digits cannot even be shown
        value = real = math.inf if value > 0 else -math.inf
    if not math.isfinite(real) or not low <= real <= high or (open_low and real == low):
        left = "(" if open_low or low == -math.inf else "["
        right = ")" if high == math.inf else "]"
        raise PricingError(f"{what}: found {value!r}, expected a number in {left}{low:g}, {high:g}{right}")
    return real


def whole(what: str, value: int, *, low: int = 0, high: int | None = None) -> int:
    """Return `value` once it is an integer, Python's or numpy's, from `low` to `high`.

    >>> whole("periods", 3, low=1)
    3
    >>> whole("periods", 0, low=1)
    Traceback (most recent call last):
    pricing.errors.PricingError: periods: found 0, expected an integer of at least 1

    Raises:
        PricingError: if it is not.
    """
    integer = isinstance(value, int | np.integer) and not isinstance(value, bool)
    if not integer or value < low or (high is not None and value > high):
        expected = f"of at least {low}" if high is None else f"from {low} to {high}"
        # one of thousands of digits cannot be shown
        shown = "an integer beyond all floats" if integer and abs(value) > FLOAT_MAX else f"{value!r}"
        raise PricingError(f"{what}: found {shown}, expected an integer {expected}")
    return int(value)


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
            # a million bids at the speed of numpy; what is wrong is named below
            return values.astype(np.float64)
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
    given = vector(what, values, size=size, low=0, high=LARGEST)
    total = math.fsum(given)
    if total == 0:
        raise PricingError(f"{what}: found a sum of 0, expected a positive one")
    return np.asarray(given / total)


def matrix(what: str, rows: ArrayLike) -> NDArray[np.float64]:
    """Return `rows` as a two-dimensional array of its own, once they are of one length and each figure is finite.

    >>> matrix("payoffs", [[1, 2], [3, 4]])
    array([[1., 2.],
           [3., 4.]])
    >>> matrix("payoffs", [[1, 2], [3]])
    Traceback (most recent call last):
    pricing.errors.PricingError: payoffs: found [[1, 2], [3]], expected rows of numbers

    Raises:
        PricingError: if they are not.
    """
    try:
        table = np.array(rows, np.float64)
    except (TypeError, ValueError, OverflowError):
        raise PricingError(f"{what}: found {rows!r:.60}, expected rows of numbers") from None
    if table.ndim != 2 or not np.all(np.isfinite(table)):
        raise PricingError(f"{what}: found {rows!r:.60}, expected rows of finite numbers")
    return table
