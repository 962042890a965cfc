"""Where a continuous function is zero, to the last digits."""

from collections.abc import Callable


def root(function: Callable[[float], float], low: float, high: float) -> float:
    """Return the point between two at which the function, of opposite signs there, is zero: by Brent's method.

    >>> round(root(lambda x: x * x - 2, 0, 2), 12)
    1.414213562373
    """
    from scipy.optimize import brentq  # only here: a market starts without it

    return float(brentq(function, low, high, xtol=1e-15))
