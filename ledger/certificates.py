"""Certificates in the books: which contract they follow, what it told before, what is locked there, and the entries of each.

| event | from | to |
|---|---|---|
| CertificatesMoved | the sender's free; custody, where nobody sent them | the recipient's free; custody, where nobody did |
| CertificatesLocked | the owner's free | the owner's locked |
| CertificatesUnlocked | the owner's locked | the owner's free |
| CertificatesRetired | the owner's free | the beneficiary's retired |

The books follow the contract from its first event, so they can miss nothing: what does not fit them breaks them, and is not
refused. `decide` says what should happen and changes nothing; `absorb` applies it, live and in a rebuild alike.
"""

from collections.abc import Callable
from typing import Any, Final, NamedTuple, get_args

import msgspec

from ledger.accounts import VENUE, Account, AccountKind
from ledger.assets import asset_of
from ledger.entries import Entry, move
from market.certificates import (
    AdoptCertificates,
    CertificateCommand,
    CertificateEvent,
    CertificateHappening,
    CertificatesAdopted,
    CertificatesLocked,
    CertificatesMoved,
    CertificatesRetired,
    CertificatesUnlocked,
    LockCertificates,
    MoveCertificates,
    Parcel,
    RetireCertificates,
    UnlockCertificates,
)
from market.events import Event, Refused
from market.keeping import Kept
from market.orders import Address
from market.refusals import Refusal
from market.units import InvariantBroken

_EVENTS: Final = frozenset(get_args(CertificateEvent))
_ID_BYTES: Final = 32


class Lock(NamedTuple):
    """What is locked under the hash of a lock's terms, and whose it is."""

    owner: Address
    certificate_id: int
    amount_wh: int


class Certificates(Kept):
    """The contract of certificates that the books follow, what it told, and its locks."""

    _contract: Address | None
    _noted: set[tuple[bytes, int]]
    _locks: dict[bytes, Lock]

    def __init__(self) -> None:
        self._contract = None
        self._noted = set()
        self._locks = {}

    @property
    def contract(self) -> Address | None:
        """The contract that the books follow, None as long as they follow none."""
        return self._contract

    def is_noted(self, transaction: bytes, log_index: int) -> bool:
        """Return whether this was told before."""
        return (transaction, log_index) in self._noted

    def decide(self, command: CertificateCommand) -> Event:
        """Return what a command causes: its event, or a refusal of what was told before.

        Raises:
            InvariantBroken: if it cannot have happened at the contract that the books follow.
        """
        if isinstance(command, AdoptCertificates):
            if self._contract is None:
                return CertificatesAdopted(command.contract)
            return _refused(
                command, 0, f"the books follow 0x{self._contract.hex()} already, and one for good"
            )
        if self.is_noted(command.transaction, command.log_index):
            found = f"log {command.log_index} of transaction 0x{command.transaction.hex()} was booked before"
            return _refused(command, command.log_index, found)
        return self._happened(command)

    def absorb(self, event: Event) -> None:
        """Apply an event; those of no certificates change nothing.

        Raises:
            InvariantBroken: if it cannot have happened at the contract that the books follow.
        """
        if type(event) not in _EVENTS:  # of very many events, few are
            return
        match event:
            case CertificatesAdopted():
                self._adopt(event)
            case CertificatesMoved() | CertificatesRetired():
                self._note(event)
            case CertificatesLocked():
                self._note(event)
                self._add(event)
            case CertificatesUnlocked():
                self._note(event)
                self._end(event)
            case _:
                pass

    def state_bytes(self) -> bytes:
        """Return contract, locks and what was told as canonical bytes; none as long as no contract is followed."""
        if self._contract is None:
            return b""
        locks = sorted(
            (lock, held.owner, held.certificate_id.to_bytes(_ID_BYTES, "big"), held.amount_wh)
            for lock, held in self._locks.items()
        )
        return msgspec.msgpack.encode((self._contract, locks, sorted(self._noted)))

    def _happened(self, command: CertificateHappening) -> Event:
        where = command.transaction, command.log_index
        match command:
            case MoveCertificates(sender, recipient, parcels):
                return CertificatesMoved(sender, recipient, parcels, *where)
            case LockCertificates(lock, owner, parcel):
                return CertificatesLocked(lock, owner, parcel, *where)
            case UnlockCertificates(lock, amount_wh):
                held = self._lock(lock)
                return CertificatesUnlocked(lock, held.owner, Parcel(held.certificate_id, amount_wh), *where)
            case RetireCertificates(owner, parcel, claim):
                return CertificatesRetired(owner, parcel, claim, *where)

    def _adopt(self, event: CertificatesAdopted) -> None:
        if self._contract is not None:
            found = f"found 0x{event.contract.hex()} adopted after 0x{self._contract.hex()}"
            raise InvariantBroken(f"certificates: {found}, expected one contract for good")
        self._contract = event.contract

    def _note(
        self, event: CertificatesMoved | CertificatesLocked | CertificatesUnlocked | CertificatesRetired
    ) -> None:
        where = f"log {event.log_index} of transaction 0x{event.transaction.hex()}"
        if self._contract is None:
            raise InvariantBroken(
                f"{where}: found certificates, expected none before their contract is adopted"
            )
        if self.is_noted(event.transaction, event.log_index):
            raise InvariantBroken(f"{where}: found certificates booked twice, expected once")
        self._noted.add((event.transaction, event.log_index))

    def _add(self, event: CertificatesLocked) -> None:
        held = self._locks.get(event.lock, Lock(event.owner, event.parcel.certificate_id, 0))
        if (held.owner, held.certificate_id) != (event.owner, event.parcel.certificate_id):
            raise InvariantBroken(
                f"{_named(event.lock)}: found {event} beside {held}, expected the same terms"
            )
        self._locks[event.lock] = held._replace(amount_wh=held.amount_wh + event.parcel.amount_wh)

    def _end(self, event: CertificatesUnlocked) -> None:
        held = self._lock(event.lock)
        if held != (event.owner, event.parcel.certificate_id, event.parcel.amount_wh):
            raise InvariantBroken(f"{_named(event.lock)}: found {event}, expected the end of all of {held}")
        del self._locks[event.lock]

    def _lock(self, lock: bytes) -> Lock:
        held = self._locks.get(lock)
        if held is None:
            raise InvariantBroken(f"{_named(lock)}: found nothing locked, expected what is unlocked now")
        return held


