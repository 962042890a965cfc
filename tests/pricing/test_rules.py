"""Where numbers become integers: ticks round as stated, and w is monotone, symmetric and bounded."""

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from market.units import Commodity
from pricing.errors import PricingError
from pricing.rules import Band, PriceTerms, greenness, nash_weight, price_terms
from pricing.taxonomy import EnergyType, taxonomy

GREEN_CLASSES = ["G0", "G1", "G2", "G3", "G4"]
BY_CARBON = sorted(taxonomy().energy, key=lambda name: -taxonomy().energy[name].lifecycle_g_per_kwh)
energies = st.sampled_from([*GREEN_CLASSES, *BY_CARBON])
HALF_TO_DOUBLE = Band(0.5, 2.0)
tiers = st.integers(0, 4)
loads = st.floats(0, 1)


def terms(price, multiplier=1.0, commodity=Commodity.CMP, band=HALF_TO_DOUBLE):
    return price_terms(base_price_per_unit=price, load_multiplier=multiplier, commodity=commodity, band=band)


def test_each_commodity_rounds_to_its_own_tick():
    assert terms(2.11) == PriceTerms(2110, 1055, 4220)
    assert terms(0.0569, commodity=Commodity.ENE) == PriceTerms(569, 285, 1138)
    assert terms(0.00123, commodity=Commodity.NET) == PriceTerms(123, 62, 246)


def test_reference_rounds_half_to_even():
    # an eighth and a sixteenth are exact in binary: 0.0625 is 62.5 ticks, 0.1875 is 187.5
    assert terms(0.0625).reference_ticks == 62
    assert terms(0.1875).reference_ticks == 188


def test_reference_is_at_least_one_tick_and_so_is_its_band():
    assert terms(1e-12) == PriceTerms(1, 1, 2)


def test_band_reads_its_factors_as_decimals():
    # 0.1 as a double is a little over a tenth, and 1.1 over eleven tenths: neither may move the band by a tick
    assert terms(0.1, band=Band(0.1, 1.1)) == PriceTerms(100, 10, 110)
    assert terms(0.03, band=Band(0.7, 1.4)) == PriceTerms(30, 21, 42)


@given(
    st.floats(1e-9, 1e6),
    st.floats(0.5, 4),
    st.floats(0.01, 1),
    st.floats(1, 100),
    st.sampled_from(Commodity),
)
def test_band_rounds_inwards_and_holds_the_reference(price, multiplier, low, high, commodity):
    result = terms(price, multiplier, commodity, Band(low, high))
    assert 1 <= result.band_low_ticks <= result.reference_ticks <= result.band_high_ticks
    exact_low = Fraction(repr(low)) * result.reference_ticks
    exact_high = Fraction(repr(high)) * result.reference_ticks
    assert 0 <= result.band_low_ticks - exact_low < 1
    assert 0 <= exact_high - result.band_high_ticks < 1
    ticks = price * multiplier * 1_000_000 / commodity.tick_micros
    assert result.reference_ticks == 1 or abs(result.reference_ticks - ticks) <= 0.5 + 1e-9 * ticks


@pytest.mark.parametrize(
    ("price", "multiplier"),
    [(0, 1), (-1, 1), (math.nan, 1), (math.inf, 1), (1, 0), (1, math.nan), (1e9, 2), (1e10, 0.1), ("2", 1)],
)
def test_impossible_prices_are_refused(price, multiplier):
    with pytest.raises(PricingError, match="found"):
        terms(price, multiplier)


@pytest.mark.parametrize("band", [(0, 2), (1.1, 2), (0.5, 0.9), (0.5, math.inf), (math.nan, 2)])
def test_impossible_bands_are_refused(band):
    with pytest.raises(PricingError, match="band"):
        Band(*band)


@pytest.mark.parametrize("energy", ["G2", "MIX"])
def test_nobody_is_favoured_at_the_neutral_point(energy):
    assert nash_weight(tier=2, load=0.8, energy=energy) == 500_000


def test_weight_by_hand():
    score = 0.25 * 2 + 2 * (1.0 - 0.8) + 0.5
    assert nash_weight(tier=4, load=1.0, energy="G4") == round(1e6 * (0.2 + 0.6 / (1 + math.exp(-score))))


@pytest.mark.parametrize(("tier", "load", "energy"), [(3, 0.85, "G3"), (4, 0.9, "G4"), (2, 1.0, "G1")])
def test_mirrored_circumstances_share_in_mirror_image(tier, load, energy):
    mirrored = nash_weight(tier=4 - tier, load=1.6 - load, energy=f"G{4 - int(energy[1])}")
    assert nash_weight(tier=tier, load=load, energy=energy) + mirrored == 1_000_000


@given(tiers, loads, energies)
def test_weight_is_bounded(tier, load, energy):
    assert 200_000 < nash_weight(tier=tier, load=load, energy=energy) < 800_000


@given(tiers, tiers, loads, energies)
def test_weight_rises_with_quality(a, b, load, energy):
    low, high = sorted((a, b))
    lower, higher = (nash_weight(tier=tier, load=load, energy=energy) for tier in (low, high))
    assert lower < higher or low == high


@given(tiers, loads, loads, energies)
def test_weight_never_falls_with_load(tier, a, b, energy):
    low, high = sorted((a, b))
    lower, higher = (nash_weight(tier=tier, load=load, energy=energy) for load in (low, high))
    assert lower <= higher
    assert lower < higher or high - low < 1e-4


@given(tiers, loads, st.sampled_from([GREEN_CLASSES, BY_CARBON]))
def test_weight_rises_with_greenness(tier, load, order):
    weights = [nash_weight(tier=tier, load=load, energy=energy) for energy in order]
    assert weights == sorted(weights)
    assert len(set(weights)) == len(weights)


def test_greenness_of_given_figures():
    assert greenness(EnergyType(0.0, True, True, 0.0)) == 1.0
    assert greenness(EnergyType(5000.0, False, False, 0.0)) == 0.0
    assert nash_weight(tier=2, load=0.8, energy=taxonomy().energy["SOLAR"]) == nash_weight(
        tier=2, load=0.8, energy="SOLAR"
    )


def test_unknown_circumstances_are_refused_by_name():
    with pytest.raises(PricingError, match="tier: found 5, expected an integer from 0 to 4"):
        nash_weight(tier=5, load=0.5)
    with pytest.raises(PricingError, match="load: found nan"):
        nash_weight(tier=2, load=math.nan)
    with pytest.raises(PricingError, match="energy: found 'G5', expected one of G0, G1"):
        nash_weight(tier=2, load=0.5, energy="G5")
    with pytest.raises(PricingError, match="lifecycle_g_per_kwh"):
        nash_weight(tier=2, load=0.5, energy=EnergyType(math.nan, True, True, 0.0))
