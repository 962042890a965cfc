"""Orders that any of several instruments satisfies: a bid takes what is best for it in any of their books, at once.

Such a bid repeatedly takes the book whose best offer has the lowest price after its adjustment, the lowest instrument id
where two are equal, as long as the offer is within the bid's limit there. What it takes of each book is planned first, offer
by offer, as the book itself would fill it; then each book gets its share as one ordinary IOC order. So time priority,
all-or-none orders, icebergs and the prevention of self-trades hold in every book, nothing has changed if the plan falls
short of what the bid demands, and a stop that its trades wake in one book cannot take from its share in another.

A book that is not in continuous trading is passed over, and so is one from its first offer outside the collar on: a bid
that has somewhere else to go halts nobody's trading.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import groupby
from typing import NamedTuple

from market.admission import RESTING, refusal_in_set
from market.cost import limit_ticks
from market.events import CancelReason, Event, OrderAccepted, OrderCancelled, Session
from market.listed import Listed
from market.listing import Allocation
from market.meeting import tell
from market.orders import Conditions, OrderType, PlaceOrder, SelfTrade, Side, TimeInForce
from market.refusals import No, Refusal
from market.refusing import refuse, unknown_instrument
from market.requirements import commitment
from market.state import State
from market.units import InvariantBroken, Lots, Malformed, Micros, Ticks

_ROWS_AT_ONCE = 256


class Share(NamedTuple):
    """What a plan asks of one book, in lots, at prices up to the bid's limit there."""

    instrument_id: int
    lots: int


class Plan(NamedTuple):
    """Each book's share, in the order in which the books are visited, and how much of the bid all of them fill."""

    shares: tuple[Share, ...]
    filled_lots: int


def no_requirement(state: State, order: PlaceOrder) -> No | None:
    """Return why a bid for any of several instruments may not enter, None if it may. Changes nothing."""
    no = _no_shape(order) or _no_set(state, order)
    if no is not None:
        return no
    listings = [state.listed[each.instrument_id] for each in order.eligible]
    if order.terms.reference_micros:
        detail = f"found {order.terms.reference_micros} micros, expected 0: a set has no reference price of its own"
        return Refusal.REFERENCE_PRICE_DIFFERS, detail
    if not any(listed.session is Session.CONTINUOUS for listed in listings):
        detail = f"found none of {len(listings)} instruments in continuous trading, expected one at least"
        return Refusal.SESSION_NOT_OPEN, detail
    for listed in listings:
        no = refusal_in_set(order, listed, time_us=state.time_us, notice_period_s=state.notice_period_s)
        if no is not None:
            return no
    return None


def route(state: State, command: PlaceOrder, hold: Micros) -> list[Event]:
    """Carry out a bid for any of several instruments that may enter: all that it demands is filled, or nothing changes.

    Raises:
        InvariantBroken: if the books fill anything but what was planned.
    """
    terms, conditions = command.terms, command.conditions
    order_id, owner = state.orders.last_id + 1, state.orders.owner(terms.participant)
    routed = plan(state, command, owner)
    no = _no_fill(state, command, routed)
    if no is not None:
        return [refuse(command, no)]
    accepted = OrderAccepted(
        order_id=order_id,
        terms=terms,
        signature=command.signature,
        order_type=command.order_type,
        time_in_force=command.time_in_force,
        post_only=False,
        hold_micros=hold,
        conditions=conditions,
        eligible=command.eligible,
    )
    state.apply(accepted)
    events: list[Event] = [accepted]
    filled = 0
    for instrument_id, lots in routed.shares:
        listed = state.listed[instrument_id]
        placement = listed.book.place(
            order_id,
            Side.BUY,
            command.order_type,
            TimeInForce.IOC,
            limit_ticks(listed, command),
            Lots(lots),
            owner=owner,
            self_trade=conditions.self_trade,
        )
        filled += sum(fill.quantity_lots for fill in placement.fills if fill.taker_order_id == order_id)
        events += tell(state, listed, placement)
    if filled != routed.filled_lots:
        raise InvariantBroken(
            f"order {order_id}: found {filled} lots filled, expected {routed.filled_lots} as planned"
        )
    order = state.orders.find(order_id)
    if order is not None:
        dropped = OrderCancelled(order_id, order.remaining_lots, CancelReason.REMAINDER_NOT_RESTING)
        events.append(state.happen(dropped))
    return events


