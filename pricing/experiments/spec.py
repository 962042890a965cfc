"""What an experiment is: which mechanisms, in which markets, with whom, how often, and what is measured."""

import hashlib
import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from types import MappingProxyType
from typing import Any, NamedTuple

from pricing.errors import EmptySide, PricingError, whole
from pricing.experiments.environment import Environment
from pricing.experiments.measures import METRICS, PROFIT
from pricing.experiments.mechanism import Agents, Mechanism
from pricing.experiments.session import PERIODS_MAX
from pricing.experiments.zero_intelligence import ZeroIntelligence


@dataclass(frozen=True, slots=True)
class Seeds:
    """The root of all chance, and how many replicates are drawn from it: each has a seed of its own.

    Raises:
        PricingError: if the root is negative or there is no replicate.
    """

    root: int = 0
    replicates: int = 100

    def __post_init__(self) -> None:
        whole("root", self.root)
        whole("replicates", self.replicates, low=1)


class Cell(NamedTuple):
    """One combination of the grid: its number, its values by name, and the market and traders that they make."""

    number: int
    values: tuple[tuple[str, Any], ...]
    env: Environment
    agents: Agents


@dataclass(frozen=True, slots=True)
class ExperimentSpec:
    """An experiment: every mechanism runs in every cell of the grid with the same seeds, so that differences are paired.

    * `mechanism`: what is compared, by name.
    * `env`, `agents`: the market, and who trades in it.
    * `grid`: what varies, and between which values: `env` or `agents` whole, or a field of one, as in `agents.beta_high`.
      The cells are all combinations, the last name changing fastest.
    * `periods` are run one after the other, with what traders have learnt; `metrics` are named in `measures.METRICS`, and
      `profit` is that of each trader.

    >>> from pricing.experiments.benchmarks import Competitive, PostedPrice
    >>> spec = ExperimentSpec(
    ...     mechanism={"equilibrium": Competitive(), "posted": PostedPrice()},
    ...     env=Environment.of_units([10, 8, 5], [2, 4, 9]),
    ...     grid={"env.reference_price": (6.0, 7.0)},
    ... )
    >>> [cell.values for cell in spec.cells()]
    [(('env.reference_price', 6.0),), (('env.reference_price', 7.0),)]

    Raises:
        EmptySide: if there is no mechanism, no metric, or nothing to vary a grid's name between.
        PricingError: if a metric or a name of the grid does not exist, or a number is out of range.
    """

    mechanism: Mapping[str, Mechanism]
    env: Environment
    agents: Agents = ZeroIntelligence()
    grid: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    seeds: Seeds = Seeds()
    metrics: tuple[str, ...] = ("efficiency", "alpha", "trades", "mean_price", "profit_dispersion")
    periods: int = 1

    def __post_init__(self) -> None:
        object.__setattr__(self, "mechanism", MappingProxyType(dict(self.mechanism)))
        object.__setattr__(
            self, "grid", MappingProxyType({name: tuple(values) for name, values in self.grid.items()})
        )
        object.__setattr__(self, "metrics", tuple(self.metrics))
        whole("periods", self.periods, low=1, high=PERIODS_MAX)
        for what, given in (("mechanism", self.mechanism), ("metrics", self.metrics), *self.grid.items()):
            if not given:
                raise EmptySide(f"{what}: found none, expected at least one")
        for name in self.metrics:
            if name not in METRICS and name != PROFIT:
                raise PricingError(f"metrics: found {name!r}, expected among {', '.join((*METRICS, PROFIT))}")
        for _ in self.cells():  # each market is checked as it is made
            pass

    @property
    def spec_hash(self) -> str:
        """Sixteen hexadecimal digits that stand for everything but the number of replicates.

        A run is the same run however many others there are.
        """
        told = (
            dict(self.mechanism),
            self.env,
            self.agents,
            dict(self.grid),
            self.seeds.root,
            self.metrics,
            self.periods,
        )
        return hashlib.sha256(repr(told).encode()).hexdigest()[:16]

    def cells(self) -> Iterator[Cell]:
        """Yield every combination of the grid, in order.

        Raises:
            PricingError: if a name of the grid is not one of the market's or the traders'.
        """
        for number, values in enumerate(itertools.product(*self.grid.values())):
            changes = tuple(zip(self.grid, values, strict=True))
            parts: dict[str, Any] = {"env": self.env, "agents": self.agents}
            for name, value in changes:
                part, _, attribute = name.partition(".")
                if part not in parts or (attribute and attribute not in _names(parts[part])):
                    raise PricingError(
                        f"grid: found {name!r}, expected env, agents, or a field of one of them"
                    )
                parts[part] = replace(parts[part], **{attribute: value}) if attribute else value
            yield Cell(number, changes, parts["env"], parts["agents"])


def _names(part: Environment | Agents) -> set[str]:
    return {each.name for each in fields(part) if each.init}
