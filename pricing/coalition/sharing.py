"""How a coalition's saving is shared: by Nash bargaining, in closed form, with weights that may follow contributions."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from pricing import errors
from pricing.errors import PricingError, number, vector


@dataclass(frozen=True, slots=True)
class Sharing:
    """What each member saves, pays (positive) or is paid (negative), gains, and bears in the end, in dollars.

    `savings` are s_i before payments, and negative for a member that works for others. `agreement` is False where there
    is nothing to share: everybody then stays alone, and nobody pays.
    """

    agreement: bool
    weights: tuple[float, ...]
    savings: tuple[float, ...]
    total_saving: float
    payments: tuple[float, ...]
    gains: tuple[float, ...]
    final_costs: tuple[float, ...]


def share_savings(
    autarky_costs: Iterable[float], coalition_costs: Iterable[float], weights: Iterable[float] | None = None
) -> Sharing:
    """Return the payments of the weighted Nash bargain: s_i = C_i⁰ − C_i, S = Σ s_i, π_i = s_i − w_i S.

    All in dollars. Payments sum to zero, each member gains w_i S, and bears C_i⁰ − w_i S. With transferable utility the
    bargain max Π (C_i⁰ − f_i(x_i) − π_i)^{w_i} separates into the least total cost and these payments (Wang & Huang
    2018). Weights are divided by their sum; None is equal ones. If S <= 0 there is no agreement.

    >>> sharing = share_savings([100, 25], [16, 64])
    >>> sharing.payments, sharing.final_costs
    ((61.5, -61.5), (77.5, 2.5))

    Raises:
        PricingError: if the costs are not numbers, or not of as many members as the weights.
    """
    alone = vector("autarky_costs", autarky_costs, low=-errors.LARGEST, high=errors.LARGEST)
    together = vector(
        "coalition_costs", coalition_costs, size=len(alone), low=-errors.LARGEST, high=errors.LARGEST
    )
    share = errors.weights("weights", weights, size=len(alone))
    savings = alone - together
    total = math.fsum(savings)
    agreement = total > 0
    gains = share * total if agreement else np.zeros(len(alone))
    payments = savings - gains if agreement else gains
    return Sharing(
        agreement=agreement,
        weights=tuple(share.tolist()),
        savings=tuple(savings.tolist()),
        total_saving=total,
        payments=tuple(payments.tolist()),
        gains=tuple(gains.tolist()),
        final_costs=tuple((alone - gains).tolist()),
    )


def traded_values(prices: ArrayLike, exchanges: ArrayLike) -> tuple[float, ...]:
    """Return k_i = Σ_ct |λ_ct e_ict| in dollars: the value of what each member traded inside the coalition.

    `exchanges` has a row of net imports for each member, of any shape; `prices` has the shape of one row, or of all.

    >>> traded_values([0.5, 0.2], [[2.0, -5.0], [-2.0, 5.0]])
    (2.0, 2.0)

    Raises:
        PricingError: if a figure is not finite, or the shapes do not fit.
    """
    try:
        price, traded = np.asarray(prices, np.float64), np.asarray(exchanges, np.float64)
    except (TypeError, ValueError, OverflowError):
        raise PricingError(
            "prices and exchanges: found one that is no array of numbers, expected both"
        ) from None
    if traded.ndim < 2 or price.shape not in (traded.shape, traded.shape[1:]):
        raise PricingError(
            f"prices: found shape {price.shape}, expected that of a row of exchanges {traded.shape}"
        )
    for what, given in (("prices", price), ("exchanges", traded)):
        if not np.all(np.abs(given) <= errors.LARGEST):
            raise PricingError(
                f"{what}: found one that is not finite, expected numbers up to {errors.LARGEST:g}"
            )
    return tuple(np.abs(price * traded).reshape(len(traded), -1).sum(axis=1).tolist())


def contribution_weights(
    contributions: Iterable[float], *, theta: float = 1.0, base: Iterable[float] | None = None
) -> tuple[float, ...]:
    """Return w_i = (1 − θ) w⁰_i + θ k_i / Σ k, bargaining weights that follow what members contribute.

    `contributions` k_i >= 0 are `traded_values`, or Shapley values; θ in [0, 1] is how much they count; `base` are the
    weights w⁰ at θ = 0, equal ones by default. The weights are never negative and sum to 1. Where nobody contributes
    they are the base. With Shapley values and θ = 1 the bargain gives every member its Shapley value.

    >>> contribution_weights([3.0, 1.0], theta=0.5)
    (0.625, 0.375)

    Raises:
        PricingError: if a contribution is negative, or θ is outside [0, 1].
    """
    given = vector("contributions", contributions, low=0, high=errors.LARGEST)
    theta = number("theta", theta, low=0, high=1)
    start = errors.weights("base", base, size=len(given))
    total = math.fsum(given)
    share = given / total if total > 0 else start
    return tuple(((1 - theta) * start + theta * share).tolist())
