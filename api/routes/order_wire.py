"""Orders on the wire: what is asked for, what became of it, and how orders are taken off the books."""

from typing import Annotated

from pydantic import Field

from api.order_outcome import Status
from api.routes.wire import (
    Decimal,
    HexAddress,
    HexSignature,
    Integer,
    Model,
    OrderTypeName,
    ProblemOut,
    SelfTradeName,
    SideName,
    Symbol,
    TimeInForceName,
    UnixSeconds,
)


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
