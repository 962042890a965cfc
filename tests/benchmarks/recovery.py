"""Measure a restart: a snapshot and the events after it: `python -m tests.benchmarks.recovery [--events N]`.

Half bids, half offers around one price, so that most of them trade at once: each order causes two to three events. The bare
decode reads the same rows and their events, and does nothing with them: no restart could be quicker. What a snapshot costs
a market that runs is the longest step between two batches, and the commit in it.
"""

import argparse
import gc
import random
import tempfile
import time
from dataclasses import replace

from ledger.database import open_database
from ledger.rebuild import Recovery, recover
from ledger.record import Record, RecordReader
from ledger.snapshots import Standing
from ledger.snapshotting import Snapshotter
from market.orders import PlaceOrder
from market.units import Lots
from tests.ledger.builders import (
    ALICE,
    BOB,
    CONTINUOUS_S,
    Day,
    a_bid,
    a_deposit,
    a_listing,
    a_meter,
    an_offer,
)
from tests.ledger.days import GENESIS

PER_BATCH = 100
EVENTS = 1_000_000
BEFORE = 0.1
"""The snapshot comes after this part of the events."""


def some_orders(first: int) -> list[PlaceOrder]:
    """Return the orders of a batch, numbered from `first` on."""
    chance = random.Random(first)
    return [
        (a_bid if chance.random() < 0.5 else an_offer)(
            price=chance.randint(495, 505), quantity=chance.randint(1, 2_000), client_order_id=number
        )
        for number in range(first, first + PER_BATCH)
    ]


def record_events(record: Record, events: int) -> Snapshotter:
    """Record so many events, and take a snapshot on the way; return what took it."""
    day, standing = Day(), Standing(record.genesis)
    snapshotter = Snapshotter(record, Recovery(standing, None, 0, 0, ()))
    listing = replace(a_listing(), quantity_cap_lots=Lots(10**9))
    deposits = (a_deposit(ALICE, 10**9), a_deposit(BOB, 10**9, log_index=1))
    batches = [day.batch(CONTINUOUS_S - 1, listing, a_meter(capacity=10**14), *deposits)]
    done, taken = 0, False
    while done < events * (1 + BEFORE):
        if not batches:
            batches.append(day.batch(CONTINUOUS_S, *some_orders(record.number * PER_BATCH)))
        batch = batches.pop()
        decision = standing.venue.decide(batch)
        record.append(batch, decision.events)
        standing.tapes.note(decision.events, time_us=batch.time_us)
        done += len(decision.events)
        if not taken and done >= events * BEFORE:
            take(snapshotter)
            taken = True
    return snapshotter


def take(snapshotter: Snapshotter) -> None:
    """Take a snapshot step by step, and tell how long they took."""
    steps = []
    snapshotter.count(1 << 60)
    while snapshotter.due:
        start = time.process_time()
        snapshotter.step()
        steps.append(time.process_time() - start)
    total, longest, copy = sum(steps), max(steps), steps[0]
    print(
        f"snapshot taken in {len(steps)} steps, {total:.2f} s of processor time: copying {1e3 * copy:.1f} ms, "
        f"longest step {1e3 * longest:.1f} ms"
    )


def measure(events: int) -> None:
    """Record, then restart from the snapshot, and compare with a bare decode."""
    with tempfile.TemporaryDirectory() as directory:
        engine = open_database(f"sqlite:///{directory}/market.db")
        record = Record(engine, GENESIS)
        record_events(record, events)
        reader = RecordReader(engine)
        gc.collect()
        start, start_cpu = time.perf_counter(), time.process_time()
        recovery = recover(reader)
        recovered_s, recovered_cpu_s = time.perf_counter() - start, time.process_time() - start_cpu
        if recovery.seal is None:
            raise SystemExit(f"found no usable snapshot: {recovery}")
        number, rows = recovery.seal.number, recovery.seal.rows
        told = recovery.events
        del recovery
        gc.collect()
        start_cpu = time.process_time()
        for row in reader.rows(after=number):
            row.told()
        decoded_cpu_s = time.process_time() - start_cpu
        print(f"snapshot of {rows:,} rows and {told:,} events after it: recovered in {recovered_s:.2f} s")
        print(
            f"of processor time, {told / recovered_cpu_s:,.0f} events per second; "
            f"bare decode {told / decoded_cpu_s:,.0f} per second"
        )
        print(f"ratio to the bare decode: {decoded_cpu_s / recovered_cpu_s:.2f}")
        record.close()
        engine.dispose()


def main() -> None:
    """Read the command line and print the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.recovery", description=__doc__)
    parser.add_argument("--events", type=int, default=EVENTS)
    measure(parser.parse_args().events)


if __name__ == "__main__":
    main()
