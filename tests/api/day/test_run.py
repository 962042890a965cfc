"""A whole day on a real chain, with few participants and two hours of trading so that it takes seconds."""

import csv
import json
import os
import re
from collections import Counter
from pathlib import Path

import pytest
from rich.console import Console

from api.day.figures import draw
from api.day.report import write_report
from api.day.result import DayResult
from api.day.run import DayFailed, run_day
from api.day.scenario import BUILT_IN, load_scenario
from api.day.summary import summary, write_summary
from contracts.chain import ChainUnavailable
from contracts.json_rpc import JsonRpc
from contracts.nodes import find_anvil
from contracts.opening import open_chain
from contracts.posting import Loopback, Posting
from ledger.accounts import AccountKind
from ledger.assets import TOKEN
from ledger.audit import audit
from ledger.database import DatabaseUnusable, open_database
from ledger.rebuild import rebuild
from ledger.record import RecordReader

GENERATION = Path(__file__).resolve().parents[3] / "api" / "day" / "scenarios" / BUILT_IN / "generation.csv"
HOURS = (19, 20)

SCENARIO = """
title = "A small day"
description = "One wind farm that falls short, one gas plant, one data centre, one lab, one carrier."
delivery_day = 2022-03-12

[energy]
place = "CISO"
generation = "generation.csv"
source = "US EIA, form EIA-930"
kw_per_mw = 0.1
rule = "nash"
fee_bps = 10
[[energy.type]]
product = "WIND"
tier = 1
cost = 0.011
haircut = 0.10
metered = true
[[energy.type]]
product = "GAS"
tier = 3
cost = 0.028

[[generator]]
name = "Wind Farm"
product = "WIND"
share = 1
deposit = 500
[[generator]]
name = "Gas Plant"
product = "GAS"
share = 1
deposit = 500

[[energy_buyer]]
name = "Retail"
role = "retailer"
wants = { WIND = 0.6, GAS = 0.2 }
worth = 1.10
deposit = 2000

[[zone]]
code = "SFO"
region = "aws:us-west-1"
[[zone]]
code = "LAX"
region = "gcp:us-west4-a"

[compute]
rule = "nash"
fee_bps = 10
cost_share = 0.60
[[compute.class]]
product = "H100"
tier = 3
green = 2

[[data_centre]]
name = "Bay Compute"
zone = "SFO"
pue = 1.12
gpus = { H100 = 80 }
expected_load = 0.70
energy = ["WIND", "GAS"]
premium = 0.006
deposit = 2000

[[data_centre]]
name = "Hill Compute"
zone = "SFO"
pue = 1.2
gpus = { H100 = 40 }
expected_load = 0.70
energy = ["GAS"]
premium = 0.001
deposit = 2000

[[standby]]
holder = "Bay Compute"
supplier = "Hill Compute"
class = "H100"
gpus = 10
strike = 3.00
premium = 5
[[outage]]
data_centre = "Bay Compute"
class = "H100"
hour = 19
delivered = 0.95

[workload]
source = "made for this test"
model = "LLAMA-3.1-70B"
parameters = 70e9
measured_on = "H100"
share_of_range = 0.0
requests_per_day = 2e6
context_tokens = 1155
generated_tokens = 211
profile = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 0, 0, 0]

[[compute_buyer]]
name = "Lab"
role = "AI lab"
class = "H100"
zones = ["SFO"]
share = 0.5
worth = 1.10
deposit = 3000

[network]
rule = "maker"
fee_bps = 10
cost_share = 0.55
[[network.path]]
from = "SFO"
to = "LAX"
product = "GOLD"
tier = 3
usd_per_gb = 0.09
rtt_ms = 10.0
mbps = 100

[[carrier]]
name = "Coast Fibre"
paths = ["SFO>LAX"]
share = 0.5
deposit = 100

[[network_buyer]]
name = "Lab"
paths = ["SFO>LAX"]
gb_per_hour = 1
worth = 1.06
"""


def a_scenario(folder: Path) -> Path:
    """Write the scenario, with the built-in generation in two hours of each day and none in the others."""
    folder.mkdir()
    (folder / "scenario.toml").write_text(SCENARIO, encoding="utf-8")
    with (
        GENERATION.open(newline="") as published,
        (folder / "generation.csv").open("w", newline="") as written,
    ):
        rows, out = csv.reader(published), csv.writer(written)
        out.writerow(next(rows))
        for time, *figures, carbon in rows:
            traded = int(time[11:13]) in HOURS
            out.writerow([time, *(figures if traded else ["0"] * len(figures)), carbon])
    return folder


