"""`ccei match`: replay an order flow from a CSV file through one order book, in a stream."""

import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from api.columns import Columns, read_columns
from api.whole_file import Unwritable, whole_file
from market.book import OrderBook
from market.matching import CANCEL, MESSAGE, NEW, PRICE_LIMIT, REPLACE
from market.orders import OrderType, Side, TimeInForce
from market.placement import REFUSALS
from market.units import format_decimal

SCALE = 1_000_000
"""Prices and quantities may have six decimals."""
PRICE_MAX = PRICE_LIMIT - 1
QUANTITY_MAX = 1 << 52

_REQUIRED = ("action", "order_id", "side", "type", "tif", "price", "quantity")
_OPTIONAL = ("participant", "post_only", "timestamp")
_ACTIONS = {"new": NEW, "cancel": CANCEL, "replace": REPLACE}
_SIDES = {"buy": int(Side.BUY), "sell": int(Side.SELL)}
_TYPES = {"limit": int(OrderType.LIMIT), "market": int(OrderType.MARKET)}
_TIFS = {"gtc": int(TimeInForce.GTC), "ioc": int(TimeInForce.IOC), "fok": int(TimeInForce.FOK)}
_FLAGS = {"false": 0, "true": 1, "0": 0, "1": 1, "no": 0, "yes": 1}
_NO_PRICE, _NO_QUANTITY = -(1 << 62), -1


@dataclass(frozen=True, slots=True)
class Replayed:
    """What a flow did. Volume in parts of 1/`SCALE`; refusals by name."""

    messages: int
    trades: int
    volume: int
    refusals: dict[str, int]
    resting: int
    best_bid: int | None
    best_ask: int | None
    seconds: float
    matching_seconds: float

    def as_dict(self) -> dict[str, object]:
        """Return it for machines; amounts as decimal strings."""
        return {
            "messages": self.messages,
            "trades": self.trades,
            "volume": format_decimal(self.volume, scale=SCALE),
            "refusals": self.refusals,
            "resting_orders": self.resting,
            "best_bid": None if self.best_bid is None else format_decimal(self.best_bid, scale=SCALE),
            "best_ask": None if self.best_ask is None else format_decimal(self.best_ask, scale=SCALE),
            "seconds": round(self.seconds, 3),
            "matching_seconds": round(self.matching_seconds, 3),
        }

    def show(self, console: Console) -> None:
        """Print it for people."""
        table = Table(show_header=False, box=None)
        table.add_column(style="bold")
        for name, value in self.as_dict().items():
            table.add_row(name.replace("_", " "), _told(value))
        console.print(table)


def _told(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{count:,} {refusal}" for refusal, count in value.items()) or "none"
    if value is None:
        return "none"
    return f"{value:,}" if isinstance(value, int) else str(value)


def replay(flow: Path, trades: Path | None, *, write_trades: bool = True, console: Console) -> Replayed:
    """Replay a flow; write its trades, whole or not at all, to `trades`, or (None) to standard output.

    The order of the lines is the order of time.

    Raises:
        InputError: naming the line that cannot be read; no trades are written then.
        Unwritable: before anything is read, if the trades cannot be written there.
    """
    if trades is not None and flow.exists() and trades.exists() and trades.samefile(flow):
        raise Unwritable(trades, "the flow itself")
    started = time.perf_counter()
    book = OrderBook(capacity=1 << 16)
    book.run(np.zeros(0, MESSAGE))  # loads the compiled kernel, so that matching alone is timed below
    messages = count = volume = 0
    matching_s = 0.0
    refusals: Counter[str] = Counter()
    with ExitStack() as closing:
        out = closing.enter_context(whole_file(trades)) if write_trades else None
        if out is not None:
            out.write("taker_order_id,maker_order_id,price,quantity\n")
        status = closing.enter_context(console.status("reading orders"))
        for columns in read_columns(flow, required=_REQUIRED, optional=_OPTIONAL):
            batch = _messages(columns)
            before = time.perf_counter()
            run = book.run(batch)
            matching_s += time.perf_counter() - before
            for code, times in zip(*np.unique(run.outcomes["code"], return_counts=True), strict=True):
                refusal = REFUSALS[code]
                if refusal is not None:
                    refusals[refusal.value] += int(times)
            if out is not None:
                _write(run.fills, out)
            messages, count = messages + len(batch), count + len(run.fills)
            volume += int(run.fills["quantity_lots"].sum(dtype=object)) if len(run.fills) else 0
            status.update(f"{messages:,} messages, {count:,} trades")
    return Replayed(
        messages=messages,
        trades=count,
        volume=volume,
        refusals=dict(sorted(refusals.items())),
        resting=len(book),
        best_bid=book.best_bid(),
        best_ask=book.best_ask(),
        seconds=time.perf_counter() - started,
        matching_seconds=matching_s,
    )


def _messages(columns: Columns) -> NDArray[np.void]:
    """Turn rows into the kernel's messages. What an action does not need may be blank."""
    messages = np.zeros(len(columns), MESSAGE)
    action = columns.words("action", _ACTIONS)
    new, replace = action == NEW, action == REPLACE
    messages["action"] = action
    messages["order_id"] = columns.integers("order_id")
    side = columns.words("side", _SIDES, default=-1)
    columns.wrong(new & (side < 0), "side", "buy or sell")
    messages["side"] = np.maximum(side, 0)
    messages["order_type"] = columns.words("type", _TYPES, default=int(OrderType.LIMIT))
    messages["time_in_force"] = columns.words("tif", _TIFS, default=int(TimeInForce.GTC))
    messages["post_only"] = columns.words("post_only", _FLAGS, default=0)
    price = columns.decimals("price", scale=SCALE, low=-PRICE_MAX, high=PRICE_MAX, blank=_NO_PRICE)
    market = messages["order_type"] == OrderType.MARKET
    columns.wrong((price == _NO_PRICE) & ((new & ~market) | replace), "price", "a price")
    # a market order without a limit takes any price
    unlimited = np.where(messages["side"] == Side.BUY, PRICE_MAX, -PRICE_MAX)
    messages["price_ticks"] = np.where(price == _NO_PRICE, np.where(market, unlimited, 0), price)
    quantity = columns.decimals("quantity", scale=SCALE, low=0, high=QUANTITY_MAX, blank=_NO_QUANTITY)
    columns.wrong((quantity == _NO_QUANTITY) & (new | replace), "quantity", "a quantity")
    messages["quantity_lots"] = np.maximum(quantity, 0)
    return messages


def _write(fills: NDArray[np.void], out: IO[str]) -> None:
    """Write trades as CSV; each distinct number is worded once."""
    price, quantity = _worded(fills["price_ticks"]), _worded(fills["quantity_lots"])
    takers, makers = fills["taker_order_id"].tolist(), fills["maker_order_id"].tolist()
    rows = zip(takers, makers, price, quantity, strict=True)
    out.write("".join([f"{taker},{maker},{price},{quantity}\n" for taker, maker, price, quantity in rows]))


def _worded(numbers: NDArray[np.int64]) -> list[str]:
    distinct, places = np.unique(numbers, return_inverse=True)
    words = [format_decimal(each, scale=SCALE) for each in distinct.tolist()]
    return [words[place] for place in places.tolist()]
