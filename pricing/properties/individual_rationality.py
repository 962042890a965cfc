"""Individual rationality: nobody is worse off than without the mechanism."""

import numpy as np

from market.units import MICROS_PER_TOKEN
from pricing.properties.auction_trial import AuctionTrial
from pricing.properties.bargaining_trial import BargainingTrial
from pricing.properties.coalition_trial import CoalitionTrial
from pricing.properties.findings import Answer, Measured, measured
from pricing.properties.menu_trial import MenuTrial


def traders_gain(trial: AuctionTrial, _: Answer) -> Measured:
    """Check that every participant gains at least 0 dollars at the truth."""
    worst = int(np.argmin(trial.gains))
    name, gain = trial.book.participants[worst], float(trial.gains[worst])
    return measured(-gain, trial.slack, f"{name} gains least, {gain:.6g} dollars", name)


def parties_gain(trial: BargainingTrial, _: Answer) -> Measured:
    """Check u_i >= d_i; `worst` is in units of what the party could gain at best."""
    gains = (trial.payoffs - trial.problem.disagreement) / trial.unit
    worst = int(np.argmin(gains))
    found = f"party {worst} gains least, {gains[worst]:.6g} of what it could"
    return measured(-float(gains[worst]), trial.tolerance, found, worst)


def types_take_part(trial: MenuTrial, _: Answer) -> Measured:
    """Check U_ii >= 0, in money."""
    own = np.diag(trial.payoffs)
    worst = int(np.argmin(own))
    return measured(-float(own[worst]), trial.slack, f"type {worst} gains least, {own[worst]:.6g}", worst)


def members_save(trial: CoalitionTrial, _: Answer) -> Measured:
    """Check that no member bears more than alone, up to the micro-unit of its payment, in dollars."""
    worst = int(np.argmin(trial.gains))
    name, gain = trial.agents[worst].name, float(trial.gains[worst])
    slack = trial.slack + 1 / MICROS_PER_TOKEN
    return measured(-gain, slack, f"{name} gains least, {gain:.6g} dollars", name)
