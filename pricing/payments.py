"""Where payments between parties become integers: micro-units that sum to exactly zero."""

import math
from collections.abc import Iterable

from market.units import MICROS_PER_TOKEN
from pricing.errors import LARGEST, PricingError, vector, whole

DRIFT = 10**12
"""The sum of floats may be off by one part in so many of the sum of their sizes."""
TOTAL_MAX = 1 << 127
"""Far more than there is money; what is larger is a mistake."""


def round_payments(
    payments: Iterable[float], *, per_unit: int = MICROS_PER_TOKEN, total: int = 0
) -> tuple[int, ...]:
    """Round payments (dollars; positive pays) to integers of 1/`per_unit` dollar that sum to exactly `total`.

    Method of largest remainders (Hamilton): each payment is floored, and the units that are then missing go, one each, to
    the payments that lost most; among those that lost the same, to the first. So none moves by a unit or more. What the
    floats' own sum is off by is first shared equally, exactly.

    >>> round_payments([61.5, -61.5])
    (61500000, -61500000)
    >>> round_payments([0.7, 0.5, 0.5, -1.7], per_unit=1)  # floors lose 0.7, 0.5, 0.5 and 0.3, two units in all
    (1, 1, 0, -2)
    >>> round_payments([0.5, 0.5], per_unit=1, total=1)
    (1, 0)

    Raises:
        PricingError: if a payment is not a finite number, or they do not sum to the total, up to half a unit each.
    """
    whole("per_unit", per_unit, low=1)
    whole("total", total, low=-TOTAL_MAX, high=TOTAL_MAX)
    ratios = [
        payment.as_integer_ratio()
        for payment in vector("payments", payments, low=-LARGEST, high=LARGEST).tolist()
    ]
    if not ratios and total == 0:
        return ()
    # Exact integers of 1/scale of a unit: denominators of floats are powers of two, and the last factor is for the drift.
    scale = max((below for _, below in ratios), default=1) * max(1, len(ratios))
    exact = [above * (scale // below) * per_unit for above, below in ratios]
    drift = sum(exact) - total * scale
    if abs(drift) > len(exact) * scale // 2 + sum(map(abs, exact)) // DRIFT:
        raise PricingError(
            f"payments: found a sum of {math.fsum(above / below for above, below in ratios):g}, "
            f"expected {total / per_unit:g}"
        )
    shared = drift // len(exact)
    rounded, lost = map(list, zip(*(divmod(each - shared, scale) for each in exact), strict=True))
    lost_most = sorted(
        range(len(lost)), key=lost.__getitem__, reverse=True
    )  # stable: the first of equals stays first
    for place in lost_most[: total - sum(rounded)]:
        rounded[place] += 1
    return tuple(rounded)
