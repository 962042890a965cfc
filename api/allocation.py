"""What an auction gave to each order, as the command line shows it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import overload

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from rich.text import Text

from api.bids import SCALE, Bids
from market.orders import Side
from market.units import format_decimal

SHOWN = 20


@dataclass(frozen=True, slots=True)
class Allocation:
    """What one order got: filled part of its quantity, and the money paid (buyers) or received (sellers)."""

    line: int
    participant: str
    side: str
    price: str
    quantity: str
    filled: str
    money: str


@dataclass(frozen=True, slots=True, eq=False)
class Allocations(Sequence[Allocation]):
    """What each order got, worded when it is read: of a million orders, people are shown the first few.

    `filled` is in parts of 1/`SCALE`, `money` in parts of 1/`money_scale`.
    """

    bids: Bids
    filled: NDArray[np.int64]
    money: list[int]
    money_scale: int

    def __len__(self) -> int:
        return len(self.money)

    @overload
    def __getitem__(self, place: int) -> Allocation: ...
    @overload
    def __getitem__(self, place: slice) -> tuple[Allocation, ...]: ...
    def __getitem__(self, place: int | slice) -> Allocation | tuple[Allocation, ...]:
        if isinstance(place, slice):
            return tuple(self[each] for each in range(*place.indices(len(self))))
        bids = self.bids
        return Allocation(
            line=bids.lines[place],
            participant=bids.participants[place],
            side="buy" if bids.sides[place] == Side.BUY else "sell",
            price=format_decimal(int(bids.prices[place]), scale=SCALE),
            quantity=format_decimal(int(bids.quantities[place]), scale=SCALE),
            filled=format_decimal(int(self.filled[place]), scale=SCALE),
            money=format_decimal(self.money[place], scale=self.money_scale),
        )


def show_allocation(allocation: Sequence[Allocation], console: Console) -> None:
    """Print the first orders for people, and how many more there are."""
    table = Table("line", "participant", "side", "limit", "quantity", "filled", "pays / receives", box=None)
    for each in allocation[:SHOWN]:
        table.add_row(
            str(each.line),
            Text(each.participant),
            each.side,
            each.price,
            each.quantity,
            each.filled,
            each.money,
        )
    console.print(table)
    if len(allocation) > SHOWN:
        console.print(f"… and {len(allocation) - SHOWN:,} more; --json prints all")


def rows(allocation: Iterable[Allocation]) -> list[dict[str, object]]:
    """Return all orders for machines."""
    return [{name: getattr(each, name) for name in each.__slots__} for each in allocation]
