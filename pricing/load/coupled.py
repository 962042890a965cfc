"""The load controller for several resources at once: compute, network and energy, or regions.

Raising the price of one resource moves the load of the others: bundles make them complements, regions substitutes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from pricing.dynamic import LoadController
from pricing.errors import LARGEST, PricingError, vector


@dataclass(frozen=True, slots=True)
class CoupledDiagnosis:
    """What is proven of coupled controllers near their fixed point; `warnings` name each limit passed.

    `spectral_radius` is the size of the largest eigenvalue of J = I − diag(η)E: deviations die out iff it is below 1.
    `sufficient` says that the condition without eigenvalues holds too (Gershgorin): E is row diagonally dominant, and
    η_j <= u*_j/E_jj.
    """

    spectral_radius: float
    converges: bool
    sufficient: bool
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CoupledController:
    """A controller for each resource, x' = x + clip(diag(η)·z(x)), each with its own target, step and bounds.

    Theorem A (bounds) holds for each resource as for one; theorems B and C do not carry over, because another's price
    moves the load: ask `diagnose` with an estimate of the cross elasticities.
    Source: docs/reference/pricing/load.md; Gershgorin 1931 for the sufficient condition.
    """

    controllers: tuple[LoadController, ...]

    def __post_init__(self) -> None:
        if not self.controllers:
            raise PricingError("controllers: found none, expected at least 1")

    @classmethod
    def for_elasticities(
        cls, elasticities: Sequence[Sequence[float]], *, target_loads: Sequence[float]
    ) -> Self:
        """Return controllers with half the gain of Gershgorin's condition: η_j = u*_j/(2·E_jj).

        >>> controller = CoupledController.for_elasticities([[2.0, 0.5], [0.3, 1.0]], target_loads=[0.8, 0.8])
        >>> [each.gain for each in controller.controllers]
        [0.2, 0.4]

        Raises:
            PricingError: if E is not square with a positive diagonal, or a target is outside (0, 1].
        """
        targets = vector("target_loads", target_loads, low=0, high=1, open_low=True)
        E = _square("elasticities", elasticities, len(targets))
        own = vector("elasticities' diagonal", np.diag(E), low=0, open_low=True)
        return cls(
            tuple(
                LoadController.for_elasticity(float(e), target_load=float(u))
                for e, u in zip(own, targets, strict=True)
            )
        )

    def step(self, log_multipliers: Sequence[float], loads: Sequence[float]) -> tuple[float, ...]:
        """Return the x of the next slot, one for each resource, from those of this one and the loads that they met.

        >>> controller = CoupledController((LoadController(gain=0.2), LoadController(gain=0.4)))
        >>> [round(x, 6) for x in controller.step((0.0, 0.0), (0.9, 0.8))]
        [0.025, 0.0]

        Raises:
            PricingError: if their numbers differ, an x is outside its bounds or a load outside [0, 1].
        """
        n = len(self.controllers)
        states = vector("log_multipliers", log_multipliers, size=n)
        met = vector("loads", loads, size=n, low=0, high=1)
        return tuple(
            controller.step(float(x), float(load))
            for controller, x, load in zip(self.controllers, states, met, strict=True)
        )

    def diagnose(self, elasticities: Sequence[Sequence[float]]) -> CoupledDiagnosis:
        """Tell whether deviations die out for E_jk = −∂ ln D_j/∂ ln p_k, and warn of what is not proven.

        The diagonal holds own elasticities, positive; complements have positive entries beside it, substitutes
        negative ones.

        >>> controller = CoupledController((LoadController(gain=0.2), LoadController(gain=0.4)))
        >>> round(controller.diagnose([[2.0, 0.5], [0.3, 1.0]]).spectral_radius, 6)
        0.709545

        Raises:
            PricingError: if E is not a square matrix of finite numbers, one row for each resource.
        """
        E = _square("elasticities", elasticities, len(self.controllers))
        gains = np.array([controller.gain for controller in self.controllers])
        targets = np.array([controller.target_load for controller in self.controllers])
        radius = float(np.max(np.abs(np.linalg.eigvals(np.eye(len(E)) - gains[:, None] * E))))
        own = np.diag(E)
        others = np.sum(np.abs(E), axis=1) - np.abs(own)
        warnings = [
            f"resource {j}: own elasticity {own[j]:g} is not above {others[j]:g} = Σ|E_jk| of the others: "
            "convergence rests on the eigenvalues alone"
            for j in np.flatnonzero(own <= others)
        ]
        warnings += [
            f"resource {j}: gain {gains[j]:g} is over {targets[j] / own[j]:g} = u*/E_jj: the price may overshoot"
            for j in range(len(E))
            if own[j] > 0 and gains[j] * own[j] > targets[j] * (1 + 1e-12)
        ]
        sufficient = not warnings
        if radius >= 1:
            warnings.insert(0, f"spectral radius {radius:g} is not below 1: the prices may never settle")
        return CoupledDiagnosis(radius, radius < 1, sufficient, tuple(warnings))


def _square(what: str, rows: Sequence[Sequence[float]], size: int) -> NDArray[np.float64]:
    if len(rows) != size:
        raise PricingError(f"{what}: found {len(rows)} rows, expected {size}")
    return np.array(
        [vector(f"{what}[{j}]", row, size=size, low=-LARGEST, high=LARGEST) for j, row in enumerate(rows)]
    )
