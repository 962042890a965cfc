"""The parts of a market day: who takes part, what is listed, and what is offered, delivered and wanted in each hour."""

from dataclasses import dataclass
from enum import StrEnum

from market.instruments import Instrument
from market.listing import TradePriceRule
from market.units import Commodity, Lots, Micros


class Role(StrEnum):
    """What a participant is."""

    GENERATOR = "generator"
    DATA_CENTRE = "data centre"
    CARRIER = "carrier"
    AI_LAB = "AI lab"
    FACTORY = "factory"
    RETAILER = "retailer"
    MEDIA_FIRM = "media firm"


@dataclass(frozen=True, slots=True)
class Participant:
    """Somebody who trades. A key is derived from `label`; `deposit_micros` is paid in before the day."""

    name: str
    role: Role
    label: str
    deposit_micros: Micros


@dataclass(frozen=True, slots=True)
class Series:
    """One product over the day: an instrument for each UTC hour, 0 to 23.

    `base_usd` is its base price in dollars per unit; pricing makes reference price and band from it.
    """

    instruments: tuple[Instrument, ...]
    base_usd: float
    rule: TradePriceRule
    fee_bps: int
    quantity_cap_lots: Lots

    @property
    def commodity(self) -> Commodity:
        """What is traded."""
        return self.instruments[0].commodity

    @property
    def resource(self) -> int:
        """What a meter of this series measures."""
        return self.instruments[0].resource


@dataclass(frozen=True, slots=True)
class Meter:
    """A supplier's metered capacity in one series, and what it does with it in each hour.

    `owner` and `series` are indices into the scenario. `cost_micros` is the supplier's reserve price per unit before its
    margin. `delivered_lots` is what the meter will read, whatever was sold; None where it delivers what it sold.
    """

    owner: int
    series: int
    label: str
    capacity_lots: Lots
    cost_micros: Micros
    offered_lots: tuple[Lots, ...]
    delivered_lots: tuple[Lots, ...] | None


@dataclass(frozen=True, slots=True)
class Outage:
    """An hour in which a meter reads only a share of what it sold."""

    meter: int
    hour: int
    delivered_bps: int


@dataclass(frozen=True, slots=True)
class StandbyOption:
    """Capacity that one supplier keeps ready for another, who names it as its emergency plan.

    `holder` pays the premium; `meter` is the supplier's, which is why it offers `lots` less in every hour.
    """

    holder: int
    supplier: int
    meter: int
    lots: Lots
    strike_micros: Micros
    premium_micros: Micros


@dataclass(frozen=True, slots=True)
class Demand:
    """What one buyer wants of one series in each hour; a unit is worth `worth_bps` of the reference price to it."""

    buyer: int
    series: int
    worth_bps: int
    lots: tuple[Lots, ...]


@dataclass(frozen=True, slots=True)
class Site:
    """A data centre's need for energy: it must buy what the GPU hours that it sells will use.

    `wh_per_gpu_hour` pairs the index of each of its meters with the energy of one GPU·h there, PUE included.
    `energy` are the series that it wants, best first; it pays up to `premium_micros` more per kWh for renewable ones.
    """

    owner: int
    expected_load_bps: int
    wh_per_gpu_hour: tuple[tuple[int, int], ...]
    energy: tuple[int, ...]
    premium_micros: Micros
