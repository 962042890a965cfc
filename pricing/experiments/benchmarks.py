"""What a market is measured against: the competitive equilibrium, truthful auctions, and a posted price."""

from dataclasses import dataclass

import numpy as np

from market.orders import Side
from market.units import InvariantBroken
from pricing.errors import PricingError, number, whole
from pricing.experiments.environment import Environment
from pricing.experiments.gode_sunder import GodeSunder
from pricing.experiments.mechanism import Agents, Mechanism, Populated
from pricing.experiments.seeds import market_generator
from pricing.experiments.session import PERIODS_MAX, Session
from pricing.experiments.zero_intelligence import ZeroIntelligence


@dataclass(frozen=True, slots=True)
class Competitive:
    """Everybody tells the truth, and the units of the equilibrium trade at its price P0.

    >>> market = Environment.of_units([10, 8, 5], [2, 4, 9])
    >>> Competitive().run(market, ZeroIntelligence(), seed=0).paid.tolist()
    [6.5, 6.5]
    """

    def run(self, environment: Environment, agents: Agents, *, seed: int, periods: int = 1) -> Session:  # noqa: ARG002
        """Return the same deals each period, whoever the traders are."""
        price, quantity = environment.equilibrium.price, environment.equilibrium.quantity
        buyers = _equilibrium_units(environment.values, quantity, rising=False)
        sellers = _equilibrium_units(environment.costs, quantity, rising=True)
        return _repeated(environment, buyers, sellers, [price] * quantity, [price] * quantity, periods)


@dataclass(frozen=True, slots=True)
class Auction:
    """Everybody bids the truth in one of the double auctions of `pricing.auctions.MECHANISMS`, such as "vcg" or "mcafee".

    Every unit is an order of its trader, who puts what it gets to its best use. Auctions that draw lots take the seed of the
    run for it.

    >>> market = Environment.of_units([10, 8, 5], [2, 4, 9])
    >>> session = Auction("vcg").run(market, ZeroIntelligence(), seed=0)
    >>> session.paid.tolist(), session.received.tolist()
    ([5.0, 5.0], [8.0, 8.0])

    Raises:
        PricingError: if there is no such auction.
    """

    name: str

    def __post_init__(self) -> None:
        from pricing.auctions import MECHANISMS  # where it is used: every worker imports this module

        if self.name not in MECHANISMS:
            raise PricingError(f"name: found {self.name!r}, expected one of {', '.join(MECHANISMS)}")

    def run(self, environment: Environment, agents: Agents, *, seed: int, periods: int = 1) -> Session:  # noqa: ARG002
        """Return the same deals each period, whoever the traders are."""
        from pricing.auctions import MECHANISMS, Order, clear

        orders = [
            Order(f"{side.name} {trader}", side, limit)
            for side, rows in ((Side.BUY, environment.values), (Side.SELL, environment.costs))
            for trader, row in enumerate(rows)
            for limit in row
        ]
        owners = [
            trader
            for rows in (environment.values, environment.costs)
            for trader, row in enumerate(rows)
            for _ in row
        ]
        drawn = {"seed": seed} if "seed" in MECHANISMS[self.name].parameters else {}
        outcome = clear(self.name, orders, **drawn)
        if any(fill not in (0, 1) for fill in outcome.filled):
            raise InvariantBroken(f"{self.name}: found a fraction of a unit traded, expected whole ones")
        traded = [at for at, fill in enumerate(outcome.filled) if fill]
        buyers, sellers = ([at for at in traded if orders[at].side is side] for side in (Side.BUY, Side.SELL))
        return _repeated(
            environment,
            [owners[at] for at in buyers],
            [owners[at] for at in sellers],
            [outcome.paid[at] for at in buyers],
            [-outcome.paid[at] for at in sellers],
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
        period = np.repeat(np.arange(1, whole("periods", periods, low=1, high=PERIODS_MAX) + 1), deals)
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
        "vcg": Auction("vcg"),
        "posted": PostedPrice(),
        "zi-u": Populated(market, ZeroIntelligence(constrained=False)),
        "zi-c": Populated(market, ZeroIntelligence()),
    }


def _equilibrium_units(rows: tuple[tuple[float, ...], ...], quantity: int, *, rising: bool) -> list[int]:
    """Return whose the best units are, the best first; among equals, the first trader's."""
    units = sorted((limit if rising else -limit, trader) for trader, row in enumerate(rows) for limit in row)
    return [trader for _, trader in units[:quantity]]


def _repeated(
    environment: Environment,
    buyers: list[int],
    sellers: list[int],
    paid: list[float],
    received: list[float],
    periods: int,
) -> Session:
    times = whole("periods", periods, low=1, high=PERIODS_MAX)
    return Session(
        environment,
        times,
        np.repeat(np.arange(1, times + 1), len(buyers)),
        np.tile(np.array(buyers, np.int64), times),
        np.tile(np.array(sellers, np.int64), times),
        np.tile(np.array(paid, np.float64), times),
        np.tile(np.array(received, np.float64), times),
    )
