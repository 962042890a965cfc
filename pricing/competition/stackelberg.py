"""Stackelberg leadership in closed form: a seller's price to followers who may drop out, and the first to sell."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pricing.competition._figures import FIGURE_MAX, FIGURE_MIN
from pricing.competition.cournot import cournot
from pricing.errors import EmptySide, number, vector


class PriceOptimum(NamedTuple):
    """A price that no small change betters, and the leader's profit at it."""

    price: float
    profit: float


@dataclass(frozen=True, slots=True)
class PriceLeadership:
    """The leader's best price, what followers buy at it and gain, and all local optima, the best first."""

    price: float
    demands: tuple[float, ...]
    leader_profit: float
    follower_utilities: tuple[float, ...]
    local_optima: tuple[PriceOptimum, ...]


def price_to_log_followers(weights: Iterable[float], *, unit_cost: float) -> PriceLeadership:
    """Return the leader's best price p to followers who maximise w_i·ln(1 + x_i) − p·x_i, at unit cost c.

    A follower buys x_i = w_i/p − 1 if w_i > p, else nothing. While the set A buys, profit (p − c)·(Σ_A w/p − |A|) is
    concave with its top at p = √(c·Σ_A w/|A|). A is always the k largest w, so each k gives one candidate, a local
    optimum if it lies between w_{k+1} and w_k. Where a follower drops out the slope of profit jumps *up*: no optimum
    is ever there. w in money, p and c in money per unit.

    >>> best = price_to_log_followers([9, 60], unit_cost=2)
    >>> [(round(price, 3), round(profit, 3)) for price, profit in best.local_optima]  # alone with the large one, or both
    [(10.954, 40.091), (8.307, 39.774)]
    >>> best.demands[0]
    0.0

    Raises:
        EmptySide: if there is no follower.
        PricingError: if the unit cost is not positive (a lower price would always sell more for free), or a weight is
            negative.
    """
    c = number("unit_cost", unit_cost, low=FIGURE_MIN, high=FIGURE_MAX)
    w = _followers("weights", weights)
    largest_first = np.sort(w)[::-1]
    tops = np.sqrt(c * (np.cumsum(largest_first) / np.arange(1, len(w) + 1)))

    def demands(price: float) -> NDArray[np.float64]:
        return np.maximum(0.0, w / price - 1)

    def utilities(price: float, x: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(w * np.log1p(x) - price * x)

    return _best(largest_first, tops, c, demands, utilities)


def price_to_quadratic_followers(
    values: Iterable[float], slopes: Iterable[float], *, unit_cost: float
) -> PriceLeadership:
    """Return the leader's best price p to followers who maximise a_i·x_i − b_i·x_i²/2 − p·x_i, at unit cost c.

    A follower buys x_i = (a_i − p)/b_i if a_i > p, else nothing. While the set A buys, profit is a parabola with its top
    at p = (c + Σ_A(a/b)/Σ_A(1/b))/2; which tops count is as in `price_to_log_followers`. a (`values`), p and c in money
    per unit, b (`slopes`) in money per unit².

    >>> best = price_to_quadratic_followers([10, 4], [1, 1], unit_cost=0)
    >>> best.price, best.demands, best.leader_profit
    (5.0, (5.0, 0.0), 25.0)

    Raises:
        EmptySide: if there is no follower.
        PricingError: if the unit cost or a value is negative, a slope is not positive, or there is not one for each.
    """
    c = number("unit_cost", unit_cost, low=0, high=FIGURE_MAX)
    a = _followers("values", values)
    b = vector("slopes", slopes, size=len(a), low=FIGURE_MIN, high=FIGURE_MAX)
    order = np.argsort(-a, kind="stable")
    tops = (c + np.cumsum(a[order] / b[order]) / np.cumsum(1 / b[order])) / 2

    def demands(price: float) -> NDArray[np.float64]:
        return np.maximum(0.0, a - price) / b

    def utilities(price: float, x: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray((a - price) * x / 2)  # of it b·x²/2 is lost again

    return _best(a[order], tops, c, demands, utilities)


def _followers(what: str, values: Iterable[float]) -> NDArray[np.float64]:
    given = vector(what, values, low=0, high=FIGURE_MAX)
    if not len(given):
        raise EmptySide(f"{what}: found none, expected at least one follower")
    return given


def _best(
    limits: NDArray[np.float64],
    tops: NDArray[np.float64],
    c: float,
    demands: Callable[[float], NDArray[np.float64]],
    utilities: Callable[[float, NDArray[np.float64]], NDArray[np.float64]],
) -> PriceLeadership:
    """Keep the tops that lie where exactly their followers buy; `limits` are the prices at which each drops out."""
    next_limits = np.append(limits[1:], 0.0)
    optima = [
        PriceOptimum(price, float((price - c) * demands(price).sum()))
        for price in tops[(next_limits <= tops) & (tops <= limits)].tolist()
    ]
    optima.sort(key=lambda optimum: -optimum.profit)
    if not optima:  # no follower values a unit at its cost
        optima = [PriceOptimum(c, 0.0)]
    price, profit = optima[0]
    bought = demands(price)
    gained = utilities(price, bought) + 0.0  # no negative zero
    return PriceLeadership(price, tuple(bought.tolist()), profit, tuple(gained.tolist()), tuple(optima))


@dataclass(frozen=True, slots=True)
class QuantityLeadership:
    """What the leader and each follower sell, the one price, and what they earn."""

    leader: float
    followers: tuple[float, ...]
    price: float
    leader_profit: float
    follower_profits: tuple[float, ...]


def quantity_leader(
    *, intercept: float, slope: float, leader_cost: float, follower_costs: Iterable[float]
) -> QuantityLeadership:
    """Return the subgame-perfect quantities on P = a − b·Q when a leader sells first, then followers à la Cournot.

    Unit costs c_0 of the leader and c_i of the followers, in money per unit. Against the m cheapest followers
    P = (a − b·q + Σc)/(m + 1), so the leader's best is q = (a + Σc − (m + 1)·c_0)/(2b), held to the quantities at which
    exactly those m sell; of all m the best counts. At such a limit it sells just enough to keep the next one out.
    Von Stackelberg (1934); several followers: Sherali, Soyster and Murphy (1983).

    >>> quantity_leader(intercept=100, slope=1, leader_cost=10, follower_costs=[10])
    QuantityLeadership(leader=45.0, followers=(22.5,), price=32.5, leader_profit=1012.5, follower_profits=(506.25,))

    Raises:
        EmptySide: if there is no follower.
        PricingError: if the slope is not positive, or the intercept or a cost is negative.
    """
    a = number("intercept", intercept, low=0, high=FIGURE_MAX)
    b = number("slope", slope, low=FIGURE_MIN, high=FIGURE_MAX)
    c0 = number("leader_cost", leader_cost, low=0, high=FIGURE_MAX)
    c = _followers("follower_costs", follower_costs)
    by_cost = np.sort(c)
    best_quantity, best_profit = 0.0, 0.0
    for m in range(len(c) + 1):
        together = a + float(by_cost[:m].sum())
        # the m-th sells while P > c_m, and the next one does not while P <= c_{m+1}
        highest = (together - (m + 1) * float(by_cost[m - 1] if m else 0.0)) / b
        lowest = max(0.0, (together - (m + 1) * float(by_cost[m])) / b) if m < len(c) else 0.0
        if highest < lowest:
            continue
        quantity = min(highest, max(lowest, (together - (m + 1) * c0) / (2 * b)))
        profit = ((together - b * quantity) / (m + 1) - c0) * quantity
        if profit > best_profit:
            best_quantity, best_profit = quantity, profit
    answer = cournot(intercept=max(0.0, a - b * best_quantity), slope=b, costs=c)
    return QuantityLeadership(
        best_quantity,
        answer.quantities,
        answer.price,
        (answer.price - c0) * best_quantity,
        answer.profits,
    )
