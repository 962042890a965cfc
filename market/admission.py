"""Admission: whether an order may enter, and if not, the name of the reason with what was found and what was expected.

Everything here looks and changes nothing. Funds are the ledger's to check; whether a trade is possible is the book's.
"""

from market.book_moves import budget_in_book
from market.capacity import Capacity
from market.events import Session
from market.listed import Listed
from market.listing import Allocation
from market.open_orders import OpenOrder
from market.orders import PLAIN, Conditions, OrderTerms, OrderType, PlaceOrder, TimeInForce
from market.refusals import No, Refusal
from market.sessions import MICROS_PER_SECOND, OVER, moment_of
from market.sides import BUY
from market.units import MICROS_PER_TOKEN, QUANTITY_MAX, Lots, Micros, format_decimal

RESTING = frozenset({TimeInForce.GTC, TimeInForce.DAY, TimeInForce.GTD})
"""The times in force of limit orders that rest."""
_CONTINUOUS = Session.CONTINUOUS  # by itself, as `BUY` is in market/sides.py


def refusal_of(
    order: PlaceOrder,
    listed: Listed,
    capacity: Capacity,
    *,
    time_us: int,
    notice_period_s: int,
    replaces: OpenOrder | None = None,
) -> No | None:
    """Return the first reason why an order may not enter, None if it may; `replaces` is the order whose place it takes.

    In this order: session, call, quantity, price, stop, conditions, fee cap, reference price, both times, capacity, room.
    """
    terms = order.terms
    return (
        _no_session(order, listed, replaces)
        or _no_quantity(listed, terms.quantity_lots)
        or _no_price(listed, terms.price_micros)
        or _no_stop(listed, order.conditions)
        or _no_conditions(order, listed)
        or _no_fee_cap(listed, terms.fee_cap_bps)
        or _no_reference(listed, terms.reference_micros)
        or _no_times(terms, time_us, notice_period_s)
        or _no_capacity(terms, listed, capacity, replaces)
        or _no_room(terms, listed, replaces)
    )


def refusal_in_set(order: PlaceOrder, listed: Listed, *, time_us: int, notice_period_s: int) -> No | None:
    """Return why an instrument of a set speaks against a bid for any of them, None if it does not: in the same order."""
    terms = order.terms
    return (
        _no_quantity(listed, terms.quantity_lots)
        or _no_tick(listed, terms.price_micros, "")
        or _no_conditions(order, listed)
        or _no_fee_cap(listed, terms.fee_cap_bps)
        or _no_times(terms, time_us, notice_period_s)
    )


def _may_rest(order: PlaceOrder) -> bool:
    """Return whether what does not trade at once stays in the book."""
    return order.order_type is OrderType.LIMIT and order.time_in_force in RESTING


def _no_session(order: PlaceOrder, listed: Listed, replaces: OpenOrder | None) -> No | None:
    session = listed.session
    if session is _CONTINUOUS:
        return None
    if session is Session.PENDING:
        opens = moment_of(listed.listing.schedule.call_opens_s)
        return Refusal.SESSION_NOT_OPEN, f"found {listed.instrument} pending, expected orders from {opens} on"
    if session in OVER:
        closed = moment_of(listed.listing.schedule.gate_closes_s)
        return (
            Refusal.WINDOW_ALREADY_CLOSED,
            f"found that {listed.instrument} closed, its gate being {closed}",
        )
    return _no_call(order, session, replaces)


def _no_call(order: PlaceOrder, session: Session, replaces: OpenOrder | None) -> No | None:
    """Keep out what a collecting book cannot judge; a stop sleeps through the call whatever it will ask for."""
    conditions = order.conditions
    if conditions.stop_micros is not None:
        return None
    asks = order.post_only or conditions.all_or_none or conditions.minimum_lots
    if (_may_rest(order) and not asks) or (replaces is not None and replaces.keeps_place(order.terms)):
        return None
    found = f"{order.order_type.name} {order.time_in_force.name}{' post-only' if order.post_only else ''}"
    if conditions.all_or_none:
        found += " all-or-none"
    if conditions.minimum_lots:
        found += " with a minimum"
    during = "call" if session is Session.CALL else "halt"
    return Refusal.NOT_ALLOWED_IN_CALL, f"found {found}, expected LIMIT GTC, DAY or GTD during the {during}"


