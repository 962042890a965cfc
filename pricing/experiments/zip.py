"""ZIP, zero-intelligence-plus traders: each keeps a profit margin over its limit, and moves it after every shout it hears.

How a margin moves is `_learn` in `pricing.experiments.compiled`; the figures that it moves by are here.
"""

import math
from dataclasses import dataclass, fields
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from pricing.errors import PricingError, number

_BELOW_ONE = math.nextafter(1, 0)


@dataclass(frozen=True, slots=True)
class Zip:
    """A population of ZIP traders: the ranges that their minds are drawn from, uniformly and each for itself.

    After a shout at price q a trader with price p and limit λ changes its margin μ = p/λ − 1 by
    Γ = (1 − γ)·β·(τ − p) + γ·Γ₋, where τ = q·(1 ± U[0, `relative`]) ± U[0, `absolute`] lies a little beyond the shout, β is
    its learning rate, and the momentum γ keeps a share of the last change. Margins have no unit, `absolute` is money per
    unit, and defaults are those of the original program.

    >>> Zip().traits(tick=0.01).tolist()
    [0.1, 0.5, 0.0, 0.1, 0.05, 0.35, 0.05, 5.0]

    Raises:
        PricingError: if a figure is out of range, or the low end of a range above its high end.

    Source: D. Cliff, "Minimal-intelligence agents for bargaining behaviors in market-based environments", HPL-97-91, 1997.
    """

    name: ClassVar[str] = "ZIP"

    beta_low: float = 0.1
    beta_high: float = 0.5
    momentum_low: float = 0.0
    momentum_high: float = 0.1
    margin_low: float = 0.05
    margin_high: float = 0.35
    relative: float = 0.05
    absolute: float = 0.05

    def __post_init__(self) -> None:
        for trait in fields(self):
            high = math.inf if trait.name == "absolute" else 1.0 if "beta" in trait.name else _BELOW_ONE
            number(trait.name, getattr(self, trait.name), low=0, high=high)
        for trait_name in ("beta", "momentum", "margin"):
            low, high = getattr(self, f"{trait_name}_low"), getattr(self, f"{trait_name}_high")
            if low > high:
                raise PricingError(f"{trait_name}_low: found {low:g}, expected at most {high:g}")

    def traits(self, *, tick: float) -> NDArray[np.float64]:
        """Return the figures in the order of the fields, as the compiled market takes them: `absolute` in ticks."""
        figures = np.array([getattr(self, trait.name) for trait in fields(self)])
        ticks = self.absolute / number("tick", tick, low=0, open_low=True)
        figures[-1] = number("absolute in ticks", ticks)
        return figures