def plan(state: State, order: PlaceOrder, owner: int) -> Plan:
    """Return what a bid of this owner would take of each book; changes nothing.

    Where the bid meets an offer of its own participant and must end, the rest of it goes to that book, last, to meet it.
    """
    queues = {
        each.instrument_id: _levels(state, state.listed[each.instrument_id], order, owner)
        for each in order.eligible
        if state.listed[each.instrument_id].session is Session.CONTINUOUS
    }
    adjustments = {each.instrument_id: each.adjustment_micros for each in order.eligible}
    left = int(order.terms.quantity_lots)
    filled = 0
    shares: dict[int, int] = {}
    best: list[tuple[int, int, _Level]] = []

    def look_at(instrument_id: int) -> None:
        level = next(queues[instrument_id], None)
        if level is not None:
            heappush(best, (level.price_micros - adjustments[instrument_id], instrument_id, level))

    for instrument_id in queues:
        look_at(instrument_id)
    while left and best:
        _, instrument_id, level = heappop(best)
        met = _walk(level, left, order.conditions.self_trade)
        filled += met.filled
        left -= met.filled + met.lost
        if met.filled + met.lost:
            shares[instrument_id] = shares.get(instrument_id, 0) + met.filled + met.lost
        if met.ends_bid:
            shares[instrument_id] = shares.pop(instrument_id, 0) + left
            break
        if not met.ends_book:
            look_at(instrument_id)
    return Plan(tuple(Share(*share) for share in shares.items()), filled)


@dataclass(slots=True)
class _Offer:
    """An offer as a bid meets it: `at_once` trades before the rest goes to the back of its queue, in slices of `display`."""

    lots: int
    at_once: int
    display: int
    own: bool
    all_or_none: bool


@dataclass(frozen=True, slots=True, eq=False)
class _Level:
    """The offers of one price, in priority order, the displayed and then the hidden ones."""

    price_micros: Micros
    displayed: list[_Offer]
    hidden: list[_Offer]
    is_tradable: bool


class _Met(NamedTuple):
    """What happened at one price: lots filled, lots lost to offers of one's own, and what ended there."""

    filled: int
    lost: int
    ends_bid: bool = False
    ends_book: bool = False


def _walk(level: _Level, left: int, policy: SelfTrade) -> _Met:
    """Meet the offers of one price as the book does, with `left` lots."""
    filled = lost = 0
    displayed = deque(level.displayed)
    for queue in (displayed, deque(level.hidden)):
        while queue and filled + lost < left:
            offer, available = queue.popleft(), left - filled - lost
            if offer.all_or_none and offer.lots > available:
                continue
            if offer.own and policy is SelfTrade.DECREMENT:
                lost += min(offer.lots, available)
            elif offer.own and policy is not SelfTrade.CANCEL_OLDEST:
                return _Met(filled, lost, ends_bid=True)
            elif not offer.own and not level.is_tradable:
                return _Met(filled, lost, ends_book=True)
            elif not offer.own:
                lots = min(offer.at_once, available)
                filled += lots
                if offer.lots > lots:  # an iceberg with another slice, or all that was left of the bid
                    rest = offer.lots - lots
                    queue.append(
                        _Offer(rest, min(offer.display, rest), offer.display, own=False, all_or_none=False)
                    )
    return _Met(filled, lost)


