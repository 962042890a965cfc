"""What was retired decides how carbon-free somebody's consumption was, and nobody else's word."""

import tomllib
from dataclasses import replace
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from contracts.carbon_free import CARBON_FREE, Score, annual_score, hourly_scores, total
from contracts.certificate import Claim
from contracts.certificate_ids import CertificateId
from market.orders import Address
from market.units import Lots

LAB, OTHER = Address(b"L" * 20), Address(b"O" * 20)
NOON = 457_524
TAXONOMY = Path(__file__).parents[2] / "pricing" / "data" / "taxonomy.toml"


def a_claim(
    wh: int, *, hour: int = NOON, product: str = "SOLAR", place: str = "CISO", stored: bool = False
) -> Claim:
    certificate = CertificateId(product, place, hour, device=7, stored=stored)
    return Claim(certificate.id, Lots(wh), LAB, hour, 1, place)


def share(*claims: Claim, load: int = 1000) -> int:
    scores = hourly_scores({NOON: Lots(load)}, claims, beneficiary=LAB, place="CISO")
    return scores[NOON].share


def test_an_hour_counts_up_to_its_load() -> None:
    assert share() == 0
    assert share(a_claim(333)) == 333_000
    assert share(a_claim(600), a_claim(300, product="WIND")) == 900_000
    assert share(a_claim(5000)) == 1_000_000
    assert share(a_claim(1), load=3) == 333_333
    assert share(load=0) == 1_000_000


def test_what_does_not_fit_the_hour_does_not_count() -> None:
    sun = a_claim(1000)
    assert share(a_claim(1000, hour=NOON - 1)) == 0
    assert share(replace(sun, start_hour=NOON - 8759, hours=8760)) == 0, (
        "an annual claim never serves an hour"
    )
    assert share(a_claim(1000, place="ERCOT")) == 0
    assert share(replace(sun, place="ERCOT")) == 0, "consumed elsewhere"
    assert share(replace(sun, beneficiary=OTHER)) == 0
    assert share(a_claim(1000, product="GAS")) == 0
    assert share(replace(sun, certificate_id=12)) == 0, "what cannot be read breaks nobody's score"


def test_stored_sun_counts_in_the_hour_in_which_it_comes_out() -> None:
    assert share(a_claim(1000, stored=True)) == 1_000_000


def test_a_year_forgives_what_an_hour_does_not() -> None:
    loads = {NOON: Lots(500), NOON + 12: Lots(500)}
    claims = [a_claim(900), a_claim(50, place="ERCOT"), a_claim(900, hour=NOON + 13)]
    hourly = total(hourly_scores(loads, claims, beneficiary=LAB, place="CISO").values())
    assert hourly == Score(Lots(1000), Lots(500))
    assert annual_score(loads, claims, beneficiary=LAB) == Score(Lots(1000), Lots(950))
    assert annual_score({}, claims, beneficiary=LAB).share == 1_000_000


@given(
    st.dictionaries(st.integers(NOON, NOON + 5), st.integers(0, 100).map(Lots), min_size=1),
    st.lists(st.builds(a_claim, st.integers(1, 200), hour=st.integers(NOON - 1, NOON + 6))),
)
def test_hourly_never_says_more_than_annual(loads: dict[int, Lots], claims: list[Claim]) -> None:
    hourly = total(hourly_scores(loads, claims, beneficiary=LAB, place="CISO").values())
    annual = annual_score(loads, claims, beneficiary=LAB)
    assert hourly.load_wh == annual.load_wh
    assert 0 <= hourly.matched_wh <= annual.matched_wh <= annual.load_wh


def test_the_carbon_free_types_are_those_of_the_price_table() -> None:
    rows = tomllib.loads(TAXONOMY.read_text(encoding="utf-8"))
    (energy,) = (
        table["rows"]
        for table in rows.values()
        if isinstance(table, dict) and "SOLAR" in table.get("rows", {})
    )
    assert {name for name, row in energy.items() if row["carbon_free"]} == CARBON_FREE
