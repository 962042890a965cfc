"""A coalition of microgrids, computing centres and networks: what they save together, and who pays whom."""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import numpy as np
from numpy.typing import NDArray

from api.bargain.answer import Answer, Row
from api.bargain.kind import Asked, Kind
from market.units import MICROS_PER_TOKEN, format_decimal
from pricing.coalition import (
    Agent,
    Balance,
    FlexibleLoad,
    Generator,
    GridTariff,
    Storage,
    agents_from,
    lines_from,
    negotiate,
)
from pricing.coalition.private_negotiation import negotiate_privately
from pricing.errors import PricingError, weights

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Read = TypeVar("Read")
Floats = NDArray[np.float64]

TOLERANCE = 1e-4
"""The residuals at which a private negotiation ends, relative."""

_KEYS = {
    each.name for part in (Balance, FlexibleLoad, Generator, GridTariff, Storage) for each in fields(part)
}
_LOCATED = re.compile(r"(?P<where>[\w.\[\]]+): \w+ (?P<key>\w+)(?P<place>\[\d+\])?: (?P<rest>found .*)")


class Coalition(Kind, frozen=True, kw_only=True):
    """Agents as data, as `pricing.coalition.agents_from` reads them; `private` ones keep their figures to themselves."""

    kind: ClassVar[str] = "coalition"

    agents: list[Any]
    slots: int | None = None
    slot_hours: float | None = None
    lines: list[Any] | None = None
    weights: tuple[float, ...] | None = None
    theta: float = 0.0
    private: bool = False
    tolerance: float | None = None

    def solve(self, asked: Asked) -> Answer:
        """Return who exchanges what and when, at which prices, and who pays whom."""
        time = {"slots": self.slots, "slot_hours": self.slot_hours}
        given = {key: each for key, each in time.items() if each is not None}
        agents = _located(lambda: agents_from({"agents": self.agents, **given}))
        if agents:
            weights("weights", self.weights, size=len(agents))
        return self._privately(agents, asked) if self.private or asked.private else self._openly(agents)

    def _openly(self, agents: Sequence[Agent]) -> Answer:
        if self.tolerance is not None:
            raise PricingError(f"tolerance: found {self.tolerance:g}, expected it with private only")
        lines = _located(lambda: lines_from(self.lines or ()))
        agreed = negotiate(agents, weights=self.weights, theta=self.theta, lines=lines)
        sharing, together = agreed.sharing, agreed.dispatch
        alone = [schedule.cost for schedule in agreed.autarky]
        members: tuple[Row, ...] = tuple(
            {
                "member": agent.name,
                "weight": weight,
                "cost_alone": before,
                "cost_together": schedule.cost,
                "pays": _decimal(paid),
                "cost_in_the_end": after,
                "gain": gain,
            }
            for agent, weight, before, schedule, paid, after, gain in zip(
                agents,
                sharing.weights,
                alone,
                agreed.schedules,
                agreed.payments_micros,
                sharing.final_costs,
                sharing.gains,
                strict=True,
            )
        )
        return _answer(
            agents,
            {
                "agreed": agreed.agreement,
                "cost_alone": math.fsum(alone),
                "cost_together": math.fsum(schedule.cost for schedule in agreed.schedules),
                "saving": sharing.total_saving if agreed.agreement else 0.0,
            },
            members,
            commodities=together.commodities,
            exchanges=together.exchanges if agreed.agreement else np.zeros_like(together.exchanges),
            prices=together.prices,
            money={"cost alone": alone, "cost in the end": sharing.final_costs},
        )

    def _privately(self, agents: Sequence[Agent], asked: Asked) -> Answer:
        if self.lines:
            raise PricingError(f"lines: found {len(self.lines)}, expected none in a private negotiation")
        agreed = negotiate_privately(
            agents,
            weights=self.weights,
            theta=self.theta,
            tolerance=TOLERANCE if self.tolerance is None else self.tolerance,
            progress=asked.progress,
        )
        members: tuple[Row, ...] = tuple(
            {
                "member": name,
                "weight": weight,
                "saves_before_payments": _decimal(saved),
                "pays": _decimal(paid),
                "gain": _decimal(gain),
            }
            for name, weight, saved, paid, gain in zip(
                agreed.names,
                agreed.weights,
                agreed.savings_micros,
                agreed.payments_micros,
                agreed.gains_micros,
                strict=True,
            )
        )
        in_dollars = MICROS_PER_TOKEN
        return _answer(
            agents,
            {
                "agreed": agreed.agreement,
                "saving": _decimal(sum(agreed.savings_micros)),
                "rounds": agreed.iterations,
                "residual_of_balance": agreed.residuals[-1].primal,
                "residual_of_rest": agreed.residuals[-1].dual,
            },
            members,
            commodities=agreed.commodities,
            exchanges=agreed.exchange,
            prices=agreed.prices,
            money={
                "saving before payments": [each / in_dollars for each in agreed.savings_micros],
                "gain in the end": [each / in_dollars for each in agreed.gains_micros],
            },
        )


def _answer(
    agents: Sequence[Agent],
    facts: Row,
    members: tuple[Row, ...],
    *,
    commodities: Sequence[str],
    exchanges: Floats,
    prices: Floats,
    money: Mapping[str, Sequence[float]],
) -> Answer:
    names = [agent.name for agent in agents]
    slots: tuple[Row, ...] = tuple(
        {
            "commodity": commodity,
            "slot": slot,
            "price": float(prices[at, slot]),
            "import_of": dict(zip(names, exchanges[:, at, slot].tolist(), strict=True)),
        }
        for at, commodity in enumerate(commodities)
        for slot in range(exchanges.shape[2])
    )

    def draw() -> "Figure":
        from api.bargain.plot_coalition import plot_coalition

        return plot_coalition(
            names, commodities, exchanges, prices, slot_hours=agents[0].slot_hours, money=money
        )

    return Answer("coalition", facts, {"members": members, "slots": slots}, draw)


def _located(read: Callable[[], Read]) -> Read:
    """Read, and let an error of a part name the key: agents[0].storage.capacity for its "storage capacity"."""
    try:
        return read()
    except PricingError as error:
        match = _LOCATED.fullmatch(str(error))
        if match is None or match["key"] not in _KEYS:
            raise
        place = f"{match['where']}.{match['key']}{match['place'] or ''}"
        raise type(error)(f"{place}: {match['rest']}") from None


def _decimal(micros: int) -> str:
    return format_decimal(micros, scale=MICROS_PER_TOKEN)
