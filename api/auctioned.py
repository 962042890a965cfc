"""Auctions of `pricing.auctions` on a file of bids: what they trade, at which prices, and who keeps the surplus."""

import math
from dataclasses import dataclass

import numpy as np
from rich.console import Console
from rich.table import Table

from api.allocation import Allocations, rows, show_allocation
from api.bids import SCALE, Bids, check_total
from api.input_error import InputError
from market.orders import Side
from market.units import MICROS_PER_TOKEN, format_decimal
from pricing.auctions import Book, Mechanism, Outcome
from pricing.payments import DRIFT, round_payments

SEED = 1
"""What lots are drawn with where no seed is given."""
QUANTITY_MAX = (1 << 53) - 1
"""In parts: more than that, some nine thousand million units, are not exact as floats."""
GIVES_UP_A_UNIT = ("mcafee", "trade-reduction", "sbb-trade-reduction")
"""Auctions that give up a whole unit, and know no part of one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Auctioned:
    """An auction's outcome, in decimal strings; prices to the millionth, money in whole micro-units.

    `buyer_price` and `seller_price` are None where nothing trades, or not everybody at one price. `welfare` is what
    `buyers_gain`, `sellers_gain` and the auctioneer's `budget` (negative: what he adds) come to, taking the orders for
    true; `best_welfare` and `best_volume` are those of the best allocation, and `efficiency` is welfare over best welfare.
    """

    mechanism: str
    rule: str
    seed: int | None
    buyer_price: str | None
    seller_price: str | None
    equilibrium_low: str | None
    equilibrium_high: str | None
    volume: str
    best_volume: str
    welfare: str
    best_welfare: str
    efficiency: float
    buyers_pay: str
    sellers_receive: str
    buyers_gain: str
    sellers_gain: str
    budget: str
    note: str
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
        seeded = "" if self.seed is None else f", lots drawn with seed {self.seed}"
        facts.add_row("mechanism", f"{self.mechanism}: {self.rule}{seeded}")
        facts.add_row("buyers pay, sellers receive", self._prices())
        if self.equilibrium_low is not None:
            facts.add_row("equilibrium prices", f"{self.equilibrium_low} to {self.equilibrium_high}")
        facts.add_row("volume", f"{self.volume}; the best allocation: {self.best_volume}")
        facts.add_row(
            "welfare",
            f"{self.welfare}; the best allocation: {self.best_welfare} (efficiency {self.efficiency:.1%})",
        )
        facts.add_row(
            "who gains it",
            f"buyers {self.buyers_gain}, sellers {self.sellers_gain}; {self._auctioneer()}",
        )
        facts.add_row("money", f"buyers pay {self.buyers_pay}, sellers receive {self.sellers_receive}")
        if self.note:
            facts.add_row("note", self.note)
        console.print(facts)
        show_allocation(self.allocation, console)

    def _prices(self) -> str:
        if self.volume == "0":
            return "nothing trades"
        if self.buyer_price is None and self.seller_price is None:
            return "each at prices of their own"
        return ", ".join(
            each or "each at a price of its own" for each in (self.buyer_price, self.seller_price)
        )

    def _auctioneer(self) -> str:
        if self.budget.startswith("-"):
            return f"the auctioneer adds {self.budget[1:]}"
        return f"the auctioneer keeps {self.budget}"


def clear_by_mechanism(
    bids: Bids, mechanism: Mechanism, *, ties: str | None, k: float | None, seed: int | None
) -> Auctioned:
    """Clear a file's orders by an auction; what is None is left to the auction, but for the seed, which is then `SEED`.

    Raises:
        InputError: if one side is empty, there is too much to count exactly, or a part of a unit where whole ones are
            given up.
        PricingError: if a parameter is out of range.
    """
    check_total(bids, QUANTITY_MAX)
    buyers = int(np.count_nonzero(bids.sides == Side.BUY))
    if buyers in (0, len(bids.sides)):
        found = f"{buyers} bids and {len(bids.sides) - buyers} offers"
        raise InputError(bids.path, "all lines", found, f"some of both, as {mechanism.name} needs them")
    if mechanism.name in GIVES_UP_A_UNIT:
        _check_whole_units(bids, mechanism.name)
    if seed is None and "seed" in mechanism.parameters:
        seed = SEED
    given = {"ties": ties, "k": k, "seed": seed}
    outcome = mechanism.run(_book(bids), **{name: each for name, each in given.items() if each is not None})
    return _told(bids, outcome, seed)


def _book(bids: Bids) -> Book:
    codes: dict[str, int] = {}
    owners = [codes.setdefault(name, len(codes)) for name in bids.participants]
    return Book(
        prices=bids.prices / SCALE,
        lots=bids.quantities.copy(),
        buys=bids.sides == Side.BUY,
        owners=np.array(owners, np.int64),
        participants=tuple(codes),
    )


def _check_whole_units(bids: Bids, name: str) -> None:
    parts = bids.quantities % SCALE != 0
    if parts.any():
        at = int(np.argmax(parts))
        raise InputError(
            bids.path,
            f"line {bids.lines[at]}",
            f"quantity {format_decimal(int(bids.quantities[at]), scale=SCALE)}",
            f"whole units, as {name} gives up the last one; huang, muda and vcg take any quantity",
        )


def _told(bids: Bids, outcome: Outcome, seed: int | None) -> Auctioned:
    buys = bids.sides == Side.BUY
    filled = np.rint(np.array(outcome.filled) * SCALE).astype(np.int64)
    paid = _micros(outcome)
    money = [each if buy else -each for each, buy in zip(paid, buys.tolist(), strict=True)]
    worth = bids.prices.astype(object) * filled  # exact: a product may be more than a word holds
    spent, received = (
        sum(each for each, on in zip(money, side, strict=True) if on) for side in (buys, ~buys)
    )
    exact = SCALE * SCALE // MICROS_PER_TOKEN
    buyers_gain, sellers_gain = (
        int(worth[buys].sum()) - spent * exact,
        received * exact - int(worth[~buys].sum()),
    )
    budget = spent - received
    low, high = outcome.interval or (None, None)
    return Auctioned(
        mechanism=outcome.mechanism,
        rule=outcome.rule,
        seed=seed,
        buyer_price=_millionths(outcome.buyer_price),
        seller_price=_millionths(outcome.seller_price),
        equilibrium_low=_millionths(low),
        equilibrium_high=_millionths(high),
        volume=format_decimal(int(filled[buys].sum()), scale=SCALE),
        best_volume=_millionths(outcome.efficient_volume) or "0",
        welfare=format_decimal(buyers_gain + sellers_gain + budget * exact, scale=SCALE * SCALE),
        best_welfare=_millionths(outcome.efficient_welfare) or "0",
        efficiency=outcome.efficiency,
        buyers_pay=format_decimal(spent, scale=MICROS_PER_TOKEN),
        sellers_receive=format_decimal(received, scale=MICROS_PER_TOKEN),
        buyers_gain=format_decimal(buyers_gain, scale=SCALE * SCALE),
        sellers_gain=format_decimal(sellers_gain, scale=SCALE * SCALE),
        budget=format_decimal(budget, scale=MICROS_PER_TOKEN),
        note=outcome.note,
        allocation=Allocations(bids, filled, money, money_scale=MICROS_PER_TOKEN),
    )


def _micros(outcome: Outcome) -> list[int]:
    """Return what each order pays in whole micro-units: together exactly what the auctioneer keeps, none without a trade.

    What an auction that balances its budget keeps by rounding of floats is nothing.
    """
    traded = [place for place, units in enumerate(outcome.filled) if units]
    payments = [outcome.paid[place] for place in traded]
    kept = outcome.budget_surplus
    if abs(kept) * DRIFT <= math.fsum(map(abs, payments)):
        kept = 0.0
    micros = [0] * len(outcome.paid)
    rounded = round_payments(payments, total=round(kept * MICROS_PER_TOKEN))
    for place, each in zip(traded, rounded, strict=True):
        micros[place] = each
    return micros


def _millionths(figure: float | None) -> str | None:
    return None if figure is None else format_decimal(round(figure * SCALE), scale=SCALE)
