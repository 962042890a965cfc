"""Figures are dated, sourced, named as in symbols, and refused when malformed."""

import re

import pytest

from pricing.errors import PricingError, number
from pricing.taxonomy import parse_taxonomy, taxonomy


def shipped_text():
    from importlib import resources

    return resources.files("pricing").joinpath("data", "taxonomy.toml").read_text(encoding="utf-8")


def test_every_table_has_a_source_and_a_date():
    figures = taxonomy()
    for name in figures.__slots__:
        table = getattr(figures, name)
        assert len(table) > 0
        assert len(table.source) > 10
        assert table.as_of.year >= 2026


def test_every_price_has_its_own_source():
    prices = taxonomy().prices
    assert all(prices[name].source for name in prices)


def test_products_of_symbols_are_there():
    figures = taxonomy()
    assert {"H100", "A100", "L40S"} <= set(figures.accelerators)
    assert set(figures.energy) == {
        "SOLAR",
        "WIND",
        "HYDRO",
        "NUCLEAR",
        "STORAGE",
        "GAS",
        "COAL",
        "OIL",
        "OTHER",
        "MIX",
    }
    for name in [*figures.accelerators, *figures.energy]:
        assert re.fullmatch(r"[A-Z0-9-]{1,8}", name)


def test_renewable_is_carbon_free_and_nuclear_is_only_the_latter():
    energy = taxonomy().energy
    assert all(energy[name].carbon_free for name in energy if energy[name].renewable)
    assert energy["NUCLEAR"].carbon_free
    assert not energy["NUCLEAR"].renewable


def test_unknown_row_names_the_known_ones():
    with pytest.raises(PricingError, match="accelerators: found 'H999', expected one of A100, H100"):
        taxonomy().accelerators["H999"]


def test_joules_per_token_spans_the_measured_range():
    figures = taxonomy()
    assert figures.joules_per_token("LLAMA-3.1-70B", "H100", share_of_range=0) == pytest.approx(0.373)
    assert figures.joules_per_token("LLAMA-3.1-70B", "H100", share_of_range=1) == pytest.approx(3.76)
    middle = figures.joules_per_token("LLAMA-3.1-70B", "H100", share_of_range=0.5)
    assert middle == pytest.approx((0.373 * 3.76) ** 0.5)


def test_token_hours_times_power_give_back_the_joules():
    figures = taxonomy()
    hours = figures.accelerator_hours_per_token("LLAMA-3.1-405B", "H100")
    assert hours * 3600 * 700 * 0.9 == pytest.approx(2.06)


def test_storage_inherits_its_charge_over_the_efficiency():
    stored = taxonomy().stored({"SOLAR": 0.75, "GAS": 0.25}, round_trip_efficiency=0.8)
    assert stored.lifecycle_g_per_kwh == pytest.approx((0.75 * 48 + 0.25 * 490) / 0.8)
    assert not stored.renewable
    assert not stored.carbon_free
    assert taxonomy().stored({"WIND": 1.0, "GAS": 0.0}, round_trip_efficiency=1).renewable


@pytest.mark.parametrize(
    ("shares", "efficiency"),
    [
        ({}, 0.8),
        ({"SOLAR": 0.9}, 0.8),
        ({"SOLAR": 1.5, "GAS": -0.5}, 0.8),
        ({"SOLAR": 1.0}, 0.0),
        ({"X": 1.0}, 1),
    ],
)
def test_impossible_storage_is_refused(shares, efficiency):
    with pytest.raises(PricingError):
        taxonomy().stored(shares, round_trip_efficiency=efficiency)


def test_green_classes_get_cleaner_and_pay_for_certificates_from_g1():
    classes = [taxonomy().of_green_class(f"G{g}") for g in range(5)]
    assert [energy.lifecycle_g_per_kwh for energy in classes] == pytest.approx(
        [475, 475, 118.6, 51.775, 29.5]
    )
    assert [energy.certificate_usd_per_kwh for energy in classes] == pytest.approx([0, *[0.0035] * 4])
    assert [energy.carbon_free for energy in classes] == [False, False, False, False, True]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("tdp_w = 400.0", "tdp_w = 400", "accelerators.A100.tdp_w: found 400, expected a float"),
        ("tdp_w = 400.0", "tdp_w = -1.0", r"accelerators.A100.tdp_w: found -1.0, expected a number in \[0"),
        ("tdp_w = 400.0", "tdp_w = nan", "accelerators.A100.tdp_w: found nan"),
        ("tdp_w = 400.0", "tpd_w = 400.0", "accelerators.A100: found .*tpd_w.*, expected .*tdp_w"),
        ("renewable = true", "renewable = 1", "energy.SOLAR.renewable: found 1, expected a bool"),
        ("as_of = 2026-09-01", "as_of = 'today'", "accelerators.as_of: found 'today', expected a date"),
        ("[pue.rows]", "[pue.lines]", "pue: found .*lines.*, expected .*rows"),
        ("[pue]", "[epu]", "pue"),
        ("[accelerators]", "[accelerators", "taxonomy: "),
    ],
)
def test_malformed_figures_are_refused_by_name(old, new, message):
    text = shipped_text()
    assert old in text
    with pytest.raises(PricingError, match=message):
        parse_taxonomy(text.replace(old, new, 1))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -0.1, 1.1, "0.5", None, True, 10**400])
def test_what_is_no_number_in_range_is_refused(value):
    with pytest.raises(PricingError, match="share: found"):
        number("share", value, low=0, high=1)
