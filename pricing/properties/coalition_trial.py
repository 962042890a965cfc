"""A coalition's bargain on trial: its members, what they exchange, bear and pay, and what each gains by it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import ArrayLike

from market.units import MICROS_PER_TOKEN
from pricing.bargaining.problem import Vector
from pricing.coalition.agents import Agent, commodities_of
from pricing.coalition.dispatch import autarky
from pricing.coalition.fixed_exchange import cost_at
from pricing.coalition.local_problem import local_problem
from pricing.coalition.negotiation import negotiate
from pricing.coalition.private_negotiation import negotiate_privately
from pricing.errors import LARGEST, PricingError, vector


class Settled(Protocol):
    """What a mechanism gives back, an entry for each member."""

    @property
    def exchanges(self) -> ArrayLike:
        """Net imports in unit·hours: member, commodity in alphabetical order, slot."""
        ...

    @property
    def payments_micros(self) -> Sequence[int]:
        """What each pays (positive) or is paid, in micro-units."""
        ...


CoalitionMechanism = Callable[[Sequence[Agent]], Settled]


@dataclass(frozen=True, slots=True, eq=False)
class Exchanged:
    """A plain `Settled`, for a mechanism of one's own; the exchanges become a read-only array.

    Raises:
        PricingError: if exchanges are not numbers up to 1e100, or payments not whole micro-units.
    """

    exchanges: ArrayLike
    payments_micros: Sequence[int]

    def __post_init__(self) -> None:
        try:
            exchanges = np.array(self.exchanges, np.float64)
        except (TypeError, ValueError, OverflowError):
            raise PricingError(f"exchanges: found {self.exchanges!r:.60}, expected numbers") from None
        if not np.all(np.abs(exchanges) <= LARGEST):
            raise PricingError(f"exchanges: found {self.exchanges!r:.60}, expected numbers up to {LARGEST:g}")
        exchanges.flags.writeable = False
        vector("payments_micros", self.payments_micros, low=-LARGEST, high=LARGEST)
        payments = tuple(int(each) for each in self.payments_micros)
        for at, (micros, each) in enumerate(zip(payments, self.payments_micros, strict=True)):
            if micros != each:
                raise PricingError(f"payments_micros[{at}]: found {each!r}, expected whole micro-units")
        object.__setattr__(self, "exchanges", exchanges)
        object.__setattr__(self, "payments_micros", payments)


@dataclass(frozen=True, slots=True, eq=False)
class CoalitionTrial:
    """A bargain between agents. `costs` are what each bears before payments, `alone` what it would bear without the others.

    Costs are found by an exact dispatch of each member with its exchange fixed, whatever the mechanism says of them.
    """

    run: CoalitionMechanism
    agents: tuple[Agent, ...]
    tolerance: float
    with_lines: bool
    alone: Vector
    exchanges: Vector
    costs: Vector
    payments_micros: tuple[int, ...]

    @classmethod
    def of(
        cls,
        mechanism: CoalitionMechanism,
        agents: Sequence[Agent],
        *,
        tolerance: float,
        with_lines: bool = False,
    ) -> Self:
        """Let the members agree.

        Raises:
            PricingError: if the mechanism refuses them, or an exchange or a payment is none.
            Infeasible: if a member cannot do what was agreed on.
        """
        alone = np.array([autarky(agent).cost for agent in agents])
        exchanges, payments = settled(mechanism, agents)
        costs = true_costs(agents, exchanges)
        return cls(mechanism, tuple(agents), tolerance, with_lines, alone, exchanges, costs, payments)

    @property
    def slack(self) -> float:
        """The dollars that count as rounding."""
        return self.tolerance * max(1.0, float(np.abs(self.alone).sum()))

    @property
    def gains(self) -> Vector:
        """What each is better off than alone, in dollars."""
        return self.alone - self.costs - np.array(self.payments_micros) / MICROS_PER_TOKEN


def settled(mechanism: CoalitionMechanism, agents: Sequence[Agent]) -> tuple[Vector, tuple[int, ...]]:
    """Return the exchanges, a row for each member, and the payments in micro-units.

    Raises:
        PricingError: if they are not for each member, finite, and whole micro-units.
    """
    given = mechanism(agents)
    found = Exchanged(getattr(given, "exchanges", ()), getattr(given, "payments_micros", ()))
    wanted = len(commodities_of(agents)) * agents[0].slots
    exchanges = np.asarray(found.exchanges)
    if exchanges.size != len(agents) * wanted:
        raise PricingError(
            f"exchanges: found shape {exchanges.shape}, expected {wanted} numbers for each member"
        )
    vector("payments_micros", found.payments_micros, size=len(agents))
    return exchanges.reshape(len(agents), wanted), tuple(found.payments_micros)


def true_costs(agents: Sequence[Agent], exchanges: Vector) -> Vector:
    """Return what each member bears if it has to exchange so much, in dollars.

    Raises:
        Infeasible: if it cannot.
    """
    commodities = commodities_of(agents)
    return np.array(
        [
            cost_at(agent.name, local_problem(agent, commodities), exchange)
            for agent, exchange in zip(agents, exchanges, strict=True)
        ]
    )


def coalition_named(name: str, parameters: dict[str, Any]) -> CoalitionMechanism:
    """Return "negotiate" or "negotiate-privately".

    Raises:
        PricingError: if it is neither, or does not take a parameter.
    """
    if name not in ("negotiate", "negotiate-privately"):
        raise PricingError(f"mechanism: found {name!r}, expected negotiate or negotiate-privately")
    together = name == "negotiate"
    options = (negotiate if together else negotiate_privately).__kwdefaults__ or {}
    for given in parameters:
        if given not in options:
            raise PricingError(f"{given}: found a parameter of {name}, expected one of {', '.join(options)}")
    return lambda agents: (_together if together else _apart)(agents, parameters)


def _together(agents: Sequence[Agent], parameters: dict[str, Any]) -> Settled:
    agreed = negotiate(agents, **parameters)
    exchanges = agreed.dispatch.exchanges
    return Exchanged(exchanges if agreed.agreement else np.zeros_like(exchanges), agreed.payments_micros)


def _apart(agents: Sequence[Agent], parameters: dict[str, Any]) -> Settled:
    agreed = negotiate_privately(agents, **parameters)
    return Exchanged(agreed.exchange, agreed.payments_micros)
