"""From what a book did to what happened: fills become trades with their money, notices become events of orders."""

from market.cost import hold_micros, limit_ticks
from market.events import (
    CancelReason,
    Event,
    OrderCancelled,
    OrderReduced,
    OrderTriggered,
    Session,
    SessionChanged,
    TradeAgreed,
    TradingHalted,
)
from market.listed import Listed
from market.open_orders import OpenOrder
from market.orders import Side
from market.placement import Fill, Notice, NoticeKind, Placement
from market.sessions import MICROS_PER_SECOND
from market.sides import BUY
from market.state import State
from market.units import Lots, Micros, Ticks, fee_micros, floor_money

_NOTHING = Micros(0)


def tell(state: State, listed: Listed, placement: Placement, order_id: int | None = None) -> list[Event]:
    """Return what a book did as events, in the order in which it did it, and apply each of them outside the book.

    `order_id` is the order that was placed, whose remainder leaves if it does not rest; None where stops were woken.
    """
    fills, _, dropped_lots, _, notices = placement
    if not (fills or dropped_lots or notices):
        return []
    telling = _Telling(state, listed)
    dropped = order_id if dropped_lots else None
    told = 0
    if notices:
        telling.note_collar()
    for notice in notices:
        for fill in fills[told : notice.after_fills]:
            telling.trade(fill)
        told = notice.after_fills
        if dropped is not None and notice.kind is NoticeKind.TRIGGERED and notice.order_id != dropped:
            telling.cancel(dropped, dropped_lots, CancelReason.REMAINDER_NOT_RESTING)
            dropped = None
        telling.heed(notice)
    for fill in fills[told:]:
        telling.trade(fill)
    if dropped is not None:
        telling.cancel(dropped, dropped_lots, CancelReason.REMAINDER_NOT_RESTING)
    return telling.events


def agree(
    state: State,
    listed: Listed,
    buy: OpenOrder,
    sell: OpenOrder,
    *,
    taker: Side | None,
    price_ticks: Ticks,
    quantity_lots: Lots,
    spent_micros: int = 0,
) -> TradeAgreed:
    """Return the trade of a bid and an offer, with the money that it locks and what stays held for both orders.

    `spent_micros` is what the bid has paid of its budget before.
    """
    per_unit = listed.lots_per_unit
    payment = floor_money(
        price_micros=listed.price_micros(price_ticks), quantity_lots=quantity_lots, lots_per_unit=per_unit
    )
    collateral = floor_money(
        price_micros=listed.collateral_micros, quantity_lots=quantity_lots, lots_per_unit=per_unit
    )
    return TradeAgreed(
        trade_number=state.trades.last_number + 1,
        instrument_id=listed.id,
        buy_order_id=buy.order_id,
        sell_order_id=sell.order_id,
        buyer=buy.signed.terms.participant,
        seller=sell.signed.terms.participant,
        taker=taker,
        price_ticks=price_ticks,
        bid_ticks=limit_ticks(listed, buy),
        ask_ticks=limit_ticks(listed, sell),
        quantity_lots=quantity_lots,
        payment_micros=payment,
        fee_micros=fee_micros(value_micros=payment, fee_bps=listed.listing.fee_bps),
        collateral_micros=collateral,
        buy_hold_micros=_hold_after(state, buy, quantity_lots, spent_micros + payment),
        sell_hold_micros=_hold_after(state, sell, quantity_lots),
    )


class _Telling:
    """The events of one message to one book, and what is needed to tell them."""

    def __init__(self, state: State, listed: Listed) -> None:
        self.events: list[Event] = []
        self._state = state
        self._listed = listed
        self._spent: dict[int, int] = {}

    def note_collar(self) -> None:
        """Take note of where the collar lies: what halts the next order is around the last price before it."""
        self._collar = self._listed.collar_ticks()

    def trade(self, fill: Fill) -> None:
        taker_order_id, maker_order_id, price_ticks, _, quantity_lots = fill
        orders, spent = self._state.orders, self._spent
        taker, maker = orders.get(taker_order_id), orders.get(maker_order_id)
        side = taker.signed.terms.side
        buy, sell = (taker, maker) if side is BUY else (maker, taker)
        trade = agree(
            self._state,
            self._listed,
            buy,
            sell,
            taker=side,
            price_ticks=price_ticks,
            quantity_lots=quantity_lots,
            spent_micros=spent.get(buy.order_id, 0),
        )
        if buy.conditions.budget_micros is not None:
            spent[buy.order_id] = spent.get(buy.order_id, 0) + trade.payment_micros
        self._tell(trade)

    def heed(self, notice: Notice) -> None:
        match notice.kind:
            case NoticeKind.TRIGGERED:
                self.note_collar()
                self._tell(OrderTriggered(notice.order_id))
            case NoticeKind.DROPPED:
                self.cancel(notice.order_id, notice.lots, CancelReason.REMAINDER_NOT_RESTING)
            case NoticeKind.SELF_TRADE_CANCELLED | NoticeKind.SELF_TRADE_REDUCED:
                spent = self._spent.get(notice.order_id, 0)
                self._tell(reduced(self._state, notice.order_id, notice.lots, spent_micros=spent))
            case NoticeKind.HALTED:
                self._halt()
            case NoticeKind.RESTED | NoticeKind.REFRESHED:
                pass  # follows from the events before: a rebuild finds it without being told

    def cancel(self, order_id: int, remaining_lots: Lots, reason: CancelReason) -> None:
        self._tell(OrderCancelled(order_id, remaining_lots, reason))

    def _halt(self) -> None:
        low, high = self._collar
        until_us = self._state.time_us + self._listed.listing.rules.halt_s * MICROS_PER_SECOND
        self._tell(TradingHalted(self._listed.id, low, high, until_us))
        self._tell(SessionChanged(self._listed.id, Session.HALTED))

    def _tell(self, event: Event) -> None:
        self._state.apply(event)
        self.events.append(event)


def reduced(
    state: State, order_id: int, by_lots: Lots, *, spent_micros: int = 0
) -> OrderReduced | OrderCancelled:
    """Return how an order loses lots to the prevention of self-trades: it shrinks, or leaves if that is all it has."""
    order = state.orders.get(order_id)
    if by_lots == order.remaining_lots:
        return OrderCancelled(order_id, by_lots, CancelReason.SELF_TRADE)
    hold = _hold_after(state, order, by_lots, spent_micros)
    return OrderReduced(order_id, by_lots, hold, CancelReason.SELF_TRADE)


def _hold_after(state: State, order: OpenOrder, quantity_lots: Lots, spent_micros: int = 0) -> Micros:
    """Return what stays set aside when this quantity comes off an order; nothing once it has gone."""
    if quantity_lots == order.remaining_lots:
        return _NOTHING
    left = Lots(order.remaining_lots - quantity_lots)
    return hold_micros(state.listed, order, left, spent_micros=spent_micros)
