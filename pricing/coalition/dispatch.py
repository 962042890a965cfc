"""What members do at the least cost: each alone, and all together, with the prices that the exchange is worth."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from pricing.coalition.agents import Agent, commodities_of
from pricing.coalition.lines import Line
from pricing.coalition.local_problem import local_problem
from pricing.coalition.schedule import Schedule
from pricing.coalition.stacked_program import StackedProgram
from pricing.errors import EmptySide, PricingError

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Dispatch:
    """The least-cost dispatch of a coalition.

    `exchanges[i, c, t]` is member i's net import e of commodity c in slot t, in unit·hours; Σ_i e = 0. `prices[c, t]` is λ
    in dollars per unit·hour: what one more unit·hour would cost the coalition there and then. It is the dual of
    Σ_i e = 0, signed so that whoever imports pays λ'e. `local_prices[i, c, t]` is λ + Σ_l H_li μ_l, dearer or cheaper
    than λ by the lines that are full; without lines it is λ.
    """

    commodities: tuple[str, ...]
    schedules: tuple[Schedule, ...]
    exchanges: Floats
    prices: Floats
    local_prices: Floats

    @property
    def costs(self) -> tuple[float, ...]:
        """Each member's own cost in dollars, before payments."""
        return tuple(schedule.cost for schedule in self.schedules)

    @property
    def cost(self) -> float:
        """What all members spend, in dollars."""
        return float(sum(self.costs))


def autarky(agent: Agent) -> Schedule:
    """Return what an agent does without the coalition: C_i⁰ = min f_i(x) subject to x ∈ X_i, e_i = 0.

    Its cost is the disagreement point of the negotiation.

    >>> from pricing.coalition.agents import Balance, Generator
    >>> alone = autarky(Agent("north", (Balance(load=(10,), generators=(Generator(cost_quadratic=2),)),)))
    >>> round(alone.cost, 6)  # 2/2 · 10²
    100.0

    Raises:
        Infeasible: if it cannot meet its needs alone; says of what, when and how much it lacks.
        Unbounded: if its cost falls for ever.
    """
    problem = local_problem(agent)
    size = len(problem.exchange)
    alone = StackedProgram.of([problem], sparse.csc_array(sparse.eye_array(size)), np.zeros(size))
    x, _ = alone.solve(f"{agent.name} alone", [agent])
    return Schedule(agent.name, problem.cost(x), x, problem.columns)


def dispatch(agents: Sequence[Agent], lines: Sequence[Line] = ()) -> Dispatch:
    """Return the least-cost dispatch P1: min Σ f_i(x_i) subject to x_i ∈ X_i, Σ_i e_i = 0, |Σ_i H_li e_i| <= L_l.

    Source: the first stage of Wang & Huang 2018. One convex quadratic program with the members' matrices on its diagonal.
    Where several dispatches cost the same the solver's is returned: the total does not depend on it, single costs do.

    >>> from pricing.coalition.agents import Balance, Generator
    >>> north, south = (
    ...     Agent(name, (Balance(load=(10,), generators=(Generator(cost_quadratic=a),)),))
    ...     for name, a in (("north", 2.0), ("south", 0.5))
    ... )
    >>> together = dispatch([north, south])
    >>> [round(float(e), 5) for e in together.exchanges[:, 0, 0]], round(float(together.prices[0, 0]), 5)
    ([6.0, -6.0], 8.0)

    Raises:
        EmptySide: without members.
        Infeasible: if they cannot meet their needs together; says whose, of what, when and how much is lacking.
        Unbounded: if the cost falls for ever, as when one member may sell without limit above another's buy price.
        PricingError: if two members have one name, their slots differ, or a line names what is not there.
    """
    names, slots = _members(agents)
    commodities = commodities_of(agents)
    problems = [local_problem(agent, commodities) for agent in agents]
    shape = (len(agents), len(commodities), slots)

    # Each row is a flow, summed over members: first what the pool lacks of each commodity in each slot, then each line's.
    pool = sparse.kron(np.ones((1, len(agents))), sparse.eye_array(len(commodities) * slots))
    flows = sparse.vstack([pool, *(line.flows(names, commodities, slots) for line in lines)], format="csc")
    limit = [np.zeros(pool.shape[0]), *(line.rates(slots) * agents[0].slot_hours for line in lines)]
    program = StackedProgram.of(problems, flows, np.concatenate(limit))

    x, duals = program.solve("the members together", agents)
    exchanges = x[program.imports].reshape(shape)
    prices = duals[: pool.shape[0]].reshape(shape[1:])
    local_prices = (flows.T @ duals).reshape(shape)
    for each in (x, exchanges, prices, local_prices):
        each.flags.writeable = False
    parts = np.split(x, program.starts[1:])
    return Dispatch(
        commodities=commodities,
        schedules=tuple(
            Schedule(name, problem.cost(part), part, problem.columns)
            for name, problem, part in zip(names, problems, parts, strict=True)
        ),
        exchanges=exchanges,
        prices=prices,
        local_prices=local_prices,
    )


def _members(agents: Sequence[Agent]) -> tuple[list[str], int]:
    if not agents:
        raise EmptySide("agents: found none, expected at least one")
    names = [agent.name for agent in agents]
    for name in names:
        if names.count(name) > 1:
            raise PricingError(f"agents: found {name!r} twice, expected each name once")
    first = agents[0]
    for agent in agents:
        if (agent.slots, agent.slot_hours) != (first.slots, first.slot_hours):
            raise PricingError(
                f"{agent.name}: found {agent.slots} slots of {agent.slot_hours:g} h, "
                f"expected {first.slots} of {first.slot_hours:g} h, as {first.name} has"
            )
    return names, first.slots
