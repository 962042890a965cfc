"""Where real numbers become integers: prices turn into ticks, and quality, load and energy type into the weight w.

Nothing else in `pricing` returns an integer price, and nothing below this room sees a float.
"""

import math
from dataclasses import dataclass
from fractions import Fraction

from market.quality import TIERS
from market.units import MICROS_PER_TOKEN, PPM_ONE, Commodity, Ppm, Ticks
from pricing.errors import PricingError, number
from pricing.taxonomy import EnergyType, taxonomy

PRICE_MAX_USD = 1e9

WEIGHT_MIN = 0.2
WEIGHT_MAX = 0.8
NEUTRAL_TIER = 2
NEUTRAL_LOAD = 0.8
NEUTRAL_GREENNESS = 0.5
TIER_COEFFICIENT = 0.25
LOAD_COEFFICIENT = 2.0
GREEN_COEFFICIENT = 1.0


@dataclass(frozen=True, slots=True)
class Band:
    """How far orders may be from the reference price: from `low` to `high` times it, low <= 1 <= high."""

    low: float
    high: float

    def __post_init__(self) -> None:
        number("band low", self.low, low=0, high=1, open_low=True)
        number("band high", self.high, low=1, high=1000)


WIDE = Band(0.25, 4.0)


@dataclass(frozen=True, slots=True)
class PriceTerms:
    """An instrument's reference price and band in ticks."""

    reference_ticks: Ticks
    band_low_ticks: Ticks
    band_high_ticks: Ticks


def price_terms(
    *,
    base_price_per_unit: float,
    load_multiplier: float,
    commodity: Commodity,
    band: Band = WIDE,
) -> PriceTerms:
    """Return reference price and band in ticks from a base price in tokens per unit and a load multiplier.

    The reference is the product rounded to the nearest tick (half to even), and at least one tick. The band is computed
    from the rounded reference, exactly, and rounds inwards: it is never wider than stated, and holds the reference.

    >>> price_terms(base_price_per_unit=2.11, load_multiplier=1.1, commodity=Commodity.CMP, band=Band(0.5, 2.0))
    PriceTerms(reference_ticks=2321, band_low_ticks=1161, band_high_ticks=4642)

    Raises:
        PricingError: if price or multiplier is not positive, or the price exceeds a thousand million tokens.
    """
    price = number("base_price_per_unit", base_price_per_unit, low=0, high=PRICE_MAX_USD, open_low=True)
    price *= number("load_multiplier", load_multiplier, low=0, open_low=True)
    number("base_price_per_unit · load_multiplier", price, low=0, high=PRICE_MAX_USD)
    reference = max(1, round(Fraction(price) * MICROS_PER_TOKEN / commodity.tick_micros))
    # a band is written in decimals, so 0.1 means a tenth and not the double next to it
    low, high = Fraction(repr(float(band.low))), Fraction(repr(float(band.high)))
    return PriceTerms(
        reference_ticks=Ticks(reference),
        band_low_ticks=Ticks(math.ceil(low * reference)),
        band_high_ticks=Ticks(math.floor(high * reference)),
    )


def greenness(energy: str | EnergyType) -> float:
    """Return how green a green class or energy type is, from 0 to 1; G2 and the grid mix are in the middle.

    Green classes go up in quarters. An energy type loses half a point for each grid mix of lifecycle carbon that it
    emits, and no type is below 0.

    >>> greenness("G4"), greenness("MIX"), round(greenness("WIND"), 4)
    (1.0, 0.5, 0.9884)

    Raises:
        PricingError: if it is neither a green class nor an energy type.
    """
    figures = taxonomy()
    if isinstance(energy, str):
        if energy in figures.green_classes:
            classes = list(figures.green_classes)
            return classes.index(energy) / (len(classes) - 1)
        if energy not in figures.energy:
            known = ", ".join([*figures.green_classes, *figures.energy])
            raise PricingError(f"energy: found {energy!r}, expected one of {known}")
        energy = figures.energy[energy]
    mix = figures.energy["MIX"].lifecycle_g_per_kwh
    intensity = number("lifecycle_g_per_kwh", energy.lifecycle_g_per_kwh, low=0)
    return max(0.0, 1 - NEUTRAL_GREENNESS * intensity / mix)


def nash_weight(*, tier: int, load: float, energy: str | EnergyType = "MIX") -> Ppm:
    """Return w, the supplier's share of the surplus under the `nash` rule, in parts per million.

    `tier` is 0 to 4 (Q0 to Q4), `load` used over registered capacity in [0, 1], `energy` a green class (`"G3"`), an
    energy type (`"SOLAR"`) or the figures of one; a network path has none and takes the neutral `"MIX"`.

        score = 0.25·(tier − 2) + 2·(load − 0.8) + 1·(greenness − 0.5)
        w     = 0.2 + 0.6 / (1 + e^−score)        rounded to the nearest ppm

    Better quality, scarcer capacity and greener energy each raise the supplier's share, and w never leaves 20 % to
    80 %: both sides always gain. At silver quality (Q2), the target load of 80 % and G2 or grid mix, nobody is favoured:

    >>> nash_weight(tier=2, load=0.8, energy="G2")
    500000

    You offer gold (Q3), class G4 compute in an hour that is 95 % sold. The score is 0.25 + 0.30 + 0.50 = 1.05, and

    >>> nash_weight(tier=3, load=0.95, energy="G4")
    644465

    A buyer bids 2.50 for a GPU·h that you would sell for 2.00. Of the 0.50 between you, 0.322 is yours: the price is
    2.322. Had you offered best effort (Q0) on grid power (G0) in an hour that is 30 % sold, the score would be
    −0.50 − 1.00 − 0.50 = −2.00, and 0.136 of the 0.50 yours:

    >>> nash_weight(tier=0, load=0.3, energy="G0")
    271522

    The coefficients and bounds are this market's own proposal (docs/reference/pricing/rules.md).

    Raises:
        PricingError: if the tier, load or energy is unknown or out of range.
    """
    if type(tier) is not int or not 0 <= tier < len(TIERS):
        raise PricingError(f"tier: found {tier!r}, expected an integer from 0 to {len(TIERS) - 1}")
    score = (
        TIER_COEFFICIENT * (tier - NEUTRAL_TIER)
        + LOAD_COEFFICIENT * (number("load", load, low=0, high=1) - NEUTRAL_LOAD)
        + GREEN_COEFFICIENT * (greenness(energy) - NEUTRAL_GREENNESS)
    )
    weight = WEIGHT_MIN + (WEIGHT_MAX - WEIGHT_MIN) / (1 + math.exp(-score))
    return Ppm(round(weight * PPM_ONE))
