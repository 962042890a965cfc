"""References: which order, trade, withdrawal, lock or claim an entry belongs to, and which transaction brought it about."""

from typing import NamedTuple

from market.certificates import CertificatesLocked, CertificatesRetired, CertificatesUnlocked
from market.events import Event


class Reference(NamedTuple):
    """What to ask for, and the 0x-hex hash of the transaction; empty where there is none."""

    text: str
    chain_transaction: str


_NUMBERS = (("trade_number", "trade"), ("order_id", "order"), ("nonce", "withdrawal"))


def reference_of(event: Event) -> Reference:
    """Return what an event that moves value belongs to. A trade says which orders it is of."""
    text = _of_certificates(event)
    for field, what in _NUMBERS:
        number = getattr(event, field, None)
        if number is not None:
            text = f"{what} {number}"
            break
    transaction: bytes = getattr(event, "transaction", b"")
    return Reference(text, f"0x{transaction.hex()}" if transaction else "")


def _of_certificates(event: Event) -> str:
    """Return under which lock certificates stand, or for whom they were retired; empty for other events."""
    match event:
        case CertificatesLocked(lock) | CertificatesUnlocked(lock):
            return f"lock 0x{lock.hex()}"
        case CertificatesRetired(claim=claim):
            return f"claim of 0x{claim.beneficiary.hex()}"
        case _:
            return ""
