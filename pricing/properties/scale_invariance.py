"""Scale invariance: in which units, and from which zero, somebody counts does not matter."""

from dataclasses import replace

import numpy as np

from pricing.auctions.orders import LOTS_PER_UNIT
from pricing.bargaining.problem import Vector
from pricing.properties.auction_trial import AuctionTrial, checked, gains_of
from pricing.properties.bargaining_trial import BargainingTrial, solved
from pricing.properties.findings import Answer, Measured, measured
from pricing.properties.transformed import scaled

UNITS = ((2.0, 0.0), (1.0, 16.0), (4.0, -3.0))
"""Prices are told as a·p + b: a powers of two and b whole, which add no rounding of their own."""
TICK = 1e-6
"""What a price may be rounded by, in dollars per unit, in the weak sense."""


def prices_in_other_units(trial: AuctionTrial, asked: Answer) -> Measured:
    """Check that with all prices a·p + b everybody gains a times as much, in dollars."""
    book = trial.book
    worst, found, witness = 0.0, "gains follow the unit and the zero of prices", None
    slack = trial.slack
    if asked is Answer.WEAK:
        slack += 2 * TICK * float(book.lots.sum()) / LOTS_PER_UNIT
    for a, b in UNITS:
        other = replace(book, prices=a * book.prices + b)
        off = np.abs(gains_of(other, checked(other, trial.run(other))) / a - trial.gains)
        if off.max() > worst:
            worst, at = float(off.max()), int(off.argmax())
            found = (
                f"at prices {a:g}·p + {b:g}, {book.participants[at]} gains {off[at]:.6g} dollars more or less"
            )
            witness = (a, b)
    return measured(worst, slack, found, witness)


def payoffs_in_other_units(trial: BargainingTrial, _: Answer) -> Measured | None:
    """Check that a solution of a_i·u_i + b_i is that of u_i so transformed, in units of the ideal gains.

    Each party in turn counts in thirds of its unit, and then every party in another unit and from another zero.
    """
    size = len(trial.payoffs)
    changes: list[tuple[Vector, Vector]] = [
        (np.where(np.arange(size) == party, 3.0, 1.0), np.zeros(size)) for party in range(size)
    ]
    changes.append((np.linspace(1.0, size, size), np.linspace(5.0, 6.0 - size, size)))
    worst, found, witness, tried = 0.0, "the solution follows the units of payoffs", None, 0
    for scale, shift in changes:
        problem = scaled(trial.problem, scale, shift)
        if problem is None:
            continue
        tried += 1
        back = (solved(trial.run, problem) - shift) / scale
        off = trial.noticed(float(np.max(np.abs(back - trial.payoffs) / trial.unit)), problem)
        if off > worst:
            told = ", ".join(f"{a:g}·u + {b:g}" for a, b in zip(scale, shift, strict=True))
            worst, found, witness = off, f"counted as {told}, payoffs move by {off:.4g}", problem
    return measured(worst, 0.0, found, witness) if tried else None
