"""What the contract of certificates told, event by event, as the commands that book it.

`Issued`, `Retired` and `Stored` tell of what was created or burnt, with its reason; the standard's own events of the same
moves are passed over, and tell only of what went from one holder to another.
"""

from collections.abc import Mapping
from typing import Any, Final

from contracts.abi import artifact
from contracts.chain import Chain, Log
from market.certificates import (
    CertificateHappening,
    Claim,
    LockCertificates,
    MoveCertificates,
    Parcel,
    RetireCertificates,
    UnlockCertificates,
)
from market.orders import Address
from market.units import InvariantBroken, Lots

EVENTS: Final = (
    "Issued",
    "Stored",
    "TransferSingle",
    "TransferBatch",
    "Locked",
    "LockDelivered",
    "LockReleased",
    "Retired",
)
"""The events that change what somebody has, or may dispose of."""

_NOBODY: Final = bytes(20)


def certificate_history(
    chain: Chain, contract: Address, *, from_block: int, to_block: int
) -> tuple[CertificateHappening, ...]:
    """Return what happened at a contract of certificates alone in a range of blocks, inclusive, oldest first."""
    events = {event.topic: event for event in map(artifact("Certificate").events.__getitem__, EVENTS)}
    logs = chain.logs(contract, [tuple(events)], from_block=from_block, to_block=to_block)
    told = ((log, events[log.topics[0]]) for log in logs)
    found = (read_certificates(log, event.name, event.decode(log)) for log, event in told)
    return tuple(happening for happening in found if happening is not None)


def read_certificates(log: Log, name: str, fields: Mapping[str, Any]) -> CertificateHappening | None:
    """Return what an event tells; None if nothing changed hands, or another event tells the same with its reason.

    Raises:
        InvariantBroken: if it is none of `EVENTS`.
    """
    where = log.transaction, log.index
    happening: CertificateHappening | None
    match name:
        case "Issued":
            happening = MoveCertificates(None, fields["owner"], (_parcel(fields),), *where)
        case "Stored":
            charged = Parcel(fields["chargeId"], Lots(fields["charged"]))
            happening = MoveCertificates(fields["owner"], None, (charged,), *where)
        case "TransferSingle":
            happening = _sent(fields, (_parcel(fields),), where)
        case "TransferBatch":
            amounts = zip(fields["ids"], fields["amounts"], strict=True)
            happening = _sent(fields, tuple(Parcel(each, Lots(wh)) for each, wh in amounts), where)
        case "Locked":
            happening = LockCertificates(fields["lockHash"], fields["owner"], _parcel(fields), *where)
        case "LockDelivered":
            happening = UnlockCertificates(
                fields["lockHash"], Lots(fields["toBuyer"] + fields["toOwner"]), *where
            )
        case "LockReleased":
            happening = UnlockCertificates(fields["lockHash"], Lots(fields["amount"]), *where)
        case "Retired":
            happening = RetireCertificates(fields["owner"], _parcel(fields), _claim(fields), *where)
        case _:
            raise InvariantBroken(f"found the event {name}, expected one of {', '.join(EVENTS)}")
    return happening


def read_place(word: bytes) -> str:
    """Return the place of a claim as text; what is no ASCII in it shows as such."""
    return word.rstrip(b"\0").decode("ascii", "replace")


def _sent(
    fields: Mapping[str, Any], parcels: tuple[Parcel, ...], where: tuple[bytes, int]
) -> MoveCertificates | None:
    """Return what one holder sent to another, without what is nothing."""
    sender, recipient = Address(fields["from"]), Address(fields["to"])
    parcels = tuple(parcel for parcel in parcels if parcel.amount_wh)
    if _NOBODY in (sender, recipient) or not parcels:
        return None
    return MoveCertificates(sender, recipient, parcels, *where)


def _claim(fields: Mapping[str, Any]) -> Claim:
    return Claim(
        beneficiary=fields["beneficiary"],
        start_hour=fields["periodStart"],
        hours=fields["periodHours"],
        place=read_place(fields["place"]),
        statement=fields["statement"],
    )


def _parcel(fields: Mapping[str, Any]) -> Parcel:
    return Parcel(fields["id"], Lots(fields["amount"]))
