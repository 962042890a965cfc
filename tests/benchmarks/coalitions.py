"""Measure coalitions: a day of microgrids dispatched together, beside CLARABEL alone on the same matrices.

The machine is shared: both take turns, the fastest turn of each counts, and only their ratio means anything. Ours starts
from the agents' data and ends with exchanges and prices; CLARABEL is handed the finished matrices, with its own settings.
"""

import argparse
import json
from dataclasses import asdict, dataclass

import clarabel
import numpy as np
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from scipy import sparse

from pricing.coalition import Agent, dispatch, local_problem, negotiate
from pricing.coalition.stacked_program import StackedProgram
from tests.benchmarks.order_flows import seconds
from tests.pricing.microgrids import microgrids

SEED = 20_260_905
READING = """
columns:
  dispatch s    from data to the least-cost dispatch with its prices
  CLARABEL s    the solver alone on the same problem, its matrices built beforehand
  × CLARABEL    the first over the second
  gap           relative difference of the two costs
  negotiate s   the whole story: everybody alone, all together, payments
"""


@dataclass(frozen=True)
class Figure:
    """What one coalition took."""

    microgrids: int
    slots: int
    variables: int
    dispatch_seconds: float
    clarabel_seconds: float
    times_clarabel: float
    gap: float
    negotiate_seconds: float


def bare_solver(agents: list[Agent]) -> tuple[clarabel.DefaultSolution, float, int]:
    """Return CLARABEL's solution of the coalition's problem, the seconds it took, and how many variables it has."""
    problems = [local_problem(agent) for agent in agents]
    slots = agents[0].slots
    pool = sparse.csc_array(sparse.kron(np.ones((1, len(agents))), sparse.eye_array(slots)))
    program = StackedProgram.of(problems, pool, np.zeros(slots))
    low, high, rows = program.l, program.u, program.A.tocsr()
    equal = low == high
    above, below = np.isfinite(high) & ~equal, np.isfinite(low) & ~equal
    matrix = sparse.vstack([rows[equal], rows[above], -rows[below]], format="csc")
    sides = np.concatenate([high[equal], high[above], -low[below]])
    cones = [
        clarabel.ZeroConeT(int(equal.sum())),
        clarabel.NonnegativeConeT(int(above.sum() + below.sum())),
    ]
    settings = clarabel.DefaultSettings()
    settings.verbose = False
    found = []
    took = seconds(
        lambda: found.append(
            clarabel.DefaultSolver(program.P, program.q, matrix, sides, cones, settings).solve()
        )
    )
    return found[0], took, len(program.q)


def measure(count: int, slots: int, repeats: int) -> Figure:
    """Dispatch a coalition, and solve its matrices, in turns."""
    agents = microgrids(count, slots, SEED)
    together = dispatch(agents)
    turns = []
    for _ in range(repeats):
        solution, bare, variables = bare_solver(agents)
        turns.append((seconds(lambda: dispatch(agents)), bare))
    ours, bare = (min(each) for each in zip(*turns, strict=True))
    return Figure(
        microgrids=count,
        slots=slots,
        variables=variables,
        dispatch_seconds=round(ours, 6),
        clarabel_seconds=round(bare, 6),
        times_clarabel=round(ours / bare, 2),
        gap=abs(together.cost - solution.obj_val) / abs(solution.obj_val),
        negotiate_seconds=round(seconds(lambda: negotiate(agents)), 6),
    )


def print_table(figures: list[Figure]) -> None:
    """Print the figures."""
    table = Table(box=SIMPLE_HEAD, padding=0)
    for column in (
        "microgrids",
        "slots",
        "variables",
        "dispatch s",
        "CLARABEL s",
        "× CLARABEL",
        "gap",
        "negotiate s",
    ):
        table.add_column(column, justify="right", no_wrap=True)
    for each in figures:
        table.add_row(
            f"{each.microgrids:,}",
            f"{each.slots:,}",
            f"{each.variables:,}",
            f"{each.dispatch_seconds:.3f}",
            f"{each.clarabel_seconds:.3f}",
            f"{each.times_clarabel:.2f}",
            f"{each.gap:.0e}",
            f"{each.negotiate_seconds:.3f}",
        )
    Console().print(table)


def main() -> None:
    """Measure coalitions of several sizes, and print a table or a JSON list."""
    arguments = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.coalitions",
        description=__doc__,
        epilog=READING,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    arguments.add_argument("--microgrids", type=int, nargs="+", default=[3, 10, 30, 100], help="how many")
    arguments.add_argument("--slots", type=int, default=24, help="of the day; 24 by default")
    arguments.add_argument("--repeats", type=int, default=5, help="turns of both; 5 by default")
    arguments.add_argument("--json", action="store_true", help="print a list of figures")
    chosen = arguments.parse_args()
    figures = [measure(count, chosen.slots, chosen.repeats) for count in chosen.microgrids]
    if chosen.json:
        print(json.dumps([asdict(each) for each in figures], indent=2))
    else:
        print_table(figures)


if __name__ == "__main__":
    main()
