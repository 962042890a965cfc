"""Measure what each step costs per event, in processor time: `python -m tests.benchmarks.event_costs [--orders N]`.

The events are those of `durable_orders`. Each step is done several times over and its quickest turn counts, except where a
step changes what it is done to: those are done once, a batch at a time.
"""

import argparse
import tempfile
import time
from collections.abc import Callable

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from api.memory import settle_memory
from ledger import codec
from ledger.database import open_database
from ledger.projections import Projector
from ledger.rebuild import open_venue
from ledger.seal import header_of
from ledger.venue import Decision
from market.orders import Batch
from market.tape import Tapes
from tests.benchmarks.crossing import opening, orders
from tests.ledger.builders import CONTINUOUS_S, Day
from tests.ledger.days import GENESIS

PER_BATCH = 100
TURNS = 5


def seconds(step: Callable[[], object], turns: int = 1) -> float:
    """Return the processor time of the quickest turn."""
    taken = []
    for _ in range(turns):
        start = time.process_time()
        step()
        taken.append(time.process_time() - start)
    return min(taken)


def measure(count: int) -> tuple[int, dict[str, float]]:
    """Return how many events there were, and how long each step took over all of them, in seconds."""
    day = Day()
    batches = [opening(day)]
    batches += [
        day.batch(CONTINUOUS_S, *orders(first, PER_BATCH)) for first in range(1, count + 1, PER_BATCH)
    ]
    settle_memory()
    venue, tapes = open_venue(GENESIS), Tapes()
    decided: list[tuple[Batch, Decision]] = []
    taken = {
        "decide: checks, holds, matching, books": seconds(
            lambda: decided.extend((batch, venue.decide(batch)) for batch in batches)
        )
    }
    told = [(batch, decision.events) for batch, decision in decided]
    blobs: list[tuple[bytes, bytes]] = []

    def encode() -> None:
        blobs[:] = [
            (codec.encode_commands(batch.commands), codec.encode_events(events)) for batch, events in told
        ]

    taken["encode: commands and events"] = seconds(encode, TURNS)
    taken["seal: two Merkle trees and the hash of the row"] = seconds(lambda: _seal(blobs), TURNS)
    taken["decode: events"] = seconds(
        lambda: [codec.decode_events(blob, version=codec.VERSION) for _, blob in blobs], TURNS
    )
    again = open_venue(GENESIS)
    taken["absorb: what a replay does with an event"] = seconds(
        lambda: [again.absorb(batch, events) for batch, events in told]
    )
    if again.state_hash() != venue.state_hash():
        raise SystemExit("found another state after the replay, expected the same")

    def note() -> None:
        for batch, events in told:
            tapes.note(events, time_us=batch.time_us)

    taken["tapes: trades, candles"] = seconds(note)
    with tempfile.TemporaryDirectory() as folder:
        engine = open_database(f"sqlite:///{folder}/market.db")
        projector = Projector(engine)

        def note_for_tables() -> None:
            for batch, decision in decided:
                projector.note(batch, decision.events, decision.postings)

        taken["tables: note, while an answer waits"] = seconds(note_for_tables)
        taken["tables: written behind it, SQLite"] = seconds(projector.flush)
        engine.dispose()
    return sum(len(events) for _, events in told), taken


def _seal(blobs: list[tuple[bytes, bytes]]) -> None:
    """Chain rows of these commands and events."""
    previous = GENESIS.hash
    for number, (commands, events) in enumerate(blobs, start=1):
        previous = header_of(
            previous=previous,
            number=number,
            time_us=number,
            version=codec.VERSION,
            commands=commands,
            events=events,
            state_hash=b"",
        ).hash


def main() -> None:
    """Read the command line and print the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.event_costs", description=__doc__)
    parser.add_argument("--orders", type=int, default=20_000)
    events, taken = measure(parser.parse_args().orders)
    table = Table("step", "µs per event", box=SIMPLE_HEAD, pad_edge=False)
    for step, took in taken.items():
        table.add_row(step, f"{took / events * 1e6:.2f}")
    console = Console(width=100)
    console.print(table)
    console.print(f"{events:,} events in batches of {PER_BATCH} orders, each with its row")


if __name__ == "__main__":
    main()
