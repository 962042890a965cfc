"""A market day, resolved: who takes part, what is listed, what is offered, delivered and wanted in each hour.

`load_scenario` joins a scenario file with the figures it names, or with files that take their place, and turns all of
it into the market's integers. Nothing here depends on chance: the seed belongs to the agents.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

from api.day.inputs import HOURS, read_generation
from api.day.parts import Demand, Meter, Outage, Participant, Role, Series, Site, StandbyOption
from api.day.resolve import Resolver
from api.day.scenario_file import ScenarioError, ScenarioFile, read_scenario
from api.day.tokens import tokens_of_day
from api.input_error import InputError
from market.instruments import SECONDS_PER_HOUR
from market.listing import Schedule

__all__ = [
    "BUILT_IN",
    "Demand",
    "InputError",
    "Meter",
    "Outage",
    "Participant",
    "Role",
    "Scenario",
    "ScenarioError",
    "Series",
    "Site",
    "StandbyOption",
    "built_in_scenarios",
    "load_scenario",
]

BUILT_IN = "ciso-2022-03-12"
_BUILT_IN_DIRECTORY = Path(__file__).parent / "scenarios"
_FILE_NAME = "scenario.toml"

# The day-ahead call runs from 10:00 to 12:00 UTC of the day before; every gate closes 15 minutes before its slot.
CALL_OPENS_BEFORE_S = 14 * SECONDS_PER_HOUR
CONTINUOUS_OPENS_BEFORE_S = 12 * SECONDS_PER_HOUR
GATE_CLOSES_BEFORE_S = 15 * 60

# Slots count hours since 1970, and a day needs a day before it.
_FIRST_DAY, _LAST_DAY = date(1970, 1, 2), date(2999, 12, 31)


@dataclass(frozen=True, slots=True)
class Scenario:
    """A whole day. Indices in meters, demands and sites point into `participants`, `series` and `meters`.

    `first_hour` counts hours since 1970-01-01T00Z; `schedules` and `grid_gco2_per_kwh` have one value for each hour;
    `notes` pairs labels with texts for the report: sources, scales, factors.
    """

    name: str
    title: str
    description: str
    delivery_day: date
    first_hour: int
    schedules: tuple[Schedule, ...]
    participants: tuple[Participant, ...]
    series: tuple[Series, ...]
    meters: tuple[Meter, ...]
    demands: tuple[Demand, ...]
    sites: tuple[Site, ...]
    options: tuple[StandbyOption, ...]
    outages: tuple[Outage, ...]
    grid_gco2_per_kwh: tuple[Decimal, ...]
    notes: tuple[tuple[str, str], ...]


def built_in_scenarios() -> tuple[str, ...]:
    """Return the names of the scenarios that ship with the package."""
    return tuple(sorted(path.parent.name for path in _BUILT_IN_DIRECTORY.glob(f"*/{_FILE_NAME}")))


def load_scenario(
    name_or_path: str | Path = BUILT_IN,
    *,
    energy: Path | None = None,
    day: date | None = None,
    workload: Path | None = None,
    network: Path | None = None,
) -> Scenario:
    """Read a scenario by name or path (a directory or its `scenario.toml`) and resolve every figure.

    `energy`, `workload` and `network` take the place of the scenario's own figures, in the formats that
    `read_generation`, `read_workload` and `read_network` read; `day` is the delivery day, offers come from the day
    before.

    Raises:
        ScenarioError: if the scenario is not there or does not hold together.
        InputError: if a file of figures cannot be used.
    """
    path = _find(name_or_path)
    file = read_scenario(path)
    layout = file.layout
    delivery_day = day or layout.delivery_day
    if not _FIRST_DAY <= delivery_day <= _LAST_DAY:
        raise file.error(
            "delivery_day", found=delivery_day, expected=f"a day from {_FIRST_DAY} to {_LAST_DAY}"
        )
    generation_file = energy or path.parent / layout.energy.generation
    generation = read_generation(generation_file, day=delivery_day)
    tokens = tokens_of_day(file, workload)
    resolver = Resolver(file, _hour_of(delivery_day))
    resolver.note("Generation", _generation_note(file, energy, delivery_day))
    resolver.energy(generation)
    resolver.note("Demand for compute", tokens.note)
    resolver.compute(tokens)
    resolver.emergencies()
    resolver.network(tokens, network)
    first_hour = resolver.first_hour
    day_s = first_hour * SECONDS_PER_HOUR
    return Scenario(
        name=path.parent.name,
        title=layout.title
        if day in (None, layout.delivery_day)
        else f"{layout.title}, run for {delivery_day}",
        description=" ".join(layout.description.split()),
        delivery_day=delivery_day,
        first_hour=first_hour,
        schedules=tuple(
            Schedule(
                call_opens_s=day_s - CALL_OPENS_BEFORE_S,
                continuous_opens_s=day_s - CONTINUOUS_OPENS_BEFORE_S,
                gate_closes_s=day_s + hour * SECONDS_PER_HOUR - GATE_CLOSES_BEFORE_S,
            )
            for hour in range(HOURS)
        ),
        participants=tuple(resolver.participants.values()),
        series=tuple(resolver.series),
        meters=tuple(resolver.meters),
        demands=tuple(resolver.demands),
        sites=tuple(resolver.sites),
        options=tuple(resolver.options),
        outages=tuple(resolver.outages),
        grid_gco2_per_kwh=tuple(hour.gco2_per_kwh for hour in generation.day),
        notes=tuple(resolver.notes),
    )


def _find(name_or_path: str | Path) -> Path:
    if str(name_or_path) in built_in_scenarios():
        return _BUILT_IN_DIRECTORY / name_or_path / _FILE_NAME
    path = Path(name_or_path)
    path = path / _FILE_NAME if path.is_dir() else path
    if not path.is_file():
        raise ScenarioError(
            path,
            "opening it",
            "no such file",
            f"a scenario file, or one of {', '.join(built_in_scenarios())}",
        )
    return path.resolve()


def _generation_note(file: ScenarioFile, energy: Path | None, delivery_day: date) -> str:
    stated = file.layout.energy
    source = stated.source if energy is None else f"file {energy.name}, in the format of form EIA-930"
    metered = " and ".join(kind.product.lower() for kind in stated.type if kind.metered) or "no source"
    haircuts = ", ".join(
        f"{kind.haircut * 100:.0f} % of {kind.product.lower()}" for kind in stated.type if kind.haircut
    )
    return (
        f"{source}. 1 MW there is {stated.kw_per_mw.normalize():f} kW here. Offers are the output of the day before "
        f"{delivery_day}, less a haircut ({haircuts or 'none'}); {metered} deliver what {delivery_day} brought."
    )


def _hour_of(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) // SECONDS_PER_HOUR
