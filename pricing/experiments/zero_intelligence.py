"""Traders without intelligence, and what is known of them in closed form."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from pricing.errors import LARGEST, Infeasible, number, vector
from pricing.experiments.equilibrium import competitive_equilibrium


@dataclass(frozen=True, slots=True)
class ZeroIntelligence:
    """Traders who draw prices: ZI-C never at a loss, between the range's end and their limit; ZI-U anywhere in the range.

    >>> ZeroIntelligence().name, ZeroIntelligence(constrained=False).name
    ('ZI-C', 'ZI-U')

    Source: D. K. Gode, S. Sunder, "Allocative efficiency of markets with zero-intelligence traders", Journal of Political
    Economy 101, 1993.
    """

    constrained: bool = True

    @property
    def name(self) -> str:
        """What the literature calls them."""
        return "ZI-C" if self.constrained else "ZI-U"


@dataclass(frozen=True, slots=True)
class PairMeeting:
    """How one ZI-C buyer and one ZI-C seller meet: chance per round, rounds until then, and the price in the middle."""

    crossing_probability: float
    expected_rounds: float
    expected_price: float
    price_sd: float


def pair_meeting(value: float, cost: float, *, price_high: float) -> PairMeeting:
    """Return when a bid from U[0, V] meets an offer from U[C, M], both drawn afresh each round, and (bid + offer)/2.

    Pairs that meet fill the triangle C <= a <= b <= V, less that above M if M < V. The triangle of leg t = V − x has area
    t²/2, and over it the mid-price has mean V − t/2 and variance t²/24. With M >= V the chance is
    (V − C)²/(2V(M − C)), the mean (V + C)/2 and the variance (V − C)²/24. Money per unit.

    >>> pair_meeting(150, 60, price_high=200).expected_price
    105.0

    Raises:
        Infeasible: if the buyer's value is not above the seller's cost: they never meet.
        PricingError: if a figure is negative, or `price_high` is not above the cost.
    """
    v = number("value", value, low=0, high=LARGEST)
    c = number("cost", cost, low=0, high=LARGEST)
    m = number("price_high", price_high, low=c, high=LARGEST, open_low=True)
    if v <= c:
        raise Infeasible(f"value: found {v:g}, expected more than the cost {c:g}")
    area = mean = square = 0.0
    for sign, leg in ((1, v - c), (-1, max(v - m, 0))):
        part, middle = sign * leg**2 / 2, v - leg / 2
        area += part
        mean += part * middle
        square += part * (leg**2 / 24 + (leg / 2) ** 2)  # about V, where little cancels
    probability = number("crossing probability", area / v / (m - c), low=0, open_low=True)
    price = mean / area
    variance = max(square / area - (v - price) ** 2, 0)
    return PairMeeting(probability, number("rounds", 1 / probability), price, math.sqrt(variance))


def unconstrained_efficiency(values: Iterable[float], costs: Iterable[float]) -> float:
    """Return 100·(Σ v − Σ c)/S*, in percent: what is left of the surplus when every unit trades, as ZI-U's in the end do.

    Who trades with whom and at what price cancels out; it is negative if the units cost more than they are worth.

    >>> round(unconstrained_efficiency([10, 8, 5], [2, 4, 9]), 4)  # 8 of 12
    66.6667

    Raises:
        EmptySide: if a side has no unit.
        Infeasible: if the sides do not have as many units as each other, or no trade has a surplus.
        PricingError: if a figure is not a finite number.

    Source: identity, for the ZI-U traders of Gode and Sunder (1993).
    """
    v, c = vector("values", values), vector("costs", costs)
    best = competitive_equilibrium(v, c).surplus
    if len(v) != len(c):
        raise Infeasible(f"costs: found {len(c)} units, expected as many as there are values, {len(v)}")
    if best <= 0:
        raise Infeasible("values: found no unit worth more than the cheapest cost, expected one")
    return number("efficiency", 100 * (math.fsum(v) - math.fsum(c)) / best)
