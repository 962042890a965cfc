"""Events: what happened, in the past tense. The record keeps them; a rebuild applies them; entries are made from them."""

from dataclasses import dataclass
from enum import IntEnum

from market.certificates import (
    CertificatesAdopted,
    CertificatesLocked,
    CertificatesMoved,
    CertificatesRetired,
    CertificatesUnlocked,
)
from market.escrow import EscrowSecured, EscrowShared
from market.listing import InstrumentListed, MeterRegistered, PriceTermsSet
from market.notices import CancelBelowRequested, CancelRequested, Exited, ExitRequested
from market.orders import PLAIN, Address, Conditions, Eligible, OrderTerms, OrderType, Side, TimeInForce
from market.proposals import (
    AgreementSigned,
    NegotiationAgreed,
    NegotiationFailed,
    NegotiationLapsed,
    NegotiationOpened,
    ReservationRevealed,
    ReservationSealed,
)
from market.quick import quickly_made
from market.refusals import Refusal
from market.settlement import (
    GuaranteeOpened,
    GuaranteePaid,
    ReadingReceived,
    TradeDelivered,
    TradeLocked,
    TradeVoided,
)
from market.transfers import Deposited, WithdrawalApproved, WithdrawalExpired, Withdrawn
from market.units import Lots, Micros, Ticks


class Session(IntEnum):
    """Where an instrument is in its life. A halt interrupts continuous trading; its number came later."""

    PENDING = 0
    CALL = 1
    CONTINUOUS = 2
    CLOSED = 3
    DELIVERY = 4
    SETTLED = 5
    HALTED = 6


class CancelReason(IntEnum):
    """Why an order, or a part of it, left the book unfilled."""

    BY_PARTICIPANT = 0
    REMAINDER_NOT_RESTING = 1
    EXPIRED = 2
    GATE_CLOSED = 3
    SELF_TRADE = 4
    MASS_CANCEL = 5
    DEAD_MAN = 6
    OUTSIDE_BAND = 7
    CANCELLED_ON_CHAIN = 8
    EXIT_ON_CHAIN = 9
    LOCKED_ON_CHAIN = 10


@dataclass(frozen=True, slots=True)
class SessionChanged:
    """An instrument went into its next session."""

    instrument_id: int
    session: Session


@dataclass(frozen=True, slots=True)
class TradingHalted:
    """A trade would have left the collar of `low_ticks` to `high_ticks`: orders collect until `until_us`, Unix microseconds.

    `SessionChanged` to HALTED follows at once.
    """

    instrument_id: int
    low_ticks: Ticks
    high_ticks: Ticks
    until_us: int


@dataclass(frozen=True, slots=True)
class Cleared:
    """An auction ended a call or a halt. Any price in [low, high] is an equilibrium; `price_ticks` follows the named rule.

    `volume_lots` traded; it leaves out what would have been bought and sold by one participant.
    """

    instrument_id: int
    price_ticks: Ticks
    low_ticks: Ticks
    high_ticks: Ticks
    volume_lots: Lots
    price_rule: str
    tie_rule: str


@quickly_made
@dataclass(frozen=True, slots=True)
class OrderAccepted:
    """An order was taken in, with the next order id; `hold_micros` was set aside for it. One with a stop waits for it."""

    order_id: int
    terms: OrderTerms
    signature: bytes
    order_type: OrderType
    time_in_force: TimeInForce
    post_only: bool
    hold_micros: Micros
    conditions: Conditions = PLAIN
    eligible: tuple[Eligible, ...] = ()


@dataclass(frozen=True, slots=True)
class OrderTriggered:
    """The last price reached the stop of an order that waited; from here on it is an order like any other."""

    order_id: int


@dataclass(frozen=True, slots=True)
class OrderReplaced:
    """New terms took the place of an order's old ones; `hold_micros` is its hold from here on."""

    order_id: int
    terms: OrderTerms
    signature: bytes
    kept_priority: bool
    hold_micros: Micros


@dataclass(frozen=True, slots=True)
class OrderReduced:
    """An order lost `by_lots` without trading them and lives on; `hold_micros` is its hold from here on."""

    order_id: int
    by_lots: Lots
    hold_micros: Micros
    reason: CancelReason


@dataclass(frozen=True, slots=True)
class OrderCancelled:
    """An order left the book with this much unfilled; its hold is released."""

    order_id: int
    remaining_lots: Lots
    reason: CancelReason


@dataclass(frozen=True, slots=True)
class DeadManSet:
    """A participant's orders will be cancelled at `expires_us`, Unix microseconds; 0: disarmed, or it has just gone off."""

    participant: Address
    expires_us: int


@dataclass(frozen=True, slots=True)
class Refused:
    """A command changed nothing. `reference` is the client order id, order id or trade number that it named."""

    participant: Address
    command: str
    reference: int
    refusal: Refusal
    detail: str


@quickly_made
@dataclass(frozen=True, slots=True)
class TradeAgreed:
    """A bid and an offer met. `taker` is None for an auction. Money as it will be locked; holds as they remain.

    `bid_ticks` and `ask_ticks` are the two limits, so `(bid - ask) x quantity` is the surplus that was shared.
    """

    trade_number: int
    instrument_id: int
    buy_order_id: int
    sell_order_id: int
    buyer: Address
    seller: Address
    taker: Side | None
    price_ticks: Ticks
    bid_ticks: Ticks
    ask_ticks: Ticks
    quantity_lots: Lots
    payment_micros: Micros
    fee_micros: Micros
    collateral_micros: Micros
    buy_hold_micros: Micros
    sell_hold_micros: Micros


Event = (
    InstrumentListed
    | PriceTermsSet
    | MeterRegistered
    | SessionChanged
    | TradingHalted
    | Cleared
    | OrderAccepted
    | OrderTriggered
    | OrderReplaced
    | OrderReduced
    | OrderCancelled
    | DeadManSet
    | Refused
    | TradeAgreed
    | Deposited
    | WithdrawalApproved
    | WithdrawalExpired
    | Withdrawn
    | ExitRequested
    | Exited
    | CancelRequested
    | CancelBelowRequested
    | ReadingReceived
    | TradeLocked
    | TradeVoided
    | TradeDelivered
    | GuaranteeOpened
    | GuaranteePaid
    | EscrowSecured
    | EscrowShared
    | CertificatesAdopted
    | CertificatesMoved
    | CertificatesLocked
    | CertificatesUnlocked
    | CertificatesRetired
    | NegotiationOpened
    | ReservationSealed
    | ReservationRevealed
    | NegotiationAgreed
    | NegotiationFailed
    | NegotiationLapsed
    | AgreementSigned
)
