"""Monotonicity: more to share harms nobody, and a better type does not do worse.

Sources: Kalai & Smorodinsky, Econometrica 43 (1975), for sets with the same ideal payoffs; Kalai, Econometrica 45 (1977),
for all.
"""

from itertools import chain

import numpy as np

from pricing.properties.bargaining_trial import BargainingTrial, solved
from pricing.properties.findings import Answer, Measured, measured
from pricing.properties.menu_trial import MenuTrial
from pricing.properties.smaller import smaller_problems


def nobody_loses_by_more(trial: BargainingTrial, asked: Answer) -> Measured | None:
    """Check that nobody has less here than in any smaller problem; asked weakly, in one with the same ideal payoffs.

    In units of the ideal gains.
    """
    worst, found, witness, tried = 0.0, "nobody has less than in a smaller problem", None, 0
    ideal = np.array(trial.problem.ideal())
    for problem in chain(trial.smaller, smaller_problems(trial.problem)):
        same = np.abs(np.array(problem.ideal()) - ideal) <= trial.tolerance * trial.unit
        if asked is Answer.WEAK and not same.all():
            continue
        lost = (solved(trial.run, problem) - trial.payoffs) / trial.unit
        tried += 1
        off, at = trial.noticed(float(lost.max()), problem), int(lost.argmax())
        if off > worst:
            worst = off
            found = f"party {at} has {worst:.4g} of its ideal gains less than in a smaller problem"
            witness = problem
    return measured(worst, 0.0, found, witness) if tried else None


def better_types_do_more(trial: MenuTrial, _: Answer) -> Measured:
    """Check that of two types the better one gets no less quantity, and gains no less, both in their own units."""
    order = np.argsort(trial.problem.tastes, kind="stable")
    rents = np.diag(trial.payoffs)[order]
    falls = {"quantity": -np.diff(trial.quantities[order]), "rent": -np.diff(rents)}
    worst, what = max((float(np.max(fall, initial=0.0)), what) for what, fall in falls.items())
    return measured(
        worst, trial.slack, f"from a type to the next better one the {what} falls by {worst:.4g}", what
    )
