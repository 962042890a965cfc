import doctest
import json
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from html.parser import HTMLParser
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from api.day import tallies
from api.day.certificates import Certificates, Consumer, Source
from api.day.figures import draw
from api.day.report import page, write_report
from api.day.rescues import Emergencies, Premium, Rescue
from api.day.result import (
    BalanceRow,
    DayResult,
    GenerationRow,
    OrderRow,
    PriceRow,
    SettlementRow,
    TradeRow,
    trade_row,
)
from api.day.story import story
from api.day.summary import print_summary, summary, write_summary
from contracts.carbon_free import Score
from market.events import TradeAgreed
from market.instruments import parse_symbol
from market.orders import Address, OrderType, Side
from market.refusals import Refusal
from market.settlement import GuaranteePaid
from market.trades import Trade, TradeState
from market.units import Commodity, InvariantBroken, Lots, Malformed, Micros, Ppm, Ticks


def a_trade(number: int, **changes: Any) -> TradeRow:
    """40 kWh of solar energy, Q1, hour 18, for 0.05 tokens/kWh between a bid of 0.06 and an ask of 0.03."""
    plain = TradeRow(
        trade_number=number,
        hour=18,
        commodity=Commodity.ENE,
        product="SOLAR",
        place="CISO",
        place_to="",
        tier=1,
        green=0,
        buyer="dc-sfo",
        seller="solar-1",
        price_micros=Micros(50_000),
        bid_micros=Micros(60_000),
        ask_micros=Micros(30_000),
        quantity_lots=Lots(40_000),
        value_micros=Micros(2_000_000),
        fee_micros=Micros(4_000),
        collateral_micros=Micros(200_000),
        in_call=True,
        state=TradeState.DELIVERED,
        delivered_lots=Lots(40_000),
    )
    return replace(plain, **changes)


GPU = a_trade(
    2,
    hour=9,
    commodity=Commodity.CMP,
    product="H100",
    place="SFO",
    tier=3,
    green=2,
    buyer="lab-1",
    seller="dc-sfo",
    price_micros=Micros(2_500_000),
    bid_micros=Micros(3_000_000),
    ask_micros=Micros(2_500_000),
    quantity_lots=Lots(1_500),
    value_micros=Micros(3_750_000),
    delivered_lots=Lots(1_500),
    in_call=False,
)
PATH = a_trade(
    3,
    hour=9,
    commodity=Commodity.NET,
    product="GOLD",
    place="SFO",
    place_to="LAX",
    buyer="lab-1",
    seller="carrier-1",
    price_micros=Micros(5_000),
    bid_micros=Micros(5_000),
    ask_micros=Micros(4_000),
    quantity_lots=Lots(200),
    value_micros=Micros(1_000_000),
    delivered_lots=Lots(200),
)
SHORT = a_trade(4, seller="solar-2", delivered_lots=Lots(30_000), state=TradeState.PAID_OUT)
DIRTY = a_trade(5, product="GAS", seller="gas-1", price_micros=Micros(80_000), bid_micros=Micros(90_000))
VOID = a_trade(6, quantity_lots=Lots(9_000_000), delivered_lots=Lots(0), state=TradeState.VOID)
PAYOUT = GuaranteePaid(
    trade_number=4,
    transaction=b"",
    delivered_lots=Lots(30_000),
    paid_to_seller=Micros(1_500_000),
    fee=Micros(3_000),
    returned_to_buyer=Micros(501_000),
    compensation=Micros(200_000),
)