def _no_conditions(order: PlaceOrder, listed: Listed) -> No | None:
    if order.conditions is PLAIN and not order.post_only:  # as most: nothing in it can conflict
        return None
    fault = _conflict(order, listed)
    if fault is not None:
        return Refusal.CONDITIONS_CONFLICT, fault
    if order.conditions.display_lots == 0 and not listed.listing.rules.hidden_orders:
        return (
            Refusal.HIDDEN_NOT_ALLOWED,
            "found an order that shows nothing, expected one that shows at least a part",
        )
    return None


def _conflict(order: PlaceOrder, listed: Listed) -> str | None:
    """Return which conditions do not go together, None if all do. The book follows the same rules."""
    conditions, quantity, may_rest = order.conditions, order.terms.quantity_lots, _may_rest(order)
    display, minimum = conditions.display_lots, conditions.minimum_lots
    kind = f"{order.order_type.name} {order.time_in_force.name}"
    pro_rata = listed.listing.rules.allocation is Allocation.PRO_RATA
    conflicts = (
        (
            not 0 <= minimum <= quantity,
            f"found a minimum of {listed.quantity_text(minimum)}, expected 0 to {listed.quantity_text(quantity)}",
        ),
        (
            display is not None and display < 0,
            f"found {listed.quantity_text(display or 0)} displayed, expected 0 or more",
        ),
        (
            conditions.all_or_none and order.post_only,
            "found all-or-none and post-only, expected one of them",
        ),
        (
            conditions.all_or_none and display is not None,
            "found all-or-none and displayed in part, expected one of them",
        ),
        (
            minimum > 0 and order.post_only,
            "found post-only and a minimum to trade at once, expected one of them",
        ),
        (
            order.post_only and not may_rest,
            f"found {kind} post-only, expected a limit order that rests",
        ),
        (
            display is not None and not may_rest,
            f"found {kind} displayed in part, expected a limit order that rests",
        ),
        (
            pro_rata and conditions.all_or_none,
            "found all-or-none, expected an order that a pro-rata book may fill in part",
        ),
        (
            pro_rata and bool(display),
            "found an order displayed in part, expected one that a pro-rata book shows or hides wholly",
        ),
    )
    return next((fault for holds, fault in conflicts if holds), None) or _budget_conflict(order, listed)


def _budget_conflict(order: PlaceOrder, listed: Listed) -> str | None:
    budget = order.conditions.budget_micros
    if budget is None:
        return None
    conditions = order.conditions
    takes_in_part = (
        order.order_type is OrderType.MARKET
        and order.terms.side is BUY
        and order.time_in_force is not TimeInForce.FOK
        and not (conditions.all_or_none or conditions.minimum_lots)
    )
    if not takes_in_part:
        return "found a budget, expected one only on a market bid that may trade in part"
    in_book = budget_in_book(listed, order)
    if in_book is not None and not 1 <= in_book <= QUANTITY_MAX:
        most = QUANTITY_MAX * listed.tick_micros // listed.instrument.commodity.lots_per_unit
        found = format_decimal(budget, scale=MICROS_PER_TOKEN)
        expected = format_decimal(most, scale=MICROS_PER_TOKEN)
        return f"found a budget of {found} tokens, expected what buys at least a lot and at most {expected} tokens"
    return None


def _no_quantity(listed: Listed, quantity: Lots) -> No | None:
    if quantity < 1:
        return (
            Refusal.QUANTITY_NOT_POSITIVE,
            f"found {quantity} {listed.instrument.commodity.lot}, expected at least 1",
        )
    if quantity > listed.listing.quantity_cap_lots:
        cap = listed.quantity_text(listed.listing.quantity_cap_lots)
        return Refusal.QUANTITY_OVER_CAP, f"found {listed.quantity_text(quantity)}, expected at most {cap}"
    return None


