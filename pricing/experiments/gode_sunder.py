"""The continuous double auction of Gode and Sunder, in which traders without intelligence are nearly efficient."""

import math
from dataclasses import dataclass

import numpy as np

from pricing.errors import PricingError, number, whole
from pricing.experiments.compiled import quote_driven
from pricing.experiments.environment import PRICE_TICKS_MAX, Environment
from pricing.experiments.mechanism import Agents
from pricing.experiments.seeds import streams
from pricing.experiments.session import PERIODS_MAX, Session
from pricing.experiments.zero_intelligence import ZeroIntelligence


@dataclass(frozen=True, slots=True)
class GodeSunder:
    """The continuous double auction of Gode and Sunder: quotes for one unit, of whole ticks in [`price_low`, `price_high`].

    `picks` times a trader is picked, uniformly from all; it draws a quote for its next unit if it has one left. The best
    quotes stand until a trade, which cancels both. A quote that meets the other side's trades at the price of that earlier
    quote. Prices and `tick` are money per unit.

    >>> market = Environment.of_units([160, 120, 80], [40, 70, 110])
    >>> session = GodeSunder(price_high=200).run(market, ZeroIntelligence(), seed=1)
    >>> session.outcome(1).surplus <= market.equilibrium.surplus
    True

    Raises:
        PricingError: if a figure is out of range, or the range holds no tick.
    """

    price_high: float
    price_low: float = 1.0
    tick: float = 1.0
    picks: int = 4000

    def __post_init__(self) -> None:
        tick = number("tick", self.tick, low=0, open_low=True)
        low = number("price_low", self.price_low, low=0)
        number("price_high", self.price_high, low=low, high=PRICE_TICKS_MAX * tick)
        whole("picks", self.picks, low=1)

    def run(self, environment: Environment, agents: Agents, *, seed: int, periods: int = 1) -> Session:
        """Return the deals of so many periods of zero-intelligence traders, who have all their units in each.

        Raises:
            PricingError: if the traders are not zero-intelligence, or a figure is out of range.
        """
        if not isinstance(agents, ZeroIntelligence):
            raise PricingError(f"agents: found {agents!r}, expected zero-intelligence traders")
        limits, counts = environment.ladder(tick=self.tick)
        buyers = len(environment.values)
        units = min(int(counts[:buyers].sum()), int(counts[buyers:].sum()))
        deals = np.zeros((units * whole("periods", periods, low=1, high=PERIODS_MAX), 4), np.int64)
        made = quote_driven(
            streams(seed, traders=environment.traders),
            limits,
            counts,
            buyers,
            math.ceil(self.price_low / self.tick - 1e-9),
            math.floor(self.price_high / self.tick + 1e-9),
            agents.constrained,
            self.picks,
            periods,
            np.zeros(environment.traders, np.int64),
            deals,
        )
        return Session.of_ticks(environment, periods, deals[:made], tick=self.tick)
