"""What became of an order: by the events of its own command, or, asked again later, by the readable tables."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import Engine, or_, select

from ledger.tables import OrderRow, TradeRow, table
from market.events import (
    Event,
    OrderAccepted,
    OrderCancelled,
    OrderReduced,
    OrderReplaced,
    OrderTriggered,
    TradeAgreed,
)
from market.units import InvariantBroken, Lots, Micros

Status = Literal["open", "filled", "partly_filled_and_cancelled", "cancelled"]

_ORDERS = table(OrderRow)
_TRADES = table(TradeRow)


@dataclass(frozen=True, slots=True)
class Fill:
    """A part of an order that traded; the price is in micros per unit."""

    trade_number: int
    price_micros: Micros
    quantity_lots: Lots


@dataclass(frozen=True, slots=True)
class Outcome:
    """Where an order stands: what is still open of it, and what it traded."""

    order_id: int
    status: Status
    remaining_lots: Lots
    fills: tuple[Fill, ...]
    waiting: bool
    """Whether its stop has not been reached yet."""


def outcome_of(events: Iterable[Event], *, tick_micros: Micros, was_waiting: bool = False) -> Outcome:
    """Return what a command's events made of the order that it placed or replaced.

    What later commands did to the order is theirs to tell. `was_waiting` says whether a replaced one waited for its stop.
    """
    order_id: int | None = None
    remaining, fills, waiting, cancelled = 0, [], was_waiting, False
    for event in events:
        match event:
            case OrderAccepted():
                order_id, remaining = event.order_id, event.terms.quantity_lots
                waiting = event.conditions.stop_micros is not None
            case OrderReplaced():
                order_id, remaining = event.order_id, event.terms.quantity_lots
            case TradeAgreed() if order_id in (event.buy_order_id, event.sell_order_id):
                remaining -= event.quantity_lots
                price = Micros(event.price_ticks * tick_micros)
                fills.append(Fill(event.trade_number, price, event.quantity_lots))
            case OrderReduced() if event.order_id == order_id:
                remaining -= event.by_lots
            case OrderCancelled() if event.order_id == order_id:
                remaining, cancelled = 0, True
            case OrderTriggered() if event.order_id == order_id:
                waiting = False
            case _:
                pass
    if order_id is None:
        raise InvariantBroken("found an order that was neither taken in nor refused")
    status = "open" if remaining else _closed(cancelled=cancelled, traded=bool(fills))
    return Outcome(order_id, status, Lots(remaining), tuple(fills), waiting and remaining > 0)


def read_outcome(engine: Engine, order_id: int) -> Outcome:
    """Return where an order stands by the readable tables, as far as they are.

    Raises:
        InvariantBroken: if they do not have it.
    """
    is_its = or_(_TRADES.c.buy_order_id == order_id, _TRADES.c.sell_order_id == order_id)
    with engine.connect() as connection:
        order = connection.execute(select(_ORDERS).where(_ORDERS.c.order_id == order_id)).one_or_none()
        if order is None:
            raise InvariantBroken(
                f"order {order_id}: found none in the readable tables, expected a recorded one"
            )
        rows = connection.execute(select(_TRADES).where(is_its).order_by(_TRADES.c.trade_number)).all()
    fills = tuple(Fill(row.trade_number, Micros(row.price_micros), Lots(row.quantity_lots)) for row in rows)
    is_open = order.status in ("open", "waiting")
    status = "open" if is_open else _closed(cancelled=order.status == "cancelled", traded=bool(fills))
    remaining = Lots(order.remaining_lots if is_open else 0)
    return Outcome(order_id, status, remaining, fills, order.status == "waiting")


def read_symbol(engine: Engine, order_id: int) -> str:
    """Return the symbol of the instrument that an order is for, by the readable tables.

    Raises:
        InvariantBroken: if they do not have it.
    """
    with engine.connect() as connection:
        found = connection.execute(select(_ORDERS.c.symbol).where(_ORDERS.c.order_id == order_id)).scalar()
    if found is None:
        raise InvariantBroken(f"order {order_id}: found none in the readable tables, expected a recorded one")
    return str(found)


def _closed(*, cancelled: bool, traded: bool) -> Status:
    if not cancelled:
        return "filled"
    return "partly_filled_and_cancelled" if traded else "cancelled"
