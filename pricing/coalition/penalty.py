"""The penalty ρ of exchange ADMM: where it starts, and how it follows the residuals until it is frozen.

ρ is in dollars per (unit·hour)², about a price over an exchange: it depends on the units, so every commodity has its own.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

ADAPTED_AT = (5, 10, 20, 40, 80)
"""The rounds after which ρ may change; later it stays, which the proof of convergence asks for."""

FACTOR = 2.0
IMBALANCE = 5.0

FIRST_GUESS = 0.1
DECADE = 10.0
DECADES_MAX = 12


def adapted_penalty(penalty: Floats, primal: Floats, dual: Floats, *, round: int) -> Floats:
    """Return ρ for the next round: doubled where the primal residual is over 5 times the dual one, halved in reverse.

    Only after rounds 5, 10, 20, 40 and 80. Source: residual balancing, Boyd et al. 2011, section 3.4.1.

    >>> adapted_penalty(np.array([0.1]), np.array([0.6]), np.array([0.1]), round=5).tolist()
    [0.2]
    >>> adapted_penalty(np.array([0.1]), np.array([0.6]), np.array([0.1]), round=6).tolist()
    [0.1]
    """
    if round not in ADAPTED_AT:
        return penalty
    grown = np.where(primal > IMBALANCE * dual, penalty * FACTOR, penalty)
    return np.where(dual > IMBALANCE * primal, penalty / FACTOR, grown)


def tried_penalty(trial: Callable[[Floats], tuple[Floats, Floats]], *, commodities: int) -> Floats:
    """Return a first ρ for each commodity, by decades from 0.1, from short trials.

    `trial(ρ)` starts anew, goes a few rounds, and returns the primal and the dual residual of each commodity. A ρ that is
    far too small leaves the exchange out of balance, one far too large keeps it from moving: ρ goes up, or down, by a
    decade until the two residuals are within a factor of 10, or their order turns.

    >>> tried_penalty(lambda rho: (0.0005 / rho, np.ones(1)), commodities=1).tolist()  # balanced at 0.0005
    [0.001]
    """
    penalty = np.full(commodities, FIRST_GUESS)
    heading = np.zeros(commodities)
    for _ in range(DECADES_MAX):
        primal, dual = trial(penalty)
        step = np.where(primal > DECADE * dual, 1.0, np.where(dual > DECADE * primal, -1.0, 0.0))
        heading = np.where(heading == 0, step, heading)
        moving = (step != 0) & (step == heading)
        if not np.any(moving):
            break
        penalty = np.where(moving, penalty * DECADE**step, penalty)
        heading = np.where(moving, heading, np.inf)  # whoever has arrived stays
    return penalty
