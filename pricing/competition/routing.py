"""Selfish routing: where traffic goes by itself, where it should go, and the tolls that make both the same."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pricing.competition._figures import FIGURE_MAX, FIGURE_MIN
from pricing.competition._path_flows import PathFlows, Traffic
from pricing.errors import EmptySide, PricingError, number, vector


@dataclass(frozen=True, slots=True)
class Arc:
    """A one-way link whose latency at flow x is fixed + slope·x: of time per unit, or any other cost.

    Raises:
        PricingError: if fixed or slope is negative.
    """

    start: str
    end: str
    fixed: float = 0.0
    slope: float = 0.0

    def __post_init__(self) -> None:
        number("fixed", self.fixed, low=0, high=FIGURE_MAX)
        number("slope", self.slope, low=0, high=FIGURE_MAX)


@dataclass(frozen=True, slots=True)
class Demand:
    """An amount of flow from an origin to a destination.

    Raises:
        PricingError: if the amount is not positive, or both places are the same.
    """

    origin: str
    destination: str
    amount: float

    def __post_init__(self) -> None:
        number("amount", self.amount, low=FIGURE_MIN, high=FIGURE_MAX)
        if self.origin == self.destination:
            raise PricingError(f"destination: found the origin {self.origin}, expected another place")


@dataclass(frozen=True, slots=True)
class Flow:
    """The flow on each arc, its latency there (tolls not included), what a unit of each demand pays, and Σ x·latency.

    `unit_costs` include tolls, where there are any.
    """

    flows: tuple[float, ...]
    latencies: tuple[float, ...]
    unit_costs: tuple[float, ...]
    total_cost: float


@dataclass(frozen=True, slots=True)
class Routing:
    """Equilibrium and optimum, the toll on each arc that leads from one to the other, and their ratio of cost."""

    equilibrium: Flow
    optimum: Flow
    tolls: tuple[float, ...]
    price_of_anarchy: float


def route(arcs: Sequence[Arc], demands: Sequence[Demand]) -> Routing:
    """Return the user equilibrium and the optimum of a network, marginal-cost tolls, and the price of anarchy.

    In equilibrium each used path is a cheapest one (Wardrop 1952): flow minimises Σ∫latency (Beckmann, McGuire and
    Winsten 1956). The optimum minimises Σ x·latency: the equilibrium under latencies fixed + 2·slope·x. The toll
    τ = slope·x at the optimum charges each unit what it costs the others (Pigou 1920). The price of anarchy,
    C(equilibrium)/C(optimum), is at most 4/3 (Roughgarden and Tardos 2002). Both by path flows, adding a cheapest path
    at a time and shifting flow to it by Newton steps (Jayakrishnan, Tsai, Prashker and Rajadhyaksha 1994), until no
    demand could save more than a 10⁻¹² of what it pays. For networks of some hundred arcs.

    >>> pigou = route([Arc("a", "b", 1), Arc("a", "b", 0, 1)], [Demand("a", "b", 1)])
    >>> pigou.equilibrium.total_cost, pigou.optimum.total_cost, pigou.tolls
    (1.0, 0.75, (0.0, 0.5))

    Raises:
        EmptySide: if there is no arc or no demand.
        Infeasible: if no path leads from an origin to its destination.
        PricingError: if the best there is costs nothing while selfish flow does not, so that there is no ratio.
    """
    equilibrium, optimum = equilibrium_flow(arcs, demands), optimal_flow(arcs, demands)
    tolls = tuple(arc.slope * x for arc, x in zip(arcs, optimum.flows, strict=True))
    if optimum.total_cost > 0:
        ratio = equilibrium.total_cost / optimum.total_cost
    elif equilibrium.total_cost == 0:
        ratio = 1.0
    else:
        raise PricingError("arcs: found an optimum that costs nothing, expected latencies to compare")
    return Routing(equilibrium, optimum, tolls, ratio)


def equilibrium_flow(
    arcs: Sequence[Arc], demands: Sequence[Demand], *, tolls: Iterable[float] | None = None
) -> Flow:
    """Return the user equilibrium, in which nobody has a cheaper path; with `tolls`, each arc costs its toll more.

    Costs are unique; where latencies do not rise, flows may not be, and one equilibrium is returned. An arc more can
    make everybody worse off, the paradox of Braess (1968).

    >>> bridge = [Arc("s", "v", 0, 1), Arc("v", "t", 1), Arc("s", "w", 1), Arc("w", "t", 0, 1), Arc("v", "w")]
    >>> round(equilibrium_flow(bridge, [Demand("s", "t", 1)]).unit_costs[0], 9)
    2.0
    >>> round(equilibrium_flow(bridge[:-1], [Demand("s", "t", 1)]).unit_costs[0], 9)  # better without the bridge
    1.5

    Raises:
        EmptySide, Infeasible: as `route`.
        PricingError: if there is not one toll of at least 0 for each arc.
    """
    extra = (
        np.zeros(len(arcs))
        if tolls is None
        else vector("tolls", tolls, size=len(arcs), low=0, high=FIGURE_MAX)
    )
    return _flow(arcs, demands, extra, steepness=1.0)


def optimal_flow(arcs: Sequence[Arc], demands: Sequence[Demand]) -> Flow:
    """Return the flow of least total cost Σ x·(fixed + slope·x); `unit_costs` include the marginal-cost tolls.

    >>> optimal_flow([Arc("a", "b", 1), Arc("a", "b", 0, 1)], [Demand("a", "b", 1)]).flows
    (0.5, 0.5)

    Raises:
        EmptySide, Infeasible: as `route`.
    """
    return _flow(arcs, demands, np.zeros(len(arcs)), steepness=2.0)


def _flow(
    arcs: Sequence[Arc], demands: Sequence[Demand], tolls: NDArray[np.float64], *, steepness: float
) -> Flow:
    if not arcs:
        raise EmptySide("arcs: found none, expected at least one")
    if not demands:
        raise EmptySide("demands: found none, expected at least one")
    exits: dict[str, list[tuple[int, str]]] = {}
    for place, arc in enumerate(arcs):
        exits.setdefault(arc.start, []).append((place, arc.end))
    paths = PathFlows(
        exits,
        fixed=[arc.fixed + toll for arc, toll in zip(arcs, tolls.tolist(), strict=True)],
        slopes=[steepness * arc.slope for arc in arcs],
        traffics=[Traffic(each.origin, each.destination, each.amount) for each in demands],
    )
    unit_costs = paths.settle()
    latencies = [arc.fixed + arc.slope * x for arc, x in zip(arcs, paths.flows, strict=True)]
    total = math.fsum(x * latency for x, latency in zip(paths.flows, latencies, strict=True))
    return Flow(tuple(paths.flows), tuple(latencies), tuple(unit_costs), total)
