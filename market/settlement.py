"""What becomes of trades on chain: readings of meters, locks, deliveries and guarantees, as commands and events.

`trade_steps.py` says which step of a trade each command asks for, and whether it can be taken.
"""

from dataclasses import dataclass

from market.address import Address
from market.escrow import Share
from market.units import Lots, Micros


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
    """Undo a trade that was not locked by the start of its slot, or before a cancellation on chain took effect."""

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
    """Tell how a guarantee was paid out; amounts in micros as the contract moved them, `shares` as the books do."""

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
