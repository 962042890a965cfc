"""`ccei clear`: one call auction from a CSV file of bids and offers."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from api.columns import read_columns
from api.input_error import InputError
from market.auctions import clear_pay_as_bid, clear_uniform
from market.orders import Allocation as Ties
from market.orders import Side
from market.units import QUANTITY_MAX, format_decimal

SCALE = 1_000_000
AMOUNT_MAX = 1 << 52
MECHANISMS = ("uniform", "pay-as-bid")
TIES = {"time": Ties.TIME, "pro-rata": Ties.PRO_RATA}
SHOWN = 20

_SIDES = {"buy": int(Side.BUY), "sell": int(Side.SELL)}


class UnknownMechanism(ValueError):
    """An auction, or a rule of one, that is not there."""


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


@dataclass(frozen=True, slots=True)
class Cleared:
    """An auction's outcome, in decimal strings. `price` is the uniform price, or the mean paid; None if nothing trades."""

    mechanism: str
    price: str | None
    equilibrium_low: str | None
    equilibrium_high: str | None
    volume: str
    welfare: str
    price_rule: str
    tie_rule: str
    allocation: tuple[Allocation, ...]

    def as_dict(self) -> dict[str, object]:
        """Return it for machines."""
        facts: dict[str, object] = {
            name: getattr(self, name) for name in self.__slots__ if name != "allocation"
        }
        facts["allocation"] = [
            {name: getattr(each, name) for name in each.__slots__} for each in self.allocation
        ]
        return facts

    def show(self, console: Console) -> None:
        """Print it for people."""
        facts = Table(show_header=False, box=None)
        facts.add_column(style="bold")
        facts.add_row("mechanism", self.mechanism)
        facts.add_row(
            "price" if self.mechanism == "uniform" else "mean price", self.price or "nothing trades"
        )
        if self.equilibrium_low is not None:
            facts.add_row("equilibrium prices", f"{self.equilibrium_low} to {self.equilibrium_high}")
        facts.add_row("volume", self.volume)
        facts.add_row("welfare (surplus of both sides)", self.welfare)
        facts.add_row("price rule, tie rule", f"{self.price_rule}, {self.tie_rule}")
        console.print(facts)
        table = Table(
            "line", "participant", "side", "limit", "quantity", "filled", "pays / receives", box=None
        )
        for each in self.allocation[:SHOWN]:
            table.add_row(
                str(each.line),
                each.participant,
                each.side,
                each.price,
                each.quantity,
                each.filled,
                each.money,
            )
        console.print(table)
        if len(self.allocation) > SHOWN:
            console.print(f"… and {len(self.allocation) - SHOWN:,} more; --json prints all")


@dataclass(frozen=True, slots=True, eq=False)
class _Orders:
    """What a file holds, one entry for each order; prices and quantities in parts of 1/`SCALE`."""

    sides: NDArray[np.int64]
    prices: NDArray[np.int64]
    quantities: NDArray[np.int64]
    participants: list[str]
    lines: list[int]


def clear_file(path: Path, mechanism: str, ties: str = "time") -> Cleared:
    """Clear the auction in a file; `ties` says who trades at the margin, the earlier line or all in proportion.

    Raises:
        InputError: naming the line that cannot be read.
        UnknownMechanism: if there is no such auction, or no such rule.
    """
    if mechanism not in MECHANISMS:
        raise UnknownMechanism(f"--mechanism: found {mechanism!r}, expected one of {', '.join(MECHANISMS)}")
    if ties not in TIES:
        raise UnknownMechanism(f"--ties: found {ties!r}, expected one of {', '.join(TIES)}")
    orders = _read(path)
    sides, prices, quantities = orders.sides, orders.prices, orders.quantities
    bid, ask = np.flatnonzero(sides == Side.BUY), np.flatnonzero(sides == Side.SELL)
    fills, money = np.zeros(len(sides), np.int64), [0] * len(sides)
    if mechanism == "uniform":
        uniform = clear_uniform(prices[bid], quantities[bid], prices[ask], quantities[ask], ties=TIES[ties])
        fills[bid], fills[ask] = uniform.buy_fills, uniform.sell_fills
        price: int | None = uniform.price_ticks
        if price is not None:
            money = [price * int(fill) for fill in fills]
        low, high = uniform.low_ticks, uniform.high_ticks
        volume, welfare, rules = uniform.volume_lots, uniform.welfare, (uniform.price_rule, uniform.tie_rule)
    else:
        paid = clear_pay_as_bid(prices[bid], quantities[bid], prices[ask], quantities[ask], ties=TIES[ties])
        fills[bid], fills[ask] = paid.buy_fills, paid.sell_fills
        for buy, sell, quantity, at in paid.pairs.tolist():
            for order in (bid[buy], ask[sell]):
                money[order] += quantity * at
        low = high = None
        volume, welfare, rules = paid.volume_lots, paid.welfare, (paid.price_rule, paid.tie_rule)
        turnover = sum(money[order] for order in bid)
        price = (2 * turnover + volume) // (2 * volume) if volume else None  # to the nearest part, halves up
    return Cleared(
        mechanism=mechanism,
        price=_decimal(price),
        equilibrium_low=_decimal(low),
        equilibrium_high=_decimal(high),
        volume=format_decimal(volume, scale=SCALE),
        welfare=format_decimal(welfare, scale=SCALE * SCALE),
        price_rule=rules[0],
        tie_rule=rules[1],
        allocation=tuple(
            Allocation(
                line=orders.lines[index],
                participant=orders.participants[index],
                side="buy" if sides[index] == Side.BUY else "sell",
                price=format_decimal(int(prices[index]), scale=SCALE),
                quantity=format_decimal(int(quantities[index]), scale=SCALE),
                filled=format_decimal(int(fills[index]), scale=SCALE),
                money=format_decimal(money[index], scale=SCALE * SCALE),
            )
            for index in range(len(sides))
        ),
    )


def _decimal(number: int | None) -> str | None:
    return None if number is None else format_decimal(number, scale=SCALE)


def _read(path: Path) -> _Orders:
    sides, prices, quantities, lines = [], [], [], []
    participants: list[str] = []
    for columns in read_columns(path, required=("side", "price", "quantity", "participant")):
        sides.append(columns.words("side", _SIDES))
        prices.append(columns.decimals("price", scale=SCALE, low=-AMOUNT_MAX, high=AMOUNT_MAX))
        quantities.append(columns.decimals("quantity", scale=SCALE, low=1, high=AMOUNT_MAX))
        participants += columns.texts("participant")
        lines.append(columns.lines)
    if not participants:
        raise InputError(path, "line 2", "the end of the file", "at least one bid or offer")
    total = sum(int(each.sum(dtype=object)) for each in quantities)
    if total > QUANTITY_MAX:
        found, most = (format_decimal(each, scale=SCALE) for each in (total, QUANTITY_MAX))
        raise InputError(path, "all lines", f"quantities that sum to {found}", f"at most {most}")
    return _Orders(
        np.concatenate(sides),
        np.concatenate(prices),
        np.concatenate(quantities),
        participants,
        np.concatenate(lines).tolist(),
    )
