"""The word that commits to the legs of a bundle, recomputed by hand."""

from dataclasses import replace
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from market.instruments import Instrument
from market.legs import LEGS_MAX, Leg, is_legs_commitment, legs_commitment
from market.orders import Eligible
from market.requirements import commitment, is_commitment, membership_proof
from market.units import Commodity, Lots, Malformed, Micros

LEGS = (
    Leg(Instrument(Commodity.CMP, "H100", "CISO", 457_530, tier=2).id, Lots(2000), Micros(2_500_000)),
    Leg(
        Instrument(Commodity.NET, "GOLD", "SFO", 457_530, tier=1, place_to="NYC").id, Lots(40), Micros(10_000)
    ),
    Leg(Instrument(Commodity.ENE, "SOLAR", "CISO", 457_530).id, Lots(3000), Micros(50_000)),
)


def node(a: bytes, b: bytes) -> bytes:
    return sha256(b"\x01" + min(a, b) + max(a, b)).digest()


def test_the_commitment_is_the_root_of_the_legs_with_its_tag() -> None:
    leaves = [
        sha256(
            b"\x02"
            + leg.instrument_id.to_bytes(32, "big")
            + leg.lots_per_bundle.to_bytes(32, "big")
            + leg.reference_micros.to_bytes(32, "big")
        ).digest()
        for leg in LEGS
    ]
    root = node(node(leaves[0], leaves[1]), leaves[2])
    found = legs_commitment(LEGS)
    assert found.to_bytes(32, "big") == b"\xfe" + root[1:]
    assert is_legs_commitment(found)
    assert not is_commitment(found)


@pytest.mark.parametrize(
    "legs",
    [(), LEGS[::-1], LEGS[:1] * 2, LEGS[:1] * (LEGS_MAX + 1), (replace(LEGS[0], lots_per_bundle=Lots(0)),)],
)
def test_legs_that_are_none_too_many_out_of_order_or_of_nothing_are_malformed(legs: tuple[Leg, ...]) -> None:
    with pytest.raises(Malformed):
        legs_commitment(legs)


def test_a_part_of_a_bundle_is_whole_lots() -> None:
    assert [leg.lots(250) for leg in LEGS] == [500, 10, 750]
    with pytest.raises(Malformed, match="expected whole ones"):
        LEGS[1].lots(251)


@given(st.integers(1, 64), st.data())
def test_a_membership_proof_leads_to_the_commitment(size: int, data: st.DataObject) -> None:
    eligible = [Eligible(word, -word) for word in range(1, size + 1)]
    place = data.draw(st.integers(0, size - 1))
    word, adjustment = eligible[place].instrument_id, eligible[place].adjustment_micros
    found = sha256(b"\x00" + word.to_bytes(32, "big") + adjustment.to_bytes(32, "big", signed=True)).digest()
    for sibling in membership_proof(eligible, place):
        found = node(found, sibling)
    assert b"\xff" + found[1:] == commitment(eligible).to_bytes(32, "big")
