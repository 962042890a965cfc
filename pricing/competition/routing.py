"""Selfish routing: where traffic goes by itself, where it should go, and the tolls that make both the same."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pricing.competition._complementarity import solve_complementarity
from pricing.errors import EmptySide, Infeasible, PricingError, number, vector

AMOUNT_MAX = 1e100


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
        number("fixed", self.fixed, low=0, high=AMOUNT_MAX)
        number("slope", self.slope, low=0, high=AMOUNT_MAX)


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
        number("amount", self.amount, low=0, high=AMOUNT_MAX, open_low=True)
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
    C(equilibrium)/C(optimum), is at most 4/3 (Roughgarden and Tardos 2002). For small networks: both are linear
    complementarity problems in a flow for each arc and demand and a cost to go from each place, solved exactly by
    pivoting (Asmuth, Eaves and Peterson 1979).

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

    Costs are unique; where latencies do not rise, flows may not be, and one equilibrium is returned. That an arc can make all worse
    off is the paradox of Braess (1968).

    >>> bridge = [Arc("s", "v", 0, 1), Arc("v", "t", 1), Arc("s", "w", 1), Arc("w", "t", 0, 1), Arc("v", "w")]
    >>> round(equilibrium_flow(bridge, [Demand("s", "t", 1)]).unit_costs[0], 9)
    2.0
    >>> round(equilibrium_flow(bridge[:-1], [Demand("s", "t", 1)]).unit_costs[0], 9)  # better without the bridge
    1.5

    Raises:
        EmptySide, Infeasible: as `route`.
        PricingError: if there is not one toll of at least 0 for each arc.
    """
    extra = np.zeros(len(arcs)) if tolls is None else vector("tolls", tolls, size=len(arcs), low=0)
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
    # 0 <= x_ke ⊥ toll + fixed + steepness·slope·Σ_k x_ke − y_k(start) + y_k(end) >= 0: only cheapest paths carry flow
    # 0 <= y_kv ⊥ flow out − flow in − what demand k brings to v >= 0: over all v they add up to 0, so each is 0
    if not arcs:
        raise EmptySide("arcs: found none, expected at least one")
    if not demands:
        raise EmptySide("demands: found none, expected at least one")
    fixed, slope = (np.array([getattr(arc, of) for arc in arcs]) for of in ("fixed", "slope"))
    places = {
        name: place for place, name in enumerate(sorted({n for arc in arcs for n in (arc.start, arc.end)}))
    }
    for k, demand in enumerate(demands):
        if demand.destination not in _reachable(arcs, demand.origin):
            raise Infeasible(f"demands[{k}]: found no path from {demand.origin} to {demand.destination}")
    incidence = np.zeros((len(places), len(arcs)))  # flow out of a place less flow into it
    for e, arc in enumerate(arcs):
        incidence[places[arc.start], e] += 1
        incidence[places[arc.end], e] -= 1
    brought = np.zeros((len(demands), len(places)))
    for k, demand in enumerate(demands):
        brought[k, places[demand.origin]] = demand.amount
        brought[k, places[demand.destination]] = -demand.amount

    # in units of all demand and of the dearest latency, so that the pivots see numbers of size 1
    amount = sum(demand.amount for demand in demands)
    money = max(1e-300, float((fixed + tolls + steepness * slope * amount).max()))
    K = len(demands)
    balance = np.kron(np.eye(K), incidence)
    rises = np.kron(np.ones((K, K)), np.diag(steepness * slope * amount / money))
    M = np.block([[rises, -balance.T], [balance, np.zeros((K * len(places), K * len(places)))]])
    q = np.concatenate((np.tile((fixed + tolls) / money, K), -brought.ravel() / amount))
    z = solve_complementarity(M, q)
    flows = z[: K * len(arcs)].reshape(K, -1).sum(axis=0) * amount
    costs = z[K * len(arcs) :].reshape(K, -1) * money
    latencies = fixed + slope * flows
    unit_costs = [
        float(costs[k, places[demand.origin]] - costs[k, places[demand.destination]])
        for k, demand in enumerate(demands)
    ]
    return Flow(tuple(flows.tolist()), tuple(latencies.tolist()), tuple(unit_costs), float(flows @ latencies))


def _reachable(arcs: Sequence[Arc], origin: str) -> set[str]:
    reached, waiting = {origin}, [origin]
    while waiting:
        place = waiting.pop()
        for arc in arcs:
            if arc.start == place and arc.end not in reached:
                reached.add(arc.end)
                waiting.append(arc.end)
    return reached
