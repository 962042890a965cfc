"""Certificates that moved at the contract that the books follow, as the chain told it: commands and events.

A certificate's id is one 256-bit word and says what was produced, where, when and by which device; amounts are in Wh. What
happened is named for good by its transaction and its log there: told twice, it does nothing the second time.
"""

from dataclasses import dataclass

from market.address import Address
from market.units import Lots


@dataclass(frozen=True, slots=True)
class Parcel:
    """An amount of certificates of one id, in Wh."""

    certificate_id: int
    amount_wh: Lots


@dataclass(frozen=True, slots=True)
class Claim:
    """Whose consumption certificates are retired for: in so many hours from `start_hour` (counted from 1970), and where.

    `statement` is the hash of a text that says what for, or 32 zero bytes.
    """

    beneficiary: Address
    start_hour: int
    hours: int
    place: str
    statement: bytes


@dataclass(frozen=True, slots=True)
class AdoptCertificates:
    """Let the books follow a contract of certificates from its first event on. They follow one, for good."""

    contract: Address


@dataclass(frozen=True, slots=True)
class MoveCertificates:
    """Book certificates that changed hands. Nobody sends what is issued; nobody receives what went into a storage."""

    sender: Address | None
    recipient: Address | None
    parcels: tuple[Parcel, ...]
    transaction: bytes
    log_index: int


@dataclass(frozen=True, slots=True)
class LockCertificates:
    """Book certificates that their owner locked to a trade; `lock` is the hash of the terms. Locked again, they add up."""

    lock: bytes
    owner: Address
    parcel: Parcel
    transaction: bytes
    log_index: int


@dataclass(frozen=True, slots=True)
class UnlockCertificates:
    """Book that a lock is over: all that it held is its owner's to dispose of."""

    lock: bytes
    amount_wh: Lots
    transaction: bytes
    log_index: int


@dataclass(frozen=True, slots=True)
class RetireCertificates:
    """Book certificates that were retired."""

    owner: Address
    parcel: Parcel
    claim: Claim
    transaction: bytes
    log_index: int


@dataclass(frozen=True, slots=True)
class CertificatesAdopted:
    """The books follow this contract of certificates from here on."""

    contract: Address


@dataclass(frozen=True, slots=True)
class CertificatesMoved:
    """Certificates changed hands: issued where nobody sent them, used up by a storage where nobody received them."""

    sender: Address | None
    recipient: Address | None
    parcels: tuple[Parcel, ...]
    transaction: bytes
    log_index: int


@dataclass(frozen=True, slots=True)
class CertificatesLocked:
    """An owner locked certificates to a trade."""

    lock: bytes
    owner: Address
    parcel: Parcel
    transaction: bytes
    log_index: int


@dataclass(frozen=True, slots=True)
class CertificatesUnlocked:
    """A lock is over, and what it held is its owner's again; what the trade's buyer gets of it moves next."""

    lock: bytes
    owner: Address
    parcel: Parcel
    transaction: bytes
    log_index: int


@dataclass(frozen=True, slots=True)
class CertificatesRetired:
    """Certificates were retired for good, on account of the claim."""

    owner: Address
    parcel: Parcel
    claim: Claim
    transaction: bytes
    log_index: int


CertificateHappening = MoveCertificates | LockCertificates | UnlockCertificates | RetireCertificates
CertificateCommand = AdoptCertificates | CertificateHappening
CertificateEvent = (
    CertificatesAdopted | CertificatesMoved | CertificatesLocked | CertificatesUnlocked | CertificatesRetired
)
