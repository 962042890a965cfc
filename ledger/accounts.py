"""Accounts: whose an asset is and what it is set aside for.

Accounts are kept for each asset apart: the settlement token, and certificates, whose id is their asset.
"""

from collections.abc import Iterable, Iterator, Mapping
from enum import IntEnum
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from ledger.assets import TOKEN, Asset, asset_name, unit_of
from market.keeping import Kept
from market.orders import Address
from market.units import InvariantBroken, Micros

if TYPE_CHECKING:
    from ledger.entries import Entry

VENUE = Address(bytes(20))
"""Whom the venue's own accounts belong to: nobody who could sign."""


class AccountKind(IntEnum):
    """What the asset of an account is for."""

    FREE = 0
    """Spendable or withdrawable."""
    ORDER_HOLD = 1
    """Set aside for open orders."""
    TRADE_HOLD = 2
    """Set aside for trades that the contract has not locked yet."""
    WITHDRAWAL_HOLD = 3
    """Set aside for counter-signed withdrawals."""
    LOCKED = 4
    """Locked by a contract until delivery: a buyer's payment and fee, a seller's collateral, certificates that go along."""
    FEES = 5
    """The venue's earned fees."""
    CUSTODY = 6
    """The contra account, zero or less: minus what the contract holds for all others, or has issued for good."""
    EXIT_HOLD = 7
    """Set aside for an exit asked for on chain. Its number came later."""
    RETIRED = 8
    """Certificates retired for good on account of this participant's consumption."""


FREE_ON_CHAIN = (
    AccountKind.FREE,
    AccountKind.ORDER_HOLD,
    AccountKind.TRADE_HOLD,
    AccountKind.WITHDRAWAL_HOLD,
    AccountKind.EXIT_HOLD,
)
"""What the contract knows as free: it sees what is set aside here only when it locks a trade."""

_CUSTODY = AccountKind.CUSTODY


class Account(NamedTuple):
    """An account of the books. A named tuple because balances are looked up by it in every entry."""

    kind: AccountKind
    participant: Address
    asset: Asset = TOKEN

    def check(self, amount: int) -> None:
        """Check what stands on this account, in the unit of its asset.

        Raises:
            InvariantBroken: if it is below zero, or on custody above it.
        """
        is_contra = self.kind is _CUSTODY
        if amount > 0 if is_contra else amount < 0:
            bound = "at most" if is_contra else "at least"
            raise InvariantBroken(f"{self}: found {amount} {unit_of(self.asset)}, expected {bound} 0")

    def __str__(self) -> str:
        owner = "the venue" if self.participant == VENUE else f"0x{self.participant.hex()}"
        of_what = "" if self.asset == TOKEN else f" in certificates {asset_name(self.asset)}"
        return f"{self.kind.name} of {owner}{of_what}"


FEES = Account(AccountKind.FEES, VENUE)
CUSTODY = Account(AccountKind.CUSTODY, VENUE)

_PURSES_MAX = 1 << 17
"""Participants whose purses are kept at hand."""


class Purse(NamedTuple):
    """The accounts of one participant that the money of orders and trades moves between."""

    free: Account
    order_hold: Account
    trade_hold: Account
    locked: Account


@lru_cache(_PURSES_MAX)
def purse_of(participant: Address) -> Purse:
    """Return a participant's purse. It is made once: every order and every trade asks for it."""
    return Purse(
        Account(AccountKind.FREE, participant),
        Account(AccountKind.ORDER_HOLD, participant),
        Account(AccountKind.TRADE_HOLD, participant),
        Account(AccountKind.LOCKED, participant),
    )


class Balances(Kept):
    """What stands on each account, in the unit of its asset."""

    _amounts: dict[Account, int]

    def __init__(self) -> None:
        self._amounts = {}

    def of(self, kind: AccountKind, participant: Address) -> Micros:
        """Return the balance of an account of the token in micros; an account never used holds zero."""
        return Micros(self._amounts.get(Account(kind, participant), 0))

    def on(self, account: Account) -> int:
        """Return the balance of any account, in the unit of its asset."""
        return self._amounts.get(account, 0)

    def apply(self, entries: Iterable["Entry"]) -> None:
        """Add entries to their accounts.

        Raises:
            InvariantBroken: if an account ends below zero, or custody above it.
        """
        amounts = self._amounts
        doubtful = []
        for account, amount in entries:
            amounts[account] = found = amounts.get(account, 0) + amount
            if found < 0 or account.kind is _CUSTODY:
                doubtful.append(account)
        for account in doubtful:  # only what it ends with counts, not the way there
            account.check(amounts[account])

    def items(self) -> Iterator[tuple[Account, int]]:
        """Iterate over the accounts that hold something, ordered by kind, participant and asset."""
        return ((account, amount) for account, amount in sorted(self._amounts.items()) if amount != 0)

    def by_kind(self) -> Mapping[AccountKind, Micros]:
        """Return the sum of all accounts of each kind in the token, in micros."""
        sums = dict.fromkeys(AccountKind, Micros(0))
        for account, amount in self._amounts.items():
            if account.asset == TOKEN:
                sums[account.kind] = Micros(sums[account.kind] + amount)
        return sums

    def by_asset(self) -> Mapping[Asset, int]:
        """Return the sum of all accounts in each asset that was ever booked. Each is 0, or the books are wrong."""
        sums = {TOKEN: 0}
        for account, amount in self._amounts.items():
            sums[account.asset] = sums.get(account.asset, 0) + amount
        return sums
