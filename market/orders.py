"""Orders and the other commands: what participants and the operator ask of the market. Commands ask; events tell.

`OrderTerms` is the one signed form: exactly the fields of the EIP-712 struct `Order` that `Settlement.sol` checks.
`client_order_id` is its salt: the participant's own number, so that sending an order twice does nothing the second time,
here and on chain.
"""

from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import NewType

from market.units import Lots, Micros, Ppm, Ticks

Address = NewType("Address", bytes)
"""A participant or a meter: the 20 bytes of its Ethereum address."""


class Side(IntEnum):
    """Which way an order trades."""

    BUY = 0
    SELL = 1

    @property
    def other(self) -> "Side":
        """The opposite side."""
        return Side(1 - self)


class OrderType(IntEnum):
    """`MARKET` trades at any price up to its signed protective limit and never rests."""

    LIMIT = 0
    MARKET = 1


class TimeInForce(IntEnum):
    """How long an order lives: until cancelled, good_until or gate closure; or at once, in part or wholly."""

    GTC = 0
    IOC = 1
    FOK = 2


class TradePriceRule(StrEnum):
    """Who gets the surplus between a bid and an offer that meet."""

    MAKER = "maker"
    MIDPOINT = "midpoint"
    NASH = "nash"


@dataclass(frozen=True, slots=True)
class OrderTerms:
    """What a participant signs: worst unit price, maximum quantity, and until when.

    Times are Unix seconds: `good_until_s` is the last moment it may match, `settle_until_s` the last at which the
    contract locks a trade of it. `reference_micros` is the instrument's price per unit from which collateral is computed.
    """

    participant: Address
    instrument_id: int
    side: Side
    price_micros: Micros
    quantity_lots: Lots
    good_until_s: int
    settle_until_s: int
    fee_cap_bps: int
    reference_micros: Micros
    client_order_id: int


@dataclass(frozen=True, slots=True)
class Schedule:
    """When an instrument's sessions begin, Unix seconds: call, continuous trading, gate closure."""

    call_opens_s: int
    continuous_opens_s: int
    gate_closes_s: int


@dataclass(frozen=True, slots=True)
class ListInstrument:
    """Open an instrument for trading. `reference_ticks` at listing is what collateral is computed from for good."""

    instrument_id: int
    schedule: Schedule
    rule: TradePriceRule
    reference_ticks: Ticks
    band_low_ticks: Ticks
    band_high_ticks: Ticks
    weight_ppm: Ppm
    quantity_cap_lots: Lots
    fee_bps: int


@dataclass(frozen=True, slots=True)
class SetPriceTerms:
    """Move an instrument's reference price, band and supplier's weight between batches."""

    instrument_id: int
    reference_ticks: Ticks
    band_low_ticks: Ticks
    band_high_ticks: Ticks
    weight_ppm: Ppm


@dataclass(frozen=True, slots=True)
class RegisterMeter:
    """Admit a supplier's meter and the capacity behind it, in lots per delivery hour."""

    participant: Address
    meter: Address
    resource: int
    capacity_lots: Lots


@dataclass(frozen=True, slots=True)
class PlaceOrder:
    """Place a signed order."""

    terms: OrderTerms
    signature: bytes
    order_type: OrderType = OrderType.LIMIT
    time_in_force: TimeInForce = TimeInForce.GTC
    post_only: bool = False


@dataclass(frozen=True, slots=True)
class CancelOrder:
    """Take an order off the book."""

    participant: Address
    order_id: int


@dataclass(frozen=True, slots=True)
class ReplaceOrder:
    """Put newly signed terms in place of a resting limit order's.

    The order keeps its id; it keeps its priority only if nothing but the quantity shrinks. The new
    `quantity_lots` is what may still trade.
    """

    order_id: int
    terms: OrderTerms
    signature: bytes


@dataclass(frozen=True, slots=True)
class CreditDeposit:
    """Credit a deposit seen on chain, once per (transaction, log)."""

    participant: Address
    amount_micros: Micros
    transaction: bytes
    log_index: int


@dataclass(frozen=True, slots=True)
class RequestWithdrawal:
    """Set funds aside for a withdrawal that the operator counter-signs until `deadline_s`."""

    participant: Address
    amount_micros: Micros
    nonce: int
    deadline_s: int


@dataclass(frozen=True, slots=True)
class ConfirmWithdrawal:
    """Book a withdrawal that the chain executed."""

    participant: Address
    nonce: int
    transaction: bytes


@dataclass(frozen=True, slots=True)
class SubmitReading:
    """Hand in a meter's signed reading of one delivery hour: what was delivered, in lots."""

    meter: Address
    start_hour: int
    delivered_lots: Lots
    signature: bytes


@dataclass(frozen=True, slots=True)
class ConfirmLocks:
    """Tell which trades of a settlement batch the contract locked, and which it skipped with which code."""

    batch_number: int
    transaction: bytes
    locked: tuple[int, ...]
    skipped: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class VoidTrade:
    """Undo a trade that was not locked by the start of its slot."""

    trade_number: int
    reason: str


@dataclass(frozen=True, slots=True)
class ConfirmDelivery:
    """Tell which trades of a settlement batch were delivered in full and released."""

    batch_number: int
    transaction: bytes
    trade_numbers: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ConfirmOpening:
    """Tell that a short trade became a stored guarantee."""

    trade_number: int
    transaction: bytes
    delivered_lots: Lots


@dataclass(frozen=True, slots=True)
class ConfirmPayout:
    """Tell how a guarantee was paid out; amounts in micros as the contract moved them."""

    trade_number: int
    transaction: bytes
    delivered_lots: Lots
    paid_to_seller: Micros
    fee: Micros
    returned_to_buyer: Micros
    compensation: Micros


Command = (
    ListInstrument
    | SetPriceTerms
    | RegisterMeter
    | PlaceOrder
    | CancelOrder
    | ReplaceOrder
    | CreditDeposit
    | RequestWithdrawal
    | ConfirmWithdrawal
    | SubmitReading
    | ConfirmLocks
    | VoidTrade
    | ConfirmDelivery
    | ConfirmOpening
    | ConfirmPayout
)


@dataclass(frozen=True, slots=True)
class Batch:
    """All that arrived together: stamped with one time (Unix microseconds) and the next sequence number."""

    number: int
    time_us: int
    commands: tuple[Command, ...]
