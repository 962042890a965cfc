"""Measure the double auctions on a large book, and beside `pymarket` on a small one where it is installed.

The machine is shared: only ratios of figures from the same run mean anything. Every auction is given a book of unsorted
orders and returns who pays what; the sort is numpy's default `np.sort` of the same prices, each side by itself.
"""

import argparse
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import numpy as np
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from market.auctions import clear_uniform
from pricing.auctions import MECHANISMS, Book, clear, step_book
from pricing.auctions.orders import whole_millionths
from tests.benchmarks.order_flows import seconds

SEED = 20_260_905
LARGEST = {"p2p": 10_000}
"""Everybody meets everybody: a book of its own size."""
PEERS = {"huang": "huang", "muda": "muda", "p2p": "p2p"}
READING = """
books:
  half bids around 105, half offers around 95 (normal, deviation 20), prices in steps of 0.01, 1 to 999 units

rows:
  exchange      the exchange's uniform auction alone, market.auctions.clear_uniform on integers; the others return an Outcome

columns:
  × sort        the time, divided by that of np.sort on the same prices
  pymarket      its time on a book of the size in the row, and that divided by ours
"""


@dataclass(frozen=True)
class Figure:
    """What one auction took on one book. What does not apply is None; `peer` is a time, or why there is none."""

    mechanism: str
    orders: int
    seconds: float
    times_sort: float | None
    peer: float | str | None
    peer_times_ours: float | None


def a_book(orders: int) -> Book:
    """Draw the book of a size."""
    chance = np.random.default_rng(SEED)
    sides = [
        np.column_stack(
            (np.round(chance.normal(mean, 20, orders // 2), 2), chance.integers(1, 1_000, orders // 2))
        )
        for mean in (105, 95)
    ]
    return step_book(*sides)


def runs(book: Book) -> dict[str, Callable[[], object]]:
    """Return what to time: the exchange's auction, then every mechanism."""
    ticks = whole_millionths("prices", book.prices)
    sides = [each[side] for side in (book.buys, ~book.buys) for each in (ticks, book.lots)]
    found: dict[str, Callable[[], object]] = {"exchange": partial(clear_uniform, *sides)}
    for name, mechanism in MECHANISMS.items():
        seed = SEED if "seed" in mechanism.parameters else None
        found[name] = partial(clear, name, book, seed=seed)
    return found


def measure_large(orders: int, repeats: int) -> list[Figure]:
    """Time every auction on a large book, in turns with the sort of its prices."""
    books = {size: a_book(size) for size in {orders, *(min(orders, each) for each in LARGEST.values())}}
    figures = []
    for name in ("exchange", *MECHANISMS):
        book = books[min(orders, LARGEST.get(name, orders))]
        run = runs(book)[name]
        sort = partial(sort_sides, book.prices[book.buys], book.prices[~book.buys])
        if name == "exchange":
            run()  # compiles
        turns = [(seconds(run), seconds(sort)) for _ in range(repeats)]
        taken, sorted_ = (min(each) for each in zip(*turns, strict=True))
        figures.append(Figure(name, len(book), round(taken, 4), round(taken / sorted_, 1), None, None))
    return figures


def sort_sides(bids: np.ndarray, asks: np.ndarray) -> None:
    """Sort the prices of both sides, without the orders that belong to them."""
    np.sort(bids)
    np.sort(asks)


def measure_peers(orders: int) -> list[Figure]:
    """Time ours and pymarket's on the same small book."""
    book = a_book(orders)
    figures = []
    for ours, theirs in PEERS.items():
        run = runs(book)[ours]
        taken = min(seconds(run) for _ in range(3))
        peer = seconds_of_pymarket(theirs, book)
        ratio = round(peer / taken, 1) if isinstance(peer, float) else None
        figures.append(Figure(ours, orders, round(taken, 5), None, peer, ratio))
    return figures


def seconds_of_pymarket(mechanism: str, book: Book) -> float | str:
    """Return the time that pymarket takes, or why it does not run."""
    try:
        import pymarket
    except ImportError:
        return "not installed"
    market: Any = pymarket.Market()
    rows = zip(book.lots / 1_000_000, book.prices, book.buys, strict=True)
    for user, (quantity, price, buys) in enumerate(rows):
        market.accept_bid(float(quantity), float(price), user, bool(buys))
    seeded = {} if mechanism == "huang" else {"r": np.random.RandomState(SEED)}  # its own kind of generator
    try:
        return round(seconds(lambda: market.run(mechanism, **seeded)), 4)
    except Exception as error:
        return f"{type(error).__name__}: {error}"


def print_table(figures: list[Figure]) -> None:
    """Print the figures."""
    table = Table(box=SIMPLE_HEAD, padding=0)
    table.add_column("mechanism", no_wrap=True)
    for column in ("orders", "seconds", "× sort", "pymarket", "÷ ours"):
        table.add_column(column, justify="right")
    for figure in figures:
        blank_or = [
            "" if each is None else str(each)
            for each in (figure.times_sort, figure.peer, figure.peer_times_ours)
        ]
        table.add_row(figure.mechanism, f"{figure.orders:,}", f"{figure.seconds:.4f}", *blank_or)
    Console().print(table)


def main() -> None:
    """Measure as the command line asks for."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.mechanisms",
        description=__doc__,
        epilog=READING,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--orders", type=int, default=1_000_000, help="orders of the large book (default: %(default)s)"
    )
    parser.add_argument(
        "--peer-orders", type=int, default=200, help="orders of the book for pymarket (default: %(default)s)"
    )
    parser.add_argument(
        "--repeats",
        type=int,
        default=2,
        help="turns on the large book, of which the best counts (default: %(default)s)",
    )
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    options = parser.parse_args()
    figures = [*measure_large(options.orders, options.repeats), *measure_peers(options.peer_orders)]
    if options.json:
        print(json.dumps([asdict(figure) for figure in figures], indent=2))
    else:
        print_table(figures)


if __name__ == "__main__":
    main()
