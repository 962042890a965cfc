"""Orders and the other commands: what participants and the operator ask of the market. Commands ask; events tell.

`OrderTerms` is the one signed form: exactly the fields of the EIP-712 struct `Order` that `Settlement.sol` checks.
`client_order_id` is its salt: the participant's own number, so that sending an order twice does nothing the second time,
here and on chain.
"""

from dataclasses import dataclass
from enum import IntEnum

from market.address import Address as Address  # noqa: PLC0414 - the participant of every command: most know it from here
from market.certificates import (
    AdoptCertificates,
    LockCertificates,
    MoveCertificates,
    RetireCertificates,
    UnlockCertificates,
)
from market.escrow import ConfirmSecured, ConfirmShared
from market.listing import ListInstrument, RegisterMeter, SetPriceTerms
from market.notices import ConfirmExit, NoteCancel, NoteCancelBelow, NoteExit
from market.proposals import (
    ConcludeNegotiation,
    RequestNegotiation,
    RevealReservation,
    SealReservation,
    SignAgreement,
)
from market.quick import quickly_made
from market.settlement import (
    ConfirmDelivery,
    ConfirmLocks,
    ConfirmOpening,
    ConfirmPayout,
    SubmitReading,
    VoidTrade,
)
from market.transfers import ConfirmWithdrawal, CreditDeposit, RequestWithdrawal
from market.units import Lots, Micros


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
    """How long an order lives.

    At once, in part (IOC) or wholly (FOK); or until it is cancelled or the gate closes (GTC), to the end of its UTC day
    (DAY), to a named moment (GTD). No order outlives its signed `good_until`, which is the moment that GTD names.
    """

    GTC = 0
    IOC = 1
    FOK = 2
    DAY = 3
    GTD = 4


class SelfTrade(IntEnum):
    """What happens when an incoming order meets another of its own participant: they never trade with each other.

    The incoming order is cancelled, or the resting one, or both; or both shrink by the smaller of the two quantities.
    """

    CANCEL_NEWEST = 1
    CANCEL_OLDEST = 2
    CANCEL_BOTH = 3
    DECREMENT = 4


@quickly_made
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
class Conditions:
    """What an order asks of the exchange beyond its signed terms; the audit proves that it was kept.

    `all_or_none` trades wholly or not at all. `minimum_lots` must trade at once, or the order does not enter.
    `display_lots` is how much the book shows at a time: None for all of it, 0 for nothing (a hidden order), else an
    iceberg. An order with `stop_micros` (per unit) sleeps until a trade reaches that price. `budget_micros` ends a market
    bid when that much money is spent, fees apart.
    """

    all_or_none: bool = False
    minimum_lots: Lots = Lots(0)
    display_lots: Lots | None = None
    stop_micros: Micros | None = None
    budget_micros: Micros | None = None
    self_trade: SelfTrade = SelfTrade.CANCEL_NEWEST


PLAIN = Conditions()


@dataclass(frozen=True, slots=True)
class Eligible:
    """One instrument that satisfies a buyer's requirement, and how much more than the limit it is worth to him.

    `adjustment_micros` per unit may be negative: a bid of limit L takes offers of this instrument up to L + adjustment.
    The signed price is the worst that is ever paid, so an adjustment above zero only prefers an instrument to others.
    """

    instrument_id: int
    adjustment_micros: int


@dataclass(frozen=True, slots=True)
class PlaceOrder:
    """Place a signed order.

    With `eligible`, the order names a requirement: `terms.instrument_id` is the commitment to that set, and the order takes
    what is best for it in any of those books at once; nothing of it rests.
    """

    terms: OrderTerms
    signature: bytes
    order_type: OrderType = OrderType.LIMIT
    time_in_force: TimeInForce = TimeInForce.GTC
    post_only: bool = False
    conditions: Conditions = PLAIN
    eligible: tuple[Eligible, ...] = ()


@dataclass(frozen=True, slots=True)
class CancelOrder:
    """Take an order off the book, as its participant signed it until `deadline_s` (EIP-712).

    What an early version recorded, and what a simulation cancels, has no signature.
    """

    participant: Address
    order_id: int
    deadline_s: int = 0
    signature: bytes = b""


@dataclass(frozen=True, slots=True)
class ReplaceOrder:
    """Put newly signed terms in place of an open order's.

    The order keeps its id and its conditions; it keeps its priority only if nothing but the quantity shrinks. The new
    `quantity_lots` is what may still trade.
    """

    order_id: int
    terms: OrderTerms
    signature: bytes


@dataclass(frozen=True, slots=True)
class MassCancel:
    """Take every open order of a participant off the books; of one instrument or side only, where these are named.

    Signed as a `CancelOrder` is, and once: `nonce` makes it another request.
    """

    participant: Address
    instrument_id: int | None = None
    side: Side | None = None
    nonce: int = 0
    deadline_s: int = 0
    signature: bytes = b""


@dataclass(frozen=True, slots=True)
class SetDeadManTimer:
    """Cancel all of a participant's orders unless this command comes again within `timeout_s`; 0 disarms the timer.

    Signed as a `MassCancel` is.
    """

    participant: Address
    timeout_s: int
    nonce: int = 0
    deadline_s: int = 0
    signature: bytes = b""


Command = (
    ListInstrument
    | SetPriceTerms
    | RegisterMeter
    | PlaceOrder
    | CancelOrder
    | ReplaceOrder
    | MassCancel
    | SetDeadManTimer
    | CreditDeposit
    | RequestWithdrawal
    | ConfirmWithdrawal
    | NoteExit
    | ConfirmExit
    | NoteCancel
    | NoteCancelBelow
    | SubmitReading
    | ConfirmLocks
    | VoidTrade
    | ConfirmDelivery
    | ConfirmOpening
    | ConfirmPayout
    | ConfirmSecured
    | ConfirmShared
    | AdoptCertificates
    | MoveCertificates
    | LockCertificates
    | UnlockCertificates
    | RetireCertificates
    | RequestNegotiation
    | SealReservation
    | RevealReservation
    | ConcludeNegotiation
    | SignAgreement
)


@dataclass(frozen=True, slots=True)
class Batch:
    """All that arrived together: stamped with one time (Unix microseconds) and the next sequence number."""

    number: int
    time_us: int
    commands: tuple[Command, ...]
