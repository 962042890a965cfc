from pathlib import Path

import pytest

from api.catalogue import BUILT_IN, Lister, read_catalogue
from api.input_error import InputError
from api.settings import Settings
from market.exchange import Exchange
from market.instruments import SECONDS_PER_HOUR
from market.listing import InstrumentListed, ListInstrument, SetPriceTerms, TradePriceRule
from market.units import Commodity
from tests.market.builders import us

HOUR = 457_000
NOON_S = HOUR * SECONDS_PER_HOUR

PRODUCT = """
[[product]]
symbol = "CMP.H100@SFO"
tier = 3
green = 2
rule = "nash"
cap = "12.5"
"""


def a_catalogue(folder: Path, text: str = PRODUCT) -> Path:
    path = folder / "catalogue.toml"
    path.write_text(text, encoding="utf-8")
    return path


def a_lister(folder: Path, **settings: int) -> Lister:
    return Lister(read_catalogue(a_catalogue(folder)), Settings.model_validate(settings))


def an_empty_exchange() -> Exchange:
    return Exchange(notice_period_s=3_600)


def carry_out(exchange: Exchange, commands: list, *, at_s: int) -> list:
    """Let time come, carry the commands out, and return what happened."""
    happened = list(exchange.begin(us(at_s)))
    for event in happened:
        exchange.absorb(event)
    for command in commands:
        for event in exchange.execute(command):
            exchange.absorb(event)
            happened.append(event)
    return happened


def test_the_built_in_catalogue_lists_all_three_commodities() -> None:
    products = read_catalogue(BUILT_IN)
    assert {product.instrument.commodity for product in products} == set(Commodity)


def test_a_product_is_read_with_its_cap_in_lots(tmp_path: Path) -> None:
    (product,) = read_catalogue(a_catalogue(tmp_path))
    assert (product.rule, product.cap_lots) == (TradePriceRule.NASH, 12_500)
    assert product.at(HOUR).start_s == NOON_S
    assert (product.at(HOUR).tier, product.at(HOUR).green) == (3, 2)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("CMP.H100@SFO", "CMP.H100", "product 1: found"),
        ("CMP.H100@SFO", "CMP.Z80@SFO", "product 1: found"),
        ("tier = 3", "tier = 5", "product 1: found"),
        ("tier = 3", 'tier = "3"', "reading it: found Expected `int`, got `str`"),
        ("green = 2", "green = 9", "product 1: found"),
        ('rule = "nash"', 'rule = "auction"', "product 1: found 'auction' is not a valid TradePriceRule"),
        ('cap = "12.5"', 'cap = "-1"', "product 1: found cap: found -1, expected more than 0"),
        ('cap = "12.5"', 'cap = "0.0001"', "product 1: found cap: found 0.0001, finer than the smallest step"),
        ('cap = "12.5"', "", "reading it: found Object missing required field `cap`"),
        ('cap = "12.5"', 'cap = "1"\ncolour = "red"', "reading it: found Object contains unknown field `colour`"),
        ("[[product]]", "[product", "reading it: found"),
        (PRODUCT, PRODUCT + PRODUCT, "product 2: found CMP.H100@SFO of this tier again, expected each once"),
        (PRODUCT, PRODUCT.replace("CMP.H100@SFO", "ENE.SOLAR@CISO"), "product 1: found green: found 2, expected none"),
    ],
)  # fmt: skip
def test_a_catalogue_that_cannot_be_used_is_named(tmp_path: Path, old: str, new: str, told: str) -> None:
    assert old in PRODUCT
    path = a_catalogue(tmp_path, PRODUCT.replace(old, new))
    with pytest.raises(InputError) as raised:
        read_catalogue(path)
    assert str(raised.value).startswith(f"{path}, {told}")


def test_a_catalogue_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="opening it: found no such file or directory"):
        read_catalogue(tmp_path / "absent.toml")


def test_every_hour_within_the_horizon_is_listed_once(tmp_path: Path) -> None:
    lister, exchange = a_lister(tmp_path, horizon_hours=6), an_empty_exchange()
    due = lister.due(NOON_S, exchange)
    happened = carry_out(exchange, due, at_s=NOON_S)
    assert sum(isinstance(event, InstrumentListed) for event in happened) == len(due) == 6
    assert [each.start_hour for each in exchange.instruments()] == [HOUR + ahead for ahead in range(1, 7)]
    assert lister.due(NOON_S + 60, exchange) == []


def test_an_hour_whose_gate_has_closed_is_left_out(tmp_path: Path) -> None:
    lister, exchange = a_lister(tmp_path, horizon_hours=2, gate_closure_lead_s=900), an_empty_exchange()
    carry_out(exchange, lister.due(NOON_S + 2_700, exchange), at_s=NOON_S + 2_700)
    assert [each.start_hour for each in exchange.instruments()] == [HOUR + 2]


def test_what_an_earlier_run_listed_is_not_listed_again(tmp_path: Path) -> None:
    exchange = an_empty_exchange()
    carry_out(exchange, a_lister(tmp_path, horizon_hours=3).due(NOON_S, exchange), at_s=NOON_S)
    due = a_lister(tmp_path, horizon_hours=5).due(NOON_S, exchange)
    carry_out(exchange, due, at_s=NOON_S)
    assert [type(command) for command in due] == [ListInstrument] * 2
    assert [each.start_hour for each in exchange.instruments()] == [HOUR + ahead for ahead in range(1, 6)]


def test_the_next_hour_brings_its_listing_and_moves_the_prices_of_idle_capacity_down(tmp_path: Path) -> None:
    lister, exchange = a_lister(tmp_path, horizon_hours=2), an_empty_exchange()
    opening = lister.due(NOON_S, exchange)
    carry_out(exchange, opening, at_s=NOON_S)
    carry_out(exchange, [], at_s=NOON_S + SECONDS_PER_HOUR)
    due = lister.due(NOON_S + SECONDS_PER_HOUR, exchange)
    assert [type(command) for command in due] == [SetPriceTerms, ListInstrument]
    moved, listed = due
    # nothing is sold, so load is below its target and the price falls
    assert moved.instrument_id == opening[1].instrument_id
    assert moved.reference_ticks < opening[1].reference_ticks
    assert listed.reference_ticks == opening[1].reference_ticks
