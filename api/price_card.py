"""`ccei price`: what an instrument is worth at a load and with an energy type, and what its supplier may expect."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from api.quoting import CONTROLLER
from market.instruments import Instrument, parse_symbol
from market.units import MICROS_PER_TOKEN, Commodity, Malformed, Ppm, format_decimal
from pricing.base import BasePrices
from pricing.rules import nash_weight, price_terms
from pricing.taxonomy import EnergyType, taxonomy

if TYPE_CHECKING:
    from matplotlib.figure import Figure

UNITS = {Commodity.CMP: "GPU·h", Commodity.NET: "Mbps·h", Commodity.ENE: "kWh"}
HOURS = (1, 6, 24)
_WITHOUT_WINDOW = re.compile(r"([^/#]+@[^/#]+)(#.+)?")


@dataclass(frozen=True, slots=True)
class HourlyPrice:
    """The reference price once a load has lasted for some hours, and the band around it, in tokens per unit."""

    hours: int
    multiplier: float
    reference: str
    band_low: str
    band_high: str


@dataclass(frozen=True, slots=True)
class PriceCard:
    """Everything that `ccei price` says of an instrument. Prices are tokens (US dollars) per unit, as decimal strings."""

    instrument: str
    unit: str
    energy: str
    carbon_g_per_kwh: float
    base_price: float
    load: float
    target_load: float
    opening: str
    prices: tuple[HourlyPrice, ...]
    weight_ppm: Ppm

    def as_dict(self) -> dict[str, object]:
        """Return it for machines."""
        facts: dict[str, object] = {name: getattr(self, name) for name in self.__slots__ if name != "prices"}
        facts["prices"] = [{name: getattr(row, name) for name in row.__slots__} for row in self.prices]
        return facts

    def show(self, console: Console) -> None:
        """Print it for people."""
        facts = Table(show_header=False, box=None)
        facts.add_column(style="bold")
        facts.add_row("instrument", self.instrument)
        facts.add_row("energy", f"{self.energy}, {self.carbon_g_per_kwh:g} gCO2e/kWh over its life")
        facts.add_row("base price", f"{self.base_price:.6g} $ per {self.unit}")
        facts.add_row(
            "opening reference", f"{self.opening} $ per {self.unit}, at the target load {self.target_load:g}"
        )
        share = self.weight_ppm / 1e6
        facts.add_row(
            "supplier's share",
            f"{share:.1%} of what lies between bid and offer, under the nash rule at load {self.load:g}",
        )
        console.print(facts)
        table = Table(
            f"load {self.load:g} for",
            "times base",
            "reference price",
            "orders from",
            "to",
            box=None,
            title_justify="left",
        )
        for row in self.prices:
            table.add_row(
                f"{row.hours} h", f"{row.multiplier:.4f}", row.reference, row.band_low, row.band_high
            )
        console.print(table)


def price_card(
    symbol: str, *, load: float = CONTROLLER.target_load, energy: str | None = None, pue: float | None = None
) -> PriceCard:
    """Price an instrument at a load (sold over registered capacity) that lasts.

    `symbol` may leave out delivery window and tier: `CMP.H100@CISO` is `#Q0.G0` in any hour. `energy` is an energy type
    or a mix such as `solar=0.7,gas=0.3`; None takes what the instrument promises. `pue` is the site's, for compute.

    Raises:
        Malformed: if the symbol, the energy or where they go together cannot be read.
        PricingError: if a figure is out of range.
    """
    instrument = _instrument(symbol)
    if pue is not None and instrument.commodity is not Commodity.CMP:
        raise Malformed(f"pue: found {pue:g} for {instrument.commodity.name}, expected it with compute only")
    named, supplied = _energy(instrument, energy)
    base = BasePrices().price(instrument, pue=pue, energy=supplied)
    x, rows = 0.0, []
    for hour in range(1, max(HOURS) + 1):
        x = CONTROLLER.step(x, load)
        if hour in HOURS:
            multiplier = CONTROLLER.multiplier(x)
            terms = price_terms(
                base_price_per_unit=base, load_multiplier=multiplier, commodity=instrument.commodity
            )
            rows.append(
                HourlyPrice(
                    hour,
                    multiplier,
                    *(
                        _price(instrument, ticks)
                        for ticks in (terms.reference_ticks, terms.band_low_ticks, terms.band_high_ticks)
                    ),
                )
            )
    opening = price_terms(base_price_per_unit=base, load_multiplier=1.0, commodity=instrument.commodity)
    return PriceCard(
        instrument=symbol,
        unit=UNITS[instrument.commodity],
        energy=named,
        carbon_g_per_kwh=supplied.lifecycle_g_per_kwh,
        base_price=base,
        load=load,
        target_load=CONTROLLER.target_load,
        opening=_price(instrument, opening.reference_ticks),
        prices=tuple(rows),
        weight_ppm=nash_weight(tier=instrument.tier, load=load, energy=supplied),
    )


def plot_price(symbol: str, *, energy: str | None = None, pue: float | None = None) -> "Figure":
    """Draw the reference price over the load, once it has lasted for an hour, for six and for a day."""
    from matplotlib.figure import Figure

    loads = [step / 100 for step in range(101)]
    cards = [price_card(symbol, load=load, energy=energy, pue=pue) for load in loads]
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    for place, hours in enumerate(HOURS):
        axes.plot(
            [100 * load for load in loads],
            [float(card.prices[place].reference) for card in cards],
            label=f"{hours} h",
        )
    axes.axvline(100 * CONTROLLER.target_load, color="0.6", linestyle=":", linewidth=1)
    axes.set_xlabel("load: sold over registered capacity (%)")
    axes.set_ylabel(f"reference price ($ per {cards[0].unit})")
    axes.set_title(f"{symbol}, {cards[0].energy}", loc="left")
    axes.set_xlim(0, 100)
    axes.set_ylim(0)
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, title="the load has lasted")
    return figure


def save_plot(figure: "Figure", path: Path) -> None:
    """Write a figure to a PNG, SVG or PDF file.

    Raises:
        Malformed: if the name has none of these endings.
    """
    if path.suffix.lower() not in {".png", ".svg", ".pdf"}:
        raise Malformed(f"--plot: found {path.name!r}, expected a name that ends in .png, .svg or .pdf")
    figure.savefig(path, dpi=150)


def _instrument(symbol: str) -> Instrument:
    # what a unit is worth does not depend on the hour, so a symbol may do without
    bare = _WITHOUT_WINDOW.fullmatch(symbol)
    if bare is None:
        return parse_symbol(symbol)
    tier = bare[2] or ("#Q0.G0" if symbol.startswith("CMP.") else "#Q0")
    return parse_symbol(f"{bare[1]}/1970-01-01T00Z/1h{tier}")


def _energy(instrument: Instrument, energy: str | None) -> tuple[str, EnergyType]:
    figures = taxonomy()
    if instrument.commodity is Commodity.NET:
        if energy is not None:
            raise Malformed(f"--energy: found {energy!r} for a network path, expected none")
        return "grid mix", figures.energy["MIX"]
    if energy is None:
        if instrument.commodity is Commodity.ENE:
            return instrument.product.lower(), figures.energy[instrument.product]
        return f"as G{instrument.green} promises", figures.of_green_class(f"G{instrument.green}")
    if instrument.commodity is Commodity.ENE and instrument.product != energy.upper():
        raise Malformed(f"--energy: found {energy!r}, expected none: {instrument.product} is in the name")
    if "=" not in energy:
        return energy.lower(), figures.energy[energy.upper()]
    shares = {}
    for part in energy.split(","):
        name, _, share = part.partition("=")
        try:
            shares[name.strip().upper()] = float(share)
        except ValueError:
            raise Malformed(
                f"--energy: found {part!r}, expected a type and its share, such as solar=0.7"
            ) from None
    return energy.lower(), figures.blend(shares)


def _price(instrument: Instrument, ticks: int) -> str:
    return format_decimal(ticks * instrument.commodity.tick_micros, scale=MICROS_PER_TOKEN)
