"""`ccei clear`: one call auction from a CSV file of bids and offers."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from api.allocation import Allocations, rows, show_allocation
from api.auctioned import Auctioned, clear_by_mechanism
from api.bids import SCALE, Bids, read_bids
from market.auctions import clear_pay_as_bid, clear_uniform
from market.listing import Allocation as Ties
from market.orders import Side
from market.units import Malformed, format_decimal
from pricing.auctions import MECHANISMS

TIES = {"time": Ties.TIME, "pro-rata": Ties.PRO_RATA}

_OPTIONS = {"uniform": {"ties"}, "pay-as-bid": {"ties"}}
"""What the exchange's own auctions take: all else of theirs is fixed, as on the exchange."""


class UnknownMechanism(Malformed):
    """An auction, or a rule of one, that is not there."""


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
    allocation: Allocations

    def as_dict(self) -> dict[str, object]:
        """Return it for machines."""
        facts: dict[str, object] = {
            name: getattr(self, name) for name in self.__slots__ if name != "allocation"
        }
        return facts | {"allocation": rows(self.allocation)}

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
        show_allocation(self.allocation, console)


def clear_file(
    path: Path,
    mechanism: str = "uniform",
    *,
    ties: str | None = None,
    k: float | None = None,
    seed: int | None = None,
) -> Cleared | Auctioned:
    """Clear the auction in a file by the mechanism of that name in `pricing.auctions.MECHANISMS`.

    `ties` says who trades at the margin, "time" (the earlier line, the default) or "pro-rata"; `k` where between the limits
    a price lies, and `seed` what lots are drawn with (1 by default). A parameter that the mechanism has no use for is
    refused.

    Raises:
        InputError: naming the line that cannot be read, or that the mechanism has no use for.
        UnknownMechanism: if there is no such auction, or no such rule of it.
        PricingError: if a parameter is out of range, or nobody bids or offers where the mechanism needs both.
    """
    if mechanism not in MECHANISMS:
        raise UnknownMechanism(f"--mechanism: found {mechanism!r}, expected one of {', '.join(MECHANISMS)}")
    for name, given in (("ties", ties), ("k", k), ("seed", seed)):
        if given is not None and name not in _options(mechanism):
            takers = ", ".join(each for each in MECHANISMS if name in _options(each))
            raise UnknownMechanism(
                f"--{name}: found {given} with {mechanism}, expected it with {takers} only"
            )
    if ties is not None and ties not in TIES:
        raise UnknownMechanism(f"--ties: found {ties!r}, expected one of {', '.join(TIES)}")
    bids = read_bids(path)
    if mechanism == "uniform":
        return _uniform(bids, TIES[ties or "time"])
    if mechanism == "pay-as-bid":
        return _pay_as_bid(bids, TIES[ties or "time"])
    return clear_by_mechanism(bids, MECHANISMS[mechanism], ties=ties, k=k, seed=seed)


def _options(mechanism: str) -> "set[str] | frozenset[str]":
    return _OPTIONS.get(mechanism, MECHANISMS[mechanism].parameters)


def _uniform(bids: Bids, ties: Ties) -> Cleared:
    prices, quantities = bids.prices, bids.quantities
    bid, ask = np.flatnonzero(bids.sides == Side.BUY), np.flatnonzero(bids.sides == Side.SELL)
    found = clear_uniform(prices[bid], quantities[bid], prices[ask], quantities[ask], ties=ties)
    filled = np.zeros(len(bids.sides), np.int64)
    filled[bid], filled[ask] = found.buy_fills, found.sell_fills
    price = found.price_ticks
    return Cleared(
        mechanism="uniform",
        price=_decimal(price),
        equilibrium_low=_decimal(found.low_ticks),
        equilibrium_high=_decimal(found.high_ticks),
        volume=format_decimal(found.volume_lots, scale=SCALE),
        welfare=format_decimal(found.welfare, scale=SCALE * SCALE),
        price_rule=found.price_rule,
        tie_rule=found.tie_rule,
        allocation=Allocations(
            bids,
            filled,
            [(price or 0) * fill for fill in filled.tolist()],
            money_scale=SCALE * SCALE,
        ),
    )


def _pay_as_bid(bids: Bids, ties: Ties) -> Cleared:
    prices, quantities = bids.prices, bids.quantities
    bid, ask = np.flatnonzero(bids.sides == Side.BUY), np.flatnonzero(bids.sides == Side.SELL)
    found = clear_pay_as_bid(prices[bid], quantities[bid], prices[ask], quantities[ask], ties=ties)
    filled, money = np.zeros(len(bids.sides), np.int64), [0] * len(bids.sides)
    filled[bid], filled[ask] = found.buy_fills, found.sell_fills
    for buy, sell, quantity, at in found.pairs.tolist():
        for order in (bid[buy], ask[sell]):
            money[order] += quantity * at
    volume, turnover = found.volume_lots, sum(money[order] for order in bid)
    return Cleared(
        mechanism="pay-as-bid",
        # to the nearest part, halves up
        price=_decimal((2 * turnover + volume) // (2 * volume) if volume else None),
        equilibrium_low=None,
        equilibrium_high=None,
        volume=format_decimal(volume, scale=SCALE),
        welfare=format_decimal(found.welfare, scale=SCALE * SCALE),
        price_rule=found.price_rule,
        tie_rule=found.tie_rule,
        allocation=Allocations(bids, filled, money, money_scale=SCALE * SCALE),
    )


def _decimal(number: int | None) -> str | None:
    return None if number is None else format_decimal(number, scale=SCALE)
