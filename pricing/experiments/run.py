"""Run an experiment into a tidy table: the same bytes from the same specification, on however many processes."""

from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import TYPE_CHECKING, NamedTuple

from pricing.errors import whole
from pricing.experiments.environment import Environment
from pricing.experiments.measures import PROFIT, measure
from pricing.experiments.mechanism import Agents, Mechanism
from pricing.experiments.seeds import run_seed
from pricing.experiments.session import Outcome
from pricing.experiments.spec import Cell, ExperimentSpec

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ("run_id", "spec_hash", "seed", "mechanism", "period", "agent", "metric", "value")
MARKET = "market"
"""What stands for the agent where a value is the whole market's."""
_REPLICATES_AT_ONCE = 25

Measured = tuple[str, int, int, str, str, float]
"""Mechanism, seed, period, agent, metric, value."""


class Task(NamedTuple):
    """A few replicates of one cell, under all mechanisms: what a worker is given."""

    mechanisms: tuple[tuple[str, Mechanism], ...]
    environment: Environment
    agents: Agents
    periods: int
    metrics: tuple[str, ...]
    seeds: tuple[int, ...]


def run(
    spec: ExperimentSpec,
    *,
    n_jobs: int = 1,
    progress: Callable[[int, int], None] | None = None,
    first_replicate: int = 0,
) -> "pd.DataFrame":
    """Run every mechanism in every cell, `spec.seeds.replicates` times, and return one row per value measured.

    The columns are `COLUMNS` and one for each name of the grid. `run_id` is cell-replicate-mechanism, `seed` that of the
    replicate, with which `Mechanism.run` gives the same deals again; the same for all mechanisms of a cell. What a period
    has not (the price of no deal) has no row. `progress` is told the replicates done and those to do, from this process.
    `first_replicate` carries on where an earlier run stopped.

    >>> from pricing.experiments.benchmarks import Competitive
    >>> from pricing.experiments.spec import Seeds
    >>> market = Environment.of_units([10, 8, 5], [2, 4, 9])
    >>> spec = ExperimentSpec({"equilibrium": Competitive()}, market, seeds=Seeds(replicates=1), metrics=("trades",))
    >>> frame = run(spec)
    >>> frame[["run_id", "mechanism", "period", "agent", "metric", "value"]].to_csv(index=False)
    'run_id,mechanism,period,agent,metric,value\\n0-0-equilibrium,equilibrium,1,market,trades,2.0\\n'

    Raises:
        PricingError: if a mechanism refuses the market or its traders, or a number is out of range.
    """
    import pandas as pd

    whole("n_jobs", n_jobs, low=1)
    end = whole("first_replicate", first_replicate) + spec.seeds.replicates
    places = [
        (cell, range(begin, min(begin + _REPLICATES_AT_ONCE, end)))
        for cell in spec.cells()
        for begin in range(first_replicate, end, _REPLICATES_AT_ONCE)
    ]
    tasks = [_task(spec, cell, replicates) for cell, replicates in places]
    total = sum(len(replicates) for _, replicates in places)
    hash_, done, rows = spec.spec_hash, 0, []
    for (cell, replicates), measured in zip(places, _measured(tasks, n_jobs), strict=True):
        values = tuple(getattr(value, "name", value) for _, value in cell.values)
        number_of = {
            seed: replicate
            for replicate, seed in zip(replicates, _seeds(spec, cell, replicates), strict=True)
        }
        for mechanism, seed, *rest in measured:
            rows.append(
                (f"{cell.number}-{number_of[seed]}-{mechanism}", hash_, seed, mechanism, *rest, *values)
            )
        done += len(replicates)
        if progress is not None:
            progress(done, total)
    return pd.DataFrame.from_records(rows, columns=[*COLUMNS, *spec.grid])


def to_csv(frame: "pd.DataFrame") -> bytes:
    """Return a table as CSV, UTF-8 with line feeds, every value with the digits that give the same number back.

    The same specification gives the same bytes, whatever `n_jobs` was.

    >>> import pandas as pd
    >>> to_csv(pd.DataFrame({"metric": ["alpha"], "value": [0.1]}))
    b'metric,value\\nalpha,0.1\\n'
    """
    return frame.to_csv(index=False, lineterminator="\n").encode()


def _task(spec: ExperimentSpec, cell: Cell, replicates: range) -> Task:
    return Task(
        tuple(spec.mechanism.items()),
        cell.env,
        cell.agents,
        spec.periods,
        spec.metrics,
        _seeds(spec, cell, replicates),
    )


def _seeds(spec: ExperimentSpec, cell: Cell, replicates: range) -> tuple[int, ...]:
    return tuple(run_seed(spec.seeds.root, cell=cell.number, replicate=replicate) for replicate in replicates)


def _measured(tasks: list[Task], n_jobs: int) -> Iterator[list[Measured]]:
    """Yield what each task measured, in the order of the tasks, whoever is done first."""
    if n_jobs == 1:
        yield from map(measured_by, tasks)
        return
    # Spawned, not forked: the caller may have threads
    with ProcessPoolExecutor(min(n_jobs, len(tasks)), get_context("spawn")) as pool:
        yield from pool.map(measured_by, tasks)


def measured_by(task: Task) -> list[Measured]:
    """Run one task and return what it measured, row by row; a worker's whole work."""
    rows: list[Measured] = []
    market_metrics = [metric for metric in task.metrics if metric != PROFIT]
    for seed in task.seeds:
        for name, mechanism in task.mechanisms:
            session = mechanism.run(task.environment, task.agents, seed=seed, periods=task.periods)
            for period, outcome in enumerate(session.outcomes(), 1):
                for metric, value in measure(outcome, market_metrics).items():
                    rows.append((name, seed, period, MARKET, metric, value))
                if PROFIT in task.metrics:
                    for agent, gain in _profits(outcome):
                        rows.append((name, seed, period, agent, PROFIT, gain))
    return rows


def _profits(outcome: Outcome) -> Iterator[tuple[str, float]]:
    for side, gains in (("buyer", outcome.buyer_gains), ("seller", outcome.seller_gains)):
        for number, gain in enumerate(gains, 1):
            yield f"{side} {number}", gain