CERTIFICATES = Certificates(
    place="CISO",
    sources=(
        Source("NUCLEAR", Lots(9_000), Lots(8_000), Lots(0), Lots(8_000)),
        Source("SOLAR", Lots(90_000), Lots(70_000), Lots(45_000), Lots(25_000)),
    ),
    consumers=(
        Consumer("dc-sfo", "data centre", (), {18: Score(Lots(10_000), Lots(0))}),
        Consumer(
            "lab-1",
            "AI lab",
            (1, 2),
            {9: Score(Lots(40_000), Lots(20_000)), 18: Score(Lots(30_000), Lots(25_000))},
        ),
    ),
    trades_pledged=3,
    transactions=4,
    gas=500_000,
    difference_wh=Lots(0),
)
RESCUE = Rescue(
    trade_number=2,
    instrument="CMP.H100@SFO#Q3.G2",
    commodity=Commodity.CMP,
    failed="dc-sfo",
    stepped_in="dc-oak",
    buyer="lab-1",
    failed_hour=9,
    delivered_hour=11,
    called_lots=Lots(500),
    rescued_lots=Lots(500),
    price_micros=Micros(2_500_000),
    strike_micros=Micros(2_700_000),
    paid_to_fallback_micros=Micros(1_350_000),
    gap_micros=Micros(100_000),
)
EMERGENCIES = Emergencies((RESCUE,), (Premium("dc-sfo", "dc-oak", Micros(5_000_000), "dc-oak"),))
NO_CERTIFICATES = Certificates("CISO", (), (), 0, 0, 0, Lots(0))


def an_order(refusal: Refusal | None = None, **changes: Any) -> OrderRow:
    plain = OrderRow("lab-1", "AI lab", Commodity.CMP, Side.BUY, OrderType.LIMIT, refusal)
    return replace(plain, **changes)


def a_price(load: float, reference_micros: int) -> PriceRow:
    return PriceRow(9, Commodity.CMP, "CMP.H100@SFO#Q3", Micros(reference_micros), load, Ppm(600_000))


def a_day(**changes: Any) -> DayResult:
    plain = DayResult(
        title="A small day",
        description="Six trades.",
        notes=(("Generation", "made up, 1 MW is 1 W"),),
        delivery_day=date(2022, 3, 2),
        seed=7,
        chain_name="tester",
        chain_description="in-process chain",
        seconds=1.234,
        state_hash="ab" * 32,
        orders=(
            an_order(),
            an_order(order_type=OrderType.MARKET),
            an_order(Refusal.INSUFFICIENT_FUNDS),
            an_order(participant="solar-1", role="generator", commodity=Commodity.ENE, side=Side.SELL),
        ),
        refusals={Refusal.INSUFFICIENT_FUNDS: 1, Refusal.ORDER_ALREADY_CLOSED: 2},
        trades=(a_trade(1), GPU, PATH, SHORT, DIRTY, VOID),
        prices=(a_price(0.1, 2_000_000), a_price(0.5, 2_500_000), a_price(1.0, 3_000_000)),
        settlement=(SettlementRow(1, 9, 2, 0, 100_000, 30_000), SettlementRow(2, 18, 3, 1, 140_000, 45_001)),
        guarantees=(PAYOUT,),
        emergencies=EMERGENCIES,
        generation=(GenerationRow(18, "SOLAR", Lots(90_000), Lots(70_000)),),
        certificates=CERTIFICATES,
        balances=(
            BalanceRow("lab-1", "AI lab", Micros(10_000_000), Micros(5_242_000)),
            BalanceRow("solar-1", "generator", Micros(1_000_000), Micros(5_750_000)),
            BalanceRow("venue", "venue", Micros(0), Micros(8_000)),
        ),
        data_centres=frozenset({"dc-sfo"}),
        grid_gco2_per_kwh=tuple(100.0 + hour for hour in range(24)),
        gco2_per_kwh={"SOLAR": 48.0, "GAS": 490.0},
        green_types=frozenset({"SOLAR"}),
        trial_balance_difference="0",
        chain_reconciliation_difference="0",
    )
    return replace(plain, **changes)


def an_empty_day() -> DayResult:
    return a_day(
        notes=(),
        orders=(),
        refusals={},
        trades=(),
        prices=(),
        settlement=(),
        guarantees=(),
        emergencies=Emergencies(),
        generation=(),
        certificates=NO_CERTIFICATES,
        balances=(),
    )


def written(console: Console) -> str:
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


