"""What a bargaining problem is, and what comes out of one.

A problem (S, d) is a set S of payoff vectors that the parties can reach together, and what each has without the others,
the disagreement payoffs d. S is comprehensive: whoever can have u can also have less (free disposal).
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from pricing.errors import vector

Vector = NDArray[np.float64]

ROUNDING = 1e-12
"""A disagreement payoff that is out of reach by less than this, relative to its size, is within reach."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """What the parties agree on. Payoffs and gains are in each party's own unit of utility.

    Attributes:
        agreed: whether they agree at all; if not, the payoffs are those of disagreement.
        payoffs: u, one per party.
        gains: u − d, none negative.
        decision: how the payoffs come about, where the problem knows: the chance of each outcome of a finite set, or
            the decision variables x of a convex program.
    """

    agreed: bool
    payoffs: tuple[float, ...]
    gains: tuple[float, ...]
    decision: tuple[float, ...] = ()

    @property
    def product(self) -> float:
        """The Nash product Π (u_i − d_i), unweighted."""
        return math.prod(self.gains)


class Problem(Protocol):
    """A form in which a bargaining problem is stated: it knows its own geometry, and the solutions ask for it.

    All four speak of the part of S where everybody has at least the disagreement payoff.
    """

    @property
    def disagreement(self) -> tuple[float, ...]:
        """The disagreement payoffs d."""
        ...

    def ideal(self) -> tuple[float, ...]:
        """Return a(S, d): the most that each party alone could have."""
        ...

    def farthest(self, direction: Vector) -> Agreement:
        """Return the last point d + t·direction in S, t >= 0; the direction has no negative part."""
        ...

    def best_product(self, weights: Vector) -> Agreement:
        """Return argmax Π (u_i − d_i)^{w_i}."""
        ...

    def best_sum(self, weights: Vector) -> Agreement:
        """Return argmax Σ w_i u_i, the middle of them if there are several."""
        ...


def agreement(
    payoffs: Iterable[float], disagreement: Iterable[float], decision: Iterable[float] = ()
) -> Agreement:
    """Return the agreement on these payoffs, a gain that is negative by rounding only taken as none.

    >>> agreement((3.0, 5.0), (1.0, 5.0)).gains
    (2.0, 0.0)

    Raises:
        PricingError: if a payoff is not a finite number.
    """
    floor = vector("disagreement", disagreement)
    reached = np.maximum(vector("payoffs", payoffs, size=len(floor)), floor)
    return Agreement(
        agreed=True,
        payoffs=tuple(reached.tolist()),
        gains=tuple((reached - floor).tolist()),
        decision=tuple(float(each) for each in decision),
    )


def no_agreement(disagreement: Iterable[float]) -> Agreement:
    """Return that everybody stays with the disagreement payoff.

    >>> no_agreement((1.0, 5.0))
    Agreement(agreed=False, payoffs=(1.0, 5.0), gains=(0.0, 0.0), decision=())

    Raises:
        PricingError: if a payoff is not a finite number.
    """
    floor = vector("disagreement", disagreement)
    return Agreement(agreed=False, payoffs=tuple(floor.tolist()), gains=(0.0,) * len(floor))
