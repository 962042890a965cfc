from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from api.day.scenario import (
    BUILT_IN,
    Demand,
    Meter,
    Role,
    Scenario,
    ScenarioError,
    Series,
    Site,
    built_in_scenarios,
    load_scenario,
)
from api.input_error import InputError
from market.instruments import parse_symbol
from market.listing import TradePriceRule
from market.units import Commodity
from pricing.taxonomy import taxonomy

DIRECTORY = Path(__file__).resolve().parents[3] / "api" / "day" / "scenarios" / BUILT_IN
SHARED = Path(__file__).resolve().parents[4] / "shared" / "data"
needs_shared = pytest.mark.skipif(
    not SHARED.is_dir(), reason="the public input data beside the repository is absent"
)


@pytest.fixture(scope="module")
def day() -> Scenario:
    return load_scenario()


def who(day: Scenario, name: str) -> int:
    return [participant.name for participant in day.participants].index(name)


def a_meter(day: Scenario, name: str, product: str) -> Meter:
    return next(
        meter
        for meter in day.meters
        if meter.owner == who(day, name) and day.series[meter.series].instruments[0].product == product
    )


def a_demand(day: Scenario, name: str, product: str, place: str) -> Demand:
    return next(
        demand
        for demand in day.demands
        if demand.buyer == who(day, name)
        and (day.series[demand.series].instruments[0].product, day.series[demand.series].instruments[0].place)
        == (product, place)
    )


def a_site(day: Scenario, name: str) -> Site:
    return next(site for site in day.sites if site.owner == who(day, name))


def a_series(day: Scenario, symbol: str) -> Series:
    return next(series for series in day.series if parse_symbol(symbol) in series.instruments)


def a_scenario(directory: Path, *changes: tuple[str, str]) -> Path:
    """Write the built-in scenario with some text changed, each time it stands there first."""
    text = (DIRECTORY / "scenario.toml").read_text(encoding="utf-8")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    (directory / "generation.csv").write_bytes((DIRECTORY / "generation.csv").read_bytes())
    path = directory / "scenario.toml"
    path.write_text(text, encoding="utf-8")
    return path


# --- the built-in day


def test_the_built_in_day_has_all_commodities_for_every_hour(day):
    assert built_in_scenarios() == (BUILT_IN,)
    assert (day.delivery_day, day.first_hour) == (date(2022, 3, 12), 457_512)
    kinds = [series.commodity for series in day.series]
    assert [kinds.count(kind) for kind in Commodity] == [9, 6, 8]
    for series in day.series:
        assert [instrument.start_hour for instrument in series.instruments] == list(range(457_512, 457_536))
    assert 45 <= len(day.participants) <= 60
    assert len({participant.label for participant in day.participants}) == len(day.participants)
    assert len({meter.label for meter in day.meters}) == len(day.meters)


def test_the_call_opens_at_ten_and_gates_close_a_quarter_of_an_hour_before_the_slot(day):
    day_s = 457_512 * 3600
    assert day.schedules[0].call_opens_s == day_s - 14 * 3600
    assert day.schedules[23].continuous_opens_s == day_s - 12 * 3600
    assert day.schedules[23].gate_closes_s == day_s + 23 * 3600 - 900


def test_solar_offers_its_share_of_yesterday_less_the_haircut_and_delivers_today(day):
    meter = a_meter(day, "Kern Sun", "SOLAR")
    assert meter.capacity_lots == 12_550_000 * 45 // 100
    assert meter.offered_lots[16] == 10_774_000 * 45 * 90 // 10_000
    assert meter.delivered_lots is not None
    assert meter.delivered_lots[16] == 8_944_000 * 45 // 100
    assert meter.cost_micros == 10_000


def test_wind_and_solar_really_fall_short_in_some_hours_and_not_in_all(day):
    for product, short_hours in (("SOLAR", 11), ("WIND", 23)):
        meters = [meter for meter in day.meters if day.series[meter.series].instruments[0].product == product]
        offered = [sum(meter.offered_lots[hour] for meter in meters) for hour in range(24)]
        delivered = [sum(meter.delivered_lots[hour] for meter in meters) for hour in range(24)]
        short = [hour for hour in range(24) if delivered[hour] < offered[hour]]
        assert len(short) == short_hours


def test_dispatchable_sources_offer_yesterday_and_deliver_what_they_sell(day):
    meter = a_meter(day, "Avila Nuclear", "NUCLEAR")
    assert (meter.offered_lots[0], meter.capacity_lots) == (2_199_000, 2_199_000)
    assert all(
        meter.delivered_lots is None
        for meter in day.meters
        if day.series[meter.series].instruments[0].product not in ("SOLAR", "WIND")
    )