def _levels(state: State, listed: Listed, order: PlaceOrder, owner: int) -> Iterator[_Level]:
    """Read the offers of a book that are within a bid's limit, price by price; no more of them than are asked for."""
    limit = limit_ticks(listed, order)
    low, high = listed.collar_ticks()
    has_collar = listed.listing.rules.collar_ticks > 0
    pro_rata = listed.listing.rules.allocation is Allocation.PRO_RATA
    for price_ticks, rows in groupby(_rows(listed), key=lambda row: row[0]):
        if price_ticks > limit:
            return
        displayed: list[_Offer] = []
        hidden: list[_Offer] = []
        for _, order_id, lots, shown in rows:
            (displayed if shown else hidden).append(_offer(state, order_id, lots, shown, owner))
        if pro_rata:  # there a bid deals with its own offers of a price first
            displayed.sort(key=lambda offer: not offer.own)
            hidden.sort(key=lambda offer: not offer.own)
        is_tradable = not has_collar or low <= price_ticks <= high
        yield _Level(listed.price_micros(price_ticks), displayed, hidden, is_tradable)


def _rows(listed: Listed) -> Iterator[tuple[Ticks, int, int, int]]:
    """Iterate over a book's offers, best first, as (price, order id, lots, displayed lots)."""
    offers = listed.book.orders(Side.SELL)
    for start in range(0, len(offers), _ROWS_AT_ONCE):
        yield from offers[start : start + _ROWS_AT_ONCE].tolist()


def _offer(state: State, order_id: int, lots: int, shown: int, owner: int) -> _Offer:
    order = state.orders.get(order_id)
    conditions = order.conditions
    return _Offer(
        lots=lots,
        at_once=shown or lots,
        display=conditions.display_lots or 0,
        own=state.orders.owner(order.terms.participant) == owner,
        all_or_none=conditions.all_or_none,
    )


def _no_shape(order: PlaceOrder) -> No | None:
    conditions = order.conditions
    may_rest = order.order_type is OrderType.LIMIT and order.time_in_force in RESTING
    asks = conditions != Conditions(minimum_lots=conditions.minimum_lots, self_trade=conditions.self_trade)
    found = None
    if order.terms.side is not Side.BUY:
        found = "an offer"
    elif may_rest or order.post_only:
        found = f"{order.order_type.name} {order.time_in_force.name}{' post-only' if order.post_only else ''}"
    elif asks:
        found = "conditions besides a minimum and a self-trade policy"
    if found is None:
        return None
    return Refusal.REQUIREMENT_NOT_ALLOWED, f"found {found}, expected a plain bid that is IOC, FOK or MARKET"


def _no_set(state: State, order: PlaceOrder) -> No | None:
    try:
        expected = commitment(order.eligible)
    except Malformed as malformed:
        return Refusal.COMMITMENT_DIFFERS, str(malformed)
    if order.terms.instrument_id != expected:
        return Refusal.COMMITMENT_DIFFERS, f"found {order.terms.instrument_id:#x}, expected {expected:#x}"
    for each in order.eligible:
        if each.instrument_id not in state.listed:
            return unknown_instrument(each.instrument_id)
    commodities = sorted({state.listed[each.instrument_id].instrument.commodity for each in order.eligible})
    if len(commodities) > 1:
        found = " and ".join(commodity.name for commodity in commodities)
        return Refusal.REQUIREMENT_NOT_ALLOWED, f"found a set of {found}, expected one commodity"
    return None


def _no_fill(state: State, order: PlaceOrder, routed: Plan) -> No | None:
    whole = order.time_in_force is TimeInForce.FOK
    needed = order.terms.quantity_lots if whole else order.conditions.minimum_lots
    if routed.filled_lots >= needed:
        return None
    listed = state.listed[order.eligible[0].instrument_id]
    refusal = Refusal.CANNOT_FILL_WHOLLY if whole else Refusal.CANNOT_FILL_MINIMUM
    found, expected = listed.quantity_text(routed.filled_lots), listed.quantity_text(needed)
    return refusal, f"found {found} that it can take in {len(order.eligible)} books, expected {expected}"
