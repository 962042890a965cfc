"""Periods of observed prices: years, or months counted from anywhere."""

from collections.abc import Sequence

from pricing.errors import whole

PERIOD_MAX = 1 << 53


def distinct_periods(periods: Sequence[int]) -> tuple[int, ...]:
    """Return the periods that occur, each once, the earliest first.

    >>> distinct_periods([2023, 2022, 2023])
    (2022, 2023)

    Raises:
        PricingError: if one is no integer.
    """
    checked = (
        whole(f"periods[{place}]", period, low=-PERIOD_MAX, high=PERIOD_MAX)
        for place, period in enumerate(periods)
    )
    return tuple(sorted(set(checked)))
