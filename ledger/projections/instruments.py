"""Instruments: what is listed, on which terms, in which session, and how its auctions ended."""

from collections.abc import Iterable, Mapping

from sqlalchemy import Connection, Table, select

from ledger.projections.part import Rule
from ledger.projections.sheet import Row, Sheet
from ledger.projections.symbols import Symbols
from ledger.tables import ClearingRow, InstrumentRow, table
from market.events import Cleared, InstrumentListed, PriceTermsSet, Session, SessionChanged, TradingHalted
from market.orders import Batch, ListInstrument, SetPriceTerms

INSTRUMENTS = table(InstrumentRow)
CLEARINGS = table(ClearingRow)


class Instruments:
    """The tables of instruments and of clearings."""

    def __init__(self, names: Symbols) -> None:
        self._names = names
        self._instruments = Sheet(INSTRUMENTS)
        self._clearings: list[Row] = []

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
        self._instruments.load(connection, select(INSTRUMENTS), key="symbol")

    def take(self) -> Iterable[tuple[Table, list[Row]]]:
        """Return what to write."""
        clearings, self._clearings = self._clearings, []
        return (self._instruments.take(), (CLEARINGS, clearings))

    def _listed(self, event: InstrumentListed, _batch: Batch, _position: int) -> None:
        listing, rules = event.listing, event.listing.rules
        instrument = self._names.instrument(listing.instrument_id)
        self._instruments.put(
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
                "session": Session.PENDING.name.lower(),
                "halted_until_us": 0,
                "rule": listing.rule.value,
                "allocation": rules.allocation.value,
                "halt_s": rules.halt_s,
                "hidden_orders": rules.hidden_orders,
                "fee_bps": listing.fee_bps,
                "quantity_cap_lots": listing.quantity_cap_lots,
                **self._names.prices(
                    instrument.id, collar=rules.collar_ticks, collateral_reference=listing.reference_ticks
                ),
                **self._terms(listing),
            },
        )

    def _price_terms(self, event: PriceTermsSet, _batch: Batch, _position: int) -> None:
        self._instruments[self._names.symbol(event.terms.instrument_id)].update(self._terms(event.terms))

    def _session(self, event: SessionChanged, _batch: Batch, _position: int) -> None:
        self._instruments[self._names.symbol(event.instrument_id)]["session"] = event.session.name.lower()

    def _halted(self, event: TradingHalted, _batch: Batch, _position: int) -> None:
        self._instruments[self._names.symbol(event.instrument_id)]["halted_until_us"] = event.until_us

    def _cleared(self, event: Cleared, batch: Batch, position: int) -> None:
        self._clearings.append(
            {
                "batch_number": batch.number,
                "event_position": position,
                "symbol": self._names.symbol(event.instrument_id),
                **self._names.prices(
                    event.instrument_id,
                    price=event.price_ticks,
                    low=event.low_ticks,
                    high=event.high_ticks,
                ),
                "volume_lots": event.volume_lots,
                "price_rule": event.price_rule,
                "tie_rule": event.tie_rule,
            }
        )

    def _terms(self, terms: ListInstrument | SetPriceTerms) -> dict[str, int]:
        return {
            **self._names.prices(
                terms.instrument_id,
                reference=terms.reference_ticks,
                band_low=terms.band_low_ticks,
                band_high=terms.band_high_ticks,
            ),
            "weight_ppm": terms.weight_ppm,
        }
