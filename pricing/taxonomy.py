"""Dated figures with their sources: accelerators, energy types, joules per token, overheads, reference prices.

`taxonomy()` reads `data/taxonomy.toml`, once. The names of rows are those used in instrument symbols: `H100`, `SOLAR`.
"""

import math
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from datetime import date
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import Any, Generic, TypeVar, cast

from pricing.errors import PricingError, number

Row = TypeVar("Row")
Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Accelerator:
    """One accelerator class. `bf16_tflops_dense` is the peak without sparsity."""

    bf16_tflops_dense: float
    tdp_w: float
    vram_gb: float
    bandwidth_tb_s: float


@dataclass(frozen=True, slots=True)
class EnergyType:
    """One energy type. `certificate_usd_per_kwh` is what its certificate fetches on top of the electricity."""

    lifecycle_g_per_kwh: float
    renewable: bool
    carbon_free: bool
    certificate_usd_per_kwh: float


@dataclass(frozen=True, slots=True)
class GreenClass:
    """One green class of compute: the carbon-free share of every hour's load, the certified share of the year's kWh."""

    hourly_carbon_free_min: float
    certified_min: float


@dataclass(frozen=True, slots=True)
class Inference:
    """Measured accelerator energy of one model on one accelerator class; low and high are the best and worst batch."""

    accelerators: int
    joules_per_token_low: float
    joules_per_token_high: float


@dataclass(frozen=True, slots=True)
class Task:
    """Default shares of one kind of task: of peak FLOP/s, of time, of TDP; and bytes on the wire per token."""

    flop_utilisation: float
    useful_time: float
    power: float
    bytes_per_token: float


@dataclass(frozen=True, slots=True)
class Site:
    """Energy of a site over energy of its computers."""

    pue: float


@dataclass(frozen=True, slots=True)
class Host:
    """Energy of the computers over energy of their accelerators; multiply by PUE unless it includes the facility."""

    factor: float
    includes_facility: bool


@dataclass(frozen=True, slots=True)
class NetworkEnergy:
    """Energy allotted to traffic, with the range of published estimates."""

    wh_per_gb: float
    wh_per_gb_low: float
    wh_per_gb_high: float


@dataclass(frozen=True, slots=True)
class Price:
    """A reference price in US dollars per the named unit."""

    usd: float
    per: str
    source: str


@dataclass(frozen=True, slots=True)
class Table(Generic[Row]):
    """Rows of one kind, where they came from and when they were read."""

    name: str
    source: str
    as_of: date
    rows: Mapping[str, Row]

    def __getitem__(self, key: str) -> Row:
        try:
            return self.rows[key]
        except KeyError:
            known = ", ".join(self.rows)
            raise PricingError(f"{self.name}: found {key!r}, expected one of {known}") from None

    def __iter__(self) -> Iterator[str]:
        return iter(self.rows)

    def __contains__(self, key: object) -> bool:
        return key in self.rows

    def __len__(self) -> int:
        return len(self.rows)


