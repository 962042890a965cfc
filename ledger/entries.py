"""Entries: the lines of the double-entry books. A posting sums to zero or cannot exist."""

from dataclasses import dataclass
from typing import NamedTuple

from ledger.accounts import Account
from market.units import InvariantBroken


class Entry(NamedTuple):
    """One line of a posting: the account gains this many micros (loses, when negative)."""

    account: Account
    amount_micros: int


@dataclass(frozen=True, slots=True)
class Posting:
    """The entries that one event causes; `event_position` counts the events of the batch from 0.

    Building one checks it, so it is checked when it is made and again when it is read back from a table.

    Raises:
        InvariantBroken: if the entries do not sum to zero, or there are none.
    """

    batch_number: int
    event_position: int
    entries: tuple[Entry, ...]

    def __post_init__(self) -> None:
        total = 0
        for entry in self.entries:
            total += entry.amount_micros
        if total != 0 or not self.entries:
            raise InvariantBroken(
                f"posting of batch {self.batch_number}, event {self.event_position}: its "
                f"{len(self.entries)} entries sum to {total} micros, expected entries that sum to 0"
            )
