"""Where an instrument's reference price, band and weight come from: its base price and the load, at one place."""

import math
from dataclasses import dataclass

from market.instruments import Instrument
from market.units import Commodity, Ppm
from pricing.dynamic import LoadController
from pricing.rules import PriceTerms, nash_weight, price_terms

CONTROLLER = LoadController.for_elasticity()


@dataclass(frozen=True, slots=True)
class Quote:
    """Reference price and band in ticks, and the supplier's weight of the `nash` rule."""

    terms: PriceTerms
    weight_ppm: Ppm


def opening_quote(instrument: Instrument, base_price: float) -> Quote:
    """Return the quote at listing: the base price (tokens per unit), and the weight at the target load."""
    return _quote(instrument, base_price, multiplier=1.0, load=CONTROLLER.target_load)


def moved_quote(instrument: Instrument, base_price: float, *, reference_ticks: int, load: float) -> Quote:
    """Return the quote one step of the load controller later (docs/reference/pricing/load.md, section 2.2).

    `load` is sold over registered capacity; where the controller stands is read off the reference price in force.
    """
    reference = reference_ticks * instrument.commodity.tick_micros / 1e6
    log_multiplier = CONTROLLER.step(
        min(max(math.log(reference / base_price), CONTROLLER.log_low), CONTROLLER.log_high), load
    )
    return _quote(instrument, base_price, multiplier=CONTROLLER.multiplier(log_multiplier), load=load)


def energy_of(instrument: Instrument) -> str:
    """Return the energy that counts in an instrument's weight: a green class, the mix for a network path, or its type."""
    return {
        Commodity.CMP: f"G{instrument.green}",
        Commodity.NET: "MIX",
        Commodity.ENE: instrument.product,
    }[instrument.commodity]


def _quote(instrument: Instrument, base_price: float, *, multiplier: float, load: float) -> Quote:
    return Quote(
        price_terms(
            base_price_per_unit=base_price, load_multiplier=multiplier, commodity=instrument.commodity
        ),
        nash_weight(tier=instrument.tier, load=load, energy=energy_of(instrument)),
    )
