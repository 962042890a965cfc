"""Measure what the order book costs before it does anything: the time until it is ready, and memory per resting order.

Ready means that a fresh process has imported the book and carried out a first message. Times are those of whole processes,
the interpreter's own start included; the fastest of three counts. Memory is what `tracemalloc` sees of a book (numpy
reports all its arrays to it) that was filled in batches, and of the same book with one order more: a book that grew by
doubling would need twice as much for that one.
"""

import argparse
import gc
import json
import os
import subprocess
import sys
import tempfile
import time
import tracemalloc

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from market.book import OrderBook
from tests.benchmarks.flows import Records, resting_orders

FIRST_MESSAGE = """
from market.book import OrderBook
from market.orders import OrderType, Side, TimeInForce
OrderBook().place(1, Side.BUY, OrderType.LIMIT, TimeInForce.GTC, 100, 1)
"""
STARTS = 3
FULL = 1 << 19  # where a book that grows by doubling would be exactly full


def start_seconds(code: str, *, cache: str | None = None) -> float:
    """Time a fresh process that runs the code; `cache` is where numba looks for compiled code if not in its usual place."""
    environment = os.environ | ({"NUMBA_CACHE_DIR": cache} if cache else {})
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True, env=environment, stderr=subprocess.DEVNULL)
    return time.perf_counter() - started


def bytes_per_order(messages: Records) -> float:
    """Return the bytes that a book holds for each of these orders, all of which rest."""
    gc.collect()
    tracemalloc.start()
    try:
        book = OrderBook()
        for start in range(0, len(messages), 1 << 12):
            book.run(messages[start : start + (1 << 12)])
        gc.collect()
        return tracemalloc.get_traced_memory()[0] / len(book)
    finally:
        tracemalloc.stop()


def measure() -> dict[str, float]:
    """Return seconds and bytes by what they are of."""
    with tempfile.TemporaryDirectory() as empty:
        cold = start_seconds(FIRST_MESSAGE, cache=empty)
    orders = resting_orders(FULL + 1)
    bytes_per_order(orders[:1])  # loads what only the first call loads
    return {
        "seconds_interpreter": min(start_seconds("") for _ in range(STARTS)),
        "seconds_numba": min(start_seconds("import numba") for _ in range(STARTS)),
        "seconds_ready": min(start_seconds(FIRST_MESSAGE) for _ in range(STARTS)),
        "seconds_ready_compiling": cold,
        "bytes_per_order_full": bytes_per_order(orders[:FULL]),
        "bytes_per_order_doubled": bytes_per_order(orders),
    }


SAYING = {
    "seconds_interpreter": "bare interpreter, s",
    "seconds_numba": "import numba alone, s",
    "seconds_ready": "ready for messages, s",
    "seconds_ready_compiling": "ready, everything compiled anew, s",
    "bytes_per_order_full": f"bytes per resting order, {FULL:,} in a full book",
    "bytes_per_order_doubled": "bytes per resting order, one more than that",
}


def main() -> None:
    """Print the figures as a table or as JSON."""
    arguments = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.footprint",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    arguments.add_argument("--json", action="store_true", help="print one JSON object")
    chosen = arguments.parse_args()
    with Console(stderr=True).status("starting fresh processes and filling books"):
        figures = measure()
    if chosen.json:
        print(json.dumps({name: round(figure, 3) for name, figure in figures.items()}, indent=2))
        return
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("of the order book")
    table.add_column("", justify="right")
    for name, figure in figures.items():
        table.add_row(SAYING[name], f"{figure:.2f}" if figure < 20 else f"{figure:.1f}")
    Console().print(table)


if __name__ == "__main__":
    main()