def test_what_is_kept_ready_for_another_is_offered_to_nobody_else(day):
    (option,) = day.options
    ready = day.meters[option.meter]
    assert (day.participants[option.holder].name, ready.owner) == ("Mission Bay Compute", option.supplier)
    assert (option.lots, option.strike_micros, option.premium_micros) == (20_000, 2_700_000, 18_000_000)
    assert set(ready.offered_lots) == {ready.capacity_lots - option.lots}


def test_the_outage_is_of_a_supplier_with_an_emergency_plan(day):
    (outage,) = day.outages
    assert day.meters[outage.meter].owner == day.options[0].holder
    assert (outage.hour, outage.delivered_bps) == (18, 8_500)


def test_no_offer_exceeds_the_registered_capacity_nor_delivery_the_real_day(day):
    for meter in day.meters:
        assert max(meter.offered_lots) <= meter.capacity_lots


def test_base_prices_follow_energy_type_and_quality(day):
    prices = {series.instruments[0].product: series.base_usd for series in day.series}
    assert prices["COAL"] < prices["GAS"] < prices["NUCLEAR"]
    assert prices["GAS"] < prices["SOLAR"] < prices["WIND"]
    assert prices["L40S"] < prices["A100"] < prices["H100"]
    h100 = a_series(day, "CMP.H100@SFO/2022-03-12T00Z/1h#Q3.G2")
    assert h100.rule is TradePriceRule.NASH
    assert h100.quantity_cap_lots == 230_000


def test_requests_become_hours_of_the_class_that_runs_them(day):
    requests = 122_000_000 / 24 * 1.25
    h100 = taxonomy().accelerators["H100"]
    context_s = 2 * 70e9 * 1155 / (h100.bf16_tflops_dense * 1e12 * 0.4)
    generated_s = 211 * 0.373 / (h100.tdp_w * 0.9)
    hours = requests * (context_s + generated_s) / 3600
    redwood = a_demand(day, "Redwood AI", "H100", "SFO")
    assert redwood.lots[0] == pytest.approx(hours * 1000 * 0.25 / 2, abs=1)
    assert redwood.worth_bps == 11_000
    quail = a_demand(day, "Quail Support", "L40S", "SFO")
    assert quail.lots[0] == pytest.approx(hours * 1000 * 0.05 * 990 / 362, abs=1)


def test_a_data_centre_needs_the_power_of_its_accelerators_hosts_and_building(day):
    site = a_site(day, "Mission Bay Compute")
    energy = dict(site.wh_per_gpu_hour)
    meter = day.meters.index(a_meter(day, "Mission Bay Compute", "H100"))
    assert energy[meter] == 1129  # 700 W x 0.9 busy x 1.6 hosts x 1.12 PUE = 1128.96
    assert [day.series[place].instruments[0].product for place in site.energy] == ["HYDRO", "SOLAR", "GAS"]
    assert site.premium_micros == 6_000


def test_gigabytes_become_megabit_hours(day):
    media = a_demand(day, "Fog City Media", "GOLD", "SFO")
    assert media.lots[10] == int(900 * 8000 / 3600 * 0.45)


def test_buyers_of_energy_want_a_share_of_what_is_offered(day):
    golden = a_demand(day, "Golden Retail", "SOLAR", "CISO")
    offered = sum(
        a_meter(day, name, "SOLAR").offered_lots[16] for name in ("Kern Sun", "Mojave Sun", "Imperial Sun")
    )
    assert golden.lots[16] == offered * 51 // 100


def test_carbon_is_the_grid_of_the_delivery_day(day):
    assert day.grid_gco2_per_kwh[16] == Decimal("131.3")


def test_notes_state_source_scale_and_haircut(day):
    notes = dict(day.notes)
    assert notes["Generation"].startswith("US Energy Information Administration, form EIA-930")
    assert "1 MW there is 1 kW here" in notes["Generation"]
    assert "10 % of solar, 10 % of wind" in notes["Generation"]
    assert "18,072 GPU·h" in notes["Demand for compute"]


def test_the_same_scenario_resolves_to_the_same_day(day):
    assert load_scenario(BUILT_IN) == day
    assert load_scenario(DIRECTORY) == day
    assert load_scenario(DIRECTORY / "scenario.toml") == day


def test_every_deposit_but_the_stated_one_is_ample(day):
    poor = [who.name for who in day.participants if who.deposit_micros < 100_000_000]
    assert poor == ["Lodi Cannery"]


def test_roles_are_all_there(day):
    assert {participant.role for participant in day.participants} == set(Role)


# --- outside figures


