"""Run the measurements one after the other: `python -m tests.benchmarks`. Each can be run alone, with options."""

import argparse
import sys
from collections.abc import Callable

from tests.benchmarks import (
    admm,
    auctions,
    coalitions,
    cooperative,
    durable_orders,
    event_costs,
    footprint,
    gas,
    mechanisms,
    order_flows,
    recovery,
)

MEASUREMENTS: dict[str, tuple[str, Callable[[], None]]] = {
    "tests.benchmarks.order_flows": ("Order book: messages per second", order_flows.main),
    "tests.benchmarks.footprint": ("Order book: time until ready, memory", footprint.main),
    "tests.benchmarks.auctions": ("Auctions: a large book, a day with blocks", auctions.main),
    "tests.benchmarks.mechanisms": ("Auctions by name, beside pymarket", mechanisms.main),
    "tests.benchmarks.cooperative": (
        "Cooperative games and competition, beside open_spiel and nashpy",
        cooperative.main,
    ),
    "tests.benchmarks.coalitions": (
        "Coalitions of microgrids, beside a bare CLARABEL solve",
        coalitions.main,
    ),
    "tests.benchmarks.admm": ("Private negotiation, beside the central solution", admm.main),
    "tests.benchmarks.gas": (
        "Settlement: gas per trade and per step of a guarantee, beside a design that checks nothing",
        gas.main,
    ),
    "tests.benchmarks.recovery": (
        "Restart: a snapshot and the events after it, beside a bare decode",
        recovery.main,
    ),
    "tests.benchmarks.durable_orders": (
        "Ledger: orders that are decided, booked and durable, beside a bare append and fsync",
        durable_orders.main,
    ),
    "tests.benchmarks.event_costs": ("Ledger: what each step costs per event", event_costs.main),
}


def main() -> None:
    """Print every table under its title."""
    argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__).parse_args()
    for module, (title, measured) in MEASUREMENTS.items():
        print(f"\n{title}  (python -m {module})\n", flush=True)
        sys.argv = [module]  # each reads its own command line
        measured()


if __name__ == "__main__":
    main()
