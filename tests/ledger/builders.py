"""Data for the ledger's tests, so that a test shows only what matters to it."""

from typing import Any

from market.events import OrderAccepted, TradeAgreed
from market.instruments import Instrument
from market.listing import ListInstrument, RegisterMeter, Schedule, TradePriceRule
from market.orders import Address, Batch, Command, OrderTerms, OrderType, PlaceOrder, Side, TimeInForce
from market.transfers import CreditDeposit, Deposited
from market.units import Commodity, Lots, Micros, Ppm, Ticks

ALICE = Address(b"\xa1" * 20)
"""Buys."""
BOB = Address(b"\xb0" * 20)
"""Sells."""
CAROL = Address(b"\xca" * 20)
METER = Address(b"\x3e" * 20)

NOTICE_S = 3600
MARGIN_S = 120
START_HOUR = 457_000
SOLAR = Instrument(Commodity.ENE, "SOLAR", "CISO", START_HOUR, tier=1)
"""Tick 100 micros per kWh, 1000 lots per kWh, collateral 10 %."""
CALL_S = SOLAR.start_s - 20 * 3600
CONTINUOUS_S = SOLAR.start_s - 18 * 3600
GATE_S = SOLAR.start_s - 900
FEE_BPS = 20
REFERENCE_TICKS = Ticks(500)


def at(seconds: int) -> int:
    """Turn seconds into the microseconds of a batch."""
    return seconds * 1_000_000


def a_deposit(participant: Address = ALICE, tokens: int = 100, log_index: int = 0) -> CreditDeposit:
    return CreditDeposit(participant, Micros(tokens * 1_000_000), b"\xdd" * 32, log_index)


def deposited(participant: Address = ALICE, tokens: int = 100, log_index: int = 0) -> Deposited:
    command = a_deposit(participant, tokens, log_index)
    return Deposited(command.participant, command.amount_micros, command.transaction, command.log_index)


def a_listing(instrument: Instrument = SOLAR, **changes: object) -> ListInstrument:
    fields: dict[str, object] = {
        "instrument_id": instrument.id,
        "schedule": Schedule(
            instrument.start_s - 20 * 3600, instrument.start_s - 18 * 3600, instrument.start_s - 900
        ),
        "rule": TradePriceRule.MAKER,
        "reference_ticks": REFERENCE_TICKS,
        "band_low_ticks": Ticks(100),
        "band_high_ticks": Ticks(1000),
        "weight_ppm": Ppm(0),
        "quantity_cap_lots": Lots(10_000_000),
        "fee_bps": FEE_BPS,
    }
    return ListInstrument(**{**fields, **changes})


def a_meter(
    participant: Address = BOB, instrument: Instrument = SOLAR, capacity: int = 50_000_000
) -> RegisterMeter:
    return RegisterMeter(participant, METER, instrument.resource, Lots(capacity))


def terms(
    participant: Address,
    side: Side,
    *,
    price: int = 500,
    quantity: int = 10_000,
    client_order_id: int = 1,
    instrument: Instrument = SOLAR,
) -> OrderTerms:
    tick = instrument.commodity.tick_micros
    gate_s = instrument.start_s - 900
    return OrderTerms(
        participant=participant,
        instrument_id=instrument.id,
        side=side,
        price_micros=Micros(price * tick),
        quantity_lots=Lots(quantity),
        good_until_s=gate_s,
        settle_until_s=gate_s + NOTICE_S,
        fee_cap_bps=FEE_BPS,
        reference_micros=Micros(REFERENCE_TICKS * tick),
        client_order_id=client_order_id,
    )


def a_bid(participant: Address = ALICE, *, tif: TimeInForce = TimeInForce.GTC, **wanted: Any) -> PlaceOrder:
    return PlaceOrder(terms(participant, Side.BUY, **wanted), b"\x51" * 65, time_in_force=tif)


def an_offer(participant: Address = BOB, *, tif: TimeInForce = TimeInForce.GTC, **wanted: Any) -> PlaceOrder:
    return PlaceOrder(terms(participant, Side.SELL, **wanted), b"\x52" * 65, time_in_force=tif)


def accepted(order_id: int, command: PlaceOrder, hold: int) -> OrderAccepted:
    return OrderAccepted(
        order_id,
        command.terms,
        command.signature,
        OrderType.LIMIT,
        command.time_in_force,
        post_only=False,
        hold_micros=Micros(hold),
    )


def a_trade(
    *,
    number: int = 1,
    buy_order: int = 1,
    sell_order: int = 2,
    payment: int = 450_000,
    fee: int = 900,
    collateral: int = 50_000,
    buy_hold: int = 0,
    sell_hold: int = 0,
) -> TradeAgreed:
    return TradeAgreed(
        trade_number=number,
        instrument_id=SOLAR.id,
        buy_order_id=buy_order,
        sell_order_id=sell_order,
        buyer=ALICE,
        seller=BOB,
        taker=Side.BUY,
        price_ticks=Ticks(450),
        bid_ticks=Ticks(500),
        ask_ticks=Ticks(450),
        quantity_lots=Lots(10_000),
        payment_micros=Micros(payment),
        fee_micros=Micros(fee),
        collateral_micros=Micros(collateral),
        buy_hold_micros=Micros(buy_hold),
        sell_hold_micros=Micros(sell_hold),
    )


class Day:
    """Numbers batches and keeps time, so that a test tells only when and what."""

    def __init__(self) -> None:
        self.number = 0

    def batch(self, seconds: int, *commands: Command) -> Batch:
        self.number += 1
        return Batch(self.number, at(seconds), commands)


def opening(*, deposits: int = 100) -> tuple[Command, ...]:
    """List SOLAR, admit Bob's meter, and fund Alice and Bob."""
    return (
        a_listing(),
        a_meter(),
        a_deposit(ALICE, deposits, 0),
        a_deposit(BOB, deposits, 1),
    )
