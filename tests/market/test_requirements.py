"""What satisfies a buyer's requirement, and the word that commits to the set."""

from dataclasses import replace
from hashlib import sha256

import pytest

from market.instruments import Instrument, from_id, parse_symbol
from market.orders import Eligible
from market.requirements import (
    ELIGIBLE_MAX,
    Requirement,
    commitment,
    eligible_instruments,
    is_commitment,
)
from market.units import Commodity, Malformed

H100_SFO = parse_symbol("CMP.H100@SFO/2022-03-12T18Z/1h#Q3.G2")
H100_NYC = parse_symbol("CMP.H100@NYC/2022-03-12T18Z/1h#Q2.G4")
A100_SFO = parse_symbol("CMP.A100@SFO/2022-03-12T19Z/1h#Q4.G3")
PATH = parse_symbol("NET.GOLD@SFO>NYC/2022-03-12T18Z/1h#Q2")
HOUR = H100_SFO.start_hour
NEED = Requirement(
    Commodity.CMP,
    products={"H100": 0, "A100": -500_000},
    places={"SFO": 0, "NYC": -20_000},
    first_hour=HOUR,
    end_hour=HOUR + 2,
    tier=2,
    per_tier_micros=7,
    green=2,
    per_green_micros=100,
)


def test_a_requirement_names_what_satisfies_it_and_what_each_is_worth() -> None:
    found = eligible_instruments(NEED, [H100_SFO, H100_NYC, A100_SFO, PATH])
    assert found == tuple(
        sorted(
            (
                Eligible(H100_SFO.id, 7),
                Eligible(H100_NYC.id, -20_000 + 200),
                Eligible(A100_SFO.id, -500_000 + 14 + 100),
            ),
            key=lambda each: each.instrument_id,
        )
    )


@pytest.mark.parametrize(
    "instrument",
    [
        replace(H100_SFO, product="L40S"),
        replace(H100_SFO, place="LAX"),
        replace(H100_SFO, tier=1),
        replace(H100_SFO, green=1),
        replace(H100_SFO, start_hour=HOUR - 1),
        replace(H100_SFO, start_hour=HOUR + 2),
        replace(H100_SFO, hours=3),
        PATH,
    ],
)
def test_every_attribute_must_be_good_enough(instrument: Instrument) -> None:
    assert eligible_instruments(NEED, [instrument]) == ()


def test_a_network_path_is_a_place() -> None:
    need = Requirement(Commodity.NET, {"GOLD": 0}, {"SFO>NYC": 5}, HOUR, HOUR + 1)
    assert eligible_instruments(need, [PATH]) == (Eligible(PATH.id, 5),)
    assert eligible_instruments(replace(need, places={"SFO": 0}), [PATH]) == ()


def leaf(instrument_id: int, adjustment: int) -> bytes:
    return sha256(
        b"\0" + instrument_id.to_bytes(32, "big") + (adjustment % 2**256).to_bytes(32, "big")
    ).digest()


def node(*children: bytes) -> bytes:
    return sha256(b"\1" + min(children) + max(children)).digest()


def test_the_commitment_is_a_merkle_root_under_a_tag() -> None:
    one, two, three = leaf(1, 5), leaf(2, -5), leaf(7, 0)
    word = commitment([Eligible(1, 5), Eligible(2, -5), Eligible(7, 0)])
    assert word.to_bytes(32, "big") == b"\xff" + node(node(one, two), three)[1:]
    assert commitment([Eligible(7, 0)]).to_bytes(32, "big") == b"\xff" + three[1:]


def test_the_commitment_of_a_known_set_stays_what_it_is() -> None:
    word = commitment(eligible_instruments(NEED, [H100_SFO, H100_NYC, A100_SFO]))
    assert f"{word:064x}" == "ff6b561e17b1d0ba6b6e562f3740e5bfae7860968dc437a6b2ba8cb37e8219b0"


def test_no_instrument_id_is_a_commitment() -> None:
    word = commitment([Eligible(H100_SFO.id, 0)])
    assert (is_commitment(word), is_commitment(H100_SFO.id)) == (True, False)
    with pytest.raises(Malformed, match="instrument id"):
        from_id(word)


@pytest.mark.parametrize(
    ("eligible", "message"),
    [
        ([], "found 0 instruments, expected 1 to 64"),
        ([Eligible(each, 0) for each in range(ELIGIBLE_MAX + 1)], "found 65 instruments"),
        ([Eligible(2, 0), Eligible(1, 0)], "found 0x1 after 0x2, expected ascending ids"),
        ([Eligible(2, 0), Eligible(2, 1)], "found 0x2 after 0x2"),
        ([Eligible(1 << 256, 0)], "expected 256 and 128 bits"),
        ([Eligible(1, 1 << 127)], "expected 256 and 128 bits"),
        ([Eligible(-1, 0)], "expected 256 and 128 bits"),
    ],
)
def test_a_set_that_has_no_commitment_is_named(eligible: list[Eligible], message: str) -> None:
    with pytest.raises(Malformed, match=message):
        commitment(eligible)
