"""The prices of a market day: what each instrument is listed at, and where load moves it while the day is traded."""

from api.day.parts import Series
from api.day.result import PriceRow
from api.day.scenario import Scenario
from api.quoting import moved_quote, opening_quote
from market.exchange import Exchange
from market.instruments import Instrument
from market.listing import ListInstrument, SetPriceTerms
from market.units import Micros

REPRICED_HOURS_AHEAD = 4
"""Load moves the prices of the slots that agents look at: those that start within this many hours."""


class Prices:
    """The prices of one day. `listings` come first, `moved` each hour; `rows` tells where each slot ended."""

    def __init__(self, scenario: Scenario, exchange: Exchange) -> None:
        self._scenario = scenario
        self._exchange = exchange
        self._rows: dict[tuple[int, int], PriceRow] = {}

    def listings(self) -> list[ListInstrument]:
        """Return the commands that list every instrument at its opening quote."""
        return [
            self._listing(series, slot)
            for series in self._scenario.series
            for slot in range(len(self._scenario.schedules))
        ]

    def moved(self, hour: int) -> list[SetPriceTerms]:
        """Return, and note, how load moves reference price, band and weight of the slots that are traded next."""
        next_slot = hour + 1 - self._scenario.first_hour
        end = min(len(self._scenario.schedules), next_slot + REPRICED_HOURS_AHEAD)
        return [
            self._moved(index, series, slot)
            for slot in range(max(0, next_slot), end)
            for index, series in enumerate(self._scenario.series)
        ]

    def rows(self) -> tuple[PriceRow, ...]:
        """Return the last prices of each slot that load moved, in the sequence in which they first moved."""
        return tuple(self._rows.values())

    def _listing(self, series: Series, slot: int) -> ListInstrument:
        instrument = series.instruments[slot]
        quote = opening_quote(instrument, series.base_usd)
        return ListInstrument(
            instrument_id=instrument.id,
            schedule=self._scenario.schedules[slot],
            rule=series.rule,
            reference_ticks=quote.terms.reference_ticks,
            band_low_ticks=quote.terms.band_low_ticks,
            band_high_ticks=quote.terms.band_high_ticks,
            weight_ppm=quote.weight_ppm,
            quantity_cap_lots=series.quantity_cap_lots,
            fee_bps=series.fee_bps,
        )

    def _moved(self, index: int, series: Series, slot: int) -> SetPriceTerms:
        instrument = series.instruments[slot]
        sold, capacity = self._exchange.load(instrument.resource, instrument.start_hour)
        load = sold / capacity if capacity else 0.0
        reference = self._exchange.listing(instrument.id).terms.reference_ticks
        quote = moved_quote(instrument, series.base_usd, reference_ticks=reference, load=load)
        terms = quote.terms
        self._rows[index, slot] = PriceRow(
            hour=slot,
            commodity=series.commodity,
            family=_family(instrument),
            reference_micros=Micros(terms.reference_ticks * series.commodity.tick_micros),
            load=load,
            weight_ppm=quote.weight_ppm,
        )
        return SetPriceTerms(
            instrument.id,
            terms.reference_ticks,
            terms.band_low_ticks,
            terms.band_high_ticks,
            quote.weight_ppm,
        )


def _family(instrument: Instrument) -> str:
    """Name what an instrument shares with those of other hours, such as CMP.H100@SFO#Q3.G2."""
    symbol = instrument.symbol
    return symbol[: symbol.index("/")] + symbol[symbol.index("#") :]
