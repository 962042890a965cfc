"""What a member can do about an exchange that is given: what it costs, and the nearest one that is possible."""

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from pricing.coalition.local_problem import LocalProblem
from pricing.coalition.quadratic_program import solve_quadratic

Floats = NDArray[np.float64]


def cost_at(what: str, problem: LocalProblem, exchange: Floats) -> float:
    """Return min f(x) over x ∈ X with e = `exchange` (unit·hours), in dollars: an exact re-dispatch, by CLARABEL.

    At e = 0 it is the cost of living alone, C⁰.

    >>> from pricing.coalition.agents import Agent, Balance, Generator
    >>> from pricing.coalition.local_problem import local_problem
    >>> north = Agent("north", (Balance(load=(10,), generators=(Generator(cost_quadratic=2),)),))
    >>> round(cost_at("north", local_problem(north), np.array([6.0])), 6)  # 2/2 · 4²
    16.0

    Raises:
        Infeasible: if that exchange is not possible.
        Unbounded: if the cost falls for ever.
        NotConverged: if the solver stopped short of its tolerance.
    """
    size, width = len(problem.exchange), len(problem.q)
    select = sparse.csc_array((np.ones(size), (np.arange(size), problem.exchange)), shape=(size, width))
    A = sparse.vstack([problem.A, select], format="csc")
    limits = (np.concatenate([problem.l, exchange]), np.concatenate([problem.u, exchange]))
    return problem.cost(solve_quadratic(what, problem.P, problem.q, A, *limits).x)


def nearest_possible(what: str, problem: LocalProblem, exchange: Floats) -> Floats:
    """Return argmin Σ (e − `exchange`)² over x ∈ X, in unit·hours: the projection onto what the member can exchange.

    >>> from pricing.coalition.agents import Agent, Balance, Generator
    >>> from pricing.coalition.local_problem import local_problem
    >>> north = Agent("north", (Balance(load=(10,), generators=(Generator(rate_max=8, cost_linear=1),)),))
    >>> nearest_possible("north", local_problem(north), np.array([1.0])).round(6).tolist()
    [2.0]

    Raises:
        Infeasible: if no exchange is possible.
        NotConverged: if the solver stopped short of its tolerance.
    """
    width = len(problem.q)
    linear = np.zeros(width)
    linear[problem.exchange] = -exchange
    places = (problem.exchange, problem.exchange)
    distance = sparse.csc_array((np.ones(len(exchange)), places), shape=(width, width))
    return solve_quadratic(what, distance, linear, problem.A, problem.l, problem.u).x[problem.exchange]
