"""A coalition's bargain without a centre that knows its members: prices are found in rounds, payments from one sum.

Nobody tells what it costs, holds, needs or may do. What passes is in `pricing.coalition.messages`.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from market.units import MICROS_PER_TOKEN, InvariantBroken
from pricing import errors
from pricing.coalition.admm import Coordinator, Residuals
from pricing.coalition.agents import Agent
from pricing.coalition.masking import from_counts, sum_of
from pricing.coalition.messages import Appraise, Divide, Open, Paid, Passed, Ready, Settle, Share
from pricing.coalition.processes import apart
from pricing.coalition.projection import settle
from pricing.coalition.sharing import contribution_weights, traded_values
from pricing.coalition.team import Team, here
from pricing.coalition.worker import Worker, workers_of
from pricing.errors import PricingError, number
from pricing.payments import round_payments

Floats = NDArray[np.float64]

RELAXATION = 1.5
"""Over-relaxation α; 1 is none. Boyd et al. 2011, section 3.4.3, report 1.5 to 1.8 to help."""


@dataclass(frozen=True, slots=True, eq=False)
class PrivateNegotiation:
    """What the members agreed on.

    `exchange[i, c, t]` is member i's net import of commodity c in slot t, in unit·hours, what it has to keep to: whole
    multiples of 2⁻³⁰ that sum to exactly zero over the members. `prices[c, t]` is λ in dollars per unit·hour; whoever
    imports pays λ'e. `payments_micros` are what members pay (positive) or are paid, λ'e included, in micro-units; they
    sum to exactly zero, and none is above the member's entry in `savings_micros`. `residuals` has an entry for each round.
    Where nothing can be saved all are zero: everybody stays alone.
    """

    names: tuple[str, ...]
    commodities: tuple[str, ...]
    exchange: Floats
    prices: Floats
    payments_micros: tuple[int, ...]
    savings_micros: tuple[int, ...]
    weights: tuple[float, ...]
    residuals: tuple[Residuals, ...]

    @property
    def iterations(self) -> int:
        """The rounds of exchange ADMM until the residuals were within the tolerance."""
        return len(self.residuals)

    @property
    def agreement(self) -> bool:
        """Whether there was a saving to share."""
        return sum(self.savings_micros) > 0

    @property
    def gains_micros(self) -> tuple[int, ...]:
        """What each member is better off than alone, in micro-units: never negative."""
        return tuple(
            saving - paid for saving, paid in zip(self.savings_micros, self.payments_micros, strict=True)
        )


def negotiate_privately(
    members: Sequence[Agent] | Sequence[Worker],
    *,
    weights: Iterable[float] | None = None,
    theta: float = 0.0,
    tolerance: float = 1e-4,
    iterations_max: int = 300,
    penalty: float = 0.1,
    relaxation: float = RELAXATION,
    secret: bytes | None = None,
    processes: int = 0,
    trace: list[Passed] | None = None,
    progress: Callable[[int, Residuals], None] | None = None,
) -> PrivateNegotiation:
    """Return the weighted Nash bargain of a coalition whose members keep costs and limits to themselves.

    1. Each member finds what it would pay alone, C_i⁰.
    2. Exchange ADMM, until balance and rest are within `tolerance`: the exchanges e and the prices λ.
    3. The mismatch that is left is projected away, and each member re-dispatches exactly with its e fixed.
    4. S = Σ s_i, s_i = C_i⁰ − f_i, is the one sum that payments need. With w = (1 − θ) `weights` + θ k / Σ k,
       k_i = Σ |λ e_i|, member i pays π_i = s_i − w_i S: in whole micro-units, s_i rounded down and S split by largest
       remainders. So the payments sum to zero and nobody is worse off than alone, exactly.

    `penalty` is the first ρ in dollars per (unit·hour)², best about a usual price over a usual exchange; it adapts. With
    a `secret` (at least 16 bytes) the members mask what they answer in the rounds and what they save, so that only sums
    can be read. `processes` puts the members into so many processes of their own (0: all in this one), which changes no
    bit of the result. Neither does the order of the members. Every message is appended to `trace`; `progress` is called
    after every round with its number and residuals.

    >>> from pricing.coalition.agents import Balance, Generator
    >>> north, south = (
    ...     Agent(name, (Balance(load=(10,), generators=(Generator(cost_quadratic=a),)),))
    ...     for name, a in (("north", 2.0), ("south", 0.5))
    ... )
    >>> agreed = negotiate_privately([north, south], tolerance=1e-6)
    >>> agreed.exchange[:, 0, 0].round(3).tolist(), agreed.prices.round(3).tolist()
    ([6.0, -6.0], [[8.0]])
    >>> [round(micros, -4) for micros in agreed.payments_micros], sum(agreed.payments_micros)
    ([61500000, -61500000], 0)

    Raises:
        EmptySide: without members.
        Infeasible: if a member cannot meet its needs alone, and so has no disagreement point; names it.
        Unbounded: if a member's cost falls for ever; names it.
        NotConverged: if the residuals are above the tolerance after `iterations_max` rounds; tells them.
        PricingError: if the members or the weights do not fit, or an option is out of range.
        InvariantBroken: if the exchange that was agreed on costs more than none, by more than the tolerance.
    """
    workers = workers_of(members, secret=secret)
    order = sorted(range(len(workers)), key=lambda place: workers[place].name)
    inside = [workers[place] for place in order]
    share = errors.weights("weights", weights, size=len(workers))[order]
    number("theta", theta, low=0, high=1)
    number("tolerance", tolerance, low=1e-9, high=0.1)
    number("relaxation", relaxation, low=1, high=1.9)
    number("penalty", penalty, low=0, open_low=True)
    for what, given, low in (("iterations_max", iterations_max, 1), ("processes", processes, 0)):
        if isinstance(given, bool) or not isinstance(given, int) or given < low:
            raise PricingError(f"{what}: found {given!r}, expected an integer of at least {low}")

    with ExitStack() as stack:
        deliver = stack.enter_context(apart(inside, processes=processes)) if processes else here(inside)
        team = Team([worker.name for worker in inside], deliver, trace)
        commodities = workers[0].commodities
        _same_exchanges(team, team.ask(Open(relaxation), Ready))
        coordinator = Coordinator(
            team,
            exchanges=inside[0].exchanges,
            commodities=len(commodities),
            penalty=penalty,
            relaxation=relaxation,
        )
        consensus = coordinator.agree(tolerance=tolerance, iterations_max=iterations_max, progress=progress)
        exchange = from_counts(np.stack(settle(team, Settle(consensus.mean))))
        worth = traded_values(consensus.prices, exchange)
        share = np.asarray(contribution_weights(worth, theta=theta, base=share))
        appraised = team.ask(Appraise(coordinator.next_round()), Share)
        saved_micros = int(sum_of(answer.words for answer in appraised)[0])
        # each exchange may be off by the tolerance, at the price of its slot; each saving was rounded by a micro-unit
        off = tolerance * (math.fsum(worth) + len(inside) * float(np.abs(consensus.prices).sum()))
        if saved_micros < -len(inside) - off * MICROS_PER_TOKEN:
            raise InvariantBroken(
                f"the exchange that was agreed on saves {saved_micros} micro-units, and none would save 0"
            )
        if saved_micros > 0:
            gains = round_payments(share * saved_micros, per_unit=1, total=saved_micros)
            paid = [team.ask_one(j, Divide(gain), Paid).payment_micros for j, gain in enumerate(gains)]
        else:
            exchange, gains, paid = np.zeros_like(exchange), (0,) * len(order), [0] * len(order)

    places = np.argsort(order)  # from the order of names back to the one that the members were given in
    shape = (len(commodities), -1)
    return PrivateNegotiation(
        names=tuple(worker.name for worker in workers),
        commodities=commodities,
        exchange=_read_only(exchange[places].reshape(len(order), *shape)),
        prices=_read_only(consensus.prices.reshape(shape)),
        payments_micros=tuple(paid[place] for place in places),
        savings_micros=tuple(paid[place] + gains[place] for place in places),
        weights=tuple(share[places].tolist()),
        residuals=consensus.residuals,
    )


def _same_exchanges(team: Team, answers: Sequence[Ready]) -> None:
    expected = answers[0].exchanges
    for name, answer in zip(team.names, answers, strict=True):
        if answer.exchanges != expected:
            raise PricingError(
                f"{name}: found {answer.exchanges} exchanges, expected {expected}, as {team.names[0]} has"
            )


def _read_only(values: Floats) -> Floats:
    values.flags.writeable = False
    return values
