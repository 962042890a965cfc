"""A model of the contract of certificates for the ledger's campaigns: what it would allow, and who then has what.

It knows nothing of the books, so that they can be held against it.
"""

from collections import Counter
from typing import NamedTuple

from market.certificates import (
    AdoptCertificates,
    CertificateCommand,
    CertificateHappening,
    Claim,
    LockCertificates,
    MoveCertificates,
    Parcel,
    RetireCertificates,
    UnlockCertificates,
)
from market.orders import Address
from market.units import Lots

CONTRACT = Address(b"\xce" * 20)
IDS = tuple(0x01CE << 240 | number for number in (1, 2, 3))


class Held(NamedTuple):
    """Whose certificates of which id."""

    owner: Address
    certificate_id: int


class CertificateModel:
    """Who holds what, in Wh: `free`, `locked`, and `retired` for a beneficiary; `issued` and not put into a storage."""

    def __init__(self) -> None:
        self.free: Counter[Held] = Counter()
        self.locked: Counter[Held] = Counter()
        self.retired: Counter[Held] = Counter()
        self.issued: Counter[int] = Counter()
        self._locks: dict[bytes, tuple[Held, int]] = {}
        self._adopted = False
        self._logs = 0
        self._last: CertificateHappening | None = None

    def act(self, kind: str, who: Address, other: Address, number: int) -> CertificateCommand:
        """Do what is asked for, as far as there is anything to do it with, and return what the chain tells of it."""
        if not self._adopted:
            self._adopted = True
            return AdoptCertificates(CONTRACT)
        if kind == "told_again" and self._last is not None:
            return self._last
        self._last = self._happen(kind, who, other, number)
        return self._last

    def _happen(self, kind: str, who: Address, other: Address, number: int) -> CertificateHappening:
        self._logs += 1
        where = b"certificates".ljust(32), self._logs
        if kind == "unlocked" and self._locks:
            lock = sorted(self._locks)[number % len(self._locks)]
            held, amount = self._locks.pop(lock)
            self.locked[held] -= amount
            self.free[held] += amount
            return UnlockCertificates(lock, Lots(amount), *where)
        mine = [held for held, amount in sorted(self.free.items()) if held.owner == who and amount]
        if kind == "issued" or not mine:
            held, amount = Held(who, IDS[number % len(IDS)]), 1 + number * 7
            self.free[held] += amount
            self.issued[held.certificate_id] += amount
            return MoveCertificates(None, who, (Parcel(held.certificate_id, Lots(amount)),), *where)
        return self._dispose(kind, mine, other, number, where)

    def _dispose(
        self, kind: str, mine: list[Held], other: Address, number: int, where: tuple[bytes, int]
    ) -> CertificateHappening:
        """Do something with a part of the first certificate that somebody has; send a part of every one.

        Who would unlock and has locked nothing locks.
        """
        held = mine[0]
        parcel = self._take(held, number)
        match kind:
            case "locked_up" | "unlocked":
                lock = bytes([number % 4]).ljust(32, held.owner[:1]) + held.certificate_id.to_bytes(32, "big")
                before = self._locks.get(lock, (held, 0))[1]
                self._locks[lock] = held, before + parcel.amount_wh
                self.locked[held] += parcel.amount_wh
                return LockCertificates(lock, held.owner, parcel, *where)
            case "retired":
                self.retired[Held(other, held.certificate_id)] += parcel.amount_wh
                return RetireCertificates(
                    held.owner, parcel, Claim(other, 457_000, 1, "CISO", bytes(32)), *where
                )
            case "stored":
                self.issued[held.certificate_id] -= parcel.amount_wh
                return MoveCertificates(held.owner, None, (parcel,), *where)
            case _:
                parcels = (parcel, *(self._take(each, number) for each in mine[1:]))
                for each in parcels:
                    self.free[Held(other, each.certificate_id)] += each.amount_wh
                return MoveCertificates(held.owner, other, parcels, *where)

    def _take(self, held: Held, number: int) -> Parcel:
        amount = max(self.free[held] * (1 + number % 4) // 4, 1)
        self.free[held] -= amount
        return Parcel(held.certificate_id, Lots(amount))
