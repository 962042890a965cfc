"""What anybody may look at: the market's terms, instruments, books, trades, health."""

from collections.abc import Iterator
from fractions import Fraction
from http import HTTPStatus
from itertools import islice
from typing import Annotated, Literal

from fastapi import APIRouter, Query

from api.house import House
from api.problem import Problem
from api.routes import HouseOf
from api.routes.market_wire import (
    BookOrderOut,
    BookOrdersOut,
    BookOut,
    CandleOut,
    HealthOut,
    IndicativeOut,
    InstrumentOut,
    LevelOut,
    MarketOut,
    TickerOut,
    TradeOut,
)
from api.routes.wire import SessionName
from contracts.signing import VERSION
from market.events import Session
from market.feed import shown_orders
from market.instruments import parse_symbol
from market.listed import Listed
from market.orders import Address, Side
from market.quality import TIERS
from market.sessions import COLLECTING, MICROS_PER_SECOND
from market.tape import Candle
from market.trades import Trade
from market.units import MICROS_PER_TOKEN, PPM_ONE, Commodity, format_decimal

router = APIRouter(prefix="/v1", tags=["market"])
health_router = APIRouter(tags=["operations"])

SymbolQuery = Annotated[str, Query(examples=["ENE.SOLAR@CISO/2022-03-12T18Z/1h#Q1"], max_length=80)]
Limit = Annotated[int, Query(ge=1, le=1_000)]
CommodityName = Literal["CMP", "NET", "ENE"]
WidthName = Literal["1m", "5m", "15m", "1h", "1d"]
SESSION_NAMES: dict[Session, SessionName] = {
    Session.PENDING: "pending",
    Session.CALL: "call",
    Session.CONTINUOUS: "continuous",
    Session.HALTED: "halted",
    Session.CLOSED: "closed",
    Session.DELIVERY: "delivery",
    Session.SETTLED: "settled",
}
WIDTHS_S = {"1m": 60, "5m": 300, "15m": 900, "1h": 3_600, "1d": 86_400}


def _money(micros: int) -> str:
    return format_decimal(micros, scale=MICROS_PER_TOKEN)


def _hex(address: Address) -> str:
    return f"0x{address.hex()}"


def listed_as(house: House, symbol: str) -> Listed:
    """Return the instrument of a symbol.

    Raises:
        Problem: 404 if none of this symbol is listed.
    """
    try:
        return house.venue.exchange.listing(parse_symbol(symbol).id)
    except KeyError:
        detail = f"{symbol} is not listed; see GET /v1/instruments"
        raise Problem(HTTPStatus.NOT_FOUND, "unknown_instrument", detail) from None


def _session_name(listed: Listed) -> SessionName:
    return SESSION_NAMES[listed.session]


