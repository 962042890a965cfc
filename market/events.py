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
from market.escrow import EscrowSecured, EscrowShared, Share
from market.orders import (
    PLAIN,
    Address,
    Conditions,
    Eligible,
    ListInstrument,
    OrderTerms,
    OrderType,
    RegisterMeter,
    SetPriceTerms,
    Side,
    TimeInForce,
)
from market.proposals import Proposal
from market.quick import quickly_made
from market.refusals import Refusal
from market.units import Lots, Micros, Ppm, Ticks


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
class InstrumentListed:
    """An instrument opened."""

    listing: ListInstrument


@dataclass(frozen=True, slots=True)
class PriceTermsSet:
    """Reference price, band or weight moved."""

    terms: SetPriceTerms


@dataclass(frozen=True, slots=True)
class MeterRegistered:
    """A supplier's meter and capacity were admitted."""

    registration: RegisterMeter


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


@dataclass(frozen=True, slots=True)
class Deposited:
    """The chain received tokens for a participant."""

    participant: Address
    amount_micros: Micros
    transaction: bytes
    log_index: int


@dataclass(frozen=True, slots=True)
class WithdrawalApproved:
    """Funds were set aside for a counter-signed withdrawal."""

    participant: Address
    amount_micros: Micros
    nonce: int
    deadline_s: int


@dataclass(frozen=True, slots=True)
class WithdrawalExpired:
    """A counter-signed withdrawal was not used in time; its funds are free again."""

    participant: Address
    nonce: int


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """The chain paid a withdrawal out."""

    participant: Address
    nonce: int
    transaction: bytes


@dataclass(frozen=True, slots=True)
class ExitRequested:
    """A participant asked on chain to take out this much, from `effective_at_s` on; 0 takes it back.

    As much of it as is free is set aside, now and whenever something becomes free.
    """

    participant: Address
    amount_micros: Micros
    effective_at_s: int
    transaction: bytes
    log_index: int


@dataclass(frozen=True, slots=True)
class Exited:
    """The chain paid an exit out; what was set aside for it beyond that is free again."""

    participant: Address
    amount_micros: Micros
    transaction: bytes
    log_index: int


@dataclass(frozen=True, slots=True)
class CancelRequested:
    """A participant cancelled an order on chain. The contract refuses it from `effective_at_s` on, the exchange at once."""

    participant: Address
    client_order_id: int
    effective_at_s: int
    transaction: bytes
    log_index: int


@dataclass(frozen=True, slots=True)
class CancelBelowRequested:
    """A participant cancelled on chain all orders with a smaller client order id, in the same way."""

    participant: Address
    client_order_id: int
    effective_at_s: int
    transaction: bytes
    log_index: int


@dataclass(frozen=True, slots=True)
class ReadingReceived:
    """A registered meter told what it delivered in one hour, in lots. The first reading of an hour stands."""

    meter: Address
    start_hour: int
    delivered_lots: Lots
    signature: bytes


@dataclass(frozen=True, slots=True)
class TradeLocked:
    """The contract locked payment and collateral of a trade."""

    trade_number: int
    batch_number: int
    transaction: bytes


@dataclass(frozen=True, slots=True)
class TradeVoided:
    """A trade will not settle; what was held for it is free again. `at_fault` is the party whose cancel or exit did it."""

    trade_number: int
    reason: str
    at_fault: Address | None = None


@dataclass(frozen=True, slots=True)
class TradeDelivered:
    """A trade was delivered in full: the seller is paid, the fee taken, the collateral returned."""

    trade_number: int
    transaction: bytes


@dataclass(frozen=True, slots=True)
class GuaranteeOpened:
    """A trade fell short and became a stored guarantee."""

    trade_number: int
    transaction: bytes
    delivered_lots: Lots


@dataclass(frozen=True, slots=True)
class GuaranteePaid:
    """A guarantee paid out: the buyer first. Amounts in micros.

    `paid_to_fallback` is what a fallback supplier earned, the `gap` of it out of the collateral. `shares` are what the
    contract moved, penalties of a dispute included; what an early version recorded has none, and books by the amounts.
    """

    trade_number: int
    transaction: bytes
    delivered_lots: Lots
    paid_to_seller: Micros
    fee: Micros
    returned_to_buyer: Micros
    compensation: Micros
    paid_to_fallback: Micros = Micros(0)
    gap: Micros = Micros(0)
    shares: tuple[Share, ...] = ()


@dataclass(frozen=True, slots=True)
class NegotiationOpened:
    """A buyer and a supplier negotiate the price of a long-term contract; `participant` asked for it."""

    number: int
    participant: Address
    proposal: Proposal
    signature: bytes


@dataclass(frozen=True, slots=True)
class ReservationSealed:
    """A side bound itself to a reservation price that nobody else knows yet."""

    number: int
    participant: Address
    seal: bytes
    signature: bytes


@dataclass(frozen=True, slots=True)
class ReservationRevealed:
    """A side opened its seal. The record alone tells the price, in micros per unit; the other side is never told."""

    number: int
    participant: Address
    price_micros: Micros
    salt: bytes


@dataclass(frozen=True, slots=True)
class NegotiationAgreed:
    """The two reservation prices left room for both, and this is the price per unit, in micros.

    The supplier got `weight_ppm` of what the contract is worth beyond what each side could gain in the order books.
    """

    number: int
    price_micros: Micros
    weight_ppm: Ppm
    outside_buyer_micros: Micros
    outside_seller_micros: Micros


@dataclass(frozen=True, slots=True)
class NegotiationFailed:
    """No price would have left both sides as well off as the order books do."""

    number: int
    outside_buyer_micros: Micros
    outside_seller_micros: Micros


@dataclass(frozen=True, slots=True)
class NegotiationLapsed:
    """The moment by which a side had to seal, to reveal or to sign has passed. What had been revealed stays untold."""

    number: int


@dataclass(frozen=True, slots=True)
class AgreementSigned:
    """A side signed the agreed terms. With the second signature the contract is concluded, and its capacity sold."""

    number: int
    participant: Address
    signature: bytes


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
