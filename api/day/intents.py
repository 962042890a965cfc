"""What an agent wants done, and what it may look at: the two sides of the door between agents and the exchange."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from market.depth import DepthLevel
from market.instruments import Instrument
from market.orders import OrderType, Side, TimeInForce
from market.units import Lots, Ticks


@dataclass(frozen=True, slots=True)
class Place:
    """Place an order. `agent` is an index into the scenario's participants."""

    agent: int
    instrument: Instrument
    side: Side
    price_ticks: Ticks
    quantity_lots: Lots
    order_type: OrderType = OrderType.LIMIT
    time_in_force: TimeInForce = TimeInForce.GTC
    post_only: bool = False


@dataclass(frozen=True, slots=True)
class Cancel:
    """Take an own order off the book; `order_id` is the exchange's."""

    agent: int
    order_id: int


@dataclass(frozen=True, slots=True)
class Replace:
    """Put a new price and quantity in place of an own resting order's."""

    agent: int
    order_id: int
    instrument: Instrument
    side: Side
    price_ticks: Ticks
    quantity_lots: Lots


Intent = Place | Cancel | Replace


@dataclass(frozen=True, slots=True)
class OpenOrder:
    """An own order that rests in the book."""

    order_id: int
    side: Side
    price_ticks: Ticks
    remaining_lots: Lots


class MarketView(Protocol):
    """What an agent sees of the market: public prices, and its own position and orders."""

    def best_bid(self, instrument: Instrument) -> DepthLevel | None:
        """Return the highest price bid and how much is bid there."""

    def best_ask(self, instrument: Instrument) -> DepthLevel | None:
        """Return the lowest price offered and how much is offered there."""

    def reference(self, instrument: Instrument) -> Ticks:
        """Return the reference price."""

    def band(self, instrument: Instrument) -> tuple[Ticks, Ticks]:
        """Return the lowest and the highest price that an order may have."""

    def bought(self, agent: int, instrument: Instrument) -> Lots:
        """Return what the agent has bought."""

    def sold(self, agent: int, instrument: Instrument) -> Lots:
        """Return what the agent has sold."""

    def open_orders(self, agent: int, instrument: Instrument) -> Sequence[OpenOrder]:
        """Return the agent's resting orders, oldest first."""