def _halted_until_s(listed: Listed) -> int | None:
    """Return the first whole second at which a halt is over."""
    return -(-listed.halted_until_us // MICROS_PER_SECOND) if listed.session is Session.HALTED else None


def _instrument_out(listed: Listed) -> InstrumentOut:
    instrument, listing, terms = listed.instrument, listed.listing, listed.terms
    commodity = instrument.commodity
    rules, tick = listing.rules, commodity.tick_micros
    return InstrumentOut(
        symbol=instrument.symbol,
        instrument_id=f"{instrument.id:#066x}",
        commodity=commodity.name,
        unit=commodity.unit,
        tick=_money(tick),
        lot=commodity.lot,
        session=_session_name(listed),
        halted_until=_halted_until_s(listed),
        call_opens=listing.schedule.call_opens_s,
        continuous_opens=listing.schedule.continuous_opens_s,
        gate_closes=listing.schedule.gate_closes_s,
        delivery_starts=instrument.start_s,
        price_rule=listing.rule.value,
        supplier_weight=format_decimal(terms.weight_ppm, scale=PPM_ONE),
        reference_price=_money(terms.reference_ticks * tick),
        collateral_reference_price=_money(listing.reference_ticks * tick),
        band_low=_money(terms.band_low_ticks * tick),
        band_high=_money(terms.band_high_ticks * tick),
        quantity_cap=format_decimal(listing.quantity_cap_lots, scale=commodity.lots_per_unit),
        fee_bps=listing.fee_bps,
        tier=instrument.tier,
        collateral_rate=format_decimal(TIERS[instrument.tier].collateral, scale=PPM_ONE),
        allocation=rules.allocation.value,
        collar=_money(rules.collar_ticks * tick) if rules.collar_ticks else None,
        halt_s=rules.halt_s,
        hidden_orders=rules.hidden_orders,
    )


def trade_out(house: House, trade: Trade) -> TradeOut:
    """Word a trade."""
    agreed = trade.agreed
    listed = house.venue.exchange.listing(agreed.instrument_id)
    commodity = listed.instrument.commodity
    return TradeOut(
        trade_number=str(agreed.trade_number),
        symbol=listed.instrument.symbol,
        price=_money(agreed.price_ticks * commodity.tick_micros),
        quantity=format_decimal(agreed.quantity_lots, scale=commodity.lots_per_unit),
        payment=_money(agreed.payment_micros),
        state=trade.state.name.lower(),
        void_reason=house.venue.exchange.void_reason(agreed.trade_number),
    )


@router.get("/market")
async def market(house: HouseOf) -> MarketOut:
    """Tell the chain, the contracts and the record's head: all that is needed to sign."""
    deployment = house.deployment
    return MarketOut(
        chain_id=house.chain.chain_id,
        chain=house.chain.description,
        settlement=_hex(deployment.settlement.address),
        token=_hex(deployment.token.address),
        guarantee=_hex(deployment.guarantee.address),
        standby=_hex(deployment.standby.address),
        long_term=_hex(deployment.long_term.address),
        pay_as_you_go=_hex(deployment.pay_as_you_go.address),
        certificate=None if house.certificate is None else _hex(house.certificate.address),
        eip712_name=deployment.domain.name,
        eip712_version=VERSION,
        fee_bps=house.settings.fee_bps,
        notice_period_s=house.record.genesis.notice_period_s,
        time=house.sequencer.now_s(),
        record_number=house.record.number,
        record_hash=f"0x{house.record.hash.hex()}",
    )


@router.get("/instruments")
async def instruments(
    house: HouseOf,
    commodity: CommodityName | None = None,
    session: SessionName | None = None,
    limit: Limit = 100,
    offset: Annotated[int, Query(ge=0, lt=1 << 31)] = 0,
) -> list[InstrumentOut]:
    """List instruments by delivery hour, then symbol."""
    wanted = [
        listed
        for listed in house.venue.exchange.listings()
        if (commodity is None or listed.instrument.commodity.name == commodity)
        and (session is None or listed.session is Session[session.upper()])
    ]
    wanted.sort(key=lambda listed: (listed.instrument.start_hour, listed.instrument.symbol))
    return [_instrument_out(listed) for listed in wanted[offset : offset + limit]]


@router.get("/instrument")
async def instrument(symbol: SymbolQuery, house: HouseOf) -> InstrumentOut:
    """Look one instrument up by its symbol."""
    return _instrument_out(listed_as(house, symbol))


@router.get("/book")
async def book(
    symbol: SymbolQuery, house: HouseOf, levels: Annotated[int, Query(ge=1, le=100)] = 10
) -> BookOut:
    """Show the best price levels of a book."""
    listed = listed_as(house, symbol)
    commodity = listed.instrument.commodity
    depth = house.venue.exchange.book(listed.instrument.id).depth(levels)

    def out(side: tuple[tuple[int, int, int], ...]) -> list[LevelOut]:
        return [
            LevelOut(
                price=_money(price * commodity.tick_micros),
                quantity=format_decimal(quantity, scale=commodity.lots_per_unit),
                orders=orders,
            )
            for price, quantity, orders in side
        ]

    return BookOut(
        symbol=symbol,
        session=_session_name(listed),
        bids=out(depth.bids),
        asks=out(depth.asks),
        indicative=_indicative(house, listed) if listed.session in COLLECTING else None,
    )


def _indicative(house: House, listed: Listed) -> IndicativeOut:
    commodity = listed.instrument.commodity
    found = house.venue.exchange.indicative(listed.id)
    price = found.price_ticks
    return IndicativeOut(
        price=None if price is None else _money(price * commodity.tick_micros),
        volume=format_decimal(found.volume_lots, scale=commodity.lots_per_unit),
        imbalance=format_decimal(found.imbalance_lots, scale=commodity.lots_per_unit),
    )


@router.get("/trades")
async def trades(
    house: HouseOf,
    symbol: Annotated[str | None, Query(max_length=80)] = None,
    after: Annotated[int, Query(ge=0, lt=1 << 63, description="Trade number to start after.")] = 0,
    limit: Limit = 100,
) -> list[TradeOut]:
    """List trades by number."""
    wanted = parse_symbol(symbol).id if symbol is not None else None

    def found() -> Iterator[Trade]:
        for trade in house.venue.exchange.trades():
            agreed = trade.agreed
            if agreed.trade_number > after and wanted in (None, agreed.instrument_id):
                yield trade

    return [trade_out(house, trade) for trade in islice(found(), limit)]


@router.get("/book/orders")
async def book_orders(symbol: SymbolQuery, house: HouseOf, limit: Limit = 100) -> BookOrdersOut:
    """Show the first displayed orders of both sides of a book, in priority order."""
    listed = listed_as(house, symbol)
    commodity = listed.instrument.commodity
    bids, asks = (
        [
            BookOrderOut(
                order_id=str(order_id),
                price=_money(price * commodity.tick_micros),
                quantity=format_decimal(quantity, scale=commodity.lots_per_unit),
            )
            for price, order_id, quantity in shown_orders(listed.book, side, limit)
        ]
        for side in Side
    )
    session, number = _session_name(listed), house.record.number
    return BookOrdersOut(symbol=symbol, session=session, record_number=number, bids=bids, asks=asks)


@router.get("/ticker")
async def ticker(symbol: SymbolQuery, house: HouseOf) -> TickerOut:
    """Tell the last price, the volume and the average price of an instrument."""
    listed = listed_as(house, symbol)
    commodity = listed.instrument.commodity
    tape = house.tapes.of(listed.id)
    last, last_us, vwap = tape.last_price_ticks, tape.last_time_us, tape.vwap_ticks
    return TickerOut(
        symbol=symbol,
        last_price=None if last is None else _money(last * commodity.tick_micros),
        last_time=None if last_us is None else last_us // MICROS_PER_SECOND,
        vwap=None if vwap is None else _average(vwap, commodity),
        volume=format_decimal(tape.volume_lots, scale=commodity.lots_per_unit),
        notional=_notional(tape.notional_tick_lots, commodity),
        trades=tape.trades,
    )


@router.get("/candles")
async def candles(
    symbol: SymbolQuery,
    house: HouseOf,
    width: WidthName = "1h",
    since: Annotated[int, Query(ge=0, lt=1 << 53, description="Unix seconds.")] = 0,
    until: Annotated[int | None, Query(ge=0, lt=1 << 53, description="Unix seconds.")] = None,
    limit: Limit = 100,
) -> list[CandleOut]:
    """List the candles that begin from `since` on and before `until`, oldest first; of too many, the latest.

    A period without a trade has none. The last one may still change.
    """
    listed = listed_as(house, symbol)
    commodity = listed.instrument.commodity
    found = house.tapes.of(listed.id).candles(WIDTHS_S[width], since_s=since, until_s=until, limit=limit)
    return [_candle_out(candle, commodity) for candle in found]


def _candle_out(candle: Candle, commodity: Commodity) -> CandleOut:
    tick = commodity.tick_micros
    return CandleOut(
        start=candle.start_s,
        open=_money(candle.open_ticks * tick),
        high=_money(candle.high_ticks * tick),
        low=_money(candle.low_ticks * tick),
        close=_money(candle.close_ticks * tick),
        vwap=_average(candle.vwap_ticks, commodity),
        volume=format_decimal(candle.volume_lots, scale=commodity.lots_per_unit),
        notional=_notional(candle.notional_tick_lots, commodity),
        trades=candle.trades,
    )


def _average(price_ticks: Fraction, commodity: Commodity) -> str:
    """Word an average price, rounded to the nearest micro, to the even one of two: it informs, and nobody is paid it."""
    return _money(round(price_ticks * commodity.tick_micros))


def _notional(tick_lots: int, commodity: Commodity) -> str:
    return format_decimal(tick_lots * commodity.tick_micros, scale=MICROS_PER_TOKEN * commodity.lots_per_unit)


@health_router.get("/health")
async def health(house: HouseOf) -> HealthOut:
    """Tell that the machine is alive, where its record stands and how far the readable tables are behind it."""
    lag = house.sequencer.lag
    return HealthOut(
        status="ok",
        record_number=house.record.number,
        tables_behind=lag.batches,
        tables_behind_s=lag.time_us / MICROS_PER_SECOND,
        waiting=house.sequencer.waiting,
        instruments=len(house.venue.exchange.listings()),
    )
