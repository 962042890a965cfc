"""Entries: the lines of the double-entry books. A posting sums to zero in each asset or cannot exist."""

from dataclasses import dataclass

from ledger.accounts import Account
from ledger.assets import TOKEN, Asset, asset_name, unit_of
from market.quick import quickly_made
from market.units import InvariantBroken

Entry = tuple[Account, int]
"""One line of a posting: the account gains this much of its asset (loses, when negative). Bare pairs: there are millions."""


def move(source: Account, target: Account, amount: int) -> list[Entry]:
    """Return the two entries of a movement; none where nothing moves."""
    if amount == 0:
        return []
    return [(source, -amount), (target, amount)]


@quickly_made
@dataclass(frozen=True, slots=True)
class Posting:
    """The entries that one event causes; `event_position` counts the events of the batch from 0.

    Building one checks it, so it is checked when it is made and again when it is read back from a table.

    Raises:
        InvariantBroken: if the entries of an asset do not sum to zero, or there are none.
    """

    batch_number: int
    event_position: int
    entries: tuple[Entry, ...]

    def __post_init__(self) -> None:
        of_money = 0
        for account, amount in self.entries:
            if account.asset != TOKEN:
                break
            of_money += amount
        else:  # as nearly every posting is
            if of_money == 0 and self.entries:
                return
        self._check_by_asset()

    def _check_by_asset(self) -> None:
        sums: dict[Asset, int] = {}
        for account, amount in self.entries:
            sums[account.asset] = sums.get(account.asset, 0) + amount
        where = f"posting of batch {self.batch_number}, event {self.event_position}"
        if not sums:
            raise InvariantBroken(f"{where}: found no entries, expected entries that sum to 0")
        for asset, total in sums.items():
            if total != 0:
                of_what = "" if asset == TOKEN else f" in certificates {asset_name(asset)}"
                raise InvariantBroken(
                    f"{where}: its {len(self.entries)} entries sum to {total} {unit_of(asset)}{of_what}, "
                    "expected entries that sum to 0"
                )
