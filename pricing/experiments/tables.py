"""Summaries of an experiment's table: a row for each cell, mechanism, period, agent and metric; and mechanisms compared."""

from typing import TYPE_CHECKING

from pricing.errors import EmptySide, PricingError
from pricing.experiments.run import COLUMNS
from pricing.experiments.summary import bootstrap_interval, holm, mean_interval, paired_difference

if TYPE_CHECKING:
    import pandas as pd

ESTIMATE = ("mean", "sd", "n", "low", "high")


def summarise(
    frame: "pd.DataFrame", *, confidence: float = 0.95, bootstrap_seed: int | None = None
) -> "pd.DataFrame":
    """Return mean, sd, n and the ends of the interval over the replicates of each cell, mechanism, period, agent and metric.

    The interval is Student's, or BCa if a seed for the bootstrap is given.

    >>> import pandas as pd
    >>> told = {"run_id": "", "spec_hash": "", "mechanism": "zip", "period": 1, "agent": "market", "metric": "alpha"}
    >>> frame = pd.DataFrame([told | {"seed": seed, "value": seed / 2} for seed in range(3)])
    >>> summarise(frame)[["metric", "mean", "sd", "n"]].to_dict("records")
    [{'metric': 'alpha', 'mean': 0.5, 'sd': 0.5, 'n': 3}]

    Raises:
        EmptySide: if something was measured in fewer than two replicates.
        PricingError: if the frame is not a table of `run`, or the confidence is out of range.
    """
    import pandas as pd

    by = [*_grid(frame), "mechanism", "period", "agent", "metric"]
    rows = []
    for key, group in frame.groupby(by, sort=False):
        values = group["value"].to_numpy()
        estimate = (
            mean_interval(values, confidence=confidence)
            if bootstrap_seed is None
            else bootstrap_interval(values, seed=bootstrap_seed, confidence=confidence)
        )
        rows.append((*key, estimate.mean, estimate.sd, estimate.n, estimate.low, estimate.high))
    return pd.DataFrame.from_records(rows, columns=[*by, *ESTIMATE])


def compare(frame: "pd.DataFrame", *, baseline: str, confidence: float = 0.95) -> "pd.DataFrame":
    """Return what every other mechanism has more than the `baseline`, over the seeds that both have a value for.

    `mean`, `low` and `high` are of the paired differences; `p_value` is Student's for no difference, and `p_holm` what it is
    worth among all rows of this table.

    >>> import pandas as pd
    >>> told = {"run_id": "", "spec_hash": "", "period": 1, "agent": "market", "metric": "alpha"}
    >>> values = {"zip": (1.0, 2.0, 4.0), "zi-c": (3.0, 3.0, 6.0)}
    >>> frame = pd.DataFrame(
    ...     [told | {"seed": j, "mechanism": m, "value": row[j]} for m, row in values.items() for j in range(3)]
    ... )
    >>> compare(frame, baseline="zip")[["mechanism", "mean", "n"]].round(3).to_dict("records")
    [{'mechanism': 'zi-c', 'mean': 1.667, 'n': 3}]

    Raises:
        EmptySide: if two mechanisms have fewer than two seeds in common, or there is only one mechanism.
        PricingError: if the baseline is not in the table, or this is not a table of `run`.
    """
    import pandas as pd

    by = [*_grid(frame), "period", "agent", "metric"]
    names = list(dict.fromkeys(frame["mechanism"]))
    if baseline not in names:
        raise PricingError(f"baseline: found {baseline!r}, expected among {', '.join(names)}")
    if len(names) == 1:
        raise EmptySide(f"mechanism: found {baseline!r} alone, expected another to compare")
    rows = []
    for key, group in frame.groupby(by, sort=False):
        values = group.pivot(index="seed", columns="mechanism", values="value")
        for other in names:
            if other == baseline or not {other, baseline} <= set(values):
                continue
            both = values[[other, baseline]].dropna()
            found = paired_difference(
                both[other].to_numpy(), both[baseline].to_numpy(), confidence=confidence
            )
            estimate = found.estimate
            rows.append(
                (
                    *key,
                    other,
                    estimate.mean,
                    estimate.sd,
                    estimate.n,
                    estimate.low,
                    estimate.high,
                    found.p_value,
                )
            )
    table = pd.DataFrame.from_records(rows, columns=[*by, "mechanism", *ESTIMATE, "p_value"])
    return table.assign(p_holm=holm(table["p_value"].tolist()))


def _grid(frame: "pd.DataFrame") -> list[str]:
    missing = [column for column in COLUMNS if column not in frame]
    if missing:
        raise PricingError(f"frame: found no column {missing[0]!r}, expected a table of `run`")
    return [str(column) for column in frame if column not in COLUMNS]
