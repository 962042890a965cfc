"""Alternating offers: what patience is worth when the parties take turns to propose."""

import math
from collections.abc import Iterable

from pricing.errors import PricingError, number, vector, whole

PERIODS_MAX = 1_000_000


def rubinstein(
    discounts: Iterable[float], *, pie: float = 1.0, first: int = 0, periods: int | None = None
) -> tuple[float, float]:
    """Return the shares of two parties who alternate proposals, in the unit of the pie; agreement is immediate.

    A share agreed one period later is worth δ_i as much. Without an end the proposer i has (1 − δ_j)/(1 − δ_i δ_j) of
    the pie. With `periods` rounds, after which both have nothing, the last proposer would take all, and backwards
    x_t = 1 − δ_j x_{t+1}, j being the one who answers in round t. `first` (0 or 1) proposes first.

    Source: Rubinstein, Perfect Equilibrium in a Bargaining Model, Econometrica 50 (1982); with an end, Ståhl (1972).

    >>> [round(share, 6) for share in rubinstein((0.9, 0.8))]
    [0.714286, 0.285714]
    >>> [round(share, 6) for share in rubinstein((0.9, 0.8), periods=2)]
    [0.2, 0.8]

    Raises:
        PricingError: if a discount is not in [0, 1], both are 1 without an end, or `first` or `periods` is no such count.
    """
    delta = vector("discounts", discounts, size=2, low=0, high=1).tolist()
    total = number("pie", pie, low=0)
    if type(first) is not int or first not in (0, 1):
        raise PricingError(f"first: found {first!r}, expected 0 or 1")
    if periods is None:
        patience = delta[0] * delta[1]
        if patience == 1:
            raise PricingError("discounts: found (1, 1), expected at least one party to be impatient")
        share = (1 - delta[1 - first]) / (1 - patience)
    else:
        share = _backward_induction(delta, first, periods)
    shares = (share * total, (1 - share) * total)
    return shares if first == 0 else shares[::-1]


def _backward_induction(delta: list[float], first: int, periods: int) -> float:
    """Return the first proposer's share where round `periods` is the last."""
    share = 1.0
    for round_from_end in range(1, whole("periods", periods, low=1, high=PERIODS_MAX)):
        proposer = (first + periods - 1 - round_from_end) % 2
        share = 1 - delta[1 - proposer] * share
    return share


def discounts_of(rates: Iterable[float], period: float) -> tuple[float, ...]:
    """Return δ_i = e^{−r_i Δ} from discount rates per unit of time and the time Δ between two offers.

    As Δ → 0 the shares of `rubinstein` tend to the weights of `patience_weights`, whoever proposes first.

    >>> [round(delta, 6) for delta in discounts_of((0.05, 0.1), period=1.0)]
    [0.951229, 0.904837]

    Raises:
        PricingError: if a rate is negative or the period is not positive.
    """
    span = number("period", period, low=0, open_low=True)
    return tuple(math.exp(-rate * span) for rate in vector("rates", rates, low=0).tolist())


def patience_weights(rates: Iterable[float]) -> tuple[float, ...]:
    """Return Nash weights w_i ∝ 1/r_i from discount rates; for two parties w_1 = r_2/(r_1 + r_2).

    Source: Binmore, Rubinstein & Wolinsky, The Nash Bargaining Solution in Economic Modelling, RAND J. Economics 17 (1986).

    >>> [round(weight, 6) for weight in patience_weights((0.05, 0.1))]
    [0.666667, 0.333333]

    Raises:
        PricingError: if a rate is not positive.
    """
    given = vector("rates", rates, low=0, open_low=True)
    if not len(given):
        raise PricingError("rates: found none, expected at least one")
    patience = given.min() / given  # at most 1 each, so that no rate overflows
    return tuple((patience / patience.sum()).tolist())
