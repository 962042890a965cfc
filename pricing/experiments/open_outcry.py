"""The open outcry of Cliff (1997): one trader shouts, everybody hears it, and one of those who are willing takes it."""

from dataclasses import dataclass

import numpy as np

from pricing.errors import PricingError, number, whole
from pricing.experiments.compiled import Floor, open_outcry
from pricing.experiments.environment import PRICE_TICKS_MAX, Environment
from pricing.experiments.mechanism import Agents
from pricing.experiments.seeds import streams
from pricing.experiments.session import PERIODS_MAX, Session
from pricing.experiments.zip import Zip


@dataclass(frozen=True, slots=True)
class OpenOutcry:
    """The protocol under which Cliff's ZIP traders find the equilibrium. Prices are money per unit, of whole ticks.

    A period, or day, has `slots` for one deal each (by default, one for each unit of the larger side). A slot is given up
    after `shouts` shouts that nobody took. ZIP traders keep what they have learnt from one period to the next. ZI-C traders
    draw between their limit and the end of [`price_low`, `price_high`], afresh for each shout that they make or hear. Under
    the `improvement_rule` of the New York Stock Exchange a shout has to better the best one of its side in the slot.

    A ZIP market on a limit order book is another one, and does not reproduce these results.

    >>> market = Environment.of_units([3.25, 2.75, 2.25, 1.75], [0.75, 1.25, 1.75, 2.25])
    >>> session = OpenOutcry().run(market, Zip(), seed=1, periods=10)
    >>> [round(sum(outcome.paid) / len(outcome.paid), 2) for outcome in session.outcomes()][-1]
    2.08

    Raises:
        PricingError: if a figure is out of range.

    Source: D. Cliff, "Minimal-intelligence agents for bargaining behaviors in market-based environments", HPL-97-91, 1997.
    """

    price_high: float | None = None
    price_low: float = 0.01
    tick: float = 0.01
    improvement_rule: bool = False
    shouts: int = 100
    slots: int | None = None

    def __post_init__(self) -> None:
        tick = number("tick", self.tick, low=0, open_low=True)
        low = number("price_low", self.price_low, low=0, high=PRICE_TICKS_MAX * tick)
        if self.price_high is not None:
            number("price_high", self.price_high, low=low, high=PRICE_TICKS_MAX * tick)
        whole("shouts", self.shouts, low=1)
        if self.slots is not None:
            whole("slots", self.slots, low=1)

    def run(self, environment: Environment, agents: Agents, *, seed: int, periods: int = 1) -> Session:
        """Return the deals of so many periods of ZIP or ZI-C traders.

        Raises:
            PricingError: if the traders are ZI-U, a limit is not positive or outside the range of prices, or a ZI-C market
                has no `price_high`.
        """
        learning = isinstance(agents, Zip)
        low, high = self._range(environment, agents)
        limits, counts = environment.ladder(tick=self.tick)
        buyers, traders = len(environment.values), environment.traders
        bought, sold = int(counts[:buyers].sum()), int(counts[buyers:].sum())
        slots = max(bought, sold) if self.slots is None else self.slots
        deals = np.zeros(
            (min(bought, sold, slots) * whole("periods", periods, low=1, high=PERIODS_MAX) + 1, 4), np.int64
        )
        floor = Floor(
            streams=streams(seed, traders=traders),
            limits=limits,
            counts=counts,
            buyers=buyers,
            low=low,
            high=high,
            traits=agents.traits(tick=self.tick) if isinstance(agents, Zip) else np.zeros(8),
            learning=learning,
            improving=self.improvement_rule,
            made=np.zeros(traders, np.int64),
            limit=np.zeros(traders),
            prices=np.zeros(traders, np.int64),
            minds=np.zeros((traders, 4)),
            active=np.zeros(2, np.int64),
            best=np.zeros(2, np.int64),
            chosen=np.zeros(traders, np.int64),
        )
        made = open_outcry(floor, self.shouts, slots, periods, deals)
        return Session.of_ticks(environment, periods, deals[:made], tick=self.tick)

    def _range(self, environment: Environment, agents: Agents) -> tuple[int, int]:
        """Return the ends of the range in ticks once every limit is in it."""
        limits = [limit for row in (*environment.values, *environment.costs) for limit in row]
        if isinstance(agents, Zip):
            number("smallest limit", min(limits), low=0, open_low=True)
            return 0, 0
        if not agents.constrained:
            raise PricingError(
                "agents: found ZI-U, expected ZIP or ZI-C: open outcry has no unconstrained shouts"
            )
        if self.price_high is None:
            raise PricingError("price_high: found None, expected the highest price that ZI-C traders draw")
        number("smallest limit", min(limits), low=self.price_low)
        number("largest limit", max(limits), high=self.price_high)
        return round(self.price_low / self.tick), round(self.price_high / self.tick)
