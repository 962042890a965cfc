"""Measure the auctions: a large book of one product, and a day of 24 hours with block orders.

The machine is shared: the clearing and the sort take turns, the fastest turn of each counts, and only their ratio means
anything. The clearing is given unsorted orders; the sort is numpy's default `np.sort` (an unstable quicksort, vectorised
where the processor can) of the same prices, each side by itself, and without the orders that belong to them.
"""

import argparse
import json
import time
from dataclasses import asdict, dataclass

import numpy as np
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from market.auctions import clear_uniform
from market.block_orders import Block, StepOrder, simple_order
from market.blocks import clear_blocks
from market.orders import Side
from tests.benchmarks.order_flows import seconds

SEED = 20_260_905
HOURS = 24
SPAN = 8
"""Hours of a block at most."""
READING = """
books:
  one product   half bids around 105, half offers around 95 (normal, deviation 20), prices in steps of 0.01, 1 to 999 lots
  block day     hourly orders of the same kind in 24 hours; a share of the orders are blocks of 2 to 8 hours, of the mean
                size of the hourly ones, all or nothing, one in four down to a half

columns:
  × sort        the time, divided by that of np.sort on the same prices
  gap %         how much more welfare there might be at most, in percent; 0 if the result is proved the best
"""


@dataclass(frozen=True)
class Figure:
    """What one auction took. What does not apply is None."""

    book: str
    orders: int
    blocks: int | None
    seconds: float
    sort_seconds: float | None
    times_sort: float | None
    volume_lots: int
    gap: float | None
    optimal: bool | None


def measure_one_product(orders: int, repeats: int) -> Figure:
    """Clear a book of random orders, and sort its prices, in turns."""
    chance = np.random.default_rng(SEED)
    bids, offers = (_prices(chance, mean, orders // 2) for mean in (10_500, 9_500))
    bid_lots, offer_lots = (chance.integers(1, 1_000, orders // 2) for _ in range(2))
    clearing = clear_uniform(bids, bid_lots, offers, offer_lots)  # compiles

    def clear() -> None:
        clear_uniform(bids, bid_lots, offers, offer_lots)

    def sort() -> None:
        np.sort(bids)
        np.sort(offers)

    turns = [(seconds(clear), seconds(sort)) for _ in range(repeats)]
    cleared, sorted_ = (min(each) for each in zip(*turns, strict=True))
    return Figure(
        book="one product",
        orders=2 * len(bids),
        blocks=None,
        seconds=round(cleared, 6),
        sort_seconds=round(sorted_, 6),
        times_sort=round(cleared / sorted_, 2),
        volume_lots=int(clearing.volume_lots),
        gap=None,
        optimal=None,
    )


def measure_block_day(orders: int, block_share: float, limit_s: float) -> Figure:
    """Clear a day with blocks once; after `limit_s` seconds the best result so far is taken."""
    hourly, blocks = block_day(orders, block_share)
    clear_blocks(*block_day(1_000, 0.1))  # compiles
    started = time.perf_counter()
    clearing = clear_blocks(hourly, blocks, stop=lambda: time.perf_counter() - started > limit_s)
    taken = time.perf_counter() - started
    return Figure(
        book="block day",
        orders=len(hourly) + len(blocks),
        blocks=len(blocks),
        seconds=round(taken, 3),
        sort_seconds=None,
        times_sort=None,
        volume_lots=sum(clearing.volumes),
        gap=clearing.gap,
        optimal=clearing.optimal,
    )


def block_day(orders: int, block_share: float) -> tuple[list[StepOrder], list[Block]]:
    """Draw the hourly orders and the blocks of a day."""
    chance = np.random.default_rng(SEED)
    count = round(orders * block_share)
    hourly = []
    for at in range(orders - count):
        side = Side(at % 2)
        price = int(_prices(chance, 9_500 if side is Side.SELL else 10_500, 1)[0])
        hourly.append(simple_order(side, int(chance.integers(HOURS)), price, int(chance.integers(1, 1_000))))
    blocks = []
    for at in range(count):
        side = Side(at % 2)
        price = int(_prices(chance, 9_500 if side is Side.SELL else 10_500, 1)[0])
        length = int(chance.integers(2, SPAN + 1))
        first = int(chance.integers(HOURS - length + 1))
        lots = int(chance.integers(1, 1_000))
        profile = tuple((hour, lots) for hour in range(first, first + length))
        blocks.append(Block(side, price, profile, minimum_ppm=500_000 if at % 4 == 0 else 1_000_000))
    return hourly, blocks


def print_table(figures: list[Figure]) -> None:
    """Print the figures."""
    table = Table(box=SIMPLE_HEAD, padding=0)
    table.add_column("book", no_wrap=True)
    for column in ("orders", "blocks", "seconds", "np.sort s", "× sort", "gap %", "proved best"):
        table.add_column(column, justify="right", no_wrap=True)
    for each in figures:
        table.add_row(
            each.book,
            f"{each.orders:,}",
            "" if each.blocks is None else f"{each.blocks:,}",
            f"{each.seconds:.3f}",
            "" if each.sort_seconds is None else f"{each.sort_seconds:.3f}",
            "" if each.times_sort is None else f"{each.times_sort:.2f}",
            "" if each.gap is None else f"{100 * each.gap:.4f}",
            "" if each.optimal is None else "yes" if each.optimal else "no",
        )
    Console().print(table)


def main() -> None:
    """Measure both auctions, and print a table or a JSON list."""
    arguments = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.auctions",
        description=__doc__,
        epilog=READING,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    arguments.add_argument(
        "--orders", type=int, default=1_000_000, help="of one product; 1,000,000 by default"
    )
    arguments.add_argument("--repeats", type=int, default=5, help="turns of clearing and sort; 5 by default")
    arguments.add_argument(
        "--day-orders", type=int, default=10_000, help="of the block day; 10,000 by default"
    )
    arguments.add_argument(
        "--block-share", type=float, default=0.1, help="of the day's orders; 0.1 by default"
    )
    arguments.add_argument("--limit", type=float, default=60, help="seconds for the block day; 60 by default")
    arguments.add_argument("--json", action="store_true", help="print a list of figures")
    chosen = arguments.parse_args()
    figures = [
        measure_one_product(chosen.orders, chosen.repeats),
        measure_block_day(chosen.day_orders, chosen.block_share, chosen.limit),
    ]
    if chosen.json:
        print(json.dumps([asdict(each) for each in figures], indent=2))
    else:
        print_table(figures)


def _prices(chance: np.random.Generator, mean: int, count: int) -> np.ndarray:
    return np.maximum(1, np.rint(chance.normal(mean, 2_000, count))).astype(np.int64)


if __name__ == "__main__":
    main()
