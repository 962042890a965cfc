"""Lines between the members of a coalition, and what flows on them when the members exchange."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from pricing.coalition.agents import ENERGY, Profile, named_pairs, per_slot, profile
from pricing.errors import PricingError, number, whole

SLOTS_MAX = 1_000_000


@dataclass(frozen=True, slots=True)
class Line:
    """A line that carries |Σ_i H_i e_i| <= `limit` (a rate) in every slot, where e_i are members' net imports.

    `factors` are pairs of a member's name and its H_i: the flow that a unit of net import there causes, zero for whoever
    is not named. For a feeder, H is 1 for every member behind it; for a meshed network, H is a row of its matrix of
    power transfer distribution factors, and the hub is the place that they are taken from.

    >>> Line("feeder 1", factors=(("north", 1.0), ("east", 1.0)), limit=3.0).commodity
    'energy'

    Raises:
        PricingError: if the limit is negative, a factor is not a number, or a member is named twice.
    """

    name: str
    factors: tuple[tuple[str, float], ...]
    limit: Profile
    commodity: str = ENERGY

    def __post_init__(self) -> None:
        pairs = named_pairs(f"{self.name}: factors", self.factors)
        factors = tuple((member, number(f"{self.name}: factor of {member}", h)) for member, h in pairs)
        if len({member for member, _ in factors}) < len(factors) or not factors:
            raise PricingError(
                f"{self.name}: found factors {factors!r}, expected each member once, at least one"
            )
        object.__setattr__(self, "factors", factors)
        object.__setattr__(self, "limit", profile(f"{self.name}: limit", self.limit, low=0))

    def rates(self, slots: int) -> NDArray[np.float64]:
        """Return the limit of each slot.

        Raises:
            PricingError: if there are limits per slot, but not of so many slots.
        """
        if isinstance(self.limit, tuple) and len(self.limit) != slots:
            raise PricingError(f"{self.name}: limit: found {len(self.limit)} slots, expected {slots}")
        return per_slot(self.limit, slots)

    def flows(self, members: Sequence[str], commodities: Sequence[str], slots: int) -> "sparse.sparray":
        """Return the matrix that maps all imports e[i, c, t] to this line's flow in each slot.

        >>> feeder = Line("feeder 1", factors=(("east", 1.0),), limit=3.0)
        >>> feeder.flows(["north", "east"], ["energy"], 2).toarray().tolist()
        [[0.0, 0.0, 1.0, 0.0], [0.0, 0.0, 0.0, 1.0]]

        Raises:
            PricingError: if the line names a member or a commodity that is not among them.
        """
        whole("slots", slots, low=1, high=SLOTS_MAX)
        given = dict(self.factors)
        if not set(given) <= set(members):
            raise PricingError(
                f"{self.name}: found members {sorted(given)}, expected some of {sorted(members)}"
            )
        if self.commodity not in commodities:
            raise PricingError(f"{self.name}: found {self.commodity!r}, expected one of {list(commodities)}")
        factors = [[given.get(member, 0.0) for member in members]]
        carried = [[float(commodity == self.commodity) for commodity in commodities]]
        return sparse.kron(sparse.kron(factors, carried), sparse.eye_array(slots))
