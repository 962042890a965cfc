"""Listings: what the operator opens for trading, how it trades, and who may offer it: commands and events."""

from dataclasses import dataclass
from enum import StrEnum

from market.address import Address
from market.units import Lots, Ppm, Ticks


class Allocation(StrEnum):
    """Who trades first at one price: the earlier order, or all of them in proportion to their quantities."""

    TIME = "time"
    PRO_RATA = "pro_rata"


class TradePriceRule(StrEnum):
    """Who gets the surplus between a bid and an offer that meet."""

    MAKER = "maker"
    MIDPOINT = "midpoint"
    NASH = "nash"


@dataclass(frozen=True, slots=True)
class Schedule:
    """When an instrument's sessions begin, Unix seconds: call, continuous trading, gate closure."""

    call_opens_s: int
    continuous_opens_s: int
    gate_closes_s: int


@dataclass(frozen=True, slots=True)
class TradingRules:
    """How an instrument trades beyond price and time.

    A trade further than `collar_ticks` from the last price (from the reference price before the first) halts continuous
    trading for a call of `halt_s` seconds; a collar of 0 never halts. `hidden_orders` says whether orders may hide.
    """

    allocation: Allocation = Allocation.TIME
    collar_ticks: Ticks = Ticks(0)
    halt_s: int = 0
    hidden_orders: bool = False


@dataclass(frozen=True, slots=True)
class ListInstrument:
    """Open an instrument for trading. `reference_ticks` at listing is what collateral is computed from for good."""

    instrument_id: int
    schedule: Schedule
    rule: TradePriceRule
    reference_ticks: Ticks
    band_low_ticks: Ticks
    band_high_ticks: Ticks
    weight_ppm: Ppm
    quantity_cap_lots: Lots
    fee_bps: int
    rules: TradingRules = TradingRules()


@dataclass(frozen=True, slots=True)
class SetPriceTerms:
    """Move an instrument's reference price, band and supplier's weight between batches."""

    instrument_id: int
    reference_ticks: Ticks
    band_low_ticks: Ticks
    band_high_ticks: Ticks
    weight_ppm: Ppm


@dataclass(frozen=True, slots=True)
class RegisterMeter:
    """Admit a supplier's meter and the capacity behind it, in lots per delivery hour."""

    participant: Address
    meter: Address
    resource: int
    capacity_lots: Lots


@dataclass(frozen=True, slots=True)
class InstrumentListed:
    """An instrument opened."""

    listing: ListInstrument


@dataclass(frozen=True, slots=True)
class PriceTermsSet:
    """Reference price, band or weight moved."""

    terms: SetPriceTerms


@dataclass(frozen=True, slots=True)
class MeterRegistered:
    """A supplier's meter and capacity were admitted."""

    registration: RegisterMeter