class Reader(HTMLParser):
    """Read a page as a browser would: open elements, ids, addresses, text."""

    VOIDS = frozenset({"meta", "br", "link", "img"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.addresses: list[str] = []
        self.labels: list[str] = []
        self.text: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in self.VOIDS:
            self.open.append(tag)
        self._note(dict(attrs))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._note(dict(attrs))

    def _note(self, found: Mapping[str, str | None]) -> None:
        self.ids.extend(value for name, value in found.items() if name == "id" and value)
        self.addresses.extend(
            value for name, value in found.items() if name in {"href", "xlink:href", "src"} and value
        )
        if found.get("role") == "img":
            self.labels.append(found.get("aria-label") or "")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


@pytest.fixture(scope="module")
def finished_page() -> str:
    return page(a_day(), draw(a_day()))


def test_summary_counts_orders_trades_and_refusals() -> None:
    figures = summary(a_day())
    assert (figures["orders"], figures["orders_refused"]) == (4, 1)
    assert (figures["trades"], figures["trades_in_call"], figures["trades_void"]) == (6, 5, 1)
    assert figures["refusals"] == {"insufficient_funds": 1, "order_already_closed": 2}
    assert (figures["seed"], figures["seconds"], figures["state_hash"]) == (7, 1.23, "ab" * 32)


def test_volumes_are_exact_decimal_strings_without_void_trades() -> None:
    figures = summary(a_day())
    assert figures["volume"] == {"compute": "1.5", "network": "200", "energy": "120"}
    assert figures["volume_delivered"] == {"compute": "1.5", "network": "200", "energy": "110"}
    assert figures["units"] == {"compute": "GPU·h", "network": "Mbps·h", "energy": "kWh"}
    assert figures["value"] == {"compute": "3.75", "network": "1", "energy": "6"}


def test_mean_price_is_weighted_by_quantity() -> None:
    cheap = a_trade(1, quantity_lots=Lots(3_000), price_micros=Micros(40_000))
    dear = a_trade(2, quantity_lots=Lots(1_000), price_micros=Micros(80_000))
    assert tallies.mean_price([cheap, dear]) == 50_000


def test_prices_come_by_hour_tier_type_and_load() -> None:
    energy = summary(a_day())["prices"]["energy"]
    assert (energy["mean"], energy["low"], energy["high"]) == ("0.06", "0.05", "0.08")
    assert energy["by_hour"] == {"18": "0.06"}
    assert energy["by_tier"] == {"Q1": "0.06"}
    assert energy["by_energy_type"] == {"GAS": "0.08", "SOLAR": "0.05"}
    compute = summary(a_day())["prices"]["compute"]
    assert compute["reference_by_load"] == {"0-20%": 0.8, "40-60%": 1.0, "80-100%": 1.2}


def test_surplus_is_split_at_the_price() -> None:
    shared = summary(a_day())["surplus"]
    assert shared["compute"] == {"buyers": "0.75", "sellers": "0", "sellers_share": 0.0}
    assert shared["network"] == {"buyers": "0", "sellers": "0.2", "sellers_share": 1.0}
    # 40 kWh twice at (0.01, 0.02) and once at (0.01, 0.05) tokens/kWh.
    assert shared["energy"] == {"buyers": "1.2", "sellers": "3.6", "sellers_share": 0.75}


def test_green_share_and_carbon_count_what_data_centres_received() -> None:
    figures = summary(a_day())
    # 40 + 30 kWh of solar and 40 kWh of gas, all in hour 18, where the grid stands at 118 g.
    assert figures["green_share"] == round(70 / 110, 4)
    assert figures["gco2"] == 70 * 48 + 40 * 490
    assert figures["gco2_at_grid_average"] == 110 * 118
    assert (figures["green_hours"], figures["hours_with_energy_bought"]) == (0, 1)


def test_an_hour_is_green_from_eighty_percent() -> None:
    kept = (a_trade(1, delivered_lots=Lots(40_000)), replace(DIRTY, delivered_lots=Lots(10_000)))
    missed = (a_trade(1, delivered_lots=Lots(40_000)), replace(DIRTY, delivered_lots=Lots(10_001)))
    assert tallies.green_hours(a_day(trades=kept, guarantees=())) == (1, 1)
    assert tallies.green_hours(a_day(trades=missed, guarantees=())) == (0, 1)


def test_guarantees_and_settlement_are_summed() -> None:
    figures = summary(a_day())
    assert figures["guarantees"] == {
        "opened": 1,
        "breached": 1,
        "compensated": 1,
        "compensation_paid": "0.2",
        "returned_to_buyers": "0.501",
        "paid_to_suppliers": "1.5",
        "awaiting_payout": 0,
    }
    assert figures["settlement"] == {
        "chain": "tester",
        "chain_description": "in-process chain",
        "batches": 2,
        "trades_settled": 5,
        "trades_skipped": 1,
        "gas_per_trade": 63_000,
        "gas_per_trade_to_lock": 48_000,
        "gas_per_trade_to_release": 15_000,
    }


def test_certificates_are_told_with_each_consumer_and_what_does_not_agree() -> None:
    told = summary(a_day())["certificates"]
    assert (told["metered"], told["issued"], told["retired"], told["held"]) == ("99", "78", "45", "33")
    assert (told["energy"], told["matched"], told["carbon_free_share"]) == ("80", "45", 0.5625)
    assert told["carbon_free_by_hour"] == {"9": 0.5, "18": 0.625}
    assert told["difference"] == "0"
    assert told["consumers"]["lab-1"] == {
        "role": "AI lab",
        "green_classes": ["G1", "G2"],
        "energy": "70",
        "matched": "45",
        "carbon_free_share": 0.6429,
        "hours": 2,
        "green_hours": 1,
    }
    assert told["by_energy_type"]["NUCLEAR"] == {
        "metered": "9", "issued": "8", "retired": "0", "held": "8",
    }  # fmt: skip


def test_the_page_tells_each_consumers_score_and_that_certificates_agree(finished_page: str) -> None:
    text = " ".join("".join(Reader(finished_page).text).split())
    assert "lab-1AI labG1, G270.0 kWh45.0 kWh64.3%1 of 2" in text
    assert "dc-sfodata centreown use10.0 kWh0.0 kWh0.0%0 of 1" in text
    assert "Difference between certificates, record and contract0 Wh0 Wh" in text
    assert "none of 2 consumers reached 80% in every hour" in text


def test_the_emergency_plan_is_told_with_who_paid_the_difference(finished_page: str) -> None:
    told = summary(a_day())["emergency_plan"]
    assert (told["called"], told["delivered"], told["premiums"]) == (1, 1, "5")
    assert (told["paid_to_fallbacks"], told["paid_by_failed_suppliers"]) == ("1.35", "0.1")
    assert told["rescues"][0]["stepped_in"] == "dc-oak"
    text = " ".join("".join(Reader(finished_page).text).split())
    assert "2CMP.H100@SFO#Q3.G2dc-sfodc-oaklab-109 → 110.500 of 0.500 GPU·h2.52.71.350.1" in text
    assert "dc-oak delivered 0.5 GPU·h within hours" in text


def test_an_open_guarantee_awaits_its_payout() -> None:
    day = a_day(trades=(replace(SHORT, state=TradeState.OPENED),), guarantees=())
    assert summary(day)["guarantees"]["awaiting_payout"] == 1
    assert story(day)[1].endswith("1 guarantee had not paid out when the day ended.")


def test_a_trade_becomes_its_row_in_micros() -> None:
    buyer, seller = Address(b"\1" * 20), Address(b"\2" * 20)
    instrument = parse_symbol("NET.GOLD@SFO>LAX/2022-03-12T05Z/1h#Q2")
    agreed = TradeAgreed(
        trade_number=8,
        instrument_id=instrument.id,
        buy_order_id=1,
        sell_order_id=2,
        buyer=buyer,
        seller=seller,
        taker=None,
        price_ticks=Ticks(40),
        bid_ticks=Ticks(50),
        ask_ticks=Ticks(30),
        quantity_lots=Lots(200),
        payment_micros=Micros(80_000),
        fee_micros=Micros(160),
        collateral_micros=Micros(16_000),
        buy_hold_micros=Micros(0),
        sell_hold_micros=Micros(0),
    )
    row = trade_row(Trade(agreed, TradeState.DELIVERED, 1, Lots(200)), {buyer: "lab-1", seller: "carrier-1"})
    assert (row.price_micros, row.bid_micros, row.ask_micros, row.value_micros) == (400, 500, 300, 80_000)
    assert (row.hour, row.buyer, row.seller, row.in_call) == (5, "lab-1", "carrier-1", True)
    assert row.instrument == "NET.GOLD@SFO>LAX#Q2"
    with pytest.raises(InvariantBroken, match="trade 8: found no name for party 0x0202"):
        trade_row(Trade(agreed), {buyer: "lab-1"})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"grid_gco2_per_kwh": (1.0,)}, "found 1 hours, expected 24"),
        ({"trades": (a_trade(1, hour=24),)}, "trades: found hour 24, expected 0 to 23"),
        (
            {"trades": (a_trade(1), a_trade(1)), "guarantees": ()},
            "found 2 rows but 1 different trade numbers",
        ),
        ({"trades": (a_trade(1),)}, "guarantees: found trade number 4, which no trade carries"),
        ({"gco2_per_kwh": {"SOLAR": 48.0}}, "gco2_per_kwh: found no figure for GAS"),
    ],
)
def test_a_day_that_does_not_fit_together_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(Malformed, match=message):
        a_day(**changes)


