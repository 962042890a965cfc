"""Measures of a market: efficiency and where it was lost, convergence of prices, and who got the profit."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pricing.errors import LARGEST, EmptySide, Infeasible, PricingError, number, vector, whole

UNITS_MAX = 1 << 53
"""So many are still exact as floats."""


def smith_alpha(prices: Iterable[float], *, equilibrium_price: float) -> float:
    """Return α = 100·√(mean((p − P0)²))/P0 in percent: how far prices are from the equilibrium, on the whole.

    >>> smith_alpha([1.5, 2.5], equilibrium_price=2.0)
    25.0

    Raises:
        EmptySide: if there is no price.
        PricingError: if one is not a finite number, or the equilibrium price is not positive.

    Source: V. L. Smith, "An experimental study of competitive market behavior", Journal of Political Economy 70, 1962.
    """
    p0 = number("equilibrium_price", equilibrium_price, low=0, high=LARGEST, open_low=True)
    return number("alpha", 100 * _root_mean_square(_some("prices", prices) - p0) / p0)


def allocative_efficiency(surplus: float, *, max_surplus: float) -> float:
    """Return 100·S/S* in percent: the surplus of all traders over the most that they could have had together.

    >>> allocative_efficiency(6.0, max_surplus=7.5)
    80.0

    Raises:
        Infeasible: if no surplus was to be had.
        PricingError: if a figure is not a finite number, or the most is less than the surplus.
    """
    most = number("max_surplus", max_surplus, low=0)
    if most == 0:
        raise Infeasible("max_surplus: found 0, expected a market in which a trade has a surplus")
    # sums in another order differ in the last places
    got = number("surplus", surplus, high=most * (1 + 1e-9))
    return number("efficiency", 100 * got / most)


def volume_ratio(trades: int, *, equilibrium_quantity: int) -> float:
    """Return Q/Q0, without unit: units traded over those of the equilibrium.

    >>> volume_ratio(9, equilibrium_quantity=6)
    1.5

    Raises:
        Infeasible: if nothing trades in the equilibrium.
        PricingError: if a figure is negative.
    """
    if whole("equilibrium_quantity", equilibrium_quantity, high=UNITS_MAX) == 0:
        raise Infeasible("equilibrium_quantity: found 0, expected a market in which something trades")
    return whole("trades", trades, high=UNITS_MAX) / equilibrium_quantity


def price_volatility(prices: Iterable[float]) -> float:
    """Return √(mean((p_k − p_{k−1})²)) in money per unit: how much the price moves from one deal to the next.

    >>> price_volatility([2.0, 2.5, 2.0])
    0.5

    Raises:
        EmptySide: if there are fewer than two prices.
        PricingError: if one is not a finite number.
    """
    moves = np.diff(vector("prices", prices, low=-LARGEST, high=LARGEST))
    if not len(moves):
        raise EmptySide("prices: found fewer than two, expected at least two")
    return number("volatility", _root_mean_square(moves))


def profit_dispersion(profits: Iterable[float], equilibrium_profits: Iterable[float]) -> float:
    """Return √(mean((π_i − π*_i)²)) in money: how far traders' profits are from those at the equilibrium price.

    >>> profit_dispersion([1.0, 0.0], [0.5, 0.5])
    0.5

    Raises:
        EmptySide: if there is no trader.
        PricingError: if a figure is not a finite number, or there are not as many of both.

    Source: D. K. Gode, S. Sunder, "Allocative efficiency of markets with zero-intelligence traders", Journal of Political
    Economy 101, 1993.
    """
    got = _some("profits", profits)
    due = vector("equilibrium_profits", equilibrium_profits, size=len(got), low=-LARGEST, high=LARGEST)
    return number("profit dispersion", _root_mean_square(got - due))


@dataclass(frozen=True, slots=True)
class EfficiencyLoss:
    """What a market lost of the surplus, in money, and to which mistakes. The two sum to S* − S."""

    intramarginal: float
    extramarginal: float


def efficiency_loss(
    values: Sequence[Sequence[float]],
    costs: Sequence[Sequence[float]],
    *,
    bought: Sequence[int],
    sold: Sequence[int],
    price: float,
) -> EfficiencyLoss:
    """Split the lost surplus at the equilibrium price P0 into two, by unit, in money.

    IM is Σ |v − P0| over the units that are better than P0 and did not trade, EM over those that are worse and did; costs
    count as values do. `bought` and `sold` say how many of its units, the first ones, each trader traded. As many are bought
    as sold, so prices cancel out, and at a price that clears the market IM + EM = S* − S.

    >>> efficiency_loss([(10.0,), (6.0,)], [(2.0,), (8.0,)], bought=[1, 0], sold=[0, 1], price=7.0)
    EfficiencyLoss(intramarginal=5.0, extramarginal=1.0)

    Raises:
        PricingError: if not as many are bought as sold, or somebody traded more units than it has.

    Source: J. Rust, J. Miller, R. Palmer, "Characterizing effective trading strategies", Journal of Economic Dynamics and
    Control 18, 1994, who tell the two kinds apart.
    """
    p0 = number("price", price, low=-LARGEST, high=LARGEST)
    missed, wrong = [0.0], [0.0]
    for what, rows, counts, sign in (("bought", values, bought, 1), ("sold", costs, sold, -1)):
        if len(rows) != len(counts):
            raise PricingError(
                f"{what}: found {len(counts)} counts, expected one for each of {len(rows)} traders"
            )
        for trader, (row, count) in enumerate(zip(rows, counts, strict=True)):
            whole(f"{what}[{trader}]", count, high=len(row))
            units = vector(f"units of trader {trader}", row, low=-LARGEST, high=LARGEST)
            for place, limit in enumerate(units.tolist()):
                gain = sign * (limit - p0)
                if place >= count and gain > 0:
                    missed.append(gain)
                if place < count and gain < 0:
                    wrong.append(-gain)
    if sum(bought) != sum(sold):
        raise PricingError(f"bought: found {sum(bought)} units, expected as many as are sold, {sum(sold)}")
    return EfficiencyLoss(math.fsum(missed), math.fsum(wrong))


def _some(what: str, values: Iterable[float]) -> NDArray[np.float64]:
    checked = vector(what, values, low=-LARGEST, high=LARGEST)
    if not len(checked):
        raise EmptySide(f"{what}: found none, expected at least one")
    return checked


def _root_mean_square(values: NDArray[np.float64]) -> float:
    return math.sqrt(float(values @ values) / len(values))
