"""Admission: whether an order may enter, and if not, the name of the reason with what was found and what was expected.

Everything here looks and changes nothing. Funds are the ledger's to check.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from market.capacity import Capacity
from market.events import Session
from market.listed import Listed
from market.open_orders import OpenOrder
from market.orders import (
    OrderTerms,
    OrderType,
    PlaceOrder,
    Side,
    TimeInForce,
)
from market.refusals import Refusal
from market.sessions import MICROS_PER_SECOND
from market.units import QUANTITY_MAX, Micros

No = tuple[Refusal, str]
"""The name of a refusal and its detail."""


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


def refusal_of(application: Application) -> No | None:
    """Return the first reason, in the order of `CHECKS`, why an order may not enter; None if it may."""
    for check in CHECKS:
        no = check(application)
        if no is not None:
            return no
    return None


def _session(application: Application) -> No | None:
    listed = application.listed
    if listed.session is Session.PENDING:
        opens = _moment(listed.listing.schedule.call_opens_s)
        return Refusal.SESSION_NOT_OPEN, f"found {listed.instrument} pending, expected orders from {opens} on"
    if listed.session >= Session.CLOSED:
        closed = _moment(listed.listing.schedule.gate_closes_s)
        return (
            Refusal.WINDOW_ALREADY_CLOSED,
            f"found that {listed.instrument} closed, its gate being {closed}",
        )
    return None


def _call(application: Application) -> No | None:
    order = application.order
    if application.listed.session is not Session.CALL:
        return None
    if order.order_type is OrderType.LIMIT and order.time_in_force is TimeInForce.GTC and not order.post_only:
        return None
    found = f"{order.order_type.name} {order.time_in_force.name}{' post-only' if order.post_only else ''}"
    return Refusal.NOT_ALLOWED_IN_CALL, f"found {found}, expected LIMIT GTC during the call"


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
    price, listed = application.terms.price_micros, application.listed
    tick = listed.tick_micros
    if price <= 0:
        return Refusal.PRICE_NOT_POSITIVE, f"found {listed.price_text(price)}, expected more than 0"
    if price % tick:
        expected = f"a multiple of {listed.price_text(tick)}"
        return Refusal.PRICE_OFF_TICK, f"found {listed.price_text(price)}, expected {expected}"
    low = listed.price_micros(listed.terms.band_low_ticks)
    high = listed.price_micros(listed.terms.band_high_ticks)
    if not low <= price <= high:
        expected = f"{listed.price_text(low)} to {listed.price_text(high)}"
        return Refusal.PRICE_OUTSIDE_BAND, f"found {listed.price_text(price)}, expected {expected}"
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


def _post_only(application: Application) -> No | None:
    if not application.order.post_only:
        return None
    terms, listed = application.terms, application.listed
    book = listed.book
    opposite = book.best_ask() if terms.side is Side.BUY else book.best_bid()
    if opposite is None or not _meets(terms, listed.price_micros(opposite)):
        return None
    other = "an offer" if terms.side is Side.BUY else "a bid"
    return (
        Refusal.WOULD_TAKE,
        f"found {other} at {listed.price_text(listed.price_micros(opposite))}, "
        f"expected none that {listed.price_text(terms.price_micros)} meets",
    )


def _fill_or_kill(application: Application) -> No | None:
    if application.order.time_in_force is not TimeInForce.FOK:
        return None
    terms, listed = application.terms, application.listed
    available = _available_lots(listed, terms)
    if available >= terms.quantity_lots:
        return None
    return (
        Refusal.CANNOT_FILL_WHOLLY,
        f"found {listed.quantity_text(available)} at {listed.price_text(terms.price_micros)} or better, "
        f"expected {listed.quantity_text(terms.quantity_lots)}",
    )


def _available_lots(listed: Listed, terms: OrderTerms) -> int:
    """Return how much of what was asked the other side offers within the limit, looking no deeper than needed."""
    levels = 8
    while True:
        depth = listed.book.depth(levels)
        opposite = depth.asks if terms.side is Side.BUY else depth.bids
        within = [level for level in opposite if _meets(terms, listed.price_micros(level.price_ticks))]
        available = sum(level.quantity_lots for level in within)
        if available >= terms.quantity_lots or len(within) < levels:
            return available
        levels *= 4


def _meets(terms: OrderTerms, price_micros: Micros) -> bool:
    """Return whether an order may trade with one of the other side at this price."""
    return (
        price_micros <= terms.price_micros if terms.side is Side.BUY else price_micros >= terms.price_micros
    )


def _moment(time_s: int) -> str:
    """Return a Unix time in words; a number of seconds beyond the calendar stays one."""
    try:
        return datetime.fromtimestamp(time_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (ValueError, OverflowError, OSError):
        return f"{time_s} s after 1970"


CHECKS: tuple[Callable[[Application], No | None], ...] = (
    _session,
    _call,
    _quantity,
    _price,
    _fee_cap,
    _reference,
    _good_until,
    _settle_until,
    _capacity,
    _room,
    _post_only,
    _fill_or_kill,
)
"""The checks in the order in which they are made: the first that fails names the refusal."""
