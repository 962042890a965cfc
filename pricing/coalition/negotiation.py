"""The whole story of a coalition: what each would do alone, what all do together, what it is worth, who pays whom."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from market.units import InvariantBroken
from pricing import errors
from pricing.coalition.agents import Agent
from pricing.coalition.dispatch import Dispatch, autarky, dispatch
from pricing.coalition.lines import Line
from pricing.coalition.schedule import Schedule
from pricing.coalition.sharing import Sharing, contribution_weights, share_savings, traded_values
from pricing.errors import PricingError
from pricing.payments import round_payments

TOLERANCE = 1e-7
"""The saving that counts as none, as a share of what all would spend alone: what two solved costs may differ by."""


@dataclass(frozen=True, slots=True, eq=False)
class Negotiation:
    """What the members agree on.

    `autarky` is what each would do alone, `dispatch` what all do together, `sharing` the bargain over the saving, in
    dollars. `purchases` are λ'e_i: what member i's imports cost at the coalition's prices; `residuals` are what its
    payment adds to that. `payments_micros` are the payments in micro-units, positive if the member pays; they sum to
    exactly zero. Without agreement everybody follows `autarky`, and nobody pays.
    """

    autarky: tuple[Schedule, ...]
    dispatch: Dispatch
    sharing: Sharing
    purchases: tuple[float, ...]
    residuals: tuple[float, ...]
    payments_micros: tuple[int, ...]

    @property
    def agreement(self) -> bool:
        """Whether there was a saving to share."""
        return self.sharing.agreement

    @property
    def schedules(self) -> tuple[Schedule, ...]:
        """What each member does in the end."""
        return self.dispatch.schedules if self.agreement else self.autarky


def negotiate(
    agents: Sequence[Agent],
    *,
    weights: Iterable[float] | None = None,
    theta: float = 0.0,
    lines: Sequence[Line] = (),
) -> Negotiation:
    """Return the weighted Nash bargain of a coalition, by separation (Wang & Huang 2018).

    1. C_i⁰ = min f_i with e_i = 0: what each would pay alone.
    2. x* = argmin Σ f_i with Σ e_i = 0, and its prices λ.
    3. w = (1 − θ) `weights` + θ k / Σ k with k_i = Σ |λ e_i|: θ is how much contributions count.
    4. π_i = s_i − w_i S, rounded to micro-units by largest remainders.

    Nobody ends up worse than alone (but for the rounding, less than a micro-unit), and payments sum to zero.

    >>> from pricing.coalition.agents import Balance, Generator
    >>> north, south = (
    ...     Agent(name, (Balance(load=(10,), generators=(Generator(cost_quadratic=a),)),))
    ...     for name, a in (("north", 2.0), ("south", 0.5))
    ... )
    >>> agreed = negotiate([north, south])
    >>> [round(micros, -2) for micros in agreed.payments_micros], [round(p, 4) for p in agreed.purchases]
    ([61500000, -61500000], [48.0, -48.0])

    Raises:
        EmptySide: without members.
        Infeasible: if a member cannot meet its needs alone, and so has no disagreement point; names it.
        Unbounded: if a cost falls for ever.
        NotConverged: if the solver stopped short of its tolerance.
        PricingError: if the members, lines or weights do not fit.
        InvariantBroken: if the coalition's dispatch costs more than all alone, which would be possible too.
    """
    alone = tuple(autarky(agent) for agent in agents)
    return agree(alone, dispatch(agents, lines), weights=weights, theta=theta)


def agree(
    alone: Sequence[Schedule],
    together: Dispatch,
    *,
    weights: Iterable[float] | None = None,
    theta: float = 0.0,
) -> Negotiation:
    """Return steps 3 and 4 of `negotiate`, once it is known what members do alone and together.

    >>> from pricing.coalition.agents import Balance, GridTariff
    >>> buyer = Agent("buyer", (Balance(load=(5,), grid=GridTariff(buy=0.5)),))
    >>> seller = Agent("seller", (Balance(load=(0,), renewable=5, grid=GridTariff(buy=0.5, sell=0.1)),))
    >>> agreed = agree([autarky(buyer), autarky(seller)], dispatch([buyer, seller]))
    >>> [round(micros, -2) for micros in agreed.payments_micros]  # 5 kWh in the middle of 0.1 and 0.5
    [1500000, -1500000]

    Raises:
        PricingError: if the members or the weights do not fit.
        InvariantBroken: if the dispatch costs more than all alone.
    """
    if [schedule.name for schedule in alone] != [schedule.name for schedule in together.schedules]:
        raise PricingError(
            f"alone: found {[schedule.name for schedule in alone]}, "
            f"expected {[schedule.name for schedule in together.schedules]}, as in the dispatch"
        )
    worth = traded_values(together.local_prices, together.exchanges)
    base = None if weights is None else errors.weights("weights", weights, size=len(alone))
    share = contribution_weights(worth, theta=theta, base=base)
    costs = [schedule.cost for schedule in alone]
    saving = math.fsum(costs) - together.cost
    noise = TOLERANCE * max(1.0, math.fsum(map(abs, costs)))
    if saving < -noise:
        raise InvariantBroken(
            f"the coalition costs {together.cost:g}, its members alone {math.fsum(costs):g}, and could do the same"
        )
    # each does as if alone, and the purchases that the dispatch may have made do not happen
    if saving <= noise:
        sharing, purchases = share_savings(costs, costs, share), np.zeros(len(costs))
    else:
        sharing = share_savings(costs, together.costs, share)
        purchases = np.sum(together.local_prices * together.exchanges, axis=(1, 2))
    return Negotiation(
        autarky=tuple(alone),
        dispatch=together,
        sharing=sharing,
        purchases=tuple(purchases.tolist()),
        residuals=tuple((sharing.payments - purchases).tolist()),
        payments_micros=round_payments(sharing.payments),
    )
