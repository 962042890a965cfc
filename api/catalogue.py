"""The products that a service lists, and which of their delivery hours are due to be listed."""

import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from api.input_error import InputError
from api.quoting import moved_quote, opening_quote
from api.settings import Settings
from market.events import Session
from market.exchange import Exchange
from market.instruments import SECONDS_PER_HOUR, Instrument, parse_symbol
from market.listing import ListInstrument, Schedule, SetPriceTerms, TradePriceRule
from market.orders import Command
from market.units import QUANTITY_MAX, Lots, Malformed, parse_decimal
from pricing.base import BasePrices

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
    except OSError as error:
        found = (error.strerror or str(error)).lower()
        raise InputError(path, "opening it", found, "a file that can be read") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as error:
        raise InputError(path, "reading it", str(error), "a list of [[product]] tables") from None
    products: dict[Instrument, Product] = {}
    for number, entry in enumerate(file.product, start=1):
        product = _product(path, number, entry)
        if product.instrument in products:
            raise InputError(path, f"product {number}", f"{entry.symbol} of this tier again", "each once")
        products[product.instrument] = product
    return tuple(products.values())


def _product(path: Path, number: int, entry: _Entry) -> Product:
    green = f".G{entry.green}" if entry.symbol.startswith("CMP.") else ""
    try:
        if entry.green and not green:
            raise Malformed(f"green: found {entry.green}, expected none: only compute has a green class")
        instrument = parse_symbol(f"{entry.symbol}/1970-01-01T00Z/1h#Q{entry.tier}{green}")
        cap = parse_decimal(entry.cap, scale=instrument.commodity.lots_per_unit, what="cap")
        if not 1 <= cap <= QUANTITY_MAX:
            raise Malformed(f"cap: found {entry.cap}, expected more than 0 and at most {QUANTITY_MAX} lots")
        BasePrices().price(instrument)
        return Product(instrument, TradePriceRule(entry.rule), Lots(cap))
    except ValueError as error:
        raise InputError(path, f"product {number}", str(error), "a product that can be listed") from None


class Lister:
    """Says what the operator owes the exchange: new listings within the horizon, and prices moved by load each hour."""

    def __init__(self, products: Sequence[Product], settings: Settings) -> None:
        self._products = products
        self._settings = settings
        self._prices = BasePrices()
        self._listed_to_hour = 0
        self._priced_hour: int | None = None

    def due(self, now_s: int, exchange: Exchange) -> list[Command]:
        """Return the commands that are due at a Unix second."""
        hour = now_s // SECONDS_PER_HOUR
        commands: list[Command] = []
        if self._priced_hour not in (None, hour):
            commands += self._moved_prices(exchange)
        self._priced_hour = hour
        return [*commands, *self._new_listings(now_s, exchange)]

    def _new_listings(self, now_s: int, exchange: Exchange) -> list[Command]:
        """List every product for every hour within the horizon whose gate has not closed and that is not listed yet."""
        first = (now_s + self._settings.gate_closure_lead_s) // SECONDS_PER_HOUR + 1
        last = now_s // SECONDS_PER_HOUR + self._settings.horizon_hours
        hours = range(max(first, self._listed_to_hour + 1), last + 1)
        self._listed_to_hour = max(self._listed_to_hour, last)
        listed = {instrument.id for instrument in exchange.instruments()} if hours else set()
        return [
            self._listing(product, instrument, now_s)
            for hour in hours
            for product in self._products
            if (instrument := product.at(hour)).id not in listed
        ]

    def _listing(self, product: Product, instrument: Instrument, now_s: int) -> ListInstrument:
        quote = opening_quote(instrument, self._prices.price(instrument))
        return ListInstrument(
            instrument_id=instrument.id,
            schedule=Schedule(now_s, now_s, instrument.start_s - self._settings.gate_closure_lead_s),
            rule=product.rule,
            reference_ticks=quote.terms.reference_ticks,
            band_low_ticks=quote.terms.band_low_ticks,
            band_high_ticks=quote.terms.band_high_ticks,
            weight_ppm=quote.weight_ppm,
            quantity_cap_lots=product.cap_lots,
            fee_bps=self._settings.fee_bps,
        )

    def _moved_prices(self, exchange: Exchange) -> Iterator[SetPriceTerms]:
        for listed in exchange.listings():
            if listed.session is not Session.CONTINUOUS:
                continue
            instrument = listed.instrument
            sold, capacity = exchange.load(instrument.resource, instrument.start_hour)
            quote = moved_quote(
                instrument,
                self._prices.price(instrument),
                reference_ticks=listed.terms.reference_ticks,
                load=sold / capacity if capacity else 0.0,
            )
            yield SetPriceTerms(
                instrument.id,
                quote.terms.reference_ticks,
                quote.terms.band_low_ticks,
                quote.terms.band_high_ticks,
                quote.weight_ppm,
            )
