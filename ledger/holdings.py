"""Compare certificates in the books with their contract: what each holds of each id, what of it is locked, what was retired.

What the contract says is handed in as plain values, as for `ledger.reconciliation`.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import astuple, dataclass

from ledger.accounts import AccountKind
from ledger.assets import TOKEN, asset_name, asset_of
from ledger.bookkeeping import Books
from ledger.finding import Finding
from market.orders import Address
from market.units import Lots


@dataclass(frozen=True, slots=True)
class Holding:
    """What the contract says of somebody and one certificate, in Wh.

    What he holds, with what is locked of it; how much is locked; what was retired for his consumption, whoever owned it.
    """

    held_wh: Lots = Lots(0)
    locked_wh: Lots = Lots(0)
    retired_wh: Lots = Lots(0)


Holdings = Mapping[tuple[Address, int], Holding]
"""By participant and certificate id."""
ReadHoldings = Callable[[Address], Holdings]
"""Asks the contract of certificates at an address, which the record names, for all that it holds."""

_NOTHING = Holding()
_HELD = (AccountKind.FREE, AccountKind.LOCKED)


@dataclass(frozen=True, slots=True)
class HoldingDifference:
    """An amount of certificates, in Wh, that the contract and the books do not agree on."""

    what: str
    on_chain: int
    in_books: int

    def finding(self) -> Finding:
        """Return it in words."""
        detail = f"found {self.on_chain} Wh on chain, expected {self.in_books} Wh as in the books"
        return Finding("reconciliation", self.what, detail)


def compare_holdings(books: Books, chain: Holdings) -> Iterator[HoldingDifference]:
    """Compare what the contract says of each participant and certificate with the books."""
    booked = _booked(books)
    for participant, certificate_id in sorted(booked.keys() | chain.keys()):
        key = participant, certificate_id
        found, expected = chain.get(key, _NOTHING), booked.get(key, _NOTHING)
        whose = f"0x{participant.hex()} in certificates {asset_name(asset_of(certificate_id))}"
        for what, on_chain, in_books in zip(
            ("held", "locked", "retired"), astuple(found), astuple(expected), strict=True
        ):
            if on_chain != in_books:
                yield HoldingDifference(f"{what} of {whose}", on_chain, in_books)


def _booked(books: Books) -> Holdings:
    amounts: defaultdict[tuple[Address, int], defaultdict[AccountKind, int]] = defaultdict(
        lambda: defaultdict(int)
    )
    for (kind, participant, asset), amount in books.balances.items():
        if asset != TOKEN and kind is not AccountKind.CUSTODY:
            amounts[participant, asset][kind] += amount
    return {
        key: Holding(
            held_wh=Lots(sum(of[kind] for kind in _HELD)),
            locked_wh=Lots(of[AccountKind.LOCKED]),
            retired_wh=Lots(of[AccountKind.RETIRED]),
        )
        for key, of in amounts.items()
    }