def _no_price(listed: Listed, price: Micros, what: str = "") -> No | None:
    no = _no_tick(listed, price, what)
    if no is not None or listed.band_low_micros <= price <= listed.band_high_micros:
        return no
    low, high = listed.price_text(listed.band_low_micros), listed.price_text(listed.band_high_micros)
    return (
        Refusal.PRICE_OUTSIDE_BAND,
        f"found {what}{listed.price_text(price)}, expected {low} to {high}",
    )


def _no_stop(listed: Listed, conditions: Conditions) -> No | None:
    stop = conditions.stop_micros
    return None if stop is None else _no_price(listed, stop, "a stop of ")


def _no_tick(listed: Listed, price: Micros, what: str) -> No | None:
    if price <= 0:
        return Refusal.PRICE_NOT_POSITIVE, f"found {what}{listed.price_text(price)}, expected more than 0"
    if price % listed.tick_micros:
        expected = f"a multiple of {listed.price_text(listed.tick_micros)}"
        return Refusal.PRICE_OFF_TICK, f"found {what}{listed.price_text(price)}, expected {expected}"
    return None


def _no_fee_cap(listed: Listed, found: int) -> No | None:
    expected = listed.listing.fee_bps
    if found < expected:
        return Refusal.FEE_CAP_TOO_LOW, f"found a fee cap of {found} bps, expected at least {expected}"
    return None


def _no_reference(listed: Listed, found: Micros) -> No | None:
    if found != listed.reference_micros:
        expected = listed.price_text(listed.reference_micros)
        return Refusal.REFERENCE_PRICE_DIFFERS, f"found {listed.price_text(found)}, expected {expected}"
    return None


def _no_times(terms: OrderTerms, time_us: int, notice_period_s: int) -> No | None:
    good_until_s = terms.good_until_s
    if good_until_s * MICROS_PER_SECOND < time_us:
        now = moment_of(time_us // MICROS_PER_SECOND)
        return (
            Refusal.GOOD_UNTIL_PASSED,
            f"found good until {moment_of(good_until_s)}, expected {now} or later",
        )
    earliest_s = good_until_s + notice_period_s
    if terms.settle_until_s < earliest_s:
        return (
            Refusal.SETTLE_UNTIL_TOO_EARLY,
            f"found settle until {moment_of(terms.settle_until_s)}, expected {moment_of(earliest_s)} or later: "
            f"good until plus the notice period of {notice_period_s} s",
        )
    return None


def _no_capacity(
    terms: OrderTerms, listed: Listed, capacity: Capacity, replaces: OpenOrder | None
) -> No | None:
    if terms.side is BUY:
        return None
    meter = capacity.registration(terms.participant, listed.resource)
    if meter is None:
        instrument = listed.instrument
        place = f"{instrument.place}>{instrument.place_to}" if instrument.place_to else instrument.place
        measured = f"{instrument.commodity.name}.{instrument.product}@{place}"
        return Refusal.NO_REGISTERED_METER, f"found no meter of yours for {measured}, expected one"
    hour = listed.instrument.start_hour
    committed = capacity.committed_lots(terms.participant, listed.resource, hour)
    committed_else = committed - _lots_leaving(replaces)
    if committed_else + terms.quantity_lots > meter.capacity_lots:
        left = listed.quantity_text(meter.capacity_lots - committed_else)
        return (
            Refusal.OVER_REGISTERED_CAPACITY,
            f"found {listed.quantity_text(terms.quantity_lots)}, expected at most {left}: "
            f"{listed.quantity_text(committed_else)} of {listed.quantity_text(meter.capacity_lots)} "
            "registered is offered or sold",
        )
    return None


def _no_room(terms: OrderTerms, listed: Listed, replaces: OpenOrder | None) -> No | None:
    """Keep the sum of a side's quantities within 63 bits: the kernel and the auction add them up."""
    open_lots = listed.open_lots[terms.side] - _lots_leaving(replaces)
    if open_lots + terms.quantity_lots > QUANTITY_MAX:
        left = listed.quantity_text(QUANTITY_MAX - open_lots)
        return (
            Refusal.BOOK_FULL,
            f"found {listed.quantity_text(terms.quantity_lots)}, expected at most {left}",
        )
    return None


def _lots_leaving(replaces: OpenOrder | None) -> int:
    """Return what leaves the book when the order enters."""
    return replaces.remaining_lots if replaces is not None else 0
