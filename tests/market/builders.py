"""Test data of the market: `a_bid(price=500)` shows what matters and fills in the rest. Prices are in ticks."""

import inspect
from dataclasses import replace
from itertools import count

from market.exchange import Exchange
from market.instruments import Instrument, parse_symbol
from market.listing import (
    ListInstrument,
    RegisterMeter,
    Schedule,
    SetPriceTerms,
    TradePriceRule,
    TradingRules,
)
from market.orders import (
    Address,
    Conditions,
    Eligible,
    OrderTerms,
    OrderType,
    PlaceOrder,
    ReplaceOrder,
    SelfTrade,
    Side,
    TimeInForce,
)
from market.requirements import commitment
from market.units import Lots, Micros, Ppm, Ticks

NOTICE_S = 3600
SOLAR = parse_symbol("ENE.SOLAR@CISO/2022-03-12T18Z/1h#Q2")
H100 = parse_symbol("CMP.H100@SFO/2022-03-12T18Z/1h#Q3.G2")
CALL_OPENS_S = SOLAR.start_s - 32 * 3600
CONTINUOUS_OPENS_S = SOLAR.start_s - 30 * 3600
GATE_CLOSES_S = SOLAR.start_s - 900
FREE = TradingRules()
"""No collar, no hidden orders, ties by time."""

_client_order_ids = count(1)


def an_address(name: str) -> Address:
    return Address(name.encode().ljust(20, b"\0"))


ALICE, BOB, SUN, WIND = (an_address(name) for name in ("alice", "bob", "sun", "wind"))


def us(time_s: int) -> int:
    return time_s * 1_000_000


def a_schedule(instrument: Instrument = SOLAR) -> Schedule:
    return Schedule(instrument.start_s - 32 * 3600, instrument.start_s - 30 * 3600, instrument.start_s - 900)


def a_listing(
    instrument: Instrument = SOLAR,
    *,
    schedule: Schedule | None = None,
    rule: TradePriceRule = TradePriceRule.MAKER,
    reference: int = 500,
    low: int = 100,
    high: int = 2000,
    weight: int = 0,
    cap: int = 1_000_000,
    fee_bps: int = 25,
    rules: TradingRules = FREE,
) -> ListInstrument:
    return ListInstrument(
        instrument_id=instrument.id,
        schedule=schedule or a_schedule(instrument),
        rule=rule,
        reference_ticks=Ticks(reference),
        band_low_ticks=Ticks(low),
        band_high_ticks=Ticks(high),
        weight_ppm=Ppm(weight),
        quantity_cap_lots=Lots(cap),
        fee_bps=fee_bps,
        rules=rules,
    )


def price_terms(
    instrument: Instrument = SOLAR, *, reference: int = 500, low: int = 100, high: int = 2000, weight: int = 0
) -> SetPriceTerms:
    return SetPriceTerms(instrument.id, Ticks(reference), Ticks(low), Ticks(high), Ppm(weight))


def a_meter(
    participant: Address = SUN, instrument: Instrument = SOLAR, *, capacity: int = 1_000_000, meter: str = ""
) -> RegisterMeter:
    address = an_address(meter or f"meter {participant[:6].hex()}{instrument.product[0]}")
    return RegisterMeter(participant, address, instrument.resource, Lots(capacity))


def some_terms(
    side: Side,
    *,
    price: int = 500,
    quantity: int = 1000,
    by: Address,
    instrument: Instrument = SOLAR,
    good_until_s: int | None = None,
    settle_until_s: int | None = None,
    fee_cap_bps: int = 25,
    reference: int = 500,
    client_order_id: int | None = None,
    price_micros: int | None = None,
) -> OrderTerms:
    tick = instrument.commodity.tick_micros
    good_until_s = instrument.start_s if good_until_s is None else good_until_s
    return OrderTerms(
        participant=by,
        instrument_id=instrument.id,
        side=side,
        price_micros=Micros(price * tick if price_micros is None else price_micros),
        quantity_lots=Lots(quantity),
        good_until_s=good_until_s,
        settle_until_s=good_until_s + NOTICE_S if settle_until_s is None else settle_until_s,
        fee_cap_bps=fee_cap_bps,
        reference_micros=Micros(reference * tick),
        client_order_id=next(_client_order_ids) if client_order_id is None else client_order_id,
    )


def an_order(
    terms: OrderTerms,
    *,
    order_type: OrderType = OrderType.LIMIT,
    time_in_force: TimeInForce = TimeInForce.GTC,
    post_only: bool = False,
    all_or_none: bool = False,
    minimum: int = 0,
    display: int | None = None,
    stop: int | None = None,
    budget_micros: int | None = None,
    self_trade: SelfTrade = SelfTrade.CANCEL_NEWEST,
    instrument: Instrument = SOLAR,
) -> PlaceOrder:
    """Return an order; `stop` is in ticks of the instrument."""
    conditions = Conditions(
        all_or_none=all_or_none,
        minimum_lots=Lots(minimum),
        display_lots=None if display is None else Lots(display),
        stop_micros=None if stop is None else Micros(stop * instrument.commodity.tick_micros),
        budget_micros=None if budget_micros is None else Micros(budget_micros),
        self_trade=self_trade,
    )
    return PlaceOrder(terms, b"signature", order_type, time_in_force, post_only, conditions)


def _an_order_of(side: Side, by: Address, **wanted: object) -> PlaceOrder:
    flags = inspect.signature(an_order).parameters
    asked = {name: value for name, value in wanted.items() if name in flags}
    terms = {name: value for name, value in wanted.items() if name not in flags or name == "instrument"}
    return an_order(some_terms(side, by=by, **terms), **asked)


def a_bid(*, by: Address = ALICE, **wanted: object) -> PlaceOrder:
    """Return a bid: `some_terms` and what `an_order` asks beyond them."""
    return _an_order_of(Side.BUY, by, **wanted)


def an_offer(*, by: Address = SUN, **wanted: object) -> PlaceOrder:
    """Return an offer: `some_terms` and what `an_order` asks beyond them."""
    return _an_order_of(Side.SELL, by, **wanted)


def a_bid_for_any(
    adjustments: dict[Instrument, int], *, time_in_force: TimeInForce = TimeInForce.IOC, **wanted: object
) -> PlaceOrder:
    """Return a bid for any of several instruments; `adjustments` are in ticks, by instrument."""
    eligible = tuple(
        Eligible(each.id, ticks * each.commodity.tick_micros)
        for each, ticks in sorted(adjustments.items(), key=lambda item: item[0].id)
    )
    bid = a_bid(time_in_force=time_in_force, reference=0, instrument=next(iter(adjustments)), **wanted)
    return replace(bid, terms=replace(bid.terms, instrument_id=commitment(eligible)), eligible=eligible)


def a_replacement(order_id: int, terms: OrderTerms) -> ReplaceOrder:
    return ReplaceOrder(order_id, terms, b"new signature")


def an_exchange(*listings: ListInstrument, at_s: int = CONTINUOUS_OPENS_S) -> Exchange:
    """Return an exchange at a time (continuous trading by default), with meters for SUN and WIND."""
    exchange = Exchange(notice_period_s=NOTICE_S)
    exchange.begin(us(min(CALL_OPENS_S - 3600, at_s)))
    for listing in listings or (a_listing(),):
        exchange.execute(listing)
    for supplier in (SUN, WIND):
        for instrument in (SOLAR, H100):
            exchange.execute(a_meter(supplier, instrument))
    exchange.begin(us(at_s))
    return exchange
