"""The penalty ρ of exchange ADMM: how it follows the residuals, until it is frozen.

ρ is in dollars per (unit·hour)², about a price over an exchange. It depends on the units, so every commodity has its own.
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

ADAPTED_AT = (5, 10, 20, 40, 80)
"""The rounds after which ρ may change; later it stays, which the proof of convergence asks for."""

FACTOR = 2.0
IMBALANCE = 5.0
OUT_OF_SCALE = 100.0
RESIDUAL_SMALLEST = 1e-12


def adapted_penalty(penalty: Floats, primal: Floats, dual: Floats, *, round: int) -> Floats:
    """Return ρ for the next round, from the primal and dual residual of each commodity.

    Only after rounds 5, 10, 20, 40 and 80: ρ doubles where the primal residual is over 5 times the dual one, and is
    halved in reverse (residual balancing, Boyd et al. 2011, section 3.4.1). Residuals more than a hundredfold apart say
    that ρ is of another scale than the problem, as with kWh for MWh: it then moves by the square root of their ratio
    (Wohlberg 2017).

    >>> for primal, round in ((0.6, 5), (0.6, 6), (40.0, 5)):
    ...     adapted_penalty(np.array([0.1]), np.array([primal]), np.array([0.1]), round=round).tolist()
    [0.2]
    [0.1]
    [2.0]
    """
    if round not in ADAPTED_AT:
        return penalty
    ratio = np.maximum(primal, RESIDUAL_SMALLEST) / np.maximum(dual, RESIDUAL_SMALLEST)
    imbalance = np.maximum(ratio, 1 / ratio)
    factor = np.where(imbalance > IMBALANCE, FACTOR, 1.0)
    factor = np.where(imbalance > OUT_OF_SCALE, np.sqrt(imbalance), factor)
    return np.where(ratio > 1, penalty * factor, penalty / factor)
