"""What an experiment can measure of a period, by name."""

import math
import statistics
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType

from pricing.errors import EmptySide, Infeasible, PricingError
from pricing.experiments.metrics import (
    EfficiencyLoss,
    allocative_efficiency,
    efficiency_loss,
    price_volatility,
    profit_dispersion,
    smith_alpha,
    volume_ratio,
)
from pricing.experiments.session import Outcome

ROUNDING = 1e-9
"""A loss that is smaller is rounding."""


def _gains_at_reference(outcome: Outcome) -> list[float]:
    """Return what each trader would gain if all its units better than P0 traded at P0."""
    market, price = outcome.environment, outcome.environment.reference_price
    return [
        *(sum(max(value - price, 0) for value in row) for row in market.values),
        *(sum(max(price - cost, 0) for cost in row) for row in market.costs),
    ]


def _gains(outcome: Outcome) -> tuple[float, ...]:
    return (*outcome.buyer_gains, *outcome.seller_gains)


def _loss(outcome: Outcome) -> EfficiencyLoss:
    market = outcome.environment
    return efficiency_loss(
        market.values,
        market.costs,
        bought=outcome.buyer_units,
        sold=outcome.seller_units,
        price=market.equilibrium.price,
    )


def _gini(outcome: Outcome) -> float:
    from pricing.cooperative.fairness import gini

    gains = _gains(outcome)
    if min(gains) < -ROUNDING or max(gains) <= ROUNDING:
        raise Infeasible("profits: found a loss, or no gain, expected gains to compare")
    return gini(max(gain, 0.0) for gain in gains)


def _mean_price(outcome: Outcome) -> float:
    if not outcome.paid:
        raise EmptySide("prices: found none, expected at least one")
    return statistics.fmean(outcome.paid)


Measure = Callable[[Outcome], float]

METRICS: Mapping[str, Measure] = MappingProxyType(
    {
        "efficiency": lambda o: allocative_efficiency(
            o.surplus, max_surplus=o.environment.equilibrium.surplus
        ),
        "alpha": lambda o: smith_alpha(o.paid, equilibrium_price=o.environment.reference_price),
        "trades": lambda o: float(len(o.paid)),
        "volume_ratio": lambda o: volume_ratio(
            len(o.paid), equilibrium_quantity=o.environment.equilibrium.quantity
        ),
        "mean_price": _mean_price,
        "price_bias": lambda o: _mean_price(o) - o.environment.reference_price,
        "price_volatility": lambda o: price_volatility(o.paid),
        "profit_dispersion": lambda o: profit_dispersion(_gains(o), _gains_at_reference(o)),
        "gini": _gini,
        "intramarginal_loss": lambda o: _loss(o).intramarginal,
        "extramarginal_loss": lambda o: _loss(o).extramarginal,
        "losers": lambda o: float(sum(gain < -ROUNDING for gain in _gains(o))),
        "budget": lambda o: math.fsum(o.paid) - math.fsum(o.received),
    }
)
"""What can be measured: `losers` would rather have stayed away; `budget` is what buyers pay over what sellers get."""

PROFIT = "profit"
"""The metric that has a value for each trader instead of one for the market."""


def measure(outcome: Outcome, metrics: Iterable[str]) -> dict[str, float]:
    """Return the metrics of a period by name, without those that it has not: no deal has no price, a loss no Gini.

    >>> from pricing.experiments.benchmarks import Competitive
    >>> from pricing.experiments.environment import Environment
    >>> from pricing.experiments.zero_intelligence import ZeroIntelligence
    >>> market = Environment.of_units([10, 8, 5], [2, 4, 9])
    >>> session = Competitive().run(market, ZeroIntelligence(), seed=0)
    >>> measure(session.outcome(1), ["efficiency", "alpha"])
    {'efficiency': 100.0, 'alpha': 0.0}

    Raises:
        PricingError: if there is no such metric.
    """
    found = {}
    for name in metrics:
        if name not in METRICS:
            raise PricingError(f"metrics: found {name!r}, expected among {', '.join((*METRICS, PROFIT))}")
        try:
            found[name] = METRICS[name](outcome)
        except (EmptySide, Infeasible):
            continue
    return found
