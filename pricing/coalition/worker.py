"""A member in a private negotiation: it owns its problem, and answers messages with what concerns all, and no more."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from market.units import MICROS_PER_TOKEN, InvariantBroken
from pricing.coalition.agents import ENERGY, Agent, commodities_of
from pricing.coalition.fixed_exchange import cost_at, nearest_possible
from pricing.coalition.local_problem import LocalProblem, local_problem
from pricing.coalition.masking import (
    MEMBERS_MAX,
    NO_MASKS,
    Masks,
    from_counts,
    pairwise_masks,
    to_counts,
    words_of_squares,
)
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
from pricing.coalition.proximal_step import ProximalStep
from pricing.errors import EmptySide, Infeasible, PricingError

Floats = NDArray[np.float64]


class Worker:
    """One member: its `LocalProblem`, what it answered so far, and nothing of anybody else.

    Its part of exchange ADMM (Boyd et al. 2011, section 7.3.2), with the over-relaxation α of their section 3.4.3:

        z = α (e − ē) + (1 − α) z⁻,    e⁺ = argmin f(x) + Σ ρ/2 (e − (z − u))² over x ∈ X

    where z is its share of a balanced exchange. At α = 1 it moves from e − ē − u.
    """

    def __init__(
        self,
        name: str,
        problem: LocalProblem,
        *,
        commodities: tuple[str, ...] = (ENERGY,),
        masks: Masks = NO_MASKS,
    ) -> None:
        size = len(problem.exchange)
        if size == 0 or size % len(commodities):
            raise PricingError(
                f"{name}: found {size} exchanges of {len(commodities)} commodities, "
                "expected as many slots of each, at least 1"
            )
        self.name = name
        self.commodities = commodities
        self._problem = problem
        self._masks = masks
        self._step: ProximalStep | None = None
        self._relaxation = 1.0
        self._exchange = np.zeros(size)
        self._share = np.zeros(size)
        self._committed: Counts = np.zeros(size, np.int64)
        self._cost_alone: float | None = None
        self._cost_committed: float | None = None

    @classmethod
    def of(
        cls, agent: Agent, *, commodities: tuple[str, ...] | None = None, masks: Masks = NO_MASKS
    ) -> "Worker":
        """Return the worker of an agent that may exchange `commodities` (default: those that it touches)."""
        traded = commodities_of([agent]) if commodities is None else commodities
        return cls(agent.name, local_problem(agent, traded), commodities=traded, masks=masks)

    @property
    def exchanges(self) -> int:
        """How many figures an exchange has: slots times commodities."""
        return len(self._problem.exchange)

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
                self._cost_alone = cost_at(f"{self.name} alone", self._problem, np.zeros(self.exchanges))
                return Ready(self.exchanges)
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

    def _balance(self, mean: Floats) -> None:
        alpha = self._relaxation
        self._share = alpha * (self._exchange - mean) + (1 - alpha) * self._share

    def _respond(self, message: Propose) -> Words:
        if message.mean is None:
            self._share = np.zeros(self.exchanges)
        else:
            self._balance(message.mean)
        if self._step is None:
            self._step = ProximalStep(self.name, self._problem)
        found = self._step.nearest(self._share - message.dual, message.penalty, message.accuracy)
        counts = to_counts(self.name, found)
        self._exchange = from_counts(counts)  # the member goes on from the very figure that is summed
        by_commodity = (2 * len(self.commodities), -1)
        squares = np.square(np.concatenate([self._exchange, self._exchange - self._share]))
        sums = words_of_squares(np.sum(squares.reshape(by_commodity), axis=1))
        return self._masks.hide(np.concatenate([counts, sums]), round=message.round)

    def _commit(self, wanted: Floats) -> Counts:
        """Commit to the exchange nearest to the wanted one that the member's limits allow, and find what it costs."""
        counts = to_counts(self.name, wanted)
        try:
            self._cost_committed = cost_at(self.name, self._problem, from_counts(counts))
        except Infeasible:
            counts = to_counts(self.name, nearest_possible(self.name, self._problem, wanted))
            self._cost_committed = cost_at(self.name, self._problem, from_counts(counts))
        self._committed = counts
        return counts

    def _saving_micros(self) -> int:
        if self._cost_alone is None or self._cost_committed is None:
            raise InvariantBroken(f"{self.name}: asked for its saving before it opened and settled")
        # rounded down: whoever pays no more than this is not worse off than alone by any fraction of a micro-unit
        return math.floor((self._cost_alone - self._cost_committed) * MICROS_PER_TOKEN)


def workers_of(
    members: Sequence[Agent] | Sequence[Worker], *, secret: bytes | None = None
) -> tuple[Worker, ...]:
    """Return a worker for each agent, all with the commodities that any of them touches; or the given workers.

    With a `secret` each gets its pairwise masks from it; given workers bring their own.

    >>> from pricing.coalition.agents import Balance
    >>> [worker.name for worker in workers_of([Agent("north", (Balance(load=(4, 6)),))])]
    ['north']

    Raises:
        EmptySide: without members.
        PricingError: if two have one name, they are more than 4096, their commodities or hours differ, or workers come
            with a secret.
    """
    if not members:
        raise EmptySide("members: found none, expected at least one")
    if len(members) > MEMBERS_MAX:
        raise PricingError(f"members: found {len(members)}, expected at most {MEMBERS_MAX}")
    names = [member.name for member in members]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise PricingError(f"members: found {twice!r} twice, expected each name once")
    agents = [member for member in members if isinstance(member, Agent)]
    workers = [member for member in members if isinstance(member, Worker)]
    if agents and workers:
        raise PricingError("members: found agents and workers, expected either")
    if agents:
        for agent in agents:
            if agent.slot_hours != agents[0].slot_hours:
                raise PricingError(
                    f"{agent.name}: found slots of {agent.slot_hours:g} h, "
                    f"expected {agents[0].slot_hours:g} h, as {agents[0].name} has"
                )
        masks = pairwise_masks(names, secret=secret) if secret is not None else (NO_MASKS,) * len(names)
        traded = commodities_of(agents)
        return tuple(
            Worker.of(agent, commodities=traded, masks=mask)
            for agent, mask in zip(agents, masks, strict=True)
        )
    if secret is not None:
        raise PricingError("secret: found one for workers, expected none: they bring their own masks")
    for worker in workers:
        if worker.commodities != workers[0].commodities:
            raise PricingError(
                f"{worker.name}: found commodities {worker.commodities}, "
                f"expected {workers[0].commodities}, as {workers[0].name} has"
            )
    return tuple(workers)
