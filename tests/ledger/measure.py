"""Measure how many orders per second are decided, booked and made durable: `python -m tests.ledger.measure [--orders N]`.

Half bids, half offers around one price, so that most of them trade at once: the dearest kind of order. The rates are of
this machine and its disk; CPU microseconds per order travel better.
"""

import argparse
import random
import tempfile
import time
from contextlib import ExitStack
from dataclasses import replace

from ledger.database import open_database
from ledger.projections import Projector
from ledger.rebuild import open_venue, rebuild
from ledger.record import Record
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
from tests.ledger.postgres import MISSING, running_cluster, servers

SEED = 7
STEPS = ("decide", "append", "project")


def orders(count: int) -> list[PlaceOrder]:
    chance = random.Random(SEED)
    return [
        (a_bid if chance.random() < 0.5 else an_offer)(
            price=chance.randint(495, 505), quantity=chance.randint(1, 2_000), client_order_id=number
        )
        for number in range(count)
    ]


def measure(url: str, count: int, per_batch: int) -> None:
    """Measure on an empty database, and print one line."""
    engine = open_database(url)
    record, projector, venue, day = Record(engine, GENESIS), Projector(engine), open_venue(GENESIS), Day()
    listing = replace(a_listing(), quantity_cap_lots=Lots(10**9))
    deposits = (a_deposit(ALICE, 10**6), a_deposit(BOB, 10**6, log_index=1))
    setting = day.batch(CONTINUOUS_S - 1, listing, a_meter(capacity=10**12), *deposits)
    batches = [setting, day.batch(CONTINUOUS_S, a_bid(), an_offer(client_order_id=10**6))]
    wanted = orders(count)
    batches += [
        day.batch(CONTINUOUS_S + 1, *wanted[start : start + per_batch])
        for start in range(0, count, per_batch)
    ]
    wall, cpu = dict.fromkeys(STEPS, 0.0), dict.fromkeys(STEPS, 0.0)
    for batch in batches:
        moments = [(time.perf_counter(), time.process_time())]
        decision = venue.decide(batch)
        moments.append((time.perf_counter(), time.process_time()))
        record.append(batch, decision.events)
        moments.append((time.perf_counter(), time.process_time()))
        projector.apply(batch, decision.events, decision.postings)
        moments.append((time.perf_counter(), time.process_time()))
        if batch.number > 2:  # the first two list, fund and warm the compiled kernel up
            for step, before, after in zip(STEPS, moments, moments[1:], strict=False):
                wall[step] += after[0] - before[0]
                cpu[step] += after[1] - before[1]
    began = time.perf_counter()
    again = rebuild(record)
    rebuilding = time.perf_counter() - began
    durable = count / (wall["decide"] + wall["append"])
    print(
        f"{engine.dialect.name:10} {per_batch:5d} per batch: {durable:6.0f} orders/s decided and durable; CPU µs per order: "
        + ", ".join(f"{step} {seconds / count * 1e6:.0f}" for step, seconds in cpu.items())
        + f"; rebuild {count / rebuilding:.0f} orders/s, "
        + ("same state hash" if again.state_hash() == venue.state_hash() else "ANOTHER STATE HASH")
    )
    record.close()
    engine.dispose()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--orders", type=int, default=20_000)
    count = parser.parse_args().orders
    with ExitStack() as closing:
        cluster = closing.enter_context(running_cluster()) if servers() else None
        if cluster is None:
            print(MISSING)
        for per_batch in (1, 100, 1000):
            orders_of = count if per_batch > 1 else min(count, 1_000)
            with tempfile.TemporaryDirectory() as folder:
                measure(f"sqlite:///{folder}/market.db", orders_of, per_batch)
            if cluster is not None:
                measure(cluster.emptied(), orders_of, per_batch)


if __name__ == "__main__":
    main()
