"""Admission: whether an order may enter, and if not, the name of the reason with what was found and what was expected.

Everything here looks and changes nothing. Funds are the ledger's to check; whether a trade is possible is the book's.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from market.book_moves import budget_in_book
from market.capacity import Capacity
from market.events import Session
from market.listed import Listed
from market.open_orders import OpenOrder
from market.orders import (
    PLAIN,
    Allocation,
    OrderTerms,
    OrderType,
    PlaceOrder,
    Side,
    TimeInForce,
)
from market.refusals import No, Refusal
from market.sessions import COLLECTING, MICROS_PER_SECOND, OVER
from market.units import MICROS_PER_TOKEN, QUANTITY_MAX, Micros, format_decimal

RESTING = frozenset({TimeInForce.GTC, TimeInForce.DAY, TimeInForce.GTD})
"""The times in force of limit orders that rest."""


@dataclass(frozen=True, slots=True)
class Application:
    """An order that asks to enter, and all that the answer depends on. `replaces` is the order whose place it takes."""

    order: PlaceOrder
    listed: Listed
    capacity: Capacity
    time_us: int
    notice_period_s: int
    replaces: OpenOrder | None = None

    @property
    def terms(self) -> OrderTerms:
        """The signed terms."""
        return self.order.terms

    @property
    def replaced_lots(self) -> int:
        """What leaves the book when the order enters."""
        return self.replaces.remaining_lots if self.replaces is not None else 0

    @property
    def may_rest(self) -> bool:
        """Whether what does not trade at once stays in the book."""
        return self.order.order_type is OrderType.LIMIT and self.order.time_in_force in RESTING


def refusal_of(application: Application, checks: "tuple[Check, ...] | None" = None) -> No | None:
    """Return the first reason, in the order of the checks (all `CHECKS`), why an order may not enter; None if it may."""
    for check in CHECKS if checks is None else checks:
        no = check(application)
        if no is not None:
            return no
    return None


def _session(application: Application) -> No | None:
    listed = application.listed
    if listed.session is Session.PENDING:
        opens = _moment(listed.listing.schedule.call_opens_s)
        return Refusal.SESSION_NOT_OPEN, f"found {listed.instrument} pending, expected orders from {opens} on"
    if listed.session in OVER:
        closed = _moment(listed.listing.schedule.gate_closes_s)
        return (
            Refusal.WINDOW_ALREADY_CLOSED,
            f"found that {listed.instrument} closed, its gate being {closed}",
        )
    return None


def _call(application: Application) -> No | None:
    """Keep out what a collecting book cannot judge; a stop sleeps through the call whatever it will ask for."""
    order, replaces = application.order, application.replaces
    conditions = order.conditions
    if application.listed.session not in COLLECTING or conditions.stop_micros is not None:
        return None
    asks = order.post_only or conditions.all_or_none or conditions.minimum_lots
    if (application.may_rest and not asks) or (replaces is not None and replaces.keeps_place(order.terms)):
        return None
    found = f"{order.order_type.name} {order.time_in_force.name}{' post-only' if order.post_only else ''}"
    if conditions.all_or_none:
        found += " all-or-none"
    if conditions.minimum_lots:
        found += " with a minimum"
    during = "call" if application.listed.session is Session.CALL else "halt"
    return Refusal.NOT_ALLOWED_IN_CALL, f"found {found}, expected LIMIT GTC, DAY or GTD during the {during}"


def _conditions(application: Application) -> No | None:
    order = application.order
    if order.conditions is PLAIN and not order.post_only:
        return None
    fault = _conflict(application)
    if fault is not None:
        return Refusal.CONDITIONS_CONFLICT, fault
    if order.conditions.display_lots == 0 and not application.listed.listing.rules.hidden_orders:
        return (
            Refusal.HIDDEN_NOT_ALLOWED,
            "found an order that shows nothing, expected one that shows at least a part",
        )
    return None


def _conflict(application: Application) -> str | None:
    """Return which conditions do not go together, None if all do. The book follows the same rules."""
    order, listed = application.order, application.listed
    conditions, quantity = order.conditions, order.terms.quantity_lots
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
            order.post_only and not application.may_rest,
            f"found {kind} post-only, expected a limit order that rests",
        ),
        (
            display is not None and not application.may_rest,
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
    return next((fault for holds, fault in conflicts if holds), None) or _budget_conflict(application)


def _budget_conflict(application: Application) -> str | None:
    order, listed = application.order, application.listed
    budget = order.conditions.budget_micros
    if budget is None:
        return None
    conditions = order.conditions
    takes_in_part = (
        order.order_type is OrderType.MARKET
        and order.terms.side is Side.BUY
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


def _quantity(application: Application) -> No | None:
    quantity, listed = application.terms.quantity_lots, application.listed
    if quantity < 1:
        return (
            Refusal.QUANTITY_NOT_POSITIVE,
            f"found {quantity} {listed.instrument.commodity.lot}, expected at least 1",
        )
    if quantity > listed.listing.quantity_cap_lots:
        cap = listed.quantity_text(listed.listing.quantity_cap_lots)
        return Refusal.QUANTITY_OVER_CAP, f"found {listed.quantity_text(quantity)}, expected at most {cap}"
    return None


def _price(application: Application) -> No | None:
    return _tick(application) or _no_band(application.listed, application.terms.price_micros, "")


def _tick(application: Application) -> No | None:
    return _no_tick(application.listed, application.terms.price_micros, "")


def _stop(application: Application) -> No | None:
    stop, listed = application.order.conditions.stop_micros, application.listed
    if stop is None:
        return None
    return _no_tick(listed, stop, "a stop of ") or _no_band(listed, stop, "a stop of ")


def _no_tick(listed: Listed, price: Micros, what: str) -> No | None:
    if price <= 0:
        return Refusal.PRICE_NOT_POSITIVE, f"found {what}{listed.price_text(price)}, expected more than 0"
    if price % listed.tick_micros:
        expected = f"a multiple of {listed.price_text(listed.tick_micros)}"
        return Refusal.PRICE_OFF_TICK, f"found {what}{listed.price_text(price)}, expected {expected}"
    return None


def _no_band(listed: Listed, price: Micros, what: str) -> No | None:
    low = listed.price_micros(listed.terms.band_low_ticks)
    high = listed.price_micros(listed.terms.band_high_ticks)
    if not low <= price <= high:
        return (
            Refusal.PRICE_OUTSIDE_BAND,
            f"found {what}{listed.price_text(price)}, "
            f"expected {listed.price_text(low)} to {listed.price_text(high)}",
        )
    return None


def _fee_cap(application: Application) -> No | None:
    found, expected = application.terms.fee_cap_bps, application.listed.listing.fee_bps
    if found < expected:
        return Refusal.FEE_CAP_TOO_LOW, f"found a fee cap of {found} bps, expected at least {expected}"
    return None


def _reference(application: Application) -> No | None:
    found, listed = application.terms.reference_micros, application.listed
    if found != listed.reference_micros:
        expected = listed.price_text(listed.reference_micros)
        return Refusal.REFERENCE_PRICE_DIFFERS, f"found {listed.price_text(found)}, expected {expected}"
    return None


def _good_until(application: Application) -> No | None:
    good_until_s = application.terms.good_until_s
    if good_until_s * MICROS_PER_SECOND < application.time_us:
        now = _moment(application.time_us // MICROS_PER_SECOND)
        return Refusal.GOOD_UNTIL_PASSED, f"found good until {_moment(good_until_s)}, expected {now} or later"
    return None


def _settle_until(application: Application) -> No | None:
    terms = application.terms
    earliest_s = terms.good_until_s + application.notice_period_s
    if terms.settle_until_s < earliest_s:
        return (
            Refusal.SETTLE_UNTIL_TOO_EARLY,
            f"found settle until {_moment(terms.settle_until_s)}, expected {_moment(earliest_s)} or later: "
            f"good until plus the notice period of {application.notice_period_s} s",
        )
    return None


def _capacity(application: Application) -> No | None:
    terms, listed = application.terms, application.listed
    if terms.side is Side.BUY:
        return None
    meter = application.capacity.registration(terms.participant, listed.resource)
    if meter is None:
        instrument = listed.instrument
        place = f"{instrument.place}>{instrument.place_to}" if instrument.place_to else instrument.place
        measured = f"{instrument.commodity.name}.{instrument.product}@{place}"
        return Refusal.NO_REGISTERED_METER, f"found no meter of yours for {measured}, expected one"
    hour = listed.instrument.start_hour
    committed = application.capacity.committed_lots(terms.participant, listed.resource, hour)
    committed_else = committed - application.replaced_lots
    if committed_else + terms.quantity_lots > meter.capacity_lots:
        left = listed.quantity_text(meter.capacity_lots - committed_else)
        return (
            Refusal.OVER_REGISTERED_CAPACITY,
            f"found {listed.quantity_text(terms.quantity_lots)}, expected at most {left}: "
            f"{listed.quantity_text(committed_else)} of {listed.quantity_text(meter.capacity_lots)} "
            "registered is offered or sold",
        )
    return None


def _room(application: Application) -> No | None:
    """Keep the sum of a side's quantities within 63 bits: the kernel and the auction add them up."""
    terms, listed = application.terms, application.listed
    open_lots = listed.open_lots[terms.side] - application.replaced_lots
    if open_lots + terms.quantity_lots > QUANTITY_MAX:
        left = listed.quantity_text(QUANTITY_MAX - open_lots)
        return (
            Refusal.BOOK_FULL,
            f"found {listed.quantity_text(terms.quantity_lots)}, expected at most {left}",
        )
    return None


def _moment(time_s: int) -> str:
    """Return a Unix time in words; a number of seconds beyond the calendar stays one."""
    try:
        return datetime.fromtimestamp(time_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (ValueError, OverflowError, OSError):
        return f"{time_s} s after 1970"


Check = Callable[[Application], No | None]

CHECKS: tuple[Check, ...] = (
    _session,
    _call,
    _quantity,
    _price,
    _stop,
    _conditions,
    _fee_cap,
    _reference,
    _good_until,
    _settle_until,
    _capacity,
    _room,
)
"""The checks in the order in which they are made: the first that fails names the refusal."""

CHECKS_OF_REQUIREMENT: tuple[Check, ...] = (
    _quantity,
    _tick,
    _conditions,
    _fee_cap,
    _good_until,
    _settle_until,
)
"""Those that each instrument of a set makes of a bid for any of them."""
