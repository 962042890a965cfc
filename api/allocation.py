"""What an auction gave to each order, as the command line shows it."""

from collections.abc import Sequence
from dataclasses import dataclass

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


def allocations(
    bids: Bids, filled: NDArray[np.int64], money: list[int], *, money_scale: int
) -> tuple[Allocation, ...]:
    """Return what each order got, `filled` in parts of 1/`SCALE` and `money` in parts of 1/`money_scale`."""
    orders = zip(
        bids.lines,
        bids.participants,
        (bids.sides == Side.BUY).tolist(),
        bids.prices.tolist(),
        bids.quantities.tolist(),
        filled.tolist(),
        money,
        strict=True,
    )
    return tuple(
        Allocation(
            line=line,
            participant=participant,
            side="buy" if buys else "sell",
            price=format_decimal(price, scale=SCALE),
            quantity=format_decimal(quantity, scale=SCALE),
            filled=format_decimal(traded, scale=SCALE),
            money=format_decimal(amount, scale=money_scale),
        )
        for line, participant, buys, price, quantity, traded, amount in orders
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


def rows(allocation: Sequence[Allocation]) -> list[dict[str, object]]:
    """Return all orders for machines."""
    return [{name: getattr(each, name) for name in each.__slots__} for each in allocation]
