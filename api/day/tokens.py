"""Demand for compute: LLM requests of a day, turned into hours of an accelerator."""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from api.day.inputs import HOURS, read_workload
from api.day.scenario_file import ScenarioFile
from market.instruments import SECONDS_PER_HOUR
from pricing.taxonomy import taxonomy

_SECONDS_PER_DAY = HOURS * SECONDS_PER_HOUR


@dataclass(frozen=True)
class Tokens:
    """A day of LLM requests: for each hour, hours of the measured accelerator, tokens, and a weight that is 1 on average."""

    accelerator_hours: tuple[Fraction, ...]
    counts: tuple[Fraction, ...]
    weights: tuple[Fraction, ...]
    note: str


def tokens_of_day(file: ScenarioFile, trace_file: Path | None) -> Tokens:
    """Turn LLM requests into accelerator hours.

    A context token costs two floating-point operations per parameter, at the taxonomy's share of peak; a generated one
    its measured joules over the power drawn. A trace counts as many times as makes its requests those of the scenario;
    one shorter than a day repeats over the scenario's profile.

    Raises:
        ScenarioError: if the model was not measured on the accelerator, or the profile has no weight.
        InputError: if the trace cannot be used.
    """
    stated = file.layout.workload
    figures = taxonomy()
    file.known("workload.measured_on", stated.measured_on, figures.accelerators)
    file.known(
        "workload.model",
        f"{stated.model}/{stated.measured_on}",
        [row for row in figures.inference if row.endswith(f"/{stated.measured_on}")],
    )
    if not sum(stated.profile):
        raise file.error("workload.profile", found="weights that are all 0", expected="some weight above 0")
    weights = tuple(Fraction(it) * HOURS / Fraction(sum(stated.profile)) for it in stated.profile)
    if trace_file is None:
        requests = Fraction(stated.requests_per_day)
        context = [requests / HOURS * weight * Fraction(stated.context_tokens) for weight in weights]
        generated = [requests / HOURS * weight * Fraction(stated.generated_tokens) for weight in weights]
        note = f"{stated.requests_per_day:,.0f} requests over the scenario's daily profile. {stated.source}."
    else:
        trace = read_workload(trace_file)
        days = Fraction(trace.seconds) / _SECONDS_PER_DAY
        factor = Fraction(stated.requests_per_day) * days / trace.requests
        if days < 1:
            context = [factor * sum(trace.context_tokens) / days / HOURS * weight for weight in weights]
            generated = [factor * sum(trace.generated_tokens) / days / HOURS * weight for weight in weights]
            repeated = f"{float(trace.seconds) / SECONDS_PER_HOUR:.2f} hours, repeated over the daily profile"
        else:
            context = [factor * count / days for count in trace.context_tokens]
            generated = [factor * count / days for count in trace.generated_tokens]
            repeated = f"{float(days):.2f} days, by their own hours"
        note = (
            f"{trace.requests:,} requests of {trace_file.name} ({repeated}), multiplied by a scale factor of "
            f"{float(factor):.4g}, which makes {stated.requests_per_day:,.0f} requests a day."
        )
    operations_per_hour = (
        Fraction(repr(figures.accelerators[stated.measured_on].bf16_tflops_dense))
        * 10**12
        * Fraction(repr(figures.tasks["INFERENCE"].flop_utilisation))
        * SECONDS_PER_HOUR
    )
    hours_per_context = 2 * Fraction(stated.parameters) / operations_per_hour
    # nine digits, so that the last bit of a logarithm on another machine changes nothing
    per_generated = figures.accelerator_hours_per_token(
        stated.model, stated.measured_on, share_of_range=float(stated.share_of_range)
    )
    hours_per_generated = Fraction(f"{per_generated:.9g}")
    hours = tuple(
        before * hours_per_context + after * hours_per_generated
        for before, after in zip(context, generated, strict=True)
    )
    counts = tuple(before + after for before, after in zip(context, generated, strict=True))
    demand = f"{stated.model} on {stated.measured_on}: {float(sum(hours)):,.0f} GPU·h over the day."
    return Tokens(hours, counts, weights, f"{note} {demand}")
