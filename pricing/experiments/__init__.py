"""Experiments for economists: who trades, under which rules, how often, and what it says.

`Environment` has the values and costs; `GodeSunder` and `OpenOutcry` are markets of `ZeroIntelligence` and `Zip` traders,
and `comparators` what to measure them against. `ExperimentSpec` says what is compared, `run` makes a tidy table of it, and
`summarise` and `compare` say what it shows. The same specification gives the same bytes on any number of processes.
"""

from pricing.experiments.benchmarks import Auction, Competitive, PostedPrice, comparators
from pricing.experiments.environment import Environment
from pricing.experiments.equilibrium import CompetitiveEquilibrium, competitive_equilibrium
from pricing.experiments.gode_sunder import GodeSunder
from pricing.experiments.measures import METRICS, PROFIT, measure
from pricing.experiments.mechanism import Agents, Mechanism, Populated
from pricing.experiments.metrics import (
    EfficiencyLoss,
    allocative_efficiency,
    efficiency_loss,
    price_volatility,
    profit_dispersion,
    smith_alpha,
    volume_ratio,
)
from pricing.experiments.open_outcry import OpenOutcry
from pricing.experiments.run import COLUMNS, run, to_csv
from pricing.experiments.seeds import run_seed
from pricing.experiments.sequential import run_until
from pricing.experiments.session import Outcome, Session
from pricing.experiments.spec import ExperimentSpec, Seeds
from pricing.experiments.summary import (
    Difference,
    Estimate,
    bootstrap_interval,
    holm,
    mean_interval,
    paired_difference,
)
from pricing.experiments.tables import compare, summarise
from pricing.experiments.zero_intelligence import (
    PairMeeting,
    ZeroIntelligence,
    pair_meeting,
    unconstrained_efficiency,
)
from pricing.experiments.zip import Zip

__all__ = [
    "COLUMNS",
    "METRICS",
    "PROFIT",
    "Agents",
    "Auction",
    "Competitive",
    "CompetitiveEquilibrium",
    "Difference",
    "EfficiencyLoss",
    "Environment",
    "Estimate",
    "ExperimentSpec",
    "GodeSunder",
    "Mechanism",
    "OpenOutcry",
    "Outcome",
    "PairMeeting",
    "Populated",
    "PostedPrice",
    "Seeds",
    "Session",
    "ZeroIntelligence",
    "Zip",
    "allocative_efficiency",
    "bootstrap_interval",
    "comparators",
    "compare",
    "competitive_equilibrium",
    "efficiency_loss",
    "holm",
    "mean_interval",
    "measure",
    "pair_meeting",
    "paired_difference",
    "price_volatility",
    "profit_dispersion",
    "run",
    "run_seed",
    "run_until",
    "smith_alpha",
    "summarise",
    "to_csv",
    "unconstrained_efficiency",
    "volume_ratio",
]
