"""Instruments: what is listed, on which terms, in which session, and how its auctions ended."""

from collections.abc import Iterable, Mapping

from sqlalchemy import Connection, select

from ledger.projections.part import Rule
from ledger.projections.sheet import Changes, Sheet, Values, lowered, values_of
from ledger.projections.symbols import symbol_of, tick_micros_of
from ledger.tables import ClearingRow, InstrumentRow, table
from market.events import Cleared, Session, SessionChanged, TradingHalted
from market.instruments import from_id
from market.listing import InstrumentListed, ListInstrument, PriceTermsSet, SetPriceTerms
from market.orders import Batch

INSTRUMENTS = table(InstrumentRow)
CLEARINGS = table(ClearingRow)
_CLEARING = values_of(CLEARINGS)
_SESSION = lowered(Session)


class Instruments:
    """The tables of instruments and of clearings."""

    def __init__(self) -> None:
        self._instruments = Sheet(INSTRUMENTS)
        self._clearings: list[Values] = []

    @property
    def rules(self) -> Mapping[type, Rule]:
        """What each event does."""
        return {
            InstrumentListed: self._listed,
            PriceTermsSet: self._price_terms,
            SessionChanged: self._session,
            TradingHalted: self._halted,
            Cleared: self._cleared,
        }

    def load(self, connection: Connection) -> None:
        """Take every instrument: any may still change."""
        self._instruments.load(connection, select(INSTRUMENTS), "symbol")

    def take(self) -> Iterable[Changes]:
        """Return what to write."""
        clearings, self._clearings = self._clearings, []
        return (self._instruments.take(), Changes(CLEARINGS, clearings, []))

    def _listed(self, event: InstrumentListed, _batch: Batch, _position: int) -> None:
        listing, rules = event.listing, event.listing.rules
        instrument = from_id(listing.instrument_id)
        tick = tick_micros_of(instrument.id)
        self._instruments.add(
            instrument.symbol,
            {
                "symbol": instrument.symbol,
                "instrument_id": f"0x{instrument.id:064x}",
                "commodity": instrument.commodity.name,
                "product": instrument.product,
                "place": instrument.place,
                "place_to": instrument.place_to,
                "start_s": instrument.start_s,
                "end_s": instrument.end_s,
                "tier": instrument.tier,
                "green": instrument.green,
                "session": _SESSION[Session.PENDING],
                "halted_until_us": 0,
                "rule": listing.rule.value,
                "allocation": rules.allocation.value,
                "halt_s": rules.halt_s,
                "hidden_orders": rules.hidden_orders,
                "fee_bps": listing.fee_bps,
                "quantity_cap_lots": listing.quantity_cap_lots,
                "collar_micros": rules.collar_ticks * tick,
                "collateral_reference_micros": listing.reference_ticks * tick,
                **_price_terms_of(listing),
            },
        )

    def _price_terms(self, event: PriceTermsSet, _batch: Batch, _position: int) -> None:
        self._instruments[symbol_of(event.terms.instrument_id)].update(_price_terms_of(event.terms))

    def _session(self, event: SessionChanged, _batch: Batch, _position: int) -> None:
        self._instruments[symbol_of(event.instrument_id)]["session"] = _SESSION[event.session]

    def _halted(self, event: TradingHalted, _batch: Batch, _position: int) -> None:
        self._instruments[symbol_of(event.instrument_id)]["halted_until_us"] = event.until_us

    def _cleared(self, event: Cleared, batch: Batch, position: int) -> None:
        tick = tick_micros_of(event.instrument_id)
        self._clearings.append(
            _CLEARING(
                {
                    "batch_number": batch.number,
                    "event_position": position,
                    "symbol": symbol_of(event.instrument_id),
                    "price_micros": event.price_ticks * tick,
                    "low_micros": event.low_ticks * tick,
                    "high_micros": event.high_ticks * tick,
                    "volume_lots": event.volume_lots,
                    "price_rule": event.price_rule,
                    "tie_rule": event.tie_rule,
                }
            )
        )


def _price_terms_of(terms: ListInstrument | SetPriceTerms) -> dict[str, int]:
    tick = tick_micros_of(terms.instrument_id)
    return {
        "reference_micros": terms.reference_ticks * tick,
        "band_low_micros": terms.band_low_ticks * tick,
        "band_high_micros": terms.band_high_ticks * tick,
        "weight_ppm": terms.weight_ppm,
    }
