"""Measure the order book on seeded flows of messages: `python -m tests.benchmarks.order_flows [--json]`.

Beside the book's figure stands the plain walk, reading every field of the same messages and doing nothing, which is what
the machine allows at that moment; and, where it is installed, `bourse` (a Rust book behind a Python call per message).
"""

import argparse
import json
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec

import numpy as np
from numba import njit

from market import matching
from market.book import OrderBook
from market.matching import MESSAGE
from market.orders import Side

NEW_SHARE, CANCEL_SHARE = 0.55, 0.40  # the rest is aggressive
START_MID, SPAN, REACH = 100_000, 200, 20


@dataclass(frozen=True)
class Flow:
    messages: np.ndarray
    instruments: np.ndarray  # which book each message is for


def base_flow(count: int, *, seed: int = 1, start_depth: int = 0) -> Flow:
    """55 % new orders within ±200 ticks of a drifting mid, 40 % cancels of earlier ones, 5 % that trade at once.

    A cancel may name an order that has traded by then, as in life. `start_depth` orders are in the book beforehand.
    """
    chance = random.Random(seed)
    rows = []
    live: list[int] = []
    order_id, mid = 0, START_MID
    while len(rows) < start_depth + count:
        mid += chance.choice((-1, 0, 0, 0, 0, 0, 0, 1))
        drawn = 0.0 if len(rows) < start_depth else chance.random()
        if NEW_SHARE <= drawn < NEW_SHARE + CANCEL_SHARE and live:
            at = chance.randrange(len(live))
            live[at], live[-1] = live[-1], live[at]
            rows.append((live.pop(), 0, 1, matching.CANCEL, 0, 0, 0, 0))
            continue
        side = Side(chance.randrange(2))
        away = -1 if side is Side.BUY else 1
        if drawn < NEW_SHARE:
            price, quantity = mid + away * chance.randint(1, SPAN), chance.randint(1, 100)
        else:
            price, quantity = mid - away * REACH, chance.randint(1, 500)
        rows.append((order_id, price, quantity, matching.NEW, side, 0, 0, 0))
        live.append(order_id)
        order_id += 1
    messages = np.array(rows, MESSAGE)
    return Flow(messages, np.zeros(len(messages), np.int64))


def shuffled_ids(count: int) -> Flow:
    """The base flow under random 64-bit order ids."""
    messages = base_flow(count).messages
    names = np.random.default_rng(2).permutation(np.arange(count, dtype=np.uint64))
    scattered = (names * np.uint64(0x9E3779B97F4A7C15)).view(np.int64)
    messages["order_id"] = scattered[messages["order_id"]]
    return Flow(messages, np.zeros(count, np.int64))


def deep_book(count: int) -> Flow:
    """The base flow on top of as many orders again, all of them resting around the mid."""
    return base_flow(count, start_depth=count)


def hundred_instruments(count: int) -> Flow:
    """A hundred base flows, interleaved by chance."""
    each = count // 100
    flows = [base_flow(each, seed=seed).messages for seed in range(100)]
    instruments = np.random.default_rng(3).permutation(np.repeat(np.arange(100), each))
    messages = np.empty(100 * each, MESSAGE)
    messages[np.argsort(instruments, kind="stable")] = np.concatenate(flows)
    return Flow(messages, instruments)


FLOWS: dict[str, Callable[[int], Flow]] = {
    "base": base_flow,
    "shuffled": shuffled_ids,
    "deep": deep_book,
    "hundred": hundred_instruments,
}


def run_books(flow: Flow) -> int:
    """Split the messages by instrument, run each book's share as one batch, and return the number of fills."""
    books = int(flow.instruments.max()) + 1
    if books == 1:
        return len(OrderBook().run(flow.messages).fills)
    order = np.argsort(flow.instruments.astype(np.uint8), kind="stable")
    words = flow.messages.view(np.int64).reshape(
        len(order), -1
    )  # numpy gathers words far faster than records
    ends = np.cumsum(np.bincount(flow.instruments))
    shares = np.split(words[order].view(MESSAGE).reshape(-1), ends[:-1])
    return sum(len(OrderBook().run(share).fills) for share in shares)


@njit(_nrt=False)
def _walk(messages):
    total = 0
    for index in range(len(messages)):
        message = messages[index]
        total += message.order_id ^ message.price_ticks ^ message.quantity_lots
        total += (
            message.action + message.side + message.order_type + message.time_in_force + message.post_only
        )
    return total


def run_bourse(flow: Flow) -> int:
    """Give the same messages to `bourse`, one call each, and return the number of fills.

    It numbers orders by arrival, as the base flow does, and needs a new time for each or forgets which came first.
    """
    from bourse.core import OrderBook as RustBook

    book = RustBook(0, 1, True)
    place, cancel, set_time = book.place_order, book.cancel_order, book.set_time
    for now, (order_id, price, quantity, action, side, *_) in enumerate(flow.messages.tolist()):
        set_time(now)
        if action == matching.NEW:
            place(side == Side.BUY, quantity, 0, price=price)
        else:
            cancel(order_id)
    return len(book.get_trades())


def best_seconds(work: Callable[[], object], repeats: int) -> float:
    taken = []
    for _ in range(repeats):
        started = time.perf_counter()
        work()
        taken.append(time.perf_counter() - started)
    return min(taken)


def measure(name: str, count: int, repeats: int) -> dict[str, object]:
    flow = FLOWS[name](count)
    total = len(flow.messages)
    figures: dict[str, object] = {"flow": name, "messages": total, "fills": run_books(flow)}
    rate = total / best_seconds(lambda: run_books(flow), repeats)
    _walk(flow.messages)
    figures["messages_per_second"] = round(rate)
    figures["plain_walk_per_second"] = round(total / best_seconds(lambda: _walk(flow.messages), repeats))
    if name == "base" and find_spec("bourse"):
        bourse_rate = total / best_seconds(lambda: figures.update(bourse_fills=run_bourse(flow)), 1)
        figures["bourse_messages_per_second"] = round(bourse_rate)
        figures["times_bourse"] = round(rate / bourse_rate, 1)
    return figures


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--messages", type=int, default=1_000_000)
    arguments.add_argument("--flow", choices=FLOWS, action="append", help="may be repeated; all by default")
    arguments.add_argument("--repeats", type=int, default=5, help="the fastest counts")
    arguments.add_argument("--json", action="store_true")
    chosen = arguments.parse_args()
    results = [measure(name, chosen.messages, chosen.repeats) for name in chosen.flow or FLOWS]
    if chosen.json:
        print(json.dumps(results, indent=2))
        return
    for figures in results:
        print(
            "  ".join(
                f"{key}={value:,}" if isinstance(value, int | float) else str(value)
                for key, value in figures.items()
            )
        )


if __name__ == "__main__":
    main()
