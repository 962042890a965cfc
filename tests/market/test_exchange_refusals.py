"""Every "no" of the exchange: its name, what it found and expected, and that it changed nothing."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from market import admission, operating, order_entry, refusing, routing, trade_steps
from market.events import Refused
from market.exchange import Exchange
from market.instruments import parse_symbol
from market.listing import Allocation, Schedule, TradingRules
from market.orders import (
    CancelOrder,
    Command,
    Conditions,
    OrderType,
    PlaceOrder,
    SetDeadManTimer,
    Side,
    TimeInForce,
)
from market.refusals import Refusal
from market.settlement import ConfirmDelivery, ConfirmLocks, ConfirmPayout, SubmitReading, VoidTrade
from market.transfers import CreditDeposit
from market.units import InvariantBroken, Lots, Micros, Ticks

from .builders import (
    ALICE,
    BOB,
    CALL_OPENS_S,
    CONTINUOUS_OPENS_S,
    GATE_CLOSES_S,
    H100,
    SOLAR,
    SUN,
    WIND,
    a_bid,
    a_bid_for_any,
    a_listing,
    a_meter,
    a_replacement,
    an_address,
    an_exchange,
    an_offer,
    price_terms,
    some_terms,
    us,
)

GOLD = parse_symbol("ENE.SOLAR@CISO/2022-03-12T18Z/1h#Q3")
BLOCK = parse_symbol("ENE.SOLAR@CISO/2022-03-12T18Z/4h#Q2")
METER = a_meter().meter


def a_busy_exchange(*, at_s: int = CONTINUOUS_OPENS_S) -> Exchange:
    """Order 1, SUN's offer of 1 kWh at 600; trade 1, of ALICE's order 3 with SUN's order 2; BOB's bid 4 of 1 kWh at 400."""
    exchange = an_exchange()
    exchange.execute(an_offer(price=600, client_order_id=101))
    exchange.execute(an_offer(price=500, client_order_id=102))
    exchange.execute(a_bid(price=500, client_order_id=103))
    exchange.execute(a_bid(by=BOB, price=400, client_order_id=104))
    exchange.begin(us(at_s))
    return exchange


def assert_refused(exchange: Exchange, command: Command, refusal: Refusal, detail: str) -> Refused:
    before = exchange.state_bytes()
    events = exchange.execute(command)
    assert len(events) == 1
    refused = events[0]
    assert isinstance(refused, Refused)
    assert (refused.refusal, refused.command) == (refusal, type(command).__name__)
    assert detail in refused.detail
    assert exchange.state_bytes() == before
    return refused


ORDERS: list[tuple[Command, Refusal, str]] = [
    (
        a_bid(instrument=H100),
        Refusal.UNKNOWN_INSTRUMENT,
        "found CMP.H100@SFO/2022-03-12T18Z/1h#Q3.G2, expected",
    ),
    (a_bid(price=0), Refusal.PRICE_NOT_POSITIVE, "found 0 per kWh, expected more than 0"),
    (a_bid(price=-5), Refusal.PRICE_NOT_POSITIVE, "found -0.0005 per kWh"),
    (
        a_bid(price_micros=45_350),
        Refusal.PRICE_OFF_TICK,
        "found 0.04535 per kWh, expected a multiple of 0.0001",
    ),
    (
        a_bid(price=99),
        Refusal.PRICE_OUTSIDE_BAND,
        "found 0.0099 per kWh, expected 0.01 per kWh to 0.2 per kWh",
    ),
    (a_bid(price=2001), Refusal.PRICE_OUTSIDE_BAND, "found 0.2001 per kWh"),
    (
        a_bid(price=2001, order_type=OrderType.MARKET),
        Refusal.PRICE_OUTSIDE_BAND,
        "expected 0.01 per kWh to 0.2 per kWh",
    ),
    (a_bid(quantity=0), Refusal.QUANTITY_NOT_POSITIVE, "found 0 Wh, expected at least 1"),
    (a_bid(quantity=1_000_001), Refusal.QUANTITY_OVER_CAP, "found 1000.001 kWh, expected at most 1000 kWh"),
    (a_bid(fee_cap_bps=24), Refusal.FEE_CAP_TOO_LOW, "found a fee cap of 24 bps, expected at least 25"),
    (a_bid(reference=501), Refusal.REFERENCE_PRICE_DIFFERS, "found 0.0501 per kWh, expected 0.05 per kWh"),
    (
        a_bid(good_until_s=CONTINUOUS_OPENS_S - 1),
        Refusal.GOOD_UNTIL_PASSED,
        "found good until 2022-03-11T11:59:59Z, expected 2022-03-11T12:00:00Z or later",
    ),
    (
        a_bid(settle_until_s=SOLAR.start_s + 3599),
        Refusal.SETTLE_UNTIL_TOO_EARLY,
        "found settle until 2022-03-12T18:59:59Z, expected 2022-03-12T19:00:00Z or later",
    ),
    (
        a_bid(client_order_id=103, quantity=7),
        Refusal.CLIENT_ORDER_ID_REUSED,
        "found client order id 103 of order 3",
    ),
    (a_bid(client_order_id=103), Refusal.ALREADY_APPLIED, "it is order 3"),
    (a_bid(price=600, post_only=True), Refusal.WOULD_TAKE, "found an offer at 0.06 per kWh"),
    (an_offer(price=400, post_only=True), Refusal.WOULD_TAKE, "found a bid at 0.04 per kWh"),
    (
        a_bid(price=600, quantity=1001, time_in_force=TimeInForce.FOK),
        Refusal.CANNOT_FILL_WHOLLY,
        "found less than 1.001 kWh that it can take at 0.06 per kWh or better, expected as much",
    ),
    (
        a_bid(price=600, quantity=1001, time_in_force=TimeInForce.IOC, all_or_none=True),
        Refusal.CANNOT_FILL_WHOLLY,
        "found less than 1.001 kWh",
    ),
    (
        a_bid(price=600, quantity=2000, minimum=1001),
        Refusal.CANNOT_FILL_MINIMUM,
        "found less than 1.001 kWh that it can take at 0.06 per kWh or better, expected as much",
    ),
    (
        a_bid(display=0),
        Refusal.HIDDEN_NOT_ALLOWED,
        "found an order that shows nothing, expected one that shows at least a part",
    ),
    (
        a_bid(stop=2001),
        Refusal.PRICE_OUTSIDE_BAND,
        "found a stop of 0.2001 per kWh, expected 0.01 per kWh to",
    ),
    (a_bid(stop=0), Refusal.PRICE_NOT_POSITIVE, "found a stop of 0 per kWh"),
    (
        PlaceOrder(some_terms(Side.BUY, by=ALICE), b"s", conditions=Conditions(stop_micros=Micros(45_350))),
        Refusal.PRICE_OFF_TICK,
        "found a stop of 0.04535 per kWh",
    ),
    (an_offer(by=ALICE), Refusal.NO_REGISTERED_METER, "found no meter of yours for ENE.SOLAR@CISO"),
    (
        an_offer(quantity=998_001),
        Refusal.OVER_REGISTERED_CAPACITY,
        "found 998.001 kWh, expected at most 998 kWh: 2 kWh of 1000 kWh registered is offered or sold",
    ),
]


@pytest.mark.parametrize(("command", "refusal", "detail"), ORDERS)
def test_an_order_is_refused_by_name(command: Command, refusal: Refusal, detail: str) -> None:
    assert_refused(a_busy_exchange(), command, refusal, detail)


CONFLICTS: list[tuple[PlaceOrder, str]] = [
    (a_bid(minimum=-1), "found a minimum of -0.001 kWh, expected 0 to 1 kWh"),
    (a_bid(minimum=1001), "found a minimum of 1.001 kWh, expected 0 to 1 kWh"),
    (a_bid(display=-1), "found -0.001 kWh displayed, expected 0 or more"),
    (a_bid(all_or_none=True, post_only=True), "found all-or-none and post-only, expected one of them"),
    (a_bid(all_or_none=True, display=5), "found all-or-none and displayed in part, expected one of them"),
    (a_bid(minimum=5, post_only=True), "found post-only and a minimum to trade at once"),
    (
        a_bid(post_only=True, time_in_force=TimeInForce.IOC),
        "found LIMIT IOC post-only, expected a limit order",
    ),
    (a_bid(post_only=True, order_type=OrderType.MARKET), "found MARKET GTC post-only"),
    (a_bid(display=5, time_in_force=TimeInForce.FOK), "found LIMIT FOK displayed in part"),
    (a_bid(budget_micros=1), "found a budget, expected one only on a market bid that may trade in part"),
    (an_offer(budget_micros=1, order_type=OrderType.MARKET), "found a budget"),
    (
        a_bid(budget_micros=1, order_type=OrderType.MARKET, time_in_force=TimeInForce.FOK),
        "found a budget",
    ),
    (a_bid(budget_micros=1, order_type=OrderType.MARKET, minimum=1), "found a budget"),
    (a_bid(budget_micros=1, order_type=OrderType.MARKET, all_or_none=True), "found a budget"),
    (
        a_bid(budget_micros=0, order_type=OrderType.MARKET),
        "found a budget of 0 tokens, expected what buys at least a lot and at most",
    ),
    (a_bid(budget_micros=-5, order_type=OrderType.MARKET), "found a budget of -0.000005 tokens"),
]


@pytest.mark.parametrize(("order", "detail"), CONFLICTS)
def test_conditions_that_do_not_go_together_are_named(order: PlaceOrder, detail: str) -> None:
    assert_refused(a_busy_exchange(), order, Refusal.CONDITIONS_CONFLICT, detail)


@pytest.mark.parametrize(
    ("order", "detail"),
    [
        (
            a_bid(all_or_none=True),
            "found all-or-none, expected an order that a pro-rata book may fill in part",
        ),
        (a_bid(display=5), "found an order displayed in part, expected one that a pro-rata book shows"),
    ],
)
def test_a_book_that_shares_out_takes_no_order_that_cannot_share(order: PlaceOrder, detail: str) -> None:
    exchange = an_exchange(a_listing(rules=TradingRules(allocation=Allocation.PRO_RATA)))
    assert_refused(exchange, order, Refusal.CONDITIONS_CONFLICT, detail)


def test_a_budget_fits_64_bits_of_ticks_and_lots() -> None:
    huge = (1 << 62) + 1
    exchange = an_exchange(a_listing(cap=huge, reference=5, low=1, high=10, fee_bps=0))
    bid = a_bid(price=10, quantity=huge, reference=5, budget_micros=(1 << 62), order_type=OrderType.MARKET)
    most = "at most 922337203685.47758 tokens"
    assert_refused(exchange, bid, Refusal.CONDITIONS_CONFLICT, most)


def test_fill_or_kill_counts_no_deeper_than_its_limit() -> None:
    exchange = an_exchange()
    for price in range(500, 540):
        exchange.execute(an_offer(price=price, quantity=10))
    kill = a_bid(price=519, quantity=201, time_in_force=TimeInForce.FOK)
    assert_refused(exchange, kill, Refusal.CANNOT_FILL_WHOLLY, "found less than 0.201 kWh")
    assert len(exchange.execute(a_bid(price=519, quantity=200, time_in_force=TimeInForce.FOK))) == 21


def test_orders_wait_for_the_call_and_end_with_the_gate() -> None:
    exchange = an_exchange(at_s=CALL_OPENS_S - 1)
    assert_refused(
        exchange, a_bid(), Refusal.SESSION_NOT_OPEN, "expected orders from 2022-03-11T10:00:00Z on"
    )
    exchange.begin(us(GATE_CLOSES_S))
    assert_refused(exchange, a_bid(), Refusal.WINDOW_ALREADY_CLOSED, "its gate being 2022-03-12T17:45:00Z")
    assert_refused(exchange, price_terms(), Refusal.WINDOW_ALREADY_CLOSED, "found ENE.SOLAR")


@pytest.mark.parametrize(
    ("command", "found"),
    [
        (a_bid(order_type=OrderType.MARKET), "MARKET GTC"),
        (a_bid(time_in_force=TimeInForce.IOC), "LIMIT IOC"),
        (a_bid(time_in_force=TimeInForce.FOK), "LIMIT FOK"),
        (a_bid(post_only=True), "LIMIT GTC post-only"),
        (a_bid(all_or_none=True), "LIMIT GTC all-or-none"),
        (a_bid(minimum=5), "LIMIT GTC with a minimum"),
    ],
)
def test_the_call_takes_limit_orders_that_rest(command: Command, found: str) -> None:
    exchange = an_exchange(at_s=CALL_OPENS_S)
    expected = f"found {found}, expected LIMIT GTC, DAY or GTD during the call"
    assert_refused(exchange, command, Refusal.NOT_ALLOWED_IN_CALL, expected)


def test_a_halt_takes_what_the_call_takes() -> None:
    exchange = an_exchange(a_listing(rules=TradingRules(collar_ticks=Ticks(10), halt_s=60)))
    exchange.execute(an_offer(price=511))
    exchange.execute(a_bid(price=511))
    expected = "found LIMIT IOC, expected LIMIT GTC, DAY or GTD during the halt"
    assert_refused(exchange, a_bid(time_in_force=TimeInForce.IOC), Refusal.NOT_ALLOWED_IN_CALL, expected)


def test_the_open_quantity_of_a_side_stays_within_63_bits() -> None:
    huge = (1 << 62) + 1
    exchange = an_exchange(a_listing(cap=huge, reference=1, low=1, high=1, fee_bps=0))
    exchange.execute(a_bid(price=1, quantity=huge, reference=1))
    refused = assert_refused(
        exchange,
        a_bid(price=1, quantity=huge, reference=1),
        Refusal.BOOK_FULL,
        "expected at most 4611686018427387.902 kWh",
    )
    assert "found 4611686018427387.905 kWh" in refused.detail


CHANGES: list[tuple[Command, Refusal, str]] = [
    (CancelOrder(ALICE, 99), Refusal.UNKNOWN_ORDER, "found order 99, expected 1 to 4"),
    (CancelOrder(ALICE, 0), Refusal.UNKNOWN_ORDER, "found order 0"),
    (CancelOrder(ALICE, 3), Refusal.ORDER_ALREADY_CLOSED, "found order 3 closed"),
    (CancelOrder(ALICE, 1), Refusal.NOT_YOUR_ORDER, "found order 1 of another participant"),
    (a_replacement(99, some_terms(Side.BUY, by=ALICE)), Refusal.UNKNOWN_ORDER, "found order 99"),
    (a_replacement(3, some_terms(Side.BUY, by=ALICE)), Refusal.ORDER_ALREADY_CLOSED, "found order 3"),
    (a_replacement(1, some_terms(Side.SELL, by=WIND)), Refusal.NOT_YOUR_ORDER, "found order 1"),
    (
        a_replacement(1, some_terms(Side.BUY, by=SUN)),
        Refusal.REPLACE_CHANGES_INSTRUMENT,
        "found ENE.SOLAR@CISO/2022-03-12T18Z/1h#Q2 BUY, expected ENE.SOLAR@CISO/2022-03-12T18Z/1h#Q2 SELL",
    ),
    (
        a_replacement(1, some_terms(Side.SELL, by=SUN, instrument=H100)),
        Refusal.REPLACE_CHANGES_INSTRUMENT,
        "found an unknown instrument SELL",
    ),
    (
        a_replacement(1, some_terms(Side.SELL, by=SUN, client_order_id=102)),
        Refusal.CLIENT_ORDER_ID_REUSED,
        "of order 2 under other terms",
    ),
    (a_replacement(1, some_terms(Side.SELL, by=SUN, price=2001)), Refusal.PRICE_OUTSIDE_BAND, "found 0.2001"),
    (
        a_replacement(1, some_terms(Side.SELL, by=SUN, quantity=999_001)),
        Refusal.OVER_REGISTERED_CAPACITY,
        "expected at most 999 kWh: 1 kWh of 1000 kWh",
    ),
]


@pytest.mark.parametrize("timeout_s", [-1, 86_401])
def test_a_dead_man_timer_runs_for_a_day_at_most(timeout_s: int) -> None:
    refused = assert_refused(
        a_busy_exchange(),
        SetDeadManTimer(ALICE, timeout_s),
        Refusal.TIMEOUT_OUT_OF_RANGE,
        f"found a timeout of {timeout_s} s, expected 0 to 86400 s",
    )
    assert refused.participant == ALICE


LATER = parse_symbol("ENE.SOLAR@CISO/2022-03-12T19Z/1h#Q2")
BOTH = {SOLAR: 0, LATER: 0}
REQUIREMENTS: list[tuple[PlaceOrder, Refusal, str]] = [
    (
        a_bid_for_any(BOTH, time_in_force=TimeInForce.GTC),
        Refusal.REQUIREMENT_NOT_ALLOWED,
        "found LIMIT GTC, expected a plain bid that is IOC, FOK or MARKET",
    ),
    (
        a_bid_for_any(BOTH, post_only=True),
        Refusal.REQUIREMENT_NOT_ALLOWED,
        "found LIMIT IOC post-only",
    ),
    (
        a_bid_for_any(BOTH, stop=500),
        Refusal.REQUIREMENT_NOT_ALLOWED,
        "found conditions besides a minimum and a self-trade policy",
    ),
    (
        replace(a_bid_for_any(BOTH), terms=some_terms(Side.SELL, by=SUN)),
        Refusal.REQUIREMENT_NOT_ALLOWED,
        "found an offer",
    ),
    (
        a_bid_for_any({SOLAR: 0, H100: 0}),
        Refusal.REQUIREMENT_NOT_ALLOWED,
        "found a set of CMP and ENE, expected one commodity",
    ),
    (
        replace(a_bid_for_any(BOTH), eligible=a_bid_for_any({SOLAR: 0}).eligible),
        Refusal.COMMITMENT_DIFFERS,
        "found 0xff",
    ),
    (
        replace(a_bid_for_any(BOTH), eligible=a_bid_for_any(BOTH).eligible[::-1]),
        Refusal.COMMITMENT_DIFFERS,
        "expected ascending ids",
    ),
    (
        a_bid_for_any({SOLAR: 0, GOLD: 0}),
        Refusal.UNKNOWN_INSTRUMENT,
        "found ENE.SOLAR@CISO/2022-03-12T18Z/1h#Q3",
    ),
    (
        replace(a_bid_for_any(BOTH), terms=replace(a_bid_for_any(BOTH).terms, reference_micros=Micros(5))),
        Refusal.REFERENCE_PRICE_DIFFERS,
        "found 5 micros, expected 0: a set has no reference price of its own",
    ),
    (a_bid_for_any(BOTH, quantity=0), Refusal.QUANTITY_NOT_POSITIVE, "found 0 Wh"),
    (a_bid_for_any(BOTH, quantity=1_000_001), Refusal.QUANTITY_OVER_CAP, "found 1000.001 kWh"),
    (a_bid_for_any(BOTH, price=0), Refusal.PRICE_NOT_POSITIVE, "found 0 per kWh"),
    (a_bid_for_any(BOTH, price_micros=45_350), Refusal.PRICE_OFF_TICK, "found 0.04535 per kWh"),
    (a_bid_for_any(BOTH, minimum=1001), Refusal.CONDITIONS_CONFLICT, "found a minimum of 1.001 kWh"),
    (a_bid_for_any(BOTH, fee_cap_bps=24), Refusal.FEE_CAP_TOO_LOW, "found a fee cap of 24 bps"),
    (a_bid_for_any(BOTH, good_until_s=0), Refusal.GOOD_UNTIL_PASSED, "found good until 1970"),
    (a_bid_for_any(BOTH, settle_until_s=0), Refusal.SETTLE_UNTIL_TOO_EARLY, "found settle until 1970"),
    (
        a_bid_for_any(BOTH, price=650, quantity=2001, time_in_force=TimeInForce.FOK),
        Refusal.CANNOT_FILL_WHOLLY,
        "found 2 kWh that it can take in 2 books, expected 2.001 kWh",
    ),
    (
        a_bid_for_any(BOTH, price=600, quantity=2001, minimum=1001),
        Refusal.CANNOT_FILL_MINIMUM,
        "found 1 kWh that it can take in 2 books, expected 1.001 kWh",
    ),
]


def two_slots() -> Exchange:
    """Order 1, SUN's offer of 1 kWh at 600 for SOLAR, and order 2, SUN's of 1 kWh at 650 for LATER."""
    exchange = an_exchange(a_listing(), a_listing(LATER), a_listing(H100), at_s=CONTINUOUS_OPENS_S + 3600)
    exchange.execute(an_offer(price=600))
    exchange.execute(an_offer(price=650, instrument=LATER))
    return exchange


@pytest.mark.parametrize(("bid", "refusal", "detail"), REQUIREMENTS)
def test_a_bid_for_any_of_a_set_is_refused_by_name(bid: PlaceOrder, refusal: Refusal, detail: str) -> None:
    assert_refused(two_slots(), bid, refusal, detail)


def test_a_bid_for_any_of_a_set_needs_one_that_trades() -> None:
    exchange = an_exchange(a_listing(), a_listing(LATER), at_s=CALL_OPENS_S)
    detail = "found none of 2 instruments in continuous trading, expected one at least"
    assert_refused(exchange, a_bid_for_any(BOTH), Refusal.SESSION_NOT_OPEN, detail)


@pytest.mark.parametrize(("command", "refusal", "detail"), CHANGES)
def test_a_cancel_or_a_replacement_is_refused_by_name(
    command: Command, refusal: Refusal, detail: str
) -> None:
    assert_refused(a_busy_exchange(), command, refusal, detail)


def test_a_post_only_order_stays_so_when_it_is_replaced() -> None:
    exchange = a_busy_exchange()
    exchange.execute(a_bid(price=450, post_only=True))
    crossing = a_replacement(5, some_terms(Side.BUY, by=ALICE, price=600))
    assert_refused(exchange, crossing, Refusal.WOULD_TAKE, "found an offer at 0.06")


OPERATOR: list[tuple[Command, Refusal, str]] = [
    (a_listing(), Refusal.ALREADY_LISTED, "found ENE.SOLAR@CISO"),
    (a_listing(BLOCK), Refusal.WINDOW_NOT_HOURLY, "of 4 hours, expected 1"),
    (replace(a_listing(), instrument_id=7), Refusal.INCONSISTENT_LISTING, "instrument id: found 0x7"),
    (a_listing(H100, low=600), Refusal.INCONSISTENT_LISTING, "found a band of 600 to 2000 ticks around 500"),
    (a_listing(H100, low=0), Refusal.INCONSISTENT_LISTING, "found a band of 0 to 2000"),
    (a_listing(H100, high=1 << 57), Refusal.INCONSISTENT_LISTING, "found a band up to"),
    (
        a_listing(H100, weight=1_000_001),
        Refusal.INCONSISTENT_LISTING,
        "found a supplier's weight of 1000001 ppm",
    ),
    (a_listing(H100, fee_bps=10_001), Refusal.INCONSISTENT_LISTING, "found a fee of 10001 bps"),
    (a_listing(H100, cap=0), Refusal.INCONSISTENT_LISTING, "found a quantity cap of 0 lots"),
    (a_listing(H100, cap=1 << 60), Refusal.INCONSISTENT_LISTING, "found that an order at the cap could hold"),
    (
        a_listing(H100, schedule=Schedule(20, 10, 30)),
        Refusal.INCONSISTENT_LISTING,
        "found that the call opens at 20 s",
    ),
    (
        a_listing(H100, schedule=Schedule(10, 20, CONTINUOUS_OPENS_S)),
        Refusal.WINDOW_ALREADY_CLOSED,
        "the gate of CMP.H100",
    ),
    (
        a_listing(H100, rules=TradingRules(collar_ticks=Ticks(-1), halt_s=5)),
        Refusal.INCONSISTENT_LISTING,
        "found a collar of -1 ticks, expected 0 to",
    ),
    (
        a_listing(H100, rules=TradingRules(collar_ticks=Ticks(5))),
        Refusal.INCONSISTENT_LISTING,
        "found a collar of 5 ticks and a halt of 0 s, expected both or neither, at most 86400 s",
    ),
    (
        a_listing(H100, rules=TradingRules(collar_ticks=Ticks(5), halt_s=86_401)),
        Refusal.INCONSISTENT_LISTING,
        "a halt of 86401 s",
    ),
    (price_terms(H100), Refusal.UNKNOWN_INSTRUMENT, "found CMP.H100"),
    (replace(price_terms(), instrument_id=7), Refusal.UNKNOWN_INSTRUMENT, "found 0x7"),
    (price_terms(reference=50), Refusal.INCONSISTENT_LISTING, "found a band of 100 to 2000 ticks around 50"),
    (price_terms(high=1 << 50), Refusal.INCONSISTENT_LISTING, "found that an order at the cap could hold"),
    (a_meter(ALICE, capacity=0), Refusal.QUANTITY_NOT_POSITIVE, "found a capacity of 0 lots"),
    (a_meter(SUN, meter="another"), Refusal.ALREADY_LISTED, "found another meter of 0x73756e"),
    (replace(a_meter(SUN), participant=ALICE), Refusal.ALREADY_LISTED, "registered already"),
    (
        SubmitReading(an_address("nobody's"), SOLAR.start_hour, Lots(5), b""),
        Refusal.UNKNOWN_METER,
        "expected a registered one",
    ),
    (SubmitReading(METER, SOLAR.start_hour, Lots(-1), b""), Refusal.QUANTITY_NOT_POSITIVE, "found -1 lots"),
    (SubmitReading(METER, SOLAR.start_hour, Lots(5), b""), Refusal.SLOT_NOT_OVER, "not over"),
    (ConfirmLocks(1, b"t", (1, 2)), Refusal.UNKNOWN_TRADE, "found trade 2, expected 1 to 1"),
    (ConfirmLocks(1, b"t", (1,), ((1, 3),)), Refusal.TRADE_NOT_IN_THAT_STATE, "found trade 1 named twice"),
    (
        ConfirmDelivery(1, b"t", (1,)),
        Refusal.TRADE_NOT_IN_THAT_STATE,
        "found trade 1 AGREED, expected LOCKED",
    ),
    (
        ConfirmPayout(1, b"t", Lots(0), Micros(0), Micros(0), Micros(0), Micros(0)),
        Refusal.TRADE_NOT_IN_THAT_STATE,
        "found trade 1 AGREED, expected OPENED",
    ),
]


@pytest.mark.parametrize(("command", "refusal", "detail"), OPERATOR)
def test_the_operator_is_refused_by_name(command: Command, refusal: Refusal, detail: str) -> None:
    refused = assert_refused(a_busy_exchange(), command, refusal, detail)
    assert refused.participant == bytes(20)


def test_a_refusal_names_what_the_command_named() -> None:
    exchange = a_busy_exchange()
    place = assert_refused(exchange, a_bid(price=99, client_order_id=77), Refusal.PRICE_OUTSIDE_BAND, "")
    cancel = assert_refused(exchange, CancelOrder(ALICE, 1), Refusal.NOT_YOUR_ORDER, "")
    void = assert_refused(exchange, VoidTrade(9, "late"), Refusal.UNKNOWN_TRADE, "")
    assert [(each.participant, each.reference) for each in (place, cancel, void)] == [
        (ALICE, 77),
        (ALICE, 1),
        (bytes(20), 9),
    ]


def test_the_first_fault_names_the_refusal() -> None:
    exchange = a_busy_exchange()
    faulty = a_bid(price=99, quantity=0, fee_cap_bps=0, reference=7, good_until_s=0, settle_until_s=0)
    expected = [
        (faulty, Refusal.QUANTITY_NOT_POSITIVE),
        (
            a_bid(price=99, fee_cap_bps=0, reference=7, good_until_s=0, settle_until_s=0),
            Refusal.PRICE_OUTSIDE_BAND,
        ),
        (a_bid(fee_cap_bps=0, reference=7, good_until_s=0, settle_until_s=0), Refusal.FEE_CAP_TOO_LOW),
        (a_bid(reference=7, good_until_s=0, settle_until_s=0), Refusal.REFERENCE_PRICE_DIFFERS),
        (a_bid(good_until_s=0, settle_until_s=0), Refusal.GOOD_UNTIL_PASSED),
        (a_bid(price=600, settle_until_s=0, post_only=True), Refusal.SETTLE_UNTIL_TOO_EARLY),
    ]
    for command, refusal in expected:
        assert_refused(exchange, command, refusal, "")


def test_refusal_of_looks_and_changes_nothing() -> None:
    exchange = a_busy_exchange()
    before = exchange.state_hash()
    assert exchange.refusal_of(a_bid(price=700)) is None
    refused = exchange.refusal_of(a_bid(price=99))
    assert refused is not None
    assert refused.refusal is Refusal.PRICE_OUTSIDE_BAND
    assert exchange.state_hash() == before


def test_a_moment_beyond_the_calendar_is_still_told() -> None:
    far = a_bid(good_until_s=1 << 62, settle_until_s=1 << 62)
    assert_refused(
        a_busy_exchange(), far, Refusal.SETTLE_UNTIL_TOO_EARLY, f"found settle until {1 << 62} s after 1970"
    )


def test_commands_of_accounts_belong_to_the_ledger() -> None:
    with pytest.raises(InvariantBroken, match="CreditDeposit: found at the exchange, expected at the ledger"):
        an_exchange().execute(CreditDeposit(ALICE, Micros(1), b"t", 0))


def test_every_refusal_that_the_exchange_knows_is_tested_here() -> None:
    sources = (
        Path(module.__file__ or "").read_text()
        for module in (admission, operating, order_entry, refusing, routing, trade_steps)
    )
    known = {Refusal[name] for source in sources for name in re.findall(r"Refusal\.([A-Z_]+)", source)}
    tables = {refusal for _, refusal, _ in (*ORDERS, *CHANGES, *OPERATOR, *REQUIREMENTS)}
    elsewhere = {
        Refusal.SESSION_NOT_OPEN,
        Refusal.NOT_ALLOWED_IN_CALL,
        Refusal.BOOK_FULL,
        Refusal.TIMEOUT_OUT_OF_RANGE,
        Refusal.CANCELLED_ON_CHAIN,
    }
    assert known == tables | elsewhere
