"""What anybody may look at, on the wire: instruments, books, trades, the market's terms, health."""

from typing import Annotated, Literal

from pydantic import Field

from api.routes.wire import Model, SessionName


class InstrumentOut(Model):
    """An instrument and its terms; prices in tokens per `unit`."""

    symbol: str
    instrument_id: Annotated[str, Field(description="The 256-bit word that orders sign, 0x hex.")]
    commodity: str
    unit: str
    tick: str
    lot: str
    session: SessionName
    halted_until: Annotated[int | None, Field(description="When a halt ends, Unix seconds, rounded up.")]
    call_opens: int
    continuous_opens: int
    gate_closes: int
    delivery_starts: int
    price_rule: str
    supplier_weight: str
    reference_price: str
    collateral_reference_price: str
    band_low: str
    band_high: str
    quantity_cap: str
    fee_bps: int
    tier: int
    collateral_rate: str
    allocation: Annotated[
        Literal["time", "pro_rata"],
        Field(description="Who trades first at one price: the earlier order, or all."),
    ]
    collar: Annotated[
        str | None,
        Field(
            description="A trade further from the last price than this halts trading; null: no trade does."
        ),
    ]
    halt_s: Annotated[
        int, Field(description="How long orders collect in a halt, seconds; 0 without a collar.")
    ]
    hidden_orders: Annotated[bool, Field(description="Whether `display_quantity` may be 0.")]


class LevelOut(Model):
    """A price level."""

    price: str
    quantity: str
    orders: int


class IndicativeOut(Model):
    """What the auction would do if it were held now; `price` is null where nothing would trade."""

    price: str | None
    volume: str
    imbalance: Annotated[str, Field(description="What is bid minus what is offered at the price, in units.")]


class BookOut(Model):
    """Best levels of an order book, best first."""

    symbol: str
    session: SessionName
    bids: list[LevelOut]
    asks: list[LevelOut]
    indicative: Annotated[
        IndicativeOut | None, Field(description="While a call or a halt collects orders.")
    ] = None


class BookOrderOut(Model):
    """A displayed order; of an iceberg, what it displays."""

    order_id: str
    price: str
    quantity: str


class BookOrdersOut(Model):
    """Displayed orders of an order book in priority order, as of a batch of the record."""

    symbol: str
    session: SessionName
    record_number: int
    bids: list[BookOrderOut]
    asks: list[BookOrderOut]


class TradeOut(Model):
    """A trade; `state` follows it from agreed to delivered."""

    trade_number: str
    symbol: str
    price: str
    quantity: str
    payment: str
    state: str
    void_reason: Annotated[str | None, Field(description="Why it will not settle, if it is void.")] = None


class TickerOut(Model):
    """What has traded so far, void trades included; null before the first trade."""

    symbol: str
    last_price: str | None
    last_time: int | None
    vwap: Annotated[
        str | None, Field(description="Volume-weighted average price, to the nearest millionth of a token.")
    ]
    volume: str
    notional: Annotated[str, Field(description="Sum of price times quantity, exactly, in tokens.")]
    trades: int


class CandleOut(Model):
    """The trades of one period that begins at `start`, void ones included."""

    start: int
    open: str
    high: str
    low: str
    close: str
    vwap: str
    volume: str
    notional: str
    trades: int


class MarketOut(Model):
    """What a participant needs to know to sign, and where the record stands.

    An EIP-712 domain names one contract: the `settlement` for orders and all else that comes here, and the `standby`,
    `long_term` or `pay_as_you_go` contract for what is sent to it. `certificate` is null where none was deployed with
    the market, or it is not known.
    """

    chain_id: int
    chain: str
    settlement: str
    token: str
    guarantee: str
    standby: str
    long_term: str
    pay_as_you_go: str
    certificate: str | None
    eip712_name: str
    eip712_version: str
    fee_bps: int
    notice_period_s: int
    time: int
    record_number: int
    record_hash: str


class HealthOut(Model):
    """Alive and consistent. `tables_behind` is how many batches the readable tables are behind the record, and
    `tables_behind_s` the time between the first of them and the last."""

    status: str
    record_number: int
    tables_behind: int
    tables_behind_s: float
    waiting: int
    instruments: int
