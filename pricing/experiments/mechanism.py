"""What every market institution of an experiment can do: turn an environment and its traders into deals."""

from dataclasses import dataclass
from typing import Protocol

from pricing.experiments.environment import Environment
from pricing.experiments.session import Session
from pricing.experiments.zero_intelligence import ZeroIntelligence
from pricing.experiments.zip import Zip

Agents = ZeroIntelligence | Zip


class Mechanism(Protocol):
    """A market institution. The same seed gives the same deals, and other mechanisms the same draws."""

    def run(self, environment: Environment, agents: Agents, *, seed: int, periods: int = 1) -> Session:
        """Return the deals of so many periods."""


@dataclass(frozen=True, slots=True)
class Populated:
    """A mechanism with traders of its own, whoever else the experiment is about: a benchmark such as ZI-C."""

    mechanism: Mechanism
    agents: Agents

    def run(self, environment: Environment, agents: Agents, *, seed: int, periods: int = 1) -> Session:  # noqa: ARG002
        """Run the mechanism with its own traders instead of `agents`."""
        return self.mechanism.run(environment, self.agents, seed=seed, periods=periods)
