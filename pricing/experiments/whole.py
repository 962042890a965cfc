"""Check a count."""

from pricing.errors import PricingError


def whole(what: str, value: int, *, low: int = 0) -> int:
    """Return `value` once it is an integer of at least `low`.

    >>> whole("periods", 3, low=1)
    3
    >>> whole("periods", 0, low=1)
    Traceback (most recent call last):
    pricing.errors.PricingError: periods: found 0, expected an integer of at least 1

    Raises:
        PricingError: if it is not.
    """
    if type(value) is not int or value < low:
        raise PricingError(f"{what}: found {value!r}, expected an integer of at least {low}")
    return value