@dataclass(frozen=True, slots=True)
class Taxonomy:
    """Every table. Figures of a row are read as `taxonomy().accelerators["H100"].tdp_w`."""

    accelerators: Table[Accelerator]
    energy: Table[EnergyType]
    green_classes: Table[GreenClass]
    inference: Table[Inference]
    tasks: Table[Task]
    pue: Table[Site]
    host: Table[Host]
    network: Table[NetworkEnergy]
    prices: Table[Price]

    def joules_per_token(self, model: str, accelerator: str, *, share_of_range: float = 0.0) -> float:
        """Return accelerator joules per token: the lowest measured figure at share 0, the highest at 1, in log scale.

        >>> taxonomy().joules_per_token("LLAMA-3.1-8B", "H100")
        0.07

        Raises:
            PricingError: if the pair was not measured or the share is outside [0, 1].
        """
        share = number("share_of_range", share_of_range, low=0, high=1)
        row = self.inference[f"{model}/{accelerator}"]
        return math.exp(
            (1 - share) * math.log(row.joules_per_token_low) + share * math.log(row.joules_per_token_high)
        )

    def accelerator_hours_per_token(
        self, model: str, accelerator: str, *, share_of_range: float = 0.0
    ) -> float:
        """Return GPU·h per token: joules per token over the power that a busy accelerator draws.

        >>> hours = taxonomy().accelerator_hours_per_token("LLAMA-3.1-8B", "H100")
        >>> round(1 / (hours * 3600))  # tokens per second of one H100
        9000
        """
        joules = self.joules_per_token(model, accelerator, share_of_range=share_of_range)
        return joules / (self.accelerators[accelerator].tdp_w * self.tasks["INFERENCE"].power * 3600)

    def blend(self, shares: Mapping[str, float]) -> EnergyType:
        """Return the energy type of a mix; `shares` maps energy types to shares that sum to 1.

        It is renewable or carbon-free only if all of it is.

        >>> taxonomy().blend({"SOLAR": 0.5, "WIND": 0.5}).lifecycle_g_per_kwh
        29.5

        Raises:
            PricingError: if an energy type is unknown, a share is out of range, or they do not sum to 1.
        """
        mix = [
            (self.energy[name], number(f"share of {name}", share, low=0, high=1))
            for name, share in shares.items()
        ]
        total = math.fsum(share for _, share in mix)
        if not math.isclose(total, 1, abs_tol=1e-9):
            raise PricingError(f"shares: found a sum of {total:g}, expected 1")
        used = [energy for energy, share in mix if share]
        return EnergyType(
            lifecycle_g_per_kwh=math.fsum(energy.lifecycle_g_per_kwh * share for energy, share in mix),
            renewable=all(energy.renewable for energy in used),
            carbon_free=all(energy.carbon_free for energy in used),
            certificate_usd_per_kwh=math.fsum(
                energy.certificate_usd_per_kwh * share for energy, share in mix
            ),
        )

    def stored(self, charged_from: Mapping[str, float], *, round_trip_efficiency: float) -> EnergyType:
        """Return the energy type of a storage discharge: it inherits what charged it, divided by the efficiency.

        The certificates of what is lost on the way are used up too, hence the higher premium.

        >>> taxonomy().stored({"SOLAR": 1.0}, round_trip_efficiency=0.8).lifecycle_g_per_kwh
        60.0

        Raises:
            PricingError: as `blend`, or if the efficiency is outside (0, 1].
        """
        efficiency = number("round_trip_efficiency", round_trip_efficiency, low=0, high=1, open_low=True)
        charge = self.blend(charged_from)
        return replace(
            charge,
            lifecycle_g_per_kwh=number("lifecycle_g_per_kwh", charge.lifecycle_g_per_kwh / efficiency),
            certificate_usd_per_kwh=number(
                "certificate_usd_per_kwh", charge.certificate_usd_per_kwh / efficiency
            ),
        )

    def of_green_class(self, name: str) -> EnergyType:
        """Return the energy that compute of a green class runs on: grid mix, and solar and wind in equal parts.

        The hourly share decides the carbon, the certified share the certificates: so G1 pays for certificates and
        is no cleaner by the hour.

        >>> g2 = taxonomy().of_green_class("G2")
        >>> round(g2.lifecycle_g_per_kwh, 6), round(g2.certificate_usd_per_kwh, 6), g2.carbon_free
        (118.6, 0.0035, False)

        Raises:
            PricingError: if there is no such class.
        """
        green = self.green_classes[name]
        share = green.hourly_carbon_free_min
        certificate = self.blend({"SOLAR": 0.5, "WIND": 0.5}).certificate_usd_per_kwh * green.certified_min
        energy = self.blend({"MIX": 1 - share, "SOLAR": share / 2, "WIND": share / 2})
        return replace(energy, certificate_usd_per_kwh=certificate)


@cache
def taxonomy() -> Taxonomy:
    """Return the figures that ship with the package.

    >>> taxonomy().accelerators["H100"].tdp_w, taxonomy().energy["COAL"].lifecycle_g_per_kwh
    (700.0, 820.0)
    """
    return parse_taxonomy(
        resources.files("pricing").joinpath("data", "taxonomy.toml").read_text(encoding="utf-8")
    )


def parse_taxonomy(text: str) -> Taxonomy:
    """Read a taxonomy from TOML: a `source`, an `as_of` date and `rows` for each table.

    Raises:
        PricingError: if the text is no TOML, or a table, row or figure is missing, unknown or of the wrong kind.
    """
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise PricingError(f"taxonomy: {error}") from None
    _with_keys("taxonomy", document, {field.name for field in fields(Taxonomy)})
    return Taxonomy(
        accelerators=_table(document, "accelerators", Accelerator),
        energy=_table(document, "energy", EnergyType),
        green_classes=_table(document, "green_classes", GreenClass),
        inference=_table(document, "inference", Inference),
        tasks=_table(document, "tasks", Task),
        pue=_table(document, "pue", Site),
        host=_table(document, "host", Host),
        network=_table(document, "network", NetworkEnergy),
        prices=_table(document, "prices", Price),
    )


def _table(document: Mapping[str, Any], name: str, kind: type[Row]) -> Table[Row]:
    table = _with_keys(name, document[name], {"source", "as_of", "rows"})
    rows: dict[str, Any] = _of_kind(f"{name}.rows", table["rows"], dict)
    return Table(
        name,
        _of_kind(f"{name}.source", table["source"], str),
        _of_kind(f"{name}.as_of", table["as_of"], date),
        MappingProxyType({key: _row(f"{name}.{key}", figures, kind) for key, figures in rows.items()}),
    )


def _row(where: str, figures: object, kind: type[Row]) -> Row:
    kinds: dict[str, Any] = {field.name: field.type for field in fields(cast("Any", kind))}
    row = _with_keys(where, figures, set(kinds))
    for name, value in row.items():
        _of_kind(f"{where}.{name}", value, kinds[name])
        if kinds[name] in (int, float):
            number(f"{where}.{name}", value, low=0)
    return kind(**row)


def _with_keys(where: str, found: object, expected: set[str]) -> dict[str, Any]:
    keys: dict[str, Any] = _of_kind(where, found, dict)
    if set(keys) != expected:
        raise PricingError(f"{where}: found {sorted(keys)}, expected {sorted(expected)}")
    return keys


def _of_kind(where: str, value: object, kind: type[Value]) -> Value:
    if type(value) is not kind:
        raise PricingError(f"{where}: found {value!r}, expected a {kind.__name__}")
    return value