def test_summary_file_is_json_and_ends_with_a_newline(tmp_path: Path) -> None:
    target = tmp_path / "summary.json"
    write_summary(a_day(), target)
    text = target.read_text(encoding="utf-8")
    assert json.loads(text) == summary(a_day())
    assert text.endswith("}\n")
    assert [file.name for file in target.parent.iterdir()] == ["summary.json"]


def test_a_failed_write_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "summary.json"
    target.write_text("old")

    def full(_descriptor: int) -> None:
        raise OSError("no space left")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="no space left"):
        write_summary(a_day(), target)
    assert target.read_text() == "old"
    assert [file.name for file in tmp_path.iterdir()] == ["summary.json"]


def test_terminal_summary_fits_a_hundred_columns_and_names_the_outcome() -> None:
    console = Console(width=100, file=StringIO())
    print_summary(a_day(), console)
    lines = written(console).splitlines()
    text = "\n".join(lines)
    assert "1 opened, 1 breached, 1 compensated" in text
    assert "0.501 tokens returned, 0.2 compensation" in text
    assert "2 batches, 5 trades, 1 skipped, 63,000 gas per trade" in text
    assert max(len(line.rstrip()) for line in lines) <= 100
    assert "do NOT agree" not in text


def test_terminal_summary_warns_when_the_books_do_not_agree() -> None:
    console = Console(width=100, file=StringIO())
    print_summary(a_day(chain_reconciliation_difference="0.000001"), console)
    assert "The books do NOT agree" in written(console)