@needs_shared
def test_a_day_of_published_figures_resolves():
    day = load_scenario(
        energy=SHARED / "eia_us_2022" / "CISO.csv",
        day=date(2022, 2, 15),
        workload=SHARED / "azure_llm_inference_2023" / "conv.csv",
        network=SHARED / "skyplane_cloud_network_2022",
    )
    assert day.title == "California, 12 March 2022, run for 2022-02-15"
    assert a_meter(day, "Kern Sun", "SOLAR").delivered_lots[18] == 9_012_000 * 45 // 100
    assert a_series(day, "NET.GOLD@SJC>LAX/2022-02-15T00Z/1h#Q3").quantity_cap_lots == 21_460
    notes = dict(day.notes)
    assert "scale factor of 255.3" in notes["Demand for compute"]
    assert "repeated over the daily profile" in notes["Demand for compute"]
    assert "SJC by azure:westus" in notes["Network"]


def a_trace(directory: Path, *lines: str) -> Path:
    path = directory / "trace.csv"
    path.write_text("\n".join(["TIMESTAMP,ContextTokens,GeneratedTokens", *lines]) + "\n", encoding="utf-8")
    return path


def test_a_short_trace_takes_the_daily_profile_and_its_own_lengths(tmp_path, day):
    short = load_scenario(
        workload=a_trace(tmp_path, "2023-11-16 18:00:00,1155,211", "2023-11-16 18:30:00,1155,211")
    )
    assert a_demand(short, "Redwood AI", "H100", "SFO") == a_demand(day, "Redwood AI", "H100", "SFO")
    longer = load_scenario(
        workload=a_trace(tmp_path, "2023-11-16 18:00:00,2310,422", "2023-11-16 18:30:00,2310,422")
    )
    before, after = (a_demand(it, "Redwood AI", "H100", "SFO").lots for it in (day, longer))
    assert all(abs(twice - 2 * once) <= 1 for once, twice in zip(before, after, strict=True))


def test_a_trace_of_a_whole_day_keeps_its_own_hours(tmp_path):
    lines = [
        f"2023-11-{16 + hour // 24} {hour % 24:02d}:00:00,{1000 if hour == 3 else 0},1" for hour in range(25)
    ]
    day = load_scenario(workload=a_trace(tmp_path, *lines))
    lots = a_demand(day, "Redwood AI", "H100", "SFO").lots
    assert lots.index(max(lots)) == 3
    assert "1.00 days, by their own hours" in dict(day.notes)["Demand for compute"]


def test_a_day_that_the_file_does_not_hold_is_refused_with_its_range():
    with pytest.raises(InputError, match=r"generation.csv.*runs from 2022-03-11T00Z to 2022-03-12T23Z"):
        load_scenario(day=date(2022, 3, 13))


def test_a_day_before_the_calendar_of_slots_is_refused():
    with pytest.raises(ScenarioError, match=r"delivery_day\): found 0001-01-01, expected a day from 1970"):
        load_scenario(day=date(1, 1, 1))


# --- bad scenarios


