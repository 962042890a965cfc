"""Orders: what was asked, what is left of it, and how it ended."""

from collections.abc import Iterable, Mapping

from sqlalchemy import Connection, select

from ledger.projections.part import Rule
from ledger.projections.sheet import Changes, Sheet, hexed, lowered
from ledger.projections.symbols import symbol_of
from ledger.tables import UNFINISHED_ORDERS, OrderRow, table
from market.events import (
    CancelReason,
    OrderAccepted,
    OrderCancelled,
    OrderReduced,
    OrderReplaced,
    OrderTriggered,
    TradeAgreed,
)
from market.orders import Batch, OrderType, SelfTrade, Side, TimeInForce

ORDERS = table(OrderRow)
_WAITING, _OPEN, _FILLED, _CANCELLED = "waiting", "open", "filled", "cancelled"
_SIDE, _ORDER_TYPE, _SELF_TRADE, _REASON = map(lowered, (Side, OrderType, SelfTrade, CancelReason))
_TIME_IN_FORCE = {each: each.name for each in TimeInForce}


class Orders:
    """The table of orders."""

    def __init__(self) -> None:
        self._orders = Sheet(ORDERS)

    @property
    def rules(self) -> Mapping[type, Rule]:
        """What each event does."""
        return {
            OrderAccepted: self._accepted,
            OrderTriggered: self._triggered,
            OrderReplaced: self._replaced,
            OrderReduced: self._reduced,
            OrderCancelled: self._cancelled,
            TradeAgreed: self._agreed,
        }

    def load(self, connection: Connection) -> None:
        """Take the orders that wait or are open."""
        self._orders.load(connection, select(ORDERS).where(UNFINISHED_ORDERS), "order_id")

    def take(self) -> Iterable[Changes]:
        """Return what to write."""
        return (self._orders.take(),)

    def _accepted(self, event: OrderAccepted, batch: Batch, _position: int) -> None:
        terms, conditions = event.terms, event.conditions
        self._orders.add(
            event.order_id,
            {
                "order_id": event.order_id,
                "participant": hexed(terms.participant),
                "symbol": symbol_of(terms.instrument_id),
                "side": _SIDE[terms.side],
                "order_type": _ORDER_TYPE[event.order_type],
                "time_in_force": _TIME_IN_FORCE[event.time_in_force],
                "post_only": event.post_only,
                "all_or_none": conditions.all_or_none,
                "minimum_lots": conditions.minimum_lots,
                "display_lots": conditions.display_lots,
                "stop_micros": conditions.stop_micros,
                "budget_micros": conditions.budget_micros,
                "self_trade": _SELF_TRADE[conditions.self_trade],
                "price_micros": terms.price_micros,
                "quantity_lots": terms.quantity_lots,
                "remaining_lots": terms.quantity_lots,
                "hold_micros": event.hold_micros,
                "good_until_s": terms.good_until_s,
                "settle_until_s": terms.settle_until_s,
                "client_order_id": str(terms.client_order_id),
                "status": _OPEN if conditions.stop_micros is None else _WAITING,
                "reason": "",
                "triggered_us": 0,
                "accepted_us": batch.time_us,
                "accepted_batch": batch.number,
            },
        )

    def _triggered(self, event: OrderTriggered, batch: Batch, _position: int) -> None:
        self._orders[event.order_id].update(status=_OPEN, triggered_us=batch.time_us)

    def _replaced(self, event: OrderReplaced, _batch: Batch, _position: int) -> None:
        terms = event.terms
        self._orders[event.order_id].update(
            price_micros=terms.price_micros,
            quantity_lots=terms.quantity_lots,
            remaining_lots=terms.quantity_lots,
            hold_micros=event.hold_micros,
            good_until_s=terms.good_until_s,
            settle_until_s=terms.settle_until_s,
            client_order_id=str(terms.client_order_id),
        )

    def _reduced(self, event: OrderReduced, _batch: Batch, _position: int) -> None:
        order = self._orders[event.order_id]
        order["remaining_lots"] -= event.by_lots
        order["hold_micros"] = event.hold_micros

    def _cancelled(self, event: OrderCancelled, _batch: Batch, _position: int) -> None:
        self._orders[event.order_id].update(
            remaining_lots=event.remaining_lots,
            hold_micros=0,
            status=_CANCELLED,
            reason=_REASON[event.reason],
        )
        self._orders.finish(event.order_id)

    def _agreed(self, event: TradeAgreed, _batch: Batch, _position: int) -> None:
        for order_id, hold_micros in (
            (event.buy_order_id, event.buy_hold_micros),
            (event.sell_order_id, event.sell_hold_micros),
        ):
            order = self._orders[order_id]
            order["remaining_lots"] -= event.quantity_lots
            order["hold_micros"] = hold_micros
            if order["remaining_lots"] == 0:
                order["status"] = _FILLED
                self._orders.finish(order_id)
