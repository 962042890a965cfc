"""What goes to a chain and what comes back, as values: transactions and their prices, receipts and their logs."""

from dataclasses import dataclass
from typing import Final

from eth_hash.auto import keccak

from market.address import Address
from market.units import Malformed

GAS_MAX: Final = 16_700_000
"""Most gas that a transaction may ask for: the cap of EIP-7825 (2^24), rounded down."""


@dataclass(frozen=True, slots=True)
class Transaction:
    """What to send, unsigned. `to` None creates a contract; `gas` is always stated, never estimated."""

    to: Address | None
    data: bytes
    gas: int
    value_wei: int = 0

    def __post_init__(self) -> None:
        if self.gas > GAS_MAX:
            raise Malformed(
                f"transaction: asks for {self.gas} gas, expected at most {GAS_MAX}: send less at a time"
            )


@dataclass(frozen=True, slots=True)
class GasPrice:
    """What a unit of gas costs, in wei: `now_wei` in the next block, and at most what is offered for it.

    `tip_wei` is the part above the base fee; None on a chain that knows no base fee.
    """

    now_wei: int
    most_wei: int
    tip_wei: int | None


@dataclass(frozen=True, slots=True)
class Standing:
    """Where an account stands: the nonce of its next transaction, counting those still waiting, and its coins in wei."""

    nonce: int
    balance_wei: int


@dataclass(frozen=True, slots=True)
class Log:
    """An event as a contract emitted it; `index` counts within the block."""

    address: Address
    topics: tuple[bytes, ...]
    data: bytes
    transaction: bytes
    block_number: int
    index: int


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a transaction that is in a block."""

    transaction: bytes
    succeeded: bool
    block_number: int
    gas_used: int
    logs: tuple[Log, ...]
    created: Address | None


@dataclass(frozen=True, slots=True)
class Look:
    """What one node knew, at one moment, of a sender and of one transaction of his.

    `head` is the number of its latest block, `nonce` that of the sender's first transaction in no block, `next_nonce` counts
    those that wait, too. `earlier_hash` is that of the block that was asked for; None if it has none of that number.
    """

    head: int
    head_hash: bytes
    earlier_hash: bytes | None
    nonce: int
    next_nonce: int
    receipt: Receipt | None


def transaction_hash(raw: bytes) -> bytes:
    """Return the hash by which the chain will know these signed bytes."""
    return bytes(keccak(raw))
