"""Base price: exact in its parts, homogeneous, monotone in quality, service and greenness."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from market.instruments import parse_symbol
from pricing.base import (
    BasePrices,
    EnergyPrices,
    cost_plus_price,
    multiplicative_price,
    quality_factor,
    service_factor,
)
from pricing.errors import PricingError
from pricing.hedonic import fit_hedonic
from pricing.taxonomy import EnergyType, taxonomy

positive = st.floats(0.01, 1000)
shares = st.floats(0, 1)
PRICES = BasePrices()


def a_price(symbol, **options):
    return PRICES.price(parse_symbol(symbol.replace("@", "@CISO/2022-03-11T18Z/1h#")), **options)


def an_energy(lifecycle=475.0, certificate=0.0):
    return EnergyType(lifecycle, False, False, certificate)


def cost_plus(**changes):
    given_figures = {
        "capital_usd": 2.0,
        "quality_factor": 1.5,
        "service_factor": 1.1,
        "power_w": 1000.0,
        "pue": 1.2,
        "electricity_usd_per_kwh": 0.05,
        "energy_factor": 1.0,
    }
    return cost_plus_price(**(given_figures | changes))


def test_cost_plus_adds_machine_and_energy():
    assert cost_plus() == pytest.approx(2.0 * 1.5 * 1.1 + 1.2 * 1.0 * 0.05, abs=1e-15)


def test_energy_factor_is_premium_and_avoided_carbon_over_the_electricity_price():
    prices = EnergyPrices(electricity_usd_per_kwh=0.05, carbon_usd_per_tonne=50.0, reference_g_per_kwh=500.0)
    assert prices.factor(an_energy(500.0)) == 1.0
    assert prices.factor(an_energy(100.0, 0.01)) == pytest.approx(1 + (0.01 + 0.05 * 0.4) / 0.05)
    assert prices.factor(an_energy(900.0)) == pytest.approx(1 - 0.05 * 0.4 / 0.05)


def test_energy_factor_stays_within_its_bounds():
    prices = EnergyPrices(0.01, 1000.0, 475.0, factor_low=0.5, factor_high=3.0)
    assert prices.factor(an_energy(820.0)) == 0.5
    assert prices.factor(an_energy(0.0)) == 3.0


def test_shipped_energy_types_rank_by_carbon_and_certificate():
    energy = taxonomy().energy
    ranked = sorted(energy, key=lambda name: PRICES.energy_prices.factor(energy[name]))
    assert ranked == ["COAL", "OTHER", "OIL", "GAS", "MIX", "STORAGE", "NUCLEAR", "HYDRO", "SOLAR", "WIND"]


def test_storage_charged_by_the_sun_is_worth_more_than_the_sun():
    figures = taxonomy()
    stored = figures.stored({"SOLAR": 1.0}, round_trip_efficiency=0.85)
    assert PRICES.energy_prices.factor(stored) > PRICES.energy_prices.factor(figures.energy["SOLAR"])


def test_reference_unit_costs_the_reference_price():
    assert a_price("CMP.H100@Q0.G0") == pytest.approx(2.11, abs=1e-12)
    assert a_price("ENE.MIX@Q0") == pytest.approx(0.04, abs=1e-15)
    assert PRICES.price(parse_symbol("NET.GOLD@SFO>NYC/2022-03-11T18Z/1h#Q0")) == pytest.approx(0.001)


def test_prices_of_the_other_classes():
    assert a_price("CMP.A100@Q0.G0") == pytest.approx(0.902, abs=5e-4)
    assert a_price("CMP.L40S@Q0.G0") == pytest.approx(0.830, abs=5e-4)
    assert a_price("CMP.H100@Q3.G2") == pytest.approx(2.516, abs=5e-4)


def test_better_tier_and_greener_class_cost_more():
    assert a_price("CMP.H100@Q0.G0") < a_price("CMP.H100@Q1.G0") < a_price("CMP.H100@Q4.G0")
    by_class = [a_price(f"CMP.H100@Q2.G{g}") for g in range(5)]
    assert by_class == sorted(by_class)
    assert len(set(by_class)) == 5


def test_a_better_pue_costs_the_saved_energy_less():
    # 0.9 x 700 W x 1.6 = 1.008 kW of computers on grid mix
    difference = a_price("CMP.H100@Q0.G0", pue=1.56) - a_price("CMP.H100@Q0.G0", pue=1.1)
    assert difference == pytest.approx(0.46 * 1.008 * 0.04, abs=1e-12)


def test_told_energy_replaces_that_of_the_class():
    solar = taxonomy().energy["SOLAR"]
    assert a_price("ENE.STORAGE@Q0", energy=solar) == a_price("ENE.SOLAR@Q0")
    assert a_price("CMP.H100@Q0.G0", energy=solar) > a_price("CMP.H100@Q0.G0")


def test_unknown_product_is_refused_by_name():
    with pytest.raises(PricingError, match="accelerators: found 'TPU', expected one of"):
        a_price("CMP.TPU@Q0.G0")
    with pytest.raises(PricingError, match="energy: found 'LIGNITE'"):
        a_price("ENE.LIGNITE@Q0")


@given(positive, positive, st.floats(1, 3), st.floats(0.25, 4), st.floats(0.1, 10))
def test_multiplicative_price_is_homogeneous(reference, quality, service, energy, k):
    def price(reference_usd):
        return multiplicative_price(
            reference_usd=reference_usd,
            quality_factor=quality,
            service_factor=service,
            energy_factor=energy,
        )

    assert price(k * reference) == pytest.approx(k * price(reference), rel=1e-12)


@given(st.floats(0.1, 10))
def test_cost_plus_is_homogeneous_in_money(k):
    scaled = cost_plus(capital_usd=2.0 * k, electricity_usd_per_kwh=0.05 * k)
    assert scaled == pytest.approx(k * cost_plus(), rel=1e-12)


@given(positive, positive, positive, st.floats(0, 3))
def test_price_never_falls_with_quality(a, b, reference, beta):
    def factor(quality):
        return quality_factor({"vram": quality}, {"vram": reference}, {"vram": beta})

    assert factor(min(a, b)) <= factor(max(a, b))
    assert factor(reference) == 1.0


@given(shares, shares, st.floats(0, 5))
def test_price_never_falls_with_service(a, b, kappa):
    low, high = sorted((a, b))
    assert service_factor({"sla": low}, {"sla": kappa}) <= service_factor({"sla": high}, {"sla": kappa})


@given(st.floats(0, 2000), st.floats(0, 2000), st.floats(0, 500), st.floats(0, 0.1))
def test_energy_factor_never_rises_with_carbon(a, b, carbon, premium):
    prices = EnergyPrices(0.04, carbon, 475.0)
    low, high = sorted((a, b))
    assert prices.factor(an_energy(low, premium)) >= prices.factor(an_energy(high, premium))


@pytest.mark.parametrize(
    "changes",
    [
        {"pue": 0.99},
        {"pue": math.nan},
        {"power_w": -1},
        {"capital_usd": math.inf},
        {"service_factor": 0.9},
        {"quality_factor": 0},
        {"capital_usd": 1e308, "quality_factor": 1e10},
    ],
)
def test_impossible_cost_plus_is_refused(changes):
    with pytest.raises(PricingError, match="found"):
        cost_plus(**changes)


def test_attributes_must_match():
    with pytest.raises(PricingError, match=r"quality: found \['a'\], expected \['b'\]"):
        quality_factor({"a": 1}, {"b": 1}, {"b": 1})
    with pytest.raises(PricingError, match="reference: found"):
        quality_factor({"b": 1}, {}, {"b": 1})
    with pytest.raises(PricingError, match="service: found"):
        service_factor({"sla": 1}, {})
    with pytest.raises(PricingError, match="quality a over reference: found inf"):
        quality_factor({"a": 1e300}, {"a": 1e-300}, {"a": 100})


@pytest.mark.parametrize(
    "prices", [(0.0, 1, 1), (0.1, -1, 1), (0.1, 1, math.nan), (0.1, 1, 1, 0.0), (0.1, 1, 1, 1, 0.5)]
)
def test_impossible_energy_prices_are_refused(prices):
    with pytest.raises(PricingError):
        EnergyPrices(*prices)


def test_hedonic_prediction_is_the_mean_not_the_median():
    # two prices a factor e^2 apart at each point: the log mean is 1, the mean cosh(1) times that
    fit = fit_hedonic([[1.0]] * 2, [math.e, 1 / math.e])
    assert fit.coefficients == pytest.approx((0.0,))
    assert fit.smearing == pytest.approx(math.cosh(1))
    assert fit.predict([1.0]) == pytest.approx((math.e + 1 / math.e) / 2)
    # HC1 by hand: n/(n-k) * sum(u^2)/n^2 = 2 * 2/4
    assert fit.standard_errors == pytest.approx((1.0,))


def test_hedonic_refuses_what_it_cannot_estimate():
    with pytest.raises(PricingError, match="columns of rank 1, expected 2"):
        fit_hedonic([[1, 2], [2, 4], [3, 6]], [1, 2, 3])
    with pytest.raises(PricingError, match=r"prices\[1\]: found 0"):
        fit_hedonic([[1], [1]], [1, 0])
    with pytest.raises(PricingError, match="rows: found 2 for 1 prices"):
        fit_hedonic([[1], [1]], [1])
    with pytest.raises(PricingError, match="row: found 2 numbers, expected 1"):
        fit_hedonic([[1.0]], [1.0]).predict([1.0, 2.0])
