"""Pareto efficiency: nobody could have more unless somebody had less."""

from dataclasses import replace

import numpy as np

from pricing.bargaining.convex_set import ConvexSet
from pricing.bargaining.finite_set import FiniteSet
from pricing.bargaining.frontier import Frontier
from pricing.bargaining.polygon import Polygon
from pricing.bargaining.transferable import Transferable
from pricing.properties.bargaining_trial import BargainingTrial
from pricing.properties.findings import Answer, Measured, measured
from pricing.properties.improvement import improvement

SOLVER = 1e-6
"""What the linear program of a polygon may be off by, in units of the ideal gains."""


def nobody_could_have_more(trial: BargainingTrial, asked: Answer) -> Measured | None:
    """Check that payoffs are in S and no point of S is better for one and no worse for the others (weak: for all).

    `worst` is what could be gained, in units of the ideal gains, summed over the parties; weakly, by each of them.
    """
    problem = trial.problem
    if not isinstance(problem, Transferable | Polygon | FiniteSet | Frontier | ConvexSet):
        return None
    if isinstance(problem, Transferable) and problem.ideal() == problem.disagreement:
        return None  # no agreement, and nothing of S at or above d
    slack = max(trial.tolerance, SOLVER)
    start = trial.payoffs - slack * trial.unit
    together = asked is Answer.WEAK
    more = improvement(problem, start, trial.unit, together=together)
    if more is None:
        return Measured(False, np.inf, "the payoffs are not within the set", tuple(trial.payoffs.tolist()))
    allowance = slack if together else slack * len(trial.unit)
    found = f"{'all' if together else 'some'} could have {max(0.0, more - allowance):.4g} more of their ideal gains"
    sharpness = 1e3 if isinstance(problem, ConvexSet) and more < 1 else 1.0
    return measured(more - allowance, 5 * slack * sharpness, found, replace(problem))
