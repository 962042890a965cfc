"""Measure a restart: a snapshot and the events after it: `python -m tests.benchmarks.recovery [--events N] [--resting N]`.

Half bids, half offers around one price, so that most of them trade at once, among orders that rest. The bare decode reads
the same rows and their events, and does nothing with them: no restart could be quicker. What a snapshot costs a market that
runs is the longest step between two batches: the first, which copies the memory, or one that encodes and commits a piece.
All times are of the processor, but for what says otherwise.
"""

import argparse
import gc
import tempfile
import time

from api.memory import settle_memory
from ledger.database import open_database
from ledger.rebuild import Recovery, recover
from ledger.record import Record, RecordReader
from ledger.snapshots import SnapshotStore, Standing
from ledger.snapshotting import Snapshotter
from market.orders import Batch
from tests.benchmarks.crossing import opening, orders, resting_orders
from tests.ledger.builders import CONTINUOUS_S, Day
from tests.ledger.days import GENESIS

PER_BATCH = 100
EVENTS = 1_000_000
RESTING = 10_000
BEFORE = 0.1
"""The snapshot comes after this part of the events, besides the resting orders."""
_FIRST_RESTING = 1 << 40
"""Their client order ids begin beyond those of the others."""


def record_events(record: Record, events: int, resting: int, before: float) -> None:
    """Record resting orders, then a part of so many events, take a snapshot, and record as many more."""
    day, standing = Day(), Standing(record.genesis)
    snapshotter = Snapshotter(record, Recovery(standing, None, 0, 0, ()))

    def go_on(batch: Batch) -> int:
        decision = standing.venue.decide(batch)
        record.append(batch, decision.events)
        standing.tapes.note(decision.events, time_us=batch.time_us)
        return len(decision.events)

    go_on(opening(day))
    for first in range(0, resting, PER_BATCH):
        go_on(day.batch(CONTINUOUS_S, *resting_orders(_FIRST_RESTING + first, PER_BATCH)))
    first = 1
    for part, then in ((before, snapshotter), (1, None)):
        done = 0
        while done < events * part:
            done += go_on(day.batch(CONTINUOUS_S, *orders(first, PER_BATCH)))
            first += PER_BATCH
        if then is not None:
            settle_memory()
            take(then)


def take(snapshotter: Snapshotter) -> None:
    """Take a snapshot step by step, and tell how long they took."""
    steps = []
    snapshotter.count(1 << 60)
    while snapshotter.due:
        start = time.process_time()
        snapshotter.step()
        steps.append(time.process_time() - start)
    copying, *others = steps
    print(
        f"snapshot taken in {len(steps):,} steps, {sum(steps):.2f} s: copying {1e3 * copying:.1f} ms, "
        f"the longest of the others {1e3 * max(others):.1f} ms"
    )


def measure(events: int, resting: int, before: float) -> None:
    """Record, then restart from the snapshot, and compare with a bare decode."""
    with tempfile.TemporaryDirectory() as directory:
        engine = open_database(f"sqlite:///{directory}/market.db")
        record = Record(engine, GENESIS)
        record_events(record, events, resting, before)
        reader = RecordReader(engine)
        settle_memory()
        start, start_cpu = time.perf_counter(), time.process_time()
        recovery = recover(reader)
        recovered_s, recovered_cpu_s = time.perf_counter() - start, time.process_time() - start_cpu
        if recovery.seal is None:
            raise SystemExit(f"found no usable snapshot: {recovery}")
        number, rows, told = recovery.seal.number, recovery.seal.rows, recovery.events
        del recovery
        gc.collect()
        start_cpu = time.process_time()
        seal, standing = SnapshotStore(engine).read(number, reader)
        loaded_cpu_s = time.process_time() - start_cpu
        with engine.connect() as connection:
            size = connection.exec_driver_sql("SELECT sum(length(content)) FROM snapshots").scalar_one()
        del seal, standing
        gc.collect()
        start_cpu = time.process_time()
        for row in reader.rows(after=number):
            row.told()
        decoded_cpu_s = time.process_time() - start_cpu
        replayed_cpu_s = recovered_cpu_s - loaded_cpu_s
        print(f"snapshot of {rows:,} rows, {size / 1e6:,.1f} MB: loaded in {loaded_cpu_s:.2f} s")
        print(
            f"{told:,} events after it: recovered in {recovered_cpu_s:.2f} s, {recovered_s:.2f} s on the clock"
        )
        print(
            f"replay {told / replayed_cpu_s:,.0f} events per second; with the snapshot "
            f"{told / recovered_cpu_s:,.0f}; bare decode {told / decoded_cpu_s:,.0f}"
        )
        print(f"ratio to the bare decode: {decoded_cpu_s / recovered_cpu_s:.2f}")
        record.close()
        engine.dispose()


def main() -> None:
    """Read the command line and print the figures."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.recovery", description=__doc__)
    parser.add_argument("--events", type=int, default=EVENTS)
    parser.add_argument("--resting", type=int, default=RESTING)
    parser.add_argument("--before", type=float, default=BEFORE, help="part of the events before the snapshot")
    wanted = parser.parse_args()
    measure(wanted.events, wanted.resting, wanted.before)


if __name__ == "__main__":
    main()