@pytest.mark.parametrize(
    ("old", "new", "key", "found", "expected"),
    [
        ("haircut = 0.10", "heercut = 0.10", "energy.type[0].heercut", "the key heercut", "one of product"),
        ("haircut = 0.10", "haircut = 1.10", "energy.type[0].haircut", "1.10", "a number from 0 to 1"),
        ("haircut = 0.10", "haircut = nan", "energy.type[0].haircut", "NaN", "a number from 0 to 1"),
        ("share = 0.35", "", "generator[1]", "no key share", "it to be given"),
        ("share = 0.35", 'share = "much"', "generator[1].share", "'much'", "a decimal number"),
        ("share = 0.35", "share = 0.45", "generator[0]", "shares of SOLAR that sum to 1.10", "a sum of at most 1"),
        ("tier = 3", "tier = 7", "energy.type[3].tier", "7", "int <= 4"),
        ("pue = 1.12", "pue = 0.9", "data_centre[0].pue", "0.9", "a number from 1 to 10"),
        ("H100 = 120", "H100 = -1", "data_centre[0].gpus.H100", "-1", "a number from 0"),
        ("H100 = 120", "H900 = 120", "data_centre[0].gpus", "H900", "one of A100, H100, L40S"),
        ('rule = "nash"', 'rule = "fair"', "energy.rule", "'fair'", "one of maker, midpoint, nash"),
        ('role = "factory"', 'role = "pirate"', "energy_buyer[5].role", "'pirate'", "one of AI lab, factory"),
        ('zone = "SFO"', 'zone = "NYC"', "data_centre[0].zone", "NYC", "one of LAX, SFO, SJC"),
        ('name = "Mojave Sun"', 'name = "Kern Sun"', "generator[1].name", "Kern Sun again", "each participant"),
        ('name = "Kern Sun"', 'name = "<b>"', "generator[0].name", "'<b>'", "str matching regex"),
        ('product = "WIND"', 'product = "TIDE"', "energy.type[1].product", "TIDE", "one of COAL"),
        ('product = "WIND"', 'product = "SOLAR"', "energy.type[1].product", "SOLAR again", "each once"),
        ("{ WIND = 1 }", "{ TIDE = 1 }", "energy_buyer[2].wants", "TIDE", "one of COAL"),
        ('to = "SJC"', 'to = "NYC"', "network.path[0].to", "NYC", "one of LAX, SFO, SJC"),
        ('"SFO>SJC", "SJC>SFO"', '"SFO>NYC"', "carrier[0].paths", "SFO>NYC", "one of LAX>SFO"),
        ('energy = ["HYDRO", "SOLAR"', 'energy = ["HYDRO", "HYDRO"', "data_centre[0].energy", "HYDRO twice", "each"),
        ('zones = ["LAX"]', 'zones = ["NYC"]', "compute_buyer[2].zones", "NYC", "one of LAX, SFO, SJC"),
        ('model = "LLAMA-3.1-70B"', 'model = "X"', "workload.model", "X/H100", "one of DEEPSEEK-R1/"),
        ("    1.25,", "    1.25, 1.25,", "workload.profile", "[", "array of length"),
        ("delivery_day = 2022-03-12", "delivery_day = 3", "delivery_day", "3", "date"),
        ('supplier = "Oakland', 'supplier = "Vernon', "standby[0].supplier", "Vernon Cloud", "a data centre with H100"),
        ("gpus = 20\n", "gpus = 111\n", "standby[0].gpus", "111", "at most the H100 that the supplier has"),
        ("strike = 2.70", "strike = -1", "standby[0].strike", "-1", "a number from 0"),
        ("hour = 18", "hour = 24", "outage[0].hour", "24", "int <= 23"),
        ("delivered = 0.85", "delivered = 1.5", "outage[0].delivered", "1.5", "a number from 0 to 1"),
        ("fee_bps = 10", "fee_bps = 1.5", "energy.fee_bps", "'1.5'", "int"),
    ],
)  # fmt: skip
def test_a_bad_key_is_named_with_its_line(tmp_path, old, new, key, found, expected):
    path = a_scenario(tmp_path, (old, new))
    with pytest.raises(ScenarioError) as caught:
        load_scenario(path)
    error = caught.value
    assert error.where.endswith(f"({key})")
    assert error.found.startswith(found)
    assert error.expected.startswith(expected) or "DEEPSEEK" in expected
    assert error.file == path
    assert int(error.where.split()[1]) == line_of_change(path, key)


def line_of_change(path: Path, key: str) -> int:
    """The first line that differs from the built-in scenario; or the head of what is meant, where that is more."""
    changed = path.read_text(encoding="utf-8").splitlines()
    if key == "workload.profile":
        return changed.index("profile = [") + 1
    if key.startswith("generator") and "." not in key:
        heads = [number for number, line in enumerate(changed, start=1) if line == "[[generator]]"]
        return heads[int(key[-2])]
    kept = (DIRECTORY / "scenario.toml").read_text(encoding="utf-8").splitlines()
    return next(number for number, (a, b) in enumerate(zip(kept, changed, strict=True), start=1) if a != b)


def test_text_that_is_no_toml_is_refused_on_its_line(tmp_path):
    path = a_scenario(tmp_path, ("[energy]\n", "[energy\n"))
    line = path.read_text(encoding="utf-8").splitlines().index("[energy") + 1
    with pytest.raises(ScenarioError, match=rf"line {line}: found .*expected TOML"):
        load_scenario(path)


def test_bytes_that_are_no_text_are_refused_on_their_line(tmp_path):
    path = tmp_path / "scenario.toml"
    path.write_bytes(b'title = "x"\ndescription = "\xff"\n')
    with pytest.raises(ScenarioError, match="line 2: found bytes that are no UTF-8"):
        load_scenario(path)


def test_a_buyer_of_paths_that_nobody_introduced_needs_role_and_deposit(tmp_path):
    path = a_scenario(tmp_path, ('name = "Redwood AI"\npaths', 'name = "Somebody"\npaths'))
    with pytest.raises(ScenarioError, match=r"network_buyer\[0\]\): found Somebody without role and deposit"):
        load_scenario(path)


@pytest.mark.parametrize("name", ["nowhere", "nowhere/scenario.toml"])
def test_an_unknown_scenario_is_told_which_ship(name):
    with pytest.raises(ScenarioError, match=f"no such file, expected a scenario file, or one of {BUILT_IN}"):
        load_scenario(name)


def test_a_scenario_without_its_generation_file_names_that_file(tmp_path):
    path = a_scenario(tmp_path, ('generation = "generation.csv"', 'generation = "absent.csv"'))
    with pytest.raises(InputError, match=r"absent.csv, opening it: found no such file"):
        load_scenario(path)
