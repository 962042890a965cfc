"""Budget balance: nobody outside adds money (weak), or takes any away either (strong)."""

import math

import numpy as np

from pricing.bargaining.transferable import Transferable
from pricing.properties.auction_trial import AuctionTrial
from pricing.properties.bargaining_trial import BargainingTrial, shareable
from pricing.properties.coalition_trial import CoalitionTrial
from pricing.properties.findings import Answer, Measured, measured


def auction_balances(trial: AuctionTrial, asked: Answer) -> Measured:
    """Check Σ paid = 0, or >= 0 if asked weakly, in dollars."""
    return _balance(math.fsum(trial.traded.paid), trial.slack, asked, "dollars")


def total_is_shared(trial: BargainingTrial, asked: Answer) -> Measured | None:
    """Check Σ u = what the total and the caps allow, or <= if asked weakly, where utility is transferable."""
    possible = shareable(trial.problem) if isinstance(trial.problem, Transferable) else None
    if possible is None:
        return None
    kept = possible - math.fsum(trial.payoffs)
    return _balance(kept, trial.tolerance * max(1.0, float(np.sum(trial.unit))), asked, "of the total")


def payments_cancel(trial: CoalitionTrial, asked: Answer) -> Measured:
    """Check Σ π = 0 exactly, in micro-units."""
    return _balance(float(sum(trial.payments_micros)), 0.0, asked, "micro-units")


def _balance(kept: float, slack: float, asked: Answer, unit: str) -> Measured:
    worst = -kept if asked is Answer.WEAK else abs(kept)
    return measured(worst, slack, f"{kept + 0.0:.6g} {unit} are left over", kept)
