"""Double marginalisation: a monopolist sells to customers through another, and both add a margin."""

from dataclasses import dataclass

from pricing.competition._figures import FIGURE_MAX, FIGURE_MIN
from pricing.errors import number


@dataclass(frozen=True, slots=True)
class Chain:
    """Prices at both stages, what is sold, and profits; `integrated_profit` is what one firm would earn instead."""

    wholesale: float
    retail: float
    quantity: float
    upstream_profit: float
    downstream_profit: float
    integrated_profit: float


def double_marginalisation(
    *, intercept: float, slope: float = 1.0, upstream_cost: float, downstream_cost: float = 0.0
) -> Chain:
    """Return the subgame-perfect outcome of P = a − b·Q when an upstream firm sets the wholesale price first.

    w = (a − k + c)/2 and q = (a − c − k)/(4b), half of what one firm would sell: c and k are the unit costs up- and
    downstream, in money per unit, b in money per unit². A transfer beside w = c (a two-part tariff) repairs it, which
    is what the bilateral contract of bargaining does. Without gains from trade nothing is sold, at prices that leave
    nobody a margin. Spengler (1950).

    >>> chain = double_marginalisation(intercept=100, upstream_cost=20)
    >>> chain.wholesale, chain.retail, chain.quantity
    (60.0, 80.0, 20.0)
    >>> chain.upstream_profit, chain.downstream_profit, chain.integrated_profit
    (800.0, 400.0, 1600.0)

    Raises:
        PricingError: if the slope is not positive, or the intercept or a cost is negative.
    """
    a = number("intercept", intercept, low=0, high=FIGURE_MAX)
    b = number("slope", slope, low=FIGURE_MIN, high=FIGURE_MAX)
    c = number("upstream_cost", upstream_cost, low=0, high=FIGURE_MAX)
    k = number("downstream_cost", downstream_cost, low=0, high=FIGURE_MAX)
    gains = max(0.0, a - c - k)
    quantity = gains / b / 4
    return Chain(
        wholesale=c + gains / 2,
        retail=c + k + gains * 0.75,
        quantity=quantity,
        upstream_profit=quantity * gains / 2,
        downstream_profit=quantity * gains / 4,
        integrated_profit=quantity * gains,
    )
