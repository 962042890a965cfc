"""Models of the wire. Amounts travel as decimal strings, ids as decimal strings where they may pass 2^53."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from api.order_outcome import Status

Decimal = Annotated[str, Field(pattern=r"^\d{1,18}(\.\d{1,9})?$", examples=["0.0453"])]
Integer = Annotated[str, Field(pattern=r"^\d{1,19}$", examples=["1"])]
HexAddress = Annotated[str, Field(pattern=r"^0x[0-9a-fA-F]{40}$")]
HexSignature = Annotated[str, Field(pattern=r"^0x[0-9a-fA-F]{130}$")]
Symbol = Annotated[str, Field(examples=["ENE.SOLAR@CISO/2022-03-12T18Z/1h#Q1"], max_length=80)]
UnixSeconds = Annotated[int, Field(ge=0, lt=1 << 53)]
SideName = Literal["buy", "sell"]
OrderTypeName = Literal["limit", "market"]
TimeInForceName = Literal["gtc", "ioc", "fok", "day", "gtd"]
SelfTradeName = Literal["cancel_newest", "cancel_oldest", "cancel_both", "decrement"]
SessionName = Literal["pending", "call", "continuous", "halted", "closed", "delivery", "settled"]


class Model(BaseModel):
    """Base: unknown fields are an error, so a misspelt one is not silently dropped."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class SignedOrder(Model):
    """An order as its participant signed it (EIP-712 struct `Order` of `GET /v1/market`'s domain)."""

    participant: HexAddress
    instrument: Symbol
    side: SideName
    price: Annotated[
        Decimal, Field(description="Worst price per unit, in tokens; a market order's protective limit.")
    ]
    quantity: Annotated[Decimal, Field(description="Largest quantity, in units: GPU·h, Mbps·h or kWh.")]
    good_until: Annotated[UnixSeconds, Field(description="Last moment it may match.")]
    settle_until: Annotated[
        UnixSeconds, Field(description="Last moment a trade of it may be locked on chain.")
    ]
    fee_cap_bps: Annotated[int, Field(ge=0, le=10_000, description="Highest fee accepted, basis points.")]
    reference_price: Annotated[
        Decimal, Field(description="The instrument's collateral reference price, in tokens.")
    ]
    client_order_id: Annotated[
        Integer, Field(description="Your own number, never used twice: the signed salt.")
    ]
    signature: HexSignature


class HowToTrade(Model):
    """What an order asks of the exchange beyond its signed terms; docs/reference/order-types.md explains each."""

    type: OrderTypeName = "limit"
    time_in_force: Annotated[
        TimeInForceName,
        Field(description="`gtd` rests to its signed `good_until`, `day` to the end of the UTC day."),
    ] = "gtc"
    post_only: bool = False
    all_or_none: Annotated[bool, Field(description="Trade wholly at once, or not at all.")] = False
    minimum_quantity: Annotated[
        Decimal | None, Field(description="What must trade at once, or the order is refused, in units.")
    ] = None
    display_quantity: Annotated[
        Decimal | None, Field(description="What the book shows at a time, in units; 0 hides the order.")
    ] = None
    stop_price: Annotated[
        Decimal | None,
        Field(description="The order waits until a trade reaches this price, in tokens per unit."),
    ] = None
    budget: Annotated[
        Decimal | None, Field(description="What a market bid may spend, in tokens, fees apart.")
    ] = None
    self_trade: Annotated[
        SelfTradeName, Field(description="Who gives way when it meets another order of yours.")
    ] = "cancel_newest"


class NewOrder(HowToTrade, SignedOrder):
    """A signed order and how it should trade."""


class FillOut(Model):
    """A part of the order that traded."""

    trade_number: str
    price: str
    quantity: str


class OrderOut(Model):
    """What became of an order."""

    order_id: str
    client_order_id: str
    status: Status
    remaining: str
    fills: list[FillOut]
    waiting: Annotated[bool, Field(description="Its stop has not been reached yet.")] = False
    repeated: Annotated[
        bool, Field(description="This signed order had been taken in before; nothing was done.")
    ] = False