def test_story_tells_the_day_in_plain_words() -> None:
    assert story(a_day()) == [
        "On 2 March 2022, 2 participants traded compute, network and energy for each of the 24 hours (UTC) of the day. "
        "They sent 4 orders, of which 1 was refused with a stated reason. 6 trades came of it, 5 in the auction of the "
        "day before and 1 in continuous trading: 1.500 GPU·h of compute, 200 Mbps·h of network and 120.0 kWh of energy, "
        "worth 10.75 tokens. 1 trade could not be locked on the chain and became void.",
        "The chain locked payment and collateral of 5 trades before delivery; then meters said what really came. In 1 "
        "trade the supplier delivered less than was sold (solar 1). A buyer pays only for what came: 0.5010 tokens went "
        "back to buyers. In 1 case compensation was paid as well, together 0.2000 tokens out of the suppliers’ "
        "collateral.",
        "Data centres received 110.0 kWh of energy, 63.6% of it green; 0 of 1 hours reached 80% green. That energy "
        "stands for 23 kg of CO2 equivalent; the same amount at the grid’s average would have been 13 kg.",
    ]


def test_page_is_well_formed_and_every_id_is_its_own(finished_page: str) -> None:
    reader = Reader(finished_page)
    assert reader.open == []
    assert len(reader.ids) == len(set(reader.ids))
    assert "$" not in "".join(reader.text)


