"""The products that a service lists, and which of their delivery hours are due to be listed."""

import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from api.day.inputs import InputError
from api.settings import Settings
from market.exchange import Exchange
from market.instruments import SECONDS_PER_HOUR, Instrument, parse_symbol
from market.orders import Command, ListInstrument, Schedule, TradePriceRule
from market.units import Commodity, Lots, parse_decimal
from pricing.base import BasePrices
from pricing.dynamic import LoadController
from pricing.rules import nash_weight, price_terms

BUILT_IN = Path(__file__).with_name("catalogue.toml")


class _Entry(msgspec.Struct, forbid_unknown_fields=True):
    symbol: str
    tier: int
    cap: str
    green: int = 0
    rule: str = "maker"


class _File(msgspec.Struct, forbid_unknown_fields=True):
    product: list[_Entry]


@dataclass(frozen=True, slots=True)
class Product:
    """Something to list for every hour; `instrument` is the one of hour 0."""

    instrument: Instrument
    rule: TradePriceRule
    cap_lots: Lots

    def at(self, start_hour: int) -> Instrument:
        """Return the instrument of an hour (counted since 1970)."""
        return replace(self.instrument, start_hour=start_hour)


def read_catalogue(path: Path) -> tuple[Product, ...]:
    """Read a catalogue.

    Raises:
        InputError: if it cannot be read, naming the product.
    """
    try:
        file = msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), _File)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as error:
        raise InputError(path, "reading it", str(error), "a list of [[product]] tables") from None
    return tuple(_product(path, number, entry) for number, entry in enumerate(file.product, start=1))


def _product(path: Path, number: int, entry: _Entry) -> Product:
    green = f".G{entry.green}" if entry.symbol.startswith("CMP.") else ""
    try:
        instrument = parse_symbol(f"{entry.symbol}/1970-01-01T00Z/1h#Q{entry.tier}{green}")
        cap = parse_decimal(entry.cap, scale=instrument.commodity.lots_per_unit, what="cap")
        BasePrices().price(instrument)
        return Product(instrument, TradePriceRule(entry.rule), Lots(cap))
    except ValueError as error:
        raise InputError(path, f"product {number}", str(error), "a product that can be listed") from None


class Lister:
    """Says which listings are due: every product, for every hour within the horizon whose gate has not closed."""

    def __init__(self, products: Sequence[Product], settings: Settings) -> None:
        self._products = products
        self._settings = settings
        self._prices = BasePrices()
        self._neutral_load = LoadController.for_elasticity().target_load
        self._listed_to_hour = 0

    def due(self, now_s: int, exchange: Exchange) -> list[Command]:
        """Return the listings that are due at a Unix second and not listed yet."""
        first = (now_s + self._settings.gate_closure_lead_s) // SECONDS_PER_HOUR + 1
        last = now_s // SECONDS_PER_HOUR + self._settings.horizon_hours
        hours = range(max(first, self._listed_to_hour + 1), last + 1)
        self._listed_to_hour = max(self._listed_to_hour, last)
        listed = {instrument.id for instrument in exchange.instruments()} if hours else set()
        return [
            listing
            for hour in hours
            for listing in self._listings(hour, now_s)
            if listing.instrument_id not in listed
        ]

    def _listings(self, hour: int, now_s: int) -> Iterator[ListInstrument]:
        for product in self._products:
            instrument = product.at(hour)
            terms = price_terms(
                base_price_per_unit=self._prices.price(instrument),
                load_multiplier=1.0,
                commodity=instrument.commodity,
            )
            energy = {
                Commodity.CMP: f"G{instrument.green}",
                Commodity.NET: "MIX",
                Commodity.ENE: instrument.product,
            }[instrument.commodity]
            yield ListInstrument(
                instrument_id=instrument.id,
                schedule=Schedule(now_s, now_s, instrument.start_s - self._settings.gate_closure_lead_s),
                rule=product.rule,
                reference_ticks=terms.reference_ticks,
                band_low_ticks=terms.band_low_ticks,
                band_high_ticks=terms.band_high_ticks,
                weight_ppm=nash_weight(tier=instrument.tier, load=self._neutral_load, energy=energy),
                quantity_cap_lots=product.cap_lots,
                fee_bps=self._settings.fee_bps,
            )
