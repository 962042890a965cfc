"""A coalition of microgrids, computing centres and networks: what they save together, and who pays whom."""

import math
import re
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from api.bargain.answer import Answer, Cell
from api.bargain.kind import Asked, Kind
from market.units import MICROS_PER_TOKEN, format_decimal
from pricing.coalition import Agent, Negotiation, agents_from, lines_from, negotiate
from pricing.coalition.private_negotiation import PrivateNegotiation, negotiate_privately
from pricing.errors import PricingError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_PART = re.compile(r"(?P<where>[\w.\[\]]+): (?:\w+ )?(?P<key>\w+)(?P<place>\[\d+\])?: (?P<rest>found .*)")


class Coalition(Kind, frozen=True):
    """Agents as data, as `pricing.coalition.agents_from` reads them; with `private` they keep costs and limits private."""

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
        agents = self._agents()
        if self.private or asked.private:
            return self._private(agents, asked)
        if self.tolerance is not None:
            raise PricingError(f"tolerance: found {self.tolerance:g}, expected it with private only")
        agreed = negotiate(
            agents, weights=self.weights, theta=self.theta, lines=_located(lambda: lines_from(self.lines or ()))
        )
        exchange = agreed.dispatch.exchanges if agreed.agreement else np.zeros_like(agreed.dispatch.exchanges)
        return self._answer(
            agents,
            facts={
                "agreed": agreed.agreement,
                "cost_alone": math.fsum(each.cost for each in agreed.autarky),
                "cost_together": math.fsum(each.cost for each in agreed.schedules),
                "saving": agreed.sharing.total_saving,
            },
            members=_members(agreed),
            commodities=agreed.dispatch.commodities,
            exchange=exchange,
            prices=agreed.dispatch.prices,
            costs=(
                [each.cost for each in agreed.autarky],
                list(agreed.sharing.final_costs),
            ),
        )

    def _private(self, agents: tuple[Agent, ...], asked: Asked) -> Answer:
        if self.lines:
            raise PricingError(
                f"lines: found {len(self.lines)}, expected none where members keep their figures private"
            )
        given = {} if self.tolerance is None else {"tolerance": self.tolerance}
        agreed = negotiate_privately(
            agents, weights=self.weights, theta=self.theta, progress=asked.progress, **given
        )
        last = agreed.residuals[-1]
        return self._answer(
            agents,
            facts={
                "agreed": agreed.agreement,
                "saving": _decimal(sum(agreed.savings_micros)),
                "rounds": agreed.iterations,
                "imbalance": last.primal,
                "unrest": last.dual,
            },
            members=_private_members(agreed),
            commodities=agreed.commodities,
            exchange=agreed.exchange,
            prices=agreed.prices,
            costs=None,
        )

    def _agents(self) -> tuple[Agent, ...]:
        time = {"slots": self.slots, "slot_hours": self.slot_hours}
        description = {key: each for key, each in time.items() if each is not None}
        return _located(lambda: agents_from({"agents": self.agents, **description}))
