"""A listed instrument: its price terms now, its session, its book, its last price; and what a listing must satisfy."""

from dataclasses import dataclass, field

from market.book import OrderBook
from market.events import Session
from market.instruments import Instrument
from market.listing import ListInstrument, SetPriceTerms, TradingRules
from market.matching import PRICE_LIMIT
from market.orders import Side
from market.sessions import MICROS_PER_SECOND, fault_in
from market.sides import BUY, SELL
from market.trades import bid_hold, collateral_price
from market.units import (
    BPS_ONE,
    PPM_ONE,
    QUANTITY_MAX,
    Lots,
    Micros,
    Ticks,
    ceil_money,
    format_decimal,
)

HALT_MAX_S = 24 * 3600
"""The longest halt that a listing may ask for."""


@dataclass(frozen=True, slots=True)
class ListedImage:
    """A listed instrument at one moment, its book as `OrderBook.state_bytes` has it."""

    listing: ListInstrument
    terms: SetPriceTerms
    session: Session
    halted_until_us: int
    last_price_ticks: Ticks | None
    volume_lots: Lots
    unfinished_trades: int
    open_lots: tuple[int, int]
    book: bytes


@dataclass(slots=True, eq=False)
class Listed:
    """One listed instrument. The exchange writes it; everybody else reads.

    `terms` are the price terms in force; `reference_micros`, from which collateral is computed, is the reference price at
    listing for good. `volume_lots` and `last_price_ticks` count every trade agreed, void ones too; `unfinished_trades`
    those that are not over; `open_lots` what is open on each side, waiting stops included. `halted_until_us` is when
    the latest halt ends, Unix microseconds.

    What follows from these for every order is worked out once: the tick, the reference price and the collateral of an offer
    in micros per unit, the lots of a unit, when the gate closes (Unix microseconds), and the band, which moves with `terms`.
    """

    id: int
    instrument: Instrument
    resource: int
    listing: ListInstrument
    terms: SetPriceTerms
    book: OrderBook
    session: Session = Session.PENDING
    halted_until_us: int = 0
    last_price_ticks: Ticks | None = None
    volume_lots: Lots = Lots(0)
    unfinished_trades: int = 0
    open_lots: list[int] = field(default_factory=lambda: [0, 0])
    tick_micros: Micros = field(init=False)
    lots_per_unit: int = field(init=False)
    reference_micros: Micros = field(init=False)
    collateral_micros: Micros = field(init=False)
    gate_closes_us: int = field(init=False)
    band_low_micros: Micros = field(init=False)
    band_high_micros: Micros = field(init=False)

    def __post_init__(self) -> None:
        commodity = self.instrument.commodity
        self.tick_micros, self.lots_per_unit = commodity.tick_micros, commodity.lots_per_unit
        self.reference_micros = self.price_micros(self.listing.reference_ticks)
        self.collateral_micros = collateral_price(
            tier=self.instrument.tier, reference_micros=self.reference_micros
        )
        self.gate_closes_us = self.listing.schedule.gate_closes_s * MICROS_PER_SECOND
        self.set_terms(self.terms)

    def set_terms(self, terms: SetPriceTerms) -> None:
        """Put price terms in force, in the book too: who gets the surplus, and the collar until there is a last price."""
        self.terms = terms
        self.band_low_micros = self.price_micros(terms.band_low_ticks)
        self.band_high_micros = self.price_micros(terms.band_high_ticks)
        self.book.set_rule(self.listing.rule, terms.weight_ppm)
        self.book.set_collar(terms.reference_ticks, self.listing.rules.collar_ticks)

    def image(self) -> ListedImage:
        """Return the instrument as it is now."""
        return ListedImage(
            self.listing,
            self.terms,
            self.session,
            self.halted_until_us,
            self.last_price_ticks,
            self.volume_lots,
            self.unfinished_trades,
            (self.open_lots[BUY], self.open_lots[SELL]),
            self.book.state_bytes(),
        )

    def price_micros(self, price_ticks: Ticks) -> Micros:
        """Return a price in micros per unit."""
        return Micros(price_ticks * self.tick_micros)

    def price_ticks(self, price_micros: Micros) -> Ticks:
        """Return a price, a multiple of the tick, in ticks."""
        return Ticks(price_micros // self.tick_micros)

    def collar_ticks(self) -> tuple[Ticks, Ticks]:
        """Return the lowest and the highest price at which the next continuous trade does not halt trading.

        Around the last price, or the reference price before the first trade. Says nothing where `rules` have no collar.
        """
        centre = self.terms.reference_ticks if self.last_price_ticks is None else self.last_price_ticks
        width = self.listing.rules.collar_ticks
        return Ticks(centre - width), Ticks(centre + width)

    def hold_micros(
        self, side: Side, price_micros: Micros, quantity_lots: Lots, budget_micros: Micros | None = None
    ) -> Micros:
        """Return what an order sets aside, in micros: price and fee for a bid, collateral for an offer."""
        if side is SELL:
            return ceil_money(
                price_micros=self.collateral_micros,
                quantity_lots=quantity_lots,
                lots_per_unit=self.lots_per_unit,
            )
        return bid_hold(
            price_micros=price_micros,
            quantity_lots=quantity_lots,
            lots_per_unit=self.lots_per_unit,
            fee_bps=self.listing.fee_bps,
            budget_micros=budget_micros,
        )

    def price_text(self, price_micros: int) -> str:
        """Return a price in words: `0.0453 per kWh`."""
        return f"{format_decimal(price_micros, scale=1_000_000)} per {self.instrument.commodity.unit}"

    def quantity_text(self, quantity_lots: int) -> str:
        """Return a quantity in words: `12.5 kWh`."""
        commodity = self.instrument.commodity
        return f"{format_decimal(quantity_lots, scale=commodity.lots_per_unit)} {commodity.unit}"


def fault_in_price_terms(terms: ListInstrument | SetPriceTerms) -> str | None:
    """Return what is wrong with a reference price, band and weight, None if they fit together."""
    low, reference, high = terms.band_low_ticks, terms.reference_ticks, terms.band_high_ticks
    if not 1 <= low <= reference <= high:
        return f"found a band of {low} to {high} ticks around {reference}, expected 1 <= low <= reference <= high"
    if high >= PRICE_LIMIT:
        return f"found a band up to {high} ticks, expected less than {PRICE_LIMIT}"
    if not 0 <= terms.weight_ppm <= PPM_ONE:
        return f"found a supplier's weight of {terms.weight_ppm} ppm, expected 0 to {PPM_ONE}"
    return None


def fault_in_listing(listing: ListInstrument, instrument: Instrument) -> str | None:
    """Return what is wrong with a listing, None if schedule, price terms, cap, fee and rules fit together."""
    fault = (
        fault_in(listing.schedule, instrument) or fault_in_price_terms(listing) or _fault_in(listing.rules)
    )
    if fault is not None:
        return fault
    if not 0 <= listing.fee_bps <= BPS_ONE:
        return f"found a fee of {listing.fee_bps} bps, expected 0 to {BPS_ONE}"
    if listing.quantity_cap_lots < 1:
        return f"found a quantity cap of {listing.quantity_cap_lots} lots, expected at least one"
    return fault_in_money(listing, instrument, listing.band_high_ticks)


def _fault_in(rules: TradingRules) -> str | None:
    """Return what is wrong with the collar and its halt, None if they fit together."""
    collar, halt_s = rules.collar_ticks, rules.halt_s
    if not 0 <= collar < PRICE_LIMIT:
        return f"found a collar of {collar} ticks, expected 0 to {PRICE_LIMIT - 1}"
    if (collar == 0) != (halt_s == 0) or not 0 <= halt_s <= HALT_MAX_S:
        return f"found a collar of {collar} ticks and a halt of {halt_s} s, expected both or neither, at most {HALT_MAX_S} s"
    return None


def fault_in_money(listing: ListInstrument, instrument: Instrument, band_high_ticks: Ticks) -> str | None:
    """Return why the hold of the dearest order would not fit the 63 bits that money has, None if it does."""
    tick_micros, per_unit = instrument.commodity.tick_micros, instrument.commodity.lots_per_unit
    cap = listing.quantity_cap_lots
    reference = Micros(listing.reference_ticks * tick_micros)
    bid = bid_hold(
        price_micros=Micros(band_high_ticks * tick_micros),
        quantity_lots=cap,
        lots_per_unit=per_unit,
        fee_bps=listing.fee_bps,
    )
    collateral = collateral_price(tier=instrument.tier, reference_micros=reference)
    offer = ceil_money(price_micros=collateral, quantity_lots=cap, lots_per_unit=per_unit)
    for hold in (bid, offer):
        if hold > QUANTITY_MAX:
            return f"found that an order at the cap could hold {hold} micros, expected at most {QUANTITY_MAX}"
    return None
