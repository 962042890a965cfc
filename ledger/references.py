"""References: which order, trade, withdrawal, lock or claim an entry belongs to, and which transaction brought it about."""

from dataclasses import fields
from functools import cache
from typing import Any, NamedTuple

from market.certificates import CertificatesLocked, CertificatesRetired, CertificatesUnlocked
from market.events import Event


class Reference(NamedTuple):
    """What to ask for, and the 0x-hex hash of the transaction; empty where there is none."""

    text: str
    chain_transaction: str


_NUMBERS = (("trade_number", "trade"), ("order_id", "order"), ("nonce", "withdrawal"))


def reference_of(event: Event) -> Reference:
    """Return what an event that moves value belongs to. A trade says which orders it is of."""
    kind: type = type(event)
    field, what, is_of_chain = _told_by(kind)
    text = f"{what} {getattr(event, field)}" if field else _of_certificates(event)
    return Reference(text, _hash_of(event) if is_of_chain else "")


@cache
def _told_by(kind: type) -> tuple[str, str, bool]:
    """Return which number a kind of event is called by, and what has that number; and whether the chain tells of it."""
    names = {each.name for each in fields(kind)}
    field, what = next((pair for pair in _NUMBERS if pair[0] in names), ("", ""))
    return field, what, "transaction" in names


def _hash_of(event: Any) -> str:
    transaction: bytes = event.transaction
    return f"0x{transaction.hex()}" if transaction else ""


def _of_certificates(event: Event) -> str:
    """Return under which lock certificates stand, or for whom they were retired; empty for other events."""
    match event:
        case CertificatesLocked(lock) | CertificatesUnlocked(lock):
            return f"lock 0x{lock.hex()}"
        case CertificatesRetired(claim=claim):
            return f"claim of 0x{claim.beneficiary.hex()}"
        case _:
            return ""
