"""What a market is measured against: the competitive equilibrium, Clarke's payments, and a posted price."""

from dataclasses import dataclass

import numpy as np

from pricing.errors import number
from pricing.experiments.environment import Environment
from pricing.experiments.equilibrium import competitive_equilibrium
from pricing.experiments.gode_sunder import GodeSunder
from pricing.experiments.mechanism import Agents, Mechanism, Populated
from pricing.experiments.seeds import market_generator
from pricing.experiments.session import Session
from pricing.experiments.whole import whole
from pricing.experiments.zero_intelligence import ZeroIntelligence

Unit = tuple[float, int]
"""What a unit is worth, or costs, and whose it is."""


@dataclass(frozen=True, slots=True)
class Competitive:
    """Everybody tells the truth, and the units of the equilibrium trade at its price P0.

    >>> market = Environment.of_units([10, 8, 5], [2, 4, 9])
    >>> Competitive().run(market, ZeroIntelligence(), seed=0).paid.tolist()
    [6.5, 6.5]
    """

    def run(self, environment: Environment, agents: Agents, *, seed: int, periods: int = 1) -> Session:  # noqa: ARG002
        """Return the same deals each period, whoever the traders are."""
        price = environment.equilibrium.price
        buyers, sellers = _equilibrium_units(environment)
        return _repeated(environment, buyers, sellers, [price] * len(buyers), [price] * len(sellers), periods)


@dataclass(frozen=True, slots=True)
class Clarke:
    """Vickrey, Clarke and Groves: the units of the equilibrium trade, and truth is the best that each trader can tell.

    With W the surplus, W₋ᵢ that of the others alone and Vᵢ, Cⱼ what a trader's own traded units are worth or cost, a buyer
    pays W₋ᵢ − (W − Vᵢ) and a seller is paid (W + Cⱼ) − W₋ⱼ, spread evenly over its units. Sellers may be paid more than
    buyers pay: the market's budget has a deficit.

    >>> market = Environment.of_units([10, 8, 5], [2, 4, 9])
    >>> session = Clarke().run(market, ZeroIntelligence(), seed=0)
    >>> session.paid.tolist(), session.received.tolist()
    ([5.0, 5.0], [8.0, 8.0])

    Source: E. H. Clarke, "Multipart pricing of public goods", Public Choice 11, 1971.
    """

    def run(self, environment: Environment, agents: Agents, *, seed: int, periods: int = 1) -> Session:  # noqa: ARG002
        """Return the same deals each period, whoever the traders are."""
        buyers, sellers = _equilibrium_units(environment)
        surplus = environment.equilibrium.surplus
        paid, received = {}, {}
        for buyer in {i for _, i in buyers}:
            own = [value for value, i in buyers if i == buyer]
            others_lose = _surplus_without(environment, buyer=buyer) - (surplus - sum(own))
            paid[buyer] = others_lose / len(own)
        for seller in {j for _, j in sellers}:
            own = [cost for cost, j in sellers if j == seller]
            others_gain = (surplus + sum(own)) - _surplus_without(environment, seller=seller)
            received[seller] = others_gain / len(own)
        return _repeated(
            environment,
            buyers,
            sellers,
            [paid[i] for _, i in buyers],
            [received[j] for _, j in sellers],
            periods,
        )


@dataclass(frozen=True, slots=True)
class PostedPrice:
    """Units worth at least a posted price meet those that cost at most as much; if there are more on a side, chance picks.

    `price` is the environment's reference price P0 unless told otherwise, in money per unit.

    >>> market = Environment.of_units([10, 8, 5], [2, 4, 9])
    >>> PostedPrice(9.0).run(market, ZeroIntelligence(), seed=0).paid.tolist()
    [9.0]

    Raises:
        PricingError: if the price is negative.
    """

    price: float | None = None

    def __post_init__(self) -> None:
        if self.price is not None:
            number("price", self.price, low=0)

    def run(self, environment: Environment, agents: Agents, *, seed: int, periods: int = 1) -> Session:  # noqa: ARG002
        """Return the deals of each period, whoever the traders are; the queue is drawn from the market's stream."""
        price = environment.reference_price if self.price is None else self.price
        generator = market_generator(seed)
        willing = (
            np.array(
                [i for i, row in enumerate(environment.values) for value in row if value >= price], np.int64
            ),
            np.array(
                [j for j, row in enumerate(environment.costs) for cost in row if cost <= price], np.int64
            ),
        )
        deals = min(map(len, willing))
        period = np.repeat(np.arange(1, whole("periods", periods, low=1) + 1), deals)
        queues = [[generator.permutation(side)[:deals] for side in willing] for _ in range(periods)]
        buyer, seller = (np.concatenate([queue[side] for queue in queues]) for side in (0, 1))
        prices = np.full(len(period), float(price))
        return Session(environment, periods, period, buyer, seller, prices, prices)


def comparators(*, price_high: float, price_low: float = 1.0, tick: float = 1.0) -> dict[str, Mechanism]:
    """Return what to run beside a mechanism: equilibrium, VCG, posted P0, and ZI-U and ZI-C on Gode and Sunder's market.

    The prices are the ends of the range that zero-intelligence traders draw from, and `tick` their unit.

    >>> list(comparators(price_high=200))
    ['equilibrium', 'vcg', 'posted', 'zi-u', 'zi-c']

    Raises:
        PricingError: if a figure is out of range.
    """
    market = GodeSunder(price_high=price_high, price_low=price_low, tick=tick)
    return {
        "equilibrium": Competitive(),
        "vcg": Clarke(),
        "posted": PostedPrice(),
        "zi-u": Populated(market, ZeroIntelligence(constrained=False)),
        "zi-c": Populated(market, ZeroIntelligence()),
    }


def _equilibrium_units(environment: Environment) -> tuple[list[Unit], list[Unit]]:
    """Return the units that trade, the best first; among equals, the first trader's."""
    bids = sorted((-value, i) for i, row in enumerate(environment.values) for value in row)
    offers = sorted((cost, j) for j, row in enumerate(environment.costs) for cost in row)
    quantity = environment.equilibrium.quantity
    return [(-value, i) for value, i in bids[:quantity]], offers[:quantity]


def _surplus_without(
    environment: Environment, *, buyer: int | None = None, seller: int | None = None
) -> float:
    """Return the surplus that the others can have when a trader stays away."""
    values = [value for i, row in enumerate(environment.values) if i != buyer for value in row]
    costs = [cost for j, row in enumerate(environment.costs) if j != seller for cost in row]
    return competitive_equilibrium(values, costs).surplus if values and costs else 0.0


def _repeated(
    environment: Environment,
    buyers: list[Unit],
    sellers: list[Unit],
    paid: list[float],
    received: list[float],
    periods: int,
) -> Session:
    times = whole("periods", periods, low=1)
    return Session(
        environment,
        times,
        np.repeat(np.arange(1, times + 1), len(buyers)),
        np.tile(np.array([i for _, i in buyers], np.int64), times),
        np.tile(np.array([j for _, j in sellers], np.int64), times),
        np.tile(np.array(paid, np.float64), times),
        np.tile(np.array(received, np.float64), times),
    )
