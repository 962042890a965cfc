"""Run until the answer is precise enough."""

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from pricing.errors import NotConverged, PricingError, number, whole
from pricing.experiments.run import run
from pricing.experiments.spec import ExperimentSpec
from pricing.experiments.tables import summarise

if TYPE_CHECKING:
    import pandas as pd


def run_until(
    spec: ExperimentSpec,
    *,
    metric: str,
    half_width: float,
    replicates_max: int = 10_000,
    confidence: float = 0.95,
    n_jobs: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> "pd.DataFrame":
    """Add batches of `spec.seeds.replicates` until every interval of the metric's mean is at most ± `half_width`.

    Every cell, mechanism, period and agent counts. The table is that of `run` with as many replicates. Batches should not
    be small: a first one that happens to vary little ends it early. `progress` is that of each batch.

    >>> from pricing.experiments.benchmarks import PostedPrice
    >>> from pricing.experiments.environment import Environment
    >>> from pricing.experiments.spec import Seeds
    >>> market = Environment.of_units([10, 8, 5], [2, 4, 9])
    >>> spec = ExperimentSpec({"posted": PostedPrice()}, market, metrics=("efficiency",), seeds=Seeds(replicates=20))
    >>> len(run_until(spec, metric="efficiency", half_width=0.5))
    20

    Raises:
        NotConverged: if `replicates_max` replicates are not enough.
        PricingError: if the metric is not one of the experiment's, or a figure is out of range.

    Source: Y. S. Chow, H. Robbins, "On the asymptotic theory of fixed-width sequential confidence intervals for the mean",
    Annals of Mathematical Statistics 36, 1965.
    """
    import pandas as pd

    if metric not in spec.metrics:
        raise PricingError(f"metric: found {metric!r}, expected among {', '.join(spec.metrics)}")
    target = number("half_width", half_width, low=0, open_low=True)
    most = whole("replicates_max", replicates_max, low=2)
    batches: list[pd.DataFrame] = []
    done, widest = 0, float("nan")
    while done < most:
        batch = min(spec.seeds.replicates, most - done)
        part = replace(spec, seeds=replace(spec.seeds, replicates=batch))
        batches.append(run(part, n_jobs=n_jobs, progress=progress, first_replicate=done))
        done += batch
        if done < 2:
            continue
        frame = pd.concat(batches, ignore_index=True)
        table = summarise(frame[frame["metric"] == metric], confidence=confidence)
        widest = float((table["high"] - table["low"]).max()) / 2
        if widest <= target:
            return frame
    raise NotConverged(f"{metric}: found ± {widest:g} after {done} replicates, expected at most {target:g}")