def moved(event: CertificatesMoved) -> list[Entry]:
    """Return the entries of certificates that changed hands."""
    entries: list[Entry] = []
    for parcel in event.parcels:
        entries += _move(parcel, _free_or_custody(event.sender), _free_or_custody(event.recipient))
    return entries


def locked(event: CertificatesLocked) -> list[Entry]:
    """Return the entries of certificates that were locked."""
    return _move(event.parcel, (AccountKind.FREE, event.owner), (AccountKind.LOCKED, event.owner))


def unlocked(event: CertificatesUnlocked) -> list[Entry]:
    """Return the entries of certificates whose lock is over."""
    return _move(event.parcel, (AccountKind.LOCKED, event.owner), (AccountKind.FREE, event.owner))


def retired(event: CertificatesRetired) -> list[Entry]:
    """Return the entries of certificates that were retired."""
    return _move(
        event.parcel, (AccountKind.FREE, event.owner), (AccountKind.RETIRED, event.claim.beneficiary)
    )


RULES: Final[dict[type, Callable[[Any], list[Entry]]]] = {
    CertificatesMoved: moved,
    CertificatesLocked: locked,
    CertificatesUnlocked: unlocked,
    CertificatesRetired: retired,
}
"""What books each event that moves certificates."""


def _free_or_custody(holder: Address | None) -> tuple[AccountKind, Address]:
    return (AccountKind.CUSTODY, VENUE) if holder is None else (AccountKind.FREE, holder)


def _move(
    parcel: Parcel, source: tuple[AccountKind, Address], target: tuple[AccountKind, Address]
) -> list[Entry]:
    if parcel.amount_wh <= 0:
        raise InvariantBroken(f"certificates: found {parcel} moved, expected more than 0 Wh")
    asset = asset_of(parcel.certificate_id)
    return move(Account(*source, asset), Account(*target, asset), parcel.amount_wh)


def _named(lock: bytes) -> str:
    return f"certificates locked under 0x{lock.hex()}"


def _refused(command: CertificateCommand, reference: int, detail: str) -> Refused:
    return Refused(VENUE, type(command).__name__, reference, Refusal.ALREADY_APPLIED, detail)