class OpenOrderOut(HowToTrade):
    """An open order: its terms in force, what it had asked for, and where it stands."""

    order_id: str
    client_order_id: str
    instrument: str
    side: SideName
    price: str
    remaining: str
    good_until: Annotated[
        int, Field(description="Last second in which it may match, unless the gate closes before.")
    ]
    waiting: Annotated[bool, Field(description="Its stop has not been reached yet.")]


class ProblemOut(BaseModel):
    """RFC 9457 problem; `title` is the refusal's or error's name."""

    type: str
    title: str
    status: int
    detail: str


class BatchItemOut(Model):
    """One order of a batch: taken in, or the problem it met."""

    order: OrderOut | None = None
    problem: ProblemOut | None = None


class Cancel(Model):
    """A signed cancel (EIP-712 struct `Cancel`)."""

    participant: HexAddress
    deadline: UnixSeconds
    signature: HexSignature


class CancelledOut(Model):
    """An order that left the book."""

    order_id: str
    remaining: str


class Once(Model):
    """What makes a signed request count once: `nonce` is a number of yours, `deadline` at most 300 s away."""

    participant: HexAddress
    nonce: Integer
    deadline: UnixSeconds
    signature: HexSignature


class CancelAll(Once):
    """A signed mass cancel (EIP-712 struct `MassCancel`), of one instrument or side only where these are named."""

    instrument: Symbol | None = None
    side: SideName | None = None


class CancelledAllOut(Model):
    """The orders that a mass cancel took off the books, oldest first."""

    order_ids: list[str]


class Timer(Once):
    """A signed dead-man timer (EIP-712 struct `DeadManTimer`)."""

    timeout_s: Annotated[
        int, Field(ge=0, lt=1 << 53, description="Seconds, a day at most; 0 disarms the timer.")
    ]


class TimerOut(Model):
    """When all of a participant's orders will be cancelled, Unix seconds, rounded down; null: no timer runs."""

    expires: int | None


class Login(Model):
    """A signed login (EIP-712 struct `Login`)."""

    participant: HexAddress
    expires: UnixSeconds
    signature: HexSignature


class Token(Model):
    """A bearer token."""

    token: str


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


class TradeOut(Model):
    """A trade; `state` follows it from agreed to delivered."""

    trade_number: str
    symbol: str
    price: str
    quantity: str
    payment: str
    state: str
    void_reason: Annotated[str | None, Field(description="Why it will not settle, if it is void.")] = None


class BalanceOut(Model):
    """A participant's money, in tokens."""

    participant: str
    free: str
    held_for_orders: str
    held_for_trades: str
    held_for_withdrawals: str
    held_for_exit: Annotated[str, Field(description="Set aside because you asked on chain to take it out.")]
    locked_on_chain: str


class MeterIn(Model):
    """A meter to admit: what it measures and the capacity behind it."""

    participant: HexAddress
    meter: HexAddress
    instrument: Annotated[Symbol, Field(description="Any instrument of the product and place it measures.")]
    capacity: Annotated[Decimal, Field(description="Capacity per delivery hour, in units.")]


class ReadingIn(Model):
    """A meter's signed reading of one delivery hour (EIP-712 struct `Reading`)."""

    meter: HexAddress
    start: Annotated[UnixSeconds, Field(description="Start of the hour.")]
    units: Annotated[Integer, Field(description="Delivered quantity, in lots.")]
    signature: HexSignature


class DepositIn(Model):
    """Test tokens to mint and deposit (local chains only)."""

    participant: HexAddress
    amount: Decimal


class WithdrawalIn(Model):
    """A withdrawal to counter-sign."""

    amount: Decimal
    nonce: Integer


class WithdrawalOut(Model):
    """The operator's counter-signature: call `withdraw` on the contract with it before the deadline."""

    participant: str
    amount_micros: str
    nonce: str
    deadline: int
    operator_signature: str


class Accepted(Model):
    """Done."""

    accepted: bool = True


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
