"""List prices of several products that compete for one buyer: the multinomial logit monopoly."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import logsumexp, wrightomega

from pricing.errors import LARGEST, EmptySide, number, vector


@dataclass(frozen=True, slots=True)
class LogitPrices:
    """Most profitable prices, the share of buyers that takes each product, and profit per buyer who comes."""

    prices: tuple[float, ...]
    markup: float
    shares: tuple[float, ...]
    profit: float


def logit_prices(appeal: Sequence[float], unit_costs: Sequence[float], *, sensitivity: float) -> LogitPrices:
    """Return the prices p_j = c_j + (1 + W(Σ e^{a_j − b c_j − 1}))/b of products that one seller offers side by side.

    A buyer takes product j with probability e^{a_j − b p_j} / (1 + Σ e^{a_k − b p_k}), else nothing. All products then
    bear one markup; W is Lambert's function, and the profit per buyer is markup − 1/b. `sensitivity` is b, per unit of
    price; `appeal` a_j has no unit. Source: Anderson, de Palma & Thisse, Discrete Choice Theory of Product
    Differentiation (1992); Li & Huh 2011; case D14.

    >>> menu = logit_prices([2.0, 1.5, 1.0], [0.5, 0.4, 0.2], sensitivity=1.0)
    >>> [round(price, 6) for price in menu.prices]
    [2.641211, 2.541211, 2.341211]

    Raises:
        EmptySide: if there is no product.
        PricingError: if the two differ in length, a figure is not finite, or the sensitivity is not positive.
    """
    a = vector("appeal", appeal, low=-LARGEST, high=LARGEST)
    c = vector("unit_costs", unit_costs, size=len(a), low=-LARGEST, high=LARGEST)
    b = number("sensitivity", sensitivity, low=0, high=LARGEST, open_low=True)
    if not len(a):
        raise EmptySide("appeal: found no product, expected at least 1")
    # ω(y) = W(e^y): the sum of exponentials itself may overflow
    omega = float(wrightomega(logsumexp(a - b * c) - 1).real)
    markup = number("markup", (1 + omega) / b)
    scores = a - b * (c + markup)
    shares = np.exp(scores - np.logaddexp(0, logsumexp(scores)))
    return LogitPrices(
        prices=tuple(float(price) for price in c + markup),
        markup=markup,
        shares=tuple(float(share) for share in shares),
        profit=number("profit", omega / b),
    )
