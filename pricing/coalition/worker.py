"""A member in a private negotiation: it owns its problem, and answers messages with what concerns all, and no more."""

import math

import numpy as np
import osqp
from numpy.typing import NDArray
from scipy import sparse

from market.units import MICROS_PER_TOKEN
from pricing.coalition.agents import ENERGY, Agent, commodities_of
from pricing.coalition.local_problem import LocalProblem, local_problem
from pricing.coalition.masking import NO_MASKS, Masks, from_counts, to_counts, words_of_squares
from pricing.coalition.messages import (
    Absorb,
    Appraise,
    Counts,
    Divide,
    Down,
    Open,
    Paid,
    Propose,
    Ready,
    Settle,
    Settled,
    Share,
    Up,
    Words,
)
from pricing.coalition.quadratic_program import solve_quadratic
from pricing.errors import Infeasible, PricingError

Floats = NDArray[np.float64]

EXCHANGE_TINY = 1e-9
"""Accuracy that OSQP may stop at where a member's own quantities are near zero, in their unit."""


class Worker:
    """One member: its `LocalProblem`, the shares of the exchange it has answered with, and how it answers messages.

    It solves its part of exchange ADMM (Boyd et al. 2011, section 7.3.2),

        e⁺ = argmin f(x) + Σ ρ/2 (e − (z − u))²  over x ∈ X,    z⁺ = α (e⁺ − ē⁺) + (1 − α) z,

    with OSQP (Stellato et al. 2020), warm-started, its matrix factorised again only when ρ changes.
    """

    def __init__(
        self,
        name: str,
        problem: LocalProblem,
        *,
        commodities: tuple[str, ...] = (ENERGY,),
        masks: Masks = NO_MASKS,
    ) -> None:
        if len(problem.exchange) == 0 or len(problem.exchange) % len(commodities):
            raise PricingError(
                f"{name}: found {len(problem.exchange)} exchanges of {len(commodities)} commodities, "
                "expected as many slots of each, at least 1"
            )
        self.name = name
        self.commodities = commodities
        self._problem = problem
        self._masks = masks
        self._prox: _Prox | None = None
        self._relaxation = 1.0
        self._cost_alone = 0.0
        none = np.zeros(len(problem.exchange))
        self._exchange = none  # what it answered last
        self._share = none  # z: its part of a balanced exchange
        self._committed: Counts = np.zeros(len(none), np.int64)

    @classmethod
    def of(
        cls, agent: Agent, *, commodities: tuple[str, ...] | None = None, masks: Masks = NO_MASKS
    ) -> "Worker":
        """Return the worker of an agent that may exchange `commodities` (default: those that it touches)."""
        traded = commodities_of([agent]) if commodities is None else commodities
        return cls(agent.name, local_problem(agent, traded), commodities=traded, masks=masks)

    def answer(self, message: Down) -> Up:
        """Return the answer to a message of the coordinator.

        Raises:
            Infeasible: if the member cannot meet its needs alone, and so has no disagreement point.
            Unbounded: if its cost falls for ever.
            NotConverged: if a solver stopped short of its tolerance.
        """
        match message:
            case Open():
                self._relaxation = message.relaxation
                self._cost_alone = self._cost_at(np.zeros(len(self._exchange)))
                return Ready(len(self._exchange))
            case Propose():
                return Share(self._respond(message))
            case Settle():
                self._balance(message.mean)
                return Settled(self._commit(self._share))
            case Absorb():
                return Settled(self._commit(from_counts(self._committed - message.mismatch)))
            case Appraise():
                saving = np.array([self._saving_micros()], np.int64)
                return Share(self._masks.hide(saving, round=message.round))
            case Divide():
                return Paid(self._saving_micros() - message.gain_micros)

    def _respond(self, message: Propose) -> Words:
        if message.mean is None:
            self._share = np.zeros(len(self._exchange))
        else:
            self._balance(message.mean)
        if self._prox is None:
            self._prox = _Prox(self.name, self._problem)
        found = self._prox.nearest(self._share - message.dual, message.penalty, message.accuracy)
        counts = to_counts(self.name, found)
        self._exchange = from_counts(counts)  # what the coordinator sums is what the member goes on from
        per_commodity = (len(self.commodities), -1)
        moved = self._exchange - self._share
        squares = [np.sum(np.square(part).reshape(per_commodity), axis=1) for part in (self._exchange, moved)]
        return self._masks.hide(
            np.concatenate([counts, words_of_squares(np.concatenate(squares))]), round=message.round
        )

    def _balance(self, mean: Floats) -> None:
        alpha = self._relaxation
        self._share = alpha * (self._exchange - mean) + (1 - alpha) * self._share

    def _commit(self, wanted: Floats) -> Counts:
        """Commit to the exchange nearest to the wanted one that the member's limits allow."""
        counts = to_counts(self.name, wanted)
        try:
            self._cost_committed = self._cost_at(from_counts(counts))
        except Infeasible:
            counts = to_counts(self.name, self._nearest_possible(wanted))
            self._cost_committed = self._cost_at(from_counts(counts))
        self._committed = counts
        return counts

    def _saving_micros(self) -> int:
        # rounded down, so that whoever pays at most this is not worse off than alone by a fraction of a micro-unit
        return math.floor((self._cost_alone - self._cost_committed) * MICROS_PER_TOKEN)
