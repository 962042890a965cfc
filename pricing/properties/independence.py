"""Independence of irrelevant alternatives: without outcomes that were not chosen, the choice stays.

Source: Nash, The Bargaining Problem, Econometrica 18 (1950), axiom 7.
"""

from itertools import chain

import numpy as np

from pricing.properties.bargaining_trial import BargainingTrial, solved
from pricing.properties.findings import Answer, Measured, measured
from pricing.properties.improvement import contains
from pricing.properties.smaller import smaller_problems


def choice_stays(trial: BargainingTrial, _: Answer) -> Measured | None:
    """Check that every smaller problem that still has the solution has the same one, in units of the ideal gains."""
    worst, witness, tried = 0.0, None, 0
    inside = trial.payoffs - trial.tolerance * trial.unit
    for problem in chain(trial.smaller, smaller_problems(trial.problem)):
        if not contains(problem, inside, trial.unit):
            continue
        moved = np.abs(solved(trial.run, problem) - trial.payoffs) / trial.unit
        off = trial.noticed(float(moved.max()), problem)
        tried += 1
        if off > worst:
            worst, witness = off, problem
    if not tried:
        return None
    found = f"in {tried} smaller problems that keep the solution, it moves by at most {worst:.4g}"
    return measured(worst, 0.0, found, witness)
