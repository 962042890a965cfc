"""Booking limits: how many units to keep for those who will pay more later.

Units are sold first to the cheap class (spot, interruptible), then to dearer ones (reserved), as requests come.
"""

import math
from collections.abc import Callable, Sequence
from statistics import NormalDist

from pricing.errors import LARGEST, PricingError, number, vector


def protection_level(
    *, reserved_price: float, spot_price: float, reserved_quantile: Callable[[float], float]
) -> float:
    """Return the units y to keep for reserved demand D, P(D > y) = p_spot/p_res: Littlewood's rule.

    One more unit sold on spot earns p_spot now, and kept earns p_res with the probability that it is wanted.
    `reserved_quantile` maps a probability in (0, 1) to units (`NormalDist(50, 15).inv_cdf`, or `ppf` of a scipy
    distribution); prices are per unit. Source: Littlewood 1972 (reprinted in J. Revenue Pricing Manag. 4, 2005); case D12.

    >>> round(protection_level(
    ...     reserved_price=100, spot_price=60, reserved_quantile=NormalDist(50, 15).inv_cdf
    ... ), 6)
    46.199793

    Raises:
        PricingError: if a price is not positive, or the quantile is no finite number.
    """
    high = number("reserved_price", reserved_price, low=0, open_low=True)
    low = number("spot_price", spot_price, low=0, open_low=True)
    if low >= high:
        return 0.0  # nobody later pays more
    probability = min(1 - low / high, math.nextafter(1, 0))  # a quantile of 1 is no number
    return max(0.0, number("reserved_quantile", float(reserved_quantile(probability))))


def nested_protection(
    prices: Sequence[float], means: Sequence[float], deviations: Sequence[float]
) -> tuple[float, ...]:
    """Return the units y_1 … y_{n−1} that the j dearest classes keep from the rest: Belobaba's EMSR-b.

    Classes 1 … j count as one, with normal demand N(Σμ, Σσ²) and the mean price p̄ = Σpμ/Σμ, and Littlewood's rule
    P(D > y_j) = p_{j+1}/p̄ holds against the next. A heuristic, within about a per cent of the optimum in the
    literature. `prices` fall; `means` and `deviations` of independent demands are in units.
    Source: Belobaba, Decision Sciences 27 (1996).

    >>> [round(y, 4) for y in nested_protection([100, 60, 40], [50, 60, 80], [15, 20, 25])]
    [46.1998, 109.2712]

    Raises:
        PricingError: if the three differ in length, there are no two classes, prices rise, or a figure is not positive.
    """
    p = vector("prices", prices, low=0, high=LARGEST, open_low=True)
    mu = vector("means", means, size=len(p), low=0, high=LARGEST, open_low=True)
    sigma = vector("deviations", deviations, size=len(p), low=0, high=LARGEST, open_low=True)
    if len(p) < 2:
        raise PricingError(f"prices: found {len(p)}, expected one for each of at least 2 classes")
    for j in range(1, len(p)):
        if p[j] > p[j - 1]:
            raise PricingError(
                f"prices[{j}]: found {p[j]:g}, expected at most {p[j - 1]:g}, the dearer class's"
            )
    levels: list[float] = []
    for j in range(1, len(p)):
        demand = math.fsum(mu[:j])
        level = protection_level(
            reserved_price=math.fsum(p[:j] * mu[:j]) / demand,
            spot_price=float(p[j]),
            reserved_quantile=NormalDist(demand, math.hypot(*sigma[:j])).inv_cdf,
        )
        levels.append(max(level, levels[-1] if levels else 0.0))  # what the dearer keep, all of them keep
    return tuple(levels)
