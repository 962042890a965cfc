"""Trades after the match: the money each one locks, and the states it passes through until it is over."""

from dataclasses import dataclass, replace
from enum import IntEnum

from market.events import Event, TradeAgreed
from market.quality import TIERS
from market.quick import quickly_made
from market.settlement import GuaranteeOpened, GuaranteePaid, TradeDelivered, TradeLocked, TradeVoided
from market.units import (
    BPS_ONE,
    PPM_ONE,
    InvariantBroken,
    Lots,
    Micros,
    ceil_money,
)


def collateral_price(*, tier: int, reference_micros: Micros) -> Micros:
    """Return the collateral per unit in micros: the tier's rate of the reference price, rounded up.

    A fill's collateral is `floor_money` of it, so the fills of an offer never lock more than the offer's hold.
    """
    return Micros(-(-TIERS[tier].collateral * reference_micros // PPM_ONE))


def bid_hold(
    *,
    price_micros: Micros,
    quantity_lots: Lots,
    lots_per_unit: int,
    fee_bps: int,
    budget_micros: Micros | None = None,
) -> Micros:
    """Return what an open bid sets aside for its price and the fee, in micros, rounded up.

    A budget bounds its payments but not the fee on them: it sets no more aside than that and its fee. What an offer sets
    aside is `ceil_money` of its `collateral_price`.
    """
    value = ceil_money(price_micros=price_micros, quantity_lots=quantity_lots, lots_per_unit=lots_per_unit)
    if budget_micros is not None:
        value = min(value, budget_micros)
    return Micros(value - (-value * fee_bps // BPS_ONE))


class TradeState(IntEnum):
    """Where a trade is between the match and its end."""

    AGREED = 0
    LOCKED = 1
    OPENED = 2
    VOID = 3
    DELIVERED = 4
    PAID_OUT = 5


@quickly_made
@dataclass(frozen=True, slots=True)
class Trade:
    """A trade and how far it has come. `delivered_lots` is known once it is over (or opened)."""

    agreed: TradeAgreed
    state: TradeState = TradeState.AGREED
    batch_number: int = 0
    delivered_lots: Lots = Lots(0)
    compensation_micros: Micros = Micros(0)


_STARTS_FROM: dict[type, TradeState] = {
    TradeLocked: TradeState.AGREED,
    TradeVoided: TradeState.AGREED,
    TradeDelivered: TradeState.LOCKED,
    GuaranteeOpened: TradeState.LOCKED,
    GuaranteePaid: TradeState.OPENED,
}


def starts_from(event_type: type) -> TradeState:
    """Return the state that a trade must be in for this kind of event to happen to it."""
    return _STARTS_FROM[event_type]


def after(trade: Trade, event: Event) -> Trade:
    """Return the trade as it is after the event.

    Raises:
        InvariantBroken: if the event cannot happen to a trade in this state.
    """
    expected = _STARTS_FROM.get(type(event))
    if expected is None or trade.state is not expected:
        raise InvariantBroken(
            f"trade {trade.agreed.trade_number}: {type(event).__name__} found it {trade.state.name}, "
            f"expected {expected.name if expected is not None else 'an event of a trade'}"
        )
    match event:
        case TradeLocked():
            return replace(trade, state=TradeState.LOCKED, batch_number=event.batch_number)
        case TradeVoided():
            return replace(trade, state=TradeState.VOID)
        case TradeDelivered():
            return replace(trade, state=TradeState.DELIVERED, delivered_lots=trade.agreed.quantity_lots)
        case GuaranteeOpened():
            return replace(trade, state=TradeState.OPENED, delivered_lots=event.delivered_lots)
        case GuaranteePaid():
            return replace(
                trade,
                state=TradeState.PAID_OUT,
                delivered_lots=event.delivered_lots,
                compensation_micros=event.compensation,
            )
        case _:
            raise InvariantBroken(f"{type(event).__name__} is no event of a trade")
