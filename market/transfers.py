"""Money that comes in and goes out through the contract: commands and events. Amounts in micros.

A deposit is named for good by its transaction and its log there, a withdrawal by its participant and nonce: told twice, it
does nothing the second time.
"""

from dataclasses import dataclass

from market.address import Address
from market.units import Micros


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