def test_page_loads_nothing_and_its_links_lead_somewhere(finished_page: str) -> None:
    reader = Reader(finished_page)
    assert all(address.startswith("#") and address[1:] in reader.ids for address in reader.addresses)
    references = re.findall(r"url\(#([^)]+)\)", finished_page)
    assert set(references) <= set(reader.ids)
    assert not re.search(r"url\((?!#)|@import|<script", finished_page)
    beyond_names_of_namespaces = re.sub(r'xmlns(:\w+)?="[^"]*"', "", finished_page)
    assert "://" not in beyond_names_of_namespaces


def test_every_plot_says_in_words_what_it_shows(finished_page: str) -> None:
    labels = Reader(finished_page).labels
    assert len(labels) == 10
    assert all(len(label) > 40 for label in labels)
    assert (
        "Waterfall in tokens: buyers had locked 2.00; 1.50 went to suppliers, 0.00 was fee, 0.50 went back; "
        "compensation added 0.20." in labels
    )


def test_page_holds_the_tables_of_guarantees_settlement_and_refusals(finished_page: str) -> None:
    assert '<th scope="row">4</th><td>18</td><td>ENE.SOLAR@CISO#Q1</td><td>solar-2</td>' in finished_page
    assert (
        '<td class="number">100,000</td><td class="number">30,000</td><td class="number">65,000</td>'
        in finished_page
    )
    assert "the free balance does not cover price times quantity and the fee" in finished_page
    assert "The books are right" in finished_page


def test_what_others_wrote_is_escaped() -> None:
    hostile = "<script>alert('$seed')</script>"
    day = a_day(
        title=hostile,
        description=hostile,
        notes=((hostile, hostile),),
        trades=(replace(SHORT, seller=hostile, product="<HYDRO>", state=TradeState.OPENED),),
        guarantees=(),
        gco2_per_kwh={"<HYDRO>": 24.0},
        chain_description=hostile,
        chain_reconciliation_difference=hostile,
    )
    text = page(day, draw(day))
    assert "<script" not in text
    assert "<hydro" not in text.lower()
    assert text.count("&lt;script&gt;alert(&#x27;$seed&#x27;)") == 9
    assert "not yet" in text
    assert "The books do not agree" in text


def test_the_same_day_gives_the_same_bytes(finished_page: str) -> None:
    assert page(a_day(), draw(a_day())) == finished_page


def test_plots_take_their_ink_from_the_page(finished_page: str) -> None:
    assert "fill: var(--ink)" in finished_page
    assert "stroke: var(--rule)" in finished_page
    assert "#010203" not in finished_page
    assert "<metadata" not in finished_page


def test_a_day_without_trades_still_has_its_page(tmp_path: Path) -> None:
    target = tmp_path / "report.html"
    write_report(an_empty_day(), draw(an_empty_day()), target)
    text = target.read_text(encoding="utf-8")
    assert Reader(text).open == []
    assert "Nothing was traded." in text
    assert "no guarantee was paid out" in text
    figures = summary(an_empty_day())
    assert figures["volume"] == {"compute": "0", "network": "0", "energy": "0"}
    assert figures["prices"]["energy"]["mean"] is None
    assert figures["settlement"]["gas_per_trade"] == 0


def test_examples_in_the_tallies_run() -> None:
    assert doctest.testmod(tallies).failed == 0
