"""Competitive equilibrium of step curves: where the units that buyers value most meet those that cost sellers least."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from pricing.errors import LARGEST, EmptySide, vector


@dataclass(frozen=True, slots=True)
class CompetitiveEquilibrium:
    """What a competitive market of these units does: the benchmark of every experiment.

    Every price in [`price_low`, `price_high`] clears the market; `price` is the middle, P0. `quantity` Q0 counts units
    traded, those without surplus included, and `surplus` S* is the most that all traders can gain together.
    """

    price: float
    quantity: int
    surplus: float
    price_low: float
    price_high: float


def competitive_equilibrium(values: Iterable[float], costs: Iterable[float]) -> CompetitiveEquilibrium:
    """Return Q0 = max{k: v_k >= c_k}, S* = Σ_{k<=Q0} (v_k − c_k) and the prices between the units at the margin.

    Values in falling, costs in rising order, in money per unit; any order is taken. Prices that clear the market are
    [max(c_Q0, v_{Q0+1}), min(v_Q0, c_{Q0+1})], a unit that does not exist setting no limit. If nothing trades they are
    [v_1, c_1].

    >>> competitive_equilibrium([10, 8, 5], [2, 4, 9])
    CompetitiveEquilibrium(price=6.5, quantity=2, surplus=12.0, price_low=5.0, price_high=8.0)

    Raises:
        EmptySide: if there is no value, or no cost.
        PricingError: if one is not a finite number.

    Source: V. L. Smith, "An experimental study of competitive market behavior", Journal of Political Economy 70, 1962.
    """
    v = np.sort(vector("values", values, low=-LARGEST, high=LARGEST))[::-1]
    c = np.sort(vector("costs", costs, low=-LARGEST, high=LARGEST))
    for what, side in (("values", v), ("costs", c)):
        if not len(side):
            raise EmptySide(f"{what}: found none, expected at least one")
    pairs = min(len(v), len(c))
    quantity = int(np.count_nonzero(v[:pairs] >= c[:pairs]))

    last, following = quantity - 1, quantity
    low = max(
        float(c[last]) if quantity else -math.inf,
        float(v[following]) if following < len(v) else -math.inf,
    )
    high = min(
        float(v[last]) if quantity else math.inf,
        float(c[following]) if following < len(c) else math.inf,
    )
    surplus = math.fsum((v[:quantity] - c[:quantity]).tolist())
    return CompetitiveEquilibrium(low + (high - low) / 2, quantity, surplus, low, high)
