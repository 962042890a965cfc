"""Measure durable orders per second, beside a bare loop: `python -m tests.benchmarks.durable_orders [--orders N]`.

Orders go through the sequencer as a service uses it: some batches are on their way, so that others wait while one is
decided, matched, booked and committed; an order counts when its answer has come. The bare loop appends to a file the bytes
that the record then has of the same batches, and calls fsync after each. Both take turns, some batches each; the rates are
medians of the turns. The readable tables are written later, after the turns.
"""

import argparse
import asyncio
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from api.clock import DrivenClock
from api.memory import settle_memory
from api.sequencer import Sequencer
from ledger.database import open_database
from ledger.projections import Projector
from ledger.rebuild import recover
from ledger.record import Record, RecordReader
from market.orders import PlaceOrder
from tests.benchmarks.crossing import opening, orders
from tests.ledger.builders import CONTINUOUS_S, Day
from tests.ledger.days import GENESIS
from tests.ledger.postgres import MISSING, running_cluster, servers

TURNS = 9
SIZES = (100, 1_000)
IN_FLIGHT = 3
"""How many batches are on their way at a time."""


@dataclass
class Turns:
    """What each turn took, in seconds: ours, our processor time, and the bare loop's."""

    ours: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    bare: list[float] = field(default_factory=list)


def measure(url: str, folder: Path, *, per_batch: int, batches: int) -> Turns:
    """Measure turns of some batches each on an empty database."""
    engine = open_database(url)
    record, projector = Record(engine, GENESIS), Projector(engine)
    recovery = recover(record, projector=projector)
    clock = DrivenClock(CONTINUOUS_S - 1)
    sequencer = Sequencer(
        recovery.venue,
        record,
        projector,
        recovery.tapes,
        clock,
        queue_limit=1 << 30,
        batch_limit=per_batch,
        lag_limit=1 << 30,
    )
    sequencer.process(opening(Day()).commands)
    clock.move_to(CONTINUOUS_S)
    sequencer.process(orders(1, per_batch))  # warms the compiled kernel up
    settle_memory()
    turns = Turns()
    with open(folder / "bare", "ab", buffering=0) as file:
        for number in range(1, TURNS + 1):
            waiting = [
                orders((number * batches + each) * per_batch + 1, per_batch) for each in range(batches)
            ]
            before = record.number
            start, start_cpu = time.perf_counter(), time.process_time()
            end, end_cpu = asyncio.run(_serve(sequencer, waiting))
            turns.ours.append(end - start)
            turns.cpu.append(end_cpu - start_cpu)
            written = list(_bytes_of(record, after=before))
            start = time.perf_counter()
            for content in written:
                file.write(content)
                os.fsync(file.fileno())
            turns.bare.append(time.perf_counter() - start)
            sequencer.catch_up()
    record.close()
    engine.dispose()
    return turns


async def _serve(sequencer: Sequencer, waiting: list[list[PlaceOrder]]) -> tuple[float, float]:
    """Hand in the batches, a few at a time, and return when the last answer came: on the clock, and of the processor."""
    serving = asyncio.create_task(sequencer.run())
    room = asyncio.Semaphore(IN_FLIGHT)

    async def hand_in(batch: list[PlaceOrder]) -> None:
        async with room:
            await sequencer.submit_many(batch)

    await asyncio.gather(*map(hand_in, waiting))
    end = time.perf_counter(), time.process_time()
    serving.cancel()
    return end


def _bytes_of(record: RecordReader, *, after: int) -> Iterator[bytes]:
    """Yield what the rows after a batch hold."""
    for row in record.rows(after=after):
        yield b"".join((row.commands, row.events, row.previous, row.hash))


def main() -> None:
    """Read the command line and print the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.durable_orders", description=__doc__)
    parser.add_argument("--orders", type=int, default=5_000, help="orders in a turn")
    count = parser.parse_args().orders
    table = Table(
        "database",
        "per batch",
        "orders/s",
        "bare/s",
        "ratio",
        "CPU µs per order",
        box=SIMPLE_HEAD,
        pad_edge=False,
    )
    with ExitStack() as closing:
        folder = Path(closing.enter_context(tempfile.TemporaryDirectory()))
        databases: dict[str, Callable[[int], str]] = {"sqlite": lambda size: f"sqlite:///{folder}/{size}.db"}
        if servers():
            cluster = closing.enter_context(running_cluster())
            databases["postgresql"] = lambda _: cluster.emptied()
        else:
            print(MISSING)
        for name, empty in databases.items():
            for per_batch in SIZES:
                url = empty(per_batch)
                turns = measure(url, folder, per_batch=per_batch, batches=max(count // per_batch, 1))
                done = max(count // per_batch, 1) * per_batch
                ours, bare, cpu = (
                    statistics.median(each) / done for each in (turns.ours, turns.bare, turns.cpu)
                )
                ratio = statistics.median(
                    alone / beside for alone, beside in zip(turns.bare, turns.ours, strict=True)
                )
                table.add_row(
                    name,
                    f"{per_batch:,}",
                    f"{1 / ours:,.0f}",
                    f"{1 / bare:,.0f}",
                    f"{ratio:.2f}",
                    f"{cpu * 1e6:.0f}",
                )
    Console(width=100).print(table)


if __name__ == "__main__":
    main()
