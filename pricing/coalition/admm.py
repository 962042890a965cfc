"""Exchange ADMM: the coordinator's part of finding the least total cost without knowing any cost.

Boyd et al. 2011, "Distributed Optimization and Statistical Learning via ADMM", section 7.3.2, in scaled form:

    e_i⁺ = argmin over x_i ∈ X_i of f_i(x_i) + ρ/2 ‖e_i − (e_i⁻ − ē − u)‖²      each member by itself
    u⁺ = u + ē⁺,  λ = ρ u                                                       the coordinator

It needs sums over members only: of e_i, ‖e_i‖² and ‖e_i − z_i‖², z_i being a member's share of a balanced exchange.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pricing.coalition.masking import from_counts, squares_of_words, sum_of
from pricing.coalition.messages import Propose, Share
from pricing.coalition.penalty import adapted_penalty
from pricing.coalition.team import Team
from pricing.errors import NotConverged

Floats = NDArray[np.float64]

ACCURACY_LOOSEST = 1e-3
"""How inexact a member's step may be in the beginning; later a tenth of the larger residual."""

PRICE_SMALLEST = 1e-6
"""A price below a micro-unit per unit·hour counts as that, so that a residual relative to the price exists at no price."""


@dataclass(frozen=True, slots=True)
class Residuals:
    """How far a round was from balance (`primal`) and from rest (`dual`), relative; of all commodities the worst."""

    primal: float
    dual: float


@dataclass(frozen=True, slots=True, eq=False)
class Consensus:
    """Where the rounds ended: the last mean exchange, the prices λ per exchange, and the residuals of every round."""

    mean: Floats
    prices: Floats
    residuals: tuple[Residuals, ...]


class Coordinator:
    """Proposes to a team, and knows of its members what their sums tell."""

    def __init__(
        self, team: Team, *, exchanges: int, commodities: int, penalty: float, relaxation: float
    ) -> None:
        self._team = team
        self._commodities = commodities
        self._slots = exchanges // commodities
        self._relaxation = relaxation
        self._round = 0
        self._penalty = np.full(commodities, penalty)
        self._dual = np.zeros(exchanges)
        self._mean: Floats | None = None

    def agree(
        self,
        *,
        tolerance: float,
        iterations_max: int,
        progress: Callable[[int, Residuals], None] | None = None,
    ) -> Consensus:
        """Propose, from a price of zero, until exchanges balance and rest, both to `tolerance`.

        Raises:
            NotConverged: if they do not within `iterations_max` rounds.
        """
        history: list[Residuals] = []
        accuracy = ACCURACY_LOOSEST
        while len(history) < iterations_max:
            primal, rest = self._propose(accuracy)
            history.append(Residuals(float(primal.max()), float(rest.max())))
            if progress is not None:
                progress(len(history), history[-1])
            worst = max(history[-1].primal, history[-1].dual)
            if worst <= tolerance and self._mean is not None:
                return Consensus(self._mean, self._by_slot(self._penalty) * self._dual, tuple(history))
            self._adapt(adapted_penalty(self._penalty, primal, rest, round=len(history)))
            accuracy = min(ACCURACY_LOOSEST, max(tolerance / 10, worst / 10))
        raise NotConverged(
            f"exchange: found residuals {history[-1].primal:.3g} (balance) and {history[-1].dual:.3g} (rest) "
            f"after {iterations_max} iterations, expected at most {tolerance:g}: more of them may help, or a penalty "
            "near a usual price over a usual exchange"
        )

    def next_round(self) -> int:
        """Count a round, and return its number: each once, because masks hide nothing a second time."""
        self._round += 1
        return self._round

    def _adapt(self, penalty: Floats) -> None:
        self._dual = self._dual * self._by_slot(self._penalty / penalty)  # the price ρ u stays where it is
        self._penalty = penalty

    def _propose(self, accuracy: float) -> tuple[Floats, Floats]:
        """Go one round, and return the residuals of each commodity,

            r = √N ‖ē‖ / max(1, ‖e‖),    s = ρ ‖z⁺ − z‖ / ‖√N ρ u‖.

        z⁺ − z = α (e − z − ē), and because Σ z_i = 0 its size follows from sums:
        Σ ‖e_i − z_i − ē‖² = Σ ‖e_i − z_i‖² − N ‖ē‖².
        """
        members = len(self._team.names)
        message = Propose(self.next_round(), self._mean, self._dual, self._by_slot(self._penalty), accuracy)
        total = sum_of(share.words for share in self._team.ask(message, Share))
        mean = from_counts(total[: len(self._dual)]) / members
        exchanged, moved = np.split(squares_of_words(total[len(self._dual) :]), 2)
        self._mean = mean
        self._dual = self._dual + self._relaxation * mean
        off = members * self._squares(mean)
        change = self._relaxation * np.sqrt(np.maximum(0.0, moved - off))
        price = np.sqrt(members * self._squares(self._by_slot(self._penalty) * self._dual))
        smallest = PRICE_SMALLEST * math.sqrt(members * self._slots)
        primal = np.sqrt(off) / np.maximum(1.0, np.sqrt(exchanged))
        return primal, self._penalty * change / np.maximum(price, smallest)

    def _by_slot(self, per_commodity: Floats) -> Floats:
        return np.repeat(per_commodity, self._slots)

    def _squares(self, values: Floats) -> Floats:
        return np.asarray(np.sum(np.square(values).reshape(self._commodities, -1), axis=1))
