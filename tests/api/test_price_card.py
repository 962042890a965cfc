"""`ccei price`: an instrument's price at a load, with an energy type."""

import json

import pytest
from typer.testing import CliRunner

from api.cli import app
from api.price_card import plot_price, price_card
from market.units import Malformed

H100 = "CMP.H100@CISO/2022-03-11T18Z/1h#Q3.G2"


def run(*arguments):
    return CliRunner().invoke(app, ["price", *arguments])


def test_price_stands_still_at_the_target_load():
    card = price_card(H100)
    assert [row.reference for row in card.prices] == [card.opening] * 3
    assert [row.multiplier for row in card.prices] == [1.0, 1.0, 1.0]


def test_price_rises_by_an_eighth_of_the_gain_an_hour_over_the_target():
    card = price_card(H100, load=0.9, energy="solar")
    assert (card.opening, [row.reference for row in card.prices]) == ("2.52", ["2.584", "2.928", "4.592"])
    assert (card.prices[0].band_low, card.prices[0].band_high) == ("0.646", "10.336")
    assert card.weight_ppm == 626_505


def test_delivery_window_and_tier_may_be_left_out():
    assert (
        price_card("CMP.H100@CISO").base_price
        == price_card("CMP.H100@CISO/2022-03-11T18Z/1h#Q0.G0").base_price
    )
    assert price_card("NET.GOLD@SFO>NYC").unit == "Mbps·h"


def test_a_mix_lies_between_its_parts():
    cards = [price_card(H100, energy=energy) for energy in ("solar", "solar=0.7,gas=0.3", "gas")]
    assert [card.carbon_g_per_kwh for card in cards] == [48.0, pytest.approx(180.6), 490.0]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["CMP.H100"], "instrument: found 'CMP.H100', expected something like"),
        (["CMP.Z9@CISO"], "accelerators: found 'Z9', expected one of A100"),
        (["CMP.H100@CISO", "--energy", "straw"], "energy: found 'STRAW', expected one of SOLAR"),
        (
            ["CMP.H100@CISO", "--energy", "solar=0.7,gas"],
            "--energy: found 'gas', expected a type and its share",
        ),
        (["CMP.H100@CISO", "--energy", "solar=0.7,gas=0.7"], "shares: found a sum of 1.4, expected 1"),
        (["NET.GOLD@SFO>NYC", "--energy", "solar"], "found 'solar' for a network path, expected none"),
        (["ENE.WIND@CISO", "--energy", "gas"], "expected none: WIND is in the name"),
        (["ENE.WIND@CISO", "--pue", "1.2"], "pue: found 1.2 for ENE, expected it with compute only"),
        (["ENE.WIND@CISO", "--plot", "wind.gif"], "expected a name that ends in .png"),
    ],
)
def test_what_cannot_be_priced_is_told_in_one_line(arguments, message):
    result = run(*arguments)
    assert result.exit_code == 2
    assert message in result.stderr
    assert result.stdout == ""


def test_json_is_one_document():
    facts = json.loads(run(H100, "--load", "0.9", "--json").stdout)
    assert facts["load"] == 0.9
    assert [row["hours"] for row in facts["prices"]] == [1, 6, 24]


def test_the_plot_shows_the_price_over_the_load(tmp_path):
    lines = plot_price(H100).axes[0].get_lines()[:3]
    assert [line.get_ydata()[80] for line in lines] == [2.516, 2.516, 2.516]
    assert lines[2].get_ydata()[100] > lines[0].get_ydata()[100]
    file = tmp_path / "price.svg"
    assert run(H100, "--plot", str(file)).exit_code == 0
    assert file.read_text(encoding="utf-8").startswith("<?xml")


def test_an_unreadable_symbol_is_malformed():
    with pytest.raises(Malformed, match="no hour of the calendar"):
        price_card("CMP.H100@CISO/2022-02-31T18Z/1h#Q3.G2")