def run(folder: Path, *, seed: int = 1, chain: str = "tester", database: str | None = None) -> DayResult:
    """Run the small day in a folder; its database is `day-<chain>-<seed>.db` unless one is named."""
    scenario = folder / "scenario"
    return run_day(
        load_scenario(scenario if scenario.exists() else a_scenario(scenario)),
        seed=seed,
        chain=chain,
        database=database or f"sqlite:///{folder}/day-{chain}-{seed}.db",
        fresh_database=database is None,
        console=Console(quiet=True),
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("small-day")


@pytest.fixture(scope="module")
def day(folder: Path) -> DayResult:
    return run(folder)


def without_seconds(result: DayResult) -> dict[str, object]:
    return {name: value for name, value in summary(result).items() if name != "seconds"}


def test_all_three_commodities_trade_and_settle(day: DayResult) -> None:
    told = summary(day)
    assert all(float(volume) > 0 for volume in told["volume"].values())
    assert set(told["volume"]) == {"compute", "network", "energy"}
    assert told["trades"] == told["settlement"]["trades_settled"] > 0
    assert told["settlement"]["batches"] == len(HOURS)
    assert {trade.hour for trade in day.trades} == set(HOURS)


def test_wind_falls_short_and_its_guarantees_pay(day: DayResult) -> None:
    told = summary(day)["guarantees"]
    assert told["opened"] == told["breached"] == told["compensated"] > 0
    assert float(told["compensation_paid"]) > 0
    assert told["awaiting_payout"] == 0


def test_the_books_balance_and_agree_with_the_contract(day: DayResult) -> None:
    told = summary(day)
    assert (told["trial_balance_difference"], told["chain_reconciliation_difference"]) == ("0", "0")
    assert sum(row.final_micros - row.deposit_micros for row in day.balances) == 0


def test_the_data_centre_buys_green_energy(day: DayResult) -> None:
    assert 0 < summary(day)["green_share"] <= 1


def test_certificates_are_retired_for_the_compute_of_their_hour(day: DayResult) -> None:
    certificates = day.certificates
    assert certificates.difference_wh == 0
    assert 0 < certificates.retired_wh < certificates.issued_wh <= certificates.metered_wh
    assert certificates.held_wh == certificates.issued_wh - certificates.retired_wh
    wind = [trade for trade in day.standing if trade.product == "WIND"]
    assert certificates.trades_pledged == len(wind)
    assert certificates.issued_wh == sum(trade.delivered_lots for trade in wind)


def test_the_books_that_are_left_hold_the_days_certificates(day: DayResult, folder: Path) -> None:
    engine = open_database(f"sqlite:///{folder}/day-tester-1.db", must_exist=True)
    books = rebuild(RecordReader(engine)).books
    engine.dispose()
    held: Counter[AccountKind] = Counter()
    for account, amount in books.balances.items():
        if account.asset != TOKEN:
            held[account.kind] += amount
    assert held == {
        AccountKind.FREE: day.certificates.held_wh,
        AccountKind.RETIRED: day.certificates.retired_wh,
        AccountKind.CUSTODY: -day.certificates.issued_wh,
    }


def test_buyers_call_the_fallback_of_a_data_centre_that_failed(day: DayResult) -> None:
    rescues = day.emergencies.rescues
    assert rescues
    for rescue in rescues:
        trade = day.trade_by_number[rescue.trade_number]
        assert (rescue.failed, rescue.stepped_in, rescue.failed_hour) == ("Bay Compute", "Hill Compute", 19)
        assert rescue.delivered_hour > rescue.failed_hour
        assert rescue.rescued_lots == rescue.called_lots == trade.quantity_lots - trade.delivered_lots
        assert rescue.paid_to_fallback_micros == 3_000_000 * rescue.rescued_lots // 1000
        assert rescue.gap_micros == rescue.paid_to_fallback_micros - (
            rescue.price_micros * rescue.rescued_lots // 1000
        )
    (premium,) = day.emergencies.premiums
    assert (premium.premium_micros, premium.paid_to) == (5_000_000, "Hill Compute")


def test_the_green_claim_is_the_buyers_and_read_from_events(day: DayResult) -> None:
    (lab,) = day.certificates.consumers
    bought = [trade for trade in day.standing if trade.product == "WIND" and trade.buyer == "Bay Compute"]
    assert (lab.name, lab.green_classes) == ("Lab", (2,))
    assert set(lab.scores) == {*HOURS, *(rescue.delivered_hour for rescue in day.emergencies.rescues)}
    for hour in HOURS:
        score = lab.scores[hour]
        wind = sum(trade.delivered_lots for trade in bought if trade.hour == hour)
        assert score.matched_wh == min(wind, score.load_wh) > 0


def test_the_same_seed_makes_the_same_day(day: DayResult, folder: Path) -> None:
    again = run(folder)
    assert without_seconds(again) == without_seconds(day)
    assert again.state_hash == day.state_hash


def test_another_seed_makes_another_day(day: DayResult, folder: Path) -> None:
    assert run(folder, seed=2).state_hash != day.state_hash


def test_the_database_that_is_left_passes_the_audit(day: DayResult, folder: Path) -> None:
    engine = open_database(f"sqlite:///{folder}/day-tester-1.db", must_exist=True)
    report = audit(RecordReader(engine), tables=engine)
    engine.dispose()
    assert report.findings == ()
    assert report.state_hash.hex() == day.state_hash


def test_summary_json_has_what_is_promised(day: DayResult, tmp_path: Path) -> None:
    write_summary(day, tmp_path / "summary.json")
    told = json.loads((tmp_path / "summary.json").read_text(encoding="utf-8"))
    promised = {
        "orders", "trades", "volume", "guarantees", "settlement", "trial_balance_difference",
        "chain_reconciliation_difference", "green_share", "state_hash", "seed", "seconds",
    }  # fmt: skip
    assert promised <= set(told)
    assert {"opened", "breached", "compensated", "compensation_paid"} <= set(told["guarantees"])
    assert {"chain", "batches", "trades_settled", "gas_per_trade"} <= set(told["settlement"])
    assert (told["seed"], told["settlement"]["chain"]) == (1, "tester")
    assert re.fullmatch("[0-9a-f]{64}", told["state_hash"])


def test_the_report_needs_nothing_but_itself(day: DayResult, tmp_path: Path) -> None:
    write_report(day, draw(day), tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert re.findall(r"""(?:src|href)=["'](?!data:|#)[^"']*|@import|url\((?!["']?(?:data:|#))""", page) == []
    assert day.state_hash in page
    assert "<svg" in page or "data:image" in page


def settles_the_same(there: DayResult, here: DayResult) -> None:
    elsewhere, tester = summary(there), summary(here)
    for name in ("orders", "trades", "volume", "green_share"):
        assert elsewhere[name] == tester[name], name
    for name in ("opened", "breached", "compensated", "awaiting_payout"):
        assert elsewhere["guarantees"][name] == tester["guarantees"][name], name
    assert there.certificates.sources == here.certificates.sources
    differences = elsewhere["trial_balance_difference"], elsewhere["chain_reconciliation_difference"]
    assert differences == ("0", "0")


needs_chain_tools = pytest.mark.skipif(
    find_anvil() is None and os.environ.get("CI") != "true", reason="Anvil's binary is not installed"
)


@needs_chain_tools
@pytest.mark.parametrize("chain", ["anvil", "ganache"])
def test_other_chains_settle_the_same_trades(day: DayResult, folder: Path, chain: str) -> None:
    there = run(folder, chain=chain)
    settles_the_same(there, day)
    assert summary(there)["guarantees"] == summary(day)["guarantees"]
    assert there.certificates.consumers == day.certificates.consumers
    assert there.emergencies == day.emergencies
    assert there.chain_name == chain


@needs_chain_tools
def test_a_node_at_an_address_whose_clock_is_years_ahead_settles_the_same_trades(
    day: DayResult, folder: Path
) -> None:
    with open_chain("anvil", start_time_s=None) as node:
        assert isinstance(node.node, JsonRpc)
        assert isinstance(node.node.provider, Posting)
        assert isinstance(node.node.provider.post, Loopback)
        there = run(folder, chain=node.node.provider.post.url, database=f"sqlite:///{folder}/address.db")
        settles_the_same(there, day)
        assert there.emergencies.rescues == ()
        assert "past the day" in there.emergencies.note


def test_a_chain_that_does_not_answer_leaves_no_files_and_keeps_the_last_day(tmp_path: Path) -> None:
    last_day = tmp_path / "day.db"
    last_day.write_text("the day before")
    with pytest.raises(ChainUnavailable, match="nothing answers there"):
        run_day(
            load_scenario(),
            seed=1,
            chain="http://127.0.0.1:1",
            database=f"sqlite:///{last_day}",
            fresh_database=True,
            console=Console(quiet=True),
        )
    assert last_day.read_text() == "the day before"
    assert list(tmp_path.iterdir()) == [last_day]


def test_another_chain_id_than_expected_is_told_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(ChainUnavailable, match="found chain id 131277322940537, expected 1"):
        run_day(
            load_scenario(),
            seed=1,
            chain="tester",
            chain_id=1,
            database=f"sqlite:///{tmp_path}/day.db",
            fresh_database=True,
            console=Console(quiet=True),
        )
    assert list(tmp_path.iterdir()) == []


def test_a_database_that_cannot_be_made_leaves_no_files(tmp_path: Path) -> None:
    with pytest.raises(DatabaseUnusable, match="expected one to put it in"):
        run(tmp_path, database=f"sqlite:///{tmp_path}/absent/day.db")
    assert [path.name for path in tmp_path.iterdir()] == ["scenario"]


def test_a_finished_day_is_not_run_over(day: DayResult, folder: Path) -> None:
    with pytest.raises((ChainUnavailable, DayFailed), match="new database"):
        run(folder, database=f"sqlite:///{folder}/day-tester-1.db")
