"""Pareto efficiency: nobody could have more unless somebody had less."""

import numpy as np

from pricing.bargaining.convex_set import ConvexSet
from pricing.bargaining.finite_set import FiniteSet
from pricing.bargaining.frontier import Frontier
from pricing.bargaining.polygon import Polygon
from pricing.bargaining.problem import Problem, Vector
from pricing.bargaining.transferable import Transferable
from pricing.properties.bargaining_trial import BargainingTrial
from pricing.properties.findings import Answer, Measured, measured
from pricing.properties.improvement import contains, improvement

SOLVER = 1e-6
"""What the linear program may be off by, in units of the ideal gains."""
MARGIN = 100.0
"""How steep the frontier may be: what one party gives up within the tolerance may be so many times as much for another."""
HALVINGS = 40
"""How finely it is found out how far payoffs are from the set."""


def nobody_could_have_more(trial: BargainingTrial, asked: Answer) -> Measured | None:
    """Check that payoffs are in S and no point of S is better for one and no worse for the others (weak: for all).

    `worst` is what could be gained, in units of the ideal gains, summed over the parties; weakly, by each of them. For
    payoffs that are not in S it is what each would have to give up for them to be.
    """
    problem = trial.problem
    if not isinstance(problem, Transferable | Polygon | FiniteSet | Frontier | ConvexSet):
        return None
    if isinstance(problem, Transferable) and problem.ideal() == problem.disagreement:
        return None  # no agreement, and nothing of S at or above d
    slack = max(SOLVER, MARGIN * trial.tolerance)
    together = asked is Answer.WEAK
    start = trial.payoffs - trial.tolerance * trial.unit
    more = improvement(problem, start, trial.unit, together=together)
    payoffs = tuple(trial.payoffs.tolist())
    if more is None:
        beyond = _beyond(problem, start, trial.unit)
        return Measured(
            False, beyond, f"({', '.join(f'{u:.6g}' for u in payoffs)}) is not within the set", payoffs
        )
    who = "all" if together else "some"
    return measured(more, slack, f"{who} could have {more:.4g} more of what they could gain", payoffs)


def _beyond(problem: Problem, payoffs: Vector, unit: Vector) -> float:
    """Return the least t with u − t·unit in S, by bisection: d is in S, and so is whatever is less."""
    inside, outside = max(0.0, float(np.max((payoffs - problem.disagreement) / unit))), 0.0
    for _ in range(HALVINGS):
        middle = (inside + outside) / 2
        if contains(problem, payoffs - middle * unit, unit):
            inside = middle
        else:
            outside = middle
    return inside
