"""Measure the private negotiation beside the central solution: microgrids over a day, to a tolerance of 1e-4.

The machine is shared: both take turns, the fastest turn of each counts, and only their ratio means anything. The central
time is that of `dispatch`, the private one that of the whole of `negotiate_privately`: every member's cost alone, the
rounds, the projection, the exact re-dispatches and the payments.
"""

import argparse
import json
from dataclasses import asdict, dataclass

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from pricing.coalition import autarky, dispatch
from pricing.coalition.private_negotiation import negotiate_privately
from tests.benchmarks.order_flows import seconds
from tests.pricing.microgrids import microgrids

MICRO = 1_000_000
SECRET = bytes(range(32))
READING = """
columns:
  × central     the time, divided by that of the central solution in the same run
  cost gap      total cost above the central one, relative to it
  price error   the largest difference of a price from the central one, in dollars per kWh
  saving error  the largest error of what a member gains, relative to the saving of all
"""


@dataclass(frozen=True)
class Figure:
    """What one negotiation took and how near it came."""

    members: int
    slots: int
    seed: int
    masked: bool
    processes: int
    iterations: int
    seconds: float
    central_seconds: float
    times_central: float
    cost_gap: float
    price_error: float
    saving_error: float


def measure(members: int, slots: int, seed: int, *, repeats: int, masked: bool, processes: int) -> Figure:
    """Negotiate in private, and dispatch centrally, in turns."""
    agents = microgrids(members, slots, seed)
    secret = SECRET if masked else None
    agreed = negotiate_privately(agents, secret=secret)
    central = dispatch(agents)
    turns = [
        (
            seconds(lambda: negotiate_privately(agents, secret=secret, processes=processes)),
            seconds(lambda: dispatch(agents)),
        )
        for _ in range(repeats)
    ]
    took, took_central = (min(each) for each in zip(*turns, strict=True))
    alone = sum(autarky(agent).cost for agent in agents)
    saving = alone - central.cost
    private = sum(agreed.savings_micros) / MICRO
    fair = saving / members
    return Figure(
        members=members,
        slots=slots,
        seed=seed,
        masked=masked,
        processes=processes,
        iterations=agreed.iterations,
        seconds=round(took, 3),
        central_seconds=round(took_central, 3),
        times_central=round(took / took_central, 2),
        cost_gap=(saving - private) / central.cost,
        price_error=float(abs(agreed.prices - central.prices).max()),
        saving_error=max(abs(gain / MICRO - fair) for gain in agreed.gains_micros) / saving,
    )


def show(figures: list[Figure]) -> None:
    """Print the figures as a table."""
    table = Table(box=SIMPLE_HEAD)
    for title in (
        "members", "slots", "masked", "processes", "iterations", "seconds", "central", "× central",
        "cost gap", "price error", "saving error",
    ):  # fmt: skip
        table.add_column(title, justify="right")
    for figure in figures:
        table.add_row(
            f"{figure.members}",
            f"{figure.slots}",
            "yes" if figure.masked else "no",
            f"{figure.processes or 'none'}",
            f"{figure.iterations}",
            f"{figure.seconds:.2f}",
            f"{figure.central_seconds:.3f}",
            f"{figure.times_central:.1f}",
            f"{figure.cost_gap:.1e}",
            f"{figure.price_error:.1e}",
            f"{figure.saving_error:.1e}",
        )
    Console(width=130).print(table)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.admm",
        description=__doc__,
        epilog=READING,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--members", type=int, nargs="+", default=[10, 100], help="microgrids; 10 and 100 by default"
    )
    parser.add_argument("--slots", type=int, default=24, help="of the day; 24 by default")
    parser.add_argument("--seed", type=int, default=0, help="of the drawn microgrids; 0 by default")
    parser.add_argument("--repeats", type=int, default=3, help="turns of both; 3 by default")
    parser.add_argument(
        "--processes", type=int, default=0, help="add a row with so many, their start included"
    )
    parser.add_argument("--json", action="store_true", help="print a list of figures")
    chosen = parser.parse_args()
    largest = max(chosen.members)
    runs = [(count, False, 0) for count in chosen.members]
    runs.append((largest, True, 0))
    if chosen.processes:
        runs.append((largest, False, chosen.processes))
    figures = [
        measure(count, chosen.slots, chosen.seed, repeats=chosen.repeats, masked=masked, processes=processes)
        for count, masked, processes in runs
    ]
    if chosen.json:
        print(json.dumps([asdict(figure) for figure in figures], indent=2))
    else:
        show(figures)


if __name__ == "__main__":
    main()
