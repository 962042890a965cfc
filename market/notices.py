"""Notices: what a participant did on chain without asking the operator: commands and events. Each is honoured at once.

A notice is named for good by its transaction and its log there, so that one that comes twice does nothing the second time.
It takes effect on chain at `effective_at_s`, Unix seconds; until then trades already matched can still be locked.
"""

from dataclasses import dataclass

from market.address import Address
from market.units import Micros


@dataclass(frozen=True, slots=True)
class NoteExit:
    """Set aside what a participant wants to take out by itself; 0 takes the wish back, another amount replaces it."""

    participant: Address
    amount_micros: Micros
    effective_at_s: int
    transaction: bytes
    log_index: int


@dataclass(frozen=True, slots=True)
class ConfirmExit:
    """Book what left by an exit: as much as was asked for, or all that the contract held free if that was less."""

    participant: Address
    amount_micros: Micros
    transaction: bytes
    log_index: int


@dataclass(frozen=True, slots=True)
class NoteCancel:
    """Take the order with this client order id off the book, and take in none under it any more."""

    participant: Address
    client_order_id: int
    effective_at_s: int
    transaction: bytes
    log_index: int


@dataclass(frozen=True, slots=True)
class NoteCancelBelow:
    """Take all orders with a smaller client order id off the books, and take in none under one any more."""

    participant: Address
    client_order_id: int
    effective_at_s: int
    transaction: bytes
    log_index: int


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


Notice = NoteExit | ConfirmExit | NoteCancel | NoteCancelBelow
