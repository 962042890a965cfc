from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.day.retirement import Use, claims_of_hour, consumer_of
from contracts.carbon_free import hourly_scores
from contracts.certificate_ids import CertificateId
from market.instruments import Instrument
from market.orders import Address
from market.units import Commodity, Lots

HOUR = 457_000
LAB, SHOP, CENTRE = (Address(bytes([number]) * 20) for number in (1, 2, 3))


def compute(*, green: int = 2, product: str = "H100") -> Instrument:
    return Instrument(Commodity.CMP, product, "SFO", HOUR, tier=3, green=green)


def a_use(wh: int, consumer: Address = LAB, *, green: int = 2) -> Use:
    return Use(compute(green=green), consumer, Lots(wh))


def certificate(product: str = "SOLAR", device: int = 7) -> int:
    return CertificateId(product, "CISO", HOUR, device).id


def amounts(held: dict[int, int], *uses: Use) -> dict[tuple[Address, int], int]:
    claims = claims_of_hour({word: Lots(wh) for word, wh in held.items()}, uses, place="CISO")
    found: Counter[tuple[Address, int]] = Counter()
    for claim in claims:
        found[claim.beneficiary, claim.certificate_id] += claim.amount_wh
    return dict(found)


def test_the_buyer_claims_where_a_green_class_was_promised_and_the_data_centre_where_none_was() -> None:
    assert consumer_of(compute(green=1), buyer=LAB, data_centre=CENTRE) == LAB
    assert consumer_of(compute(green=0), buyer=LAB, data_centre=CENTRE) == CENTRE


def test_no_use_is_given_more_than_its_energy() -> None:
    assert amounts({certificate(): 900}, a_use(500)) == {(LAB, certificate()): 500}


def test_the_highest_green_class_is_served_first() -> None:
    uses = a_use(400, CENTRE, green=0), a_use(500, SHOP, green=1), a_use(600, LAB, green=2)
    assert amounts({certificate(): 800}, *uses) == {(LAB, certificate()): 600, (SHOP, certificate()): 200}


def test_what_does_not_suffice_is_shared_in_proportion_within_a_class() -> None:
    uses = a_use(300, LAB), a_use(100, SHOP)
    assert amounts({certificate(): 203}, *uses) == {(LAB, certificate()): 152, (SHOP, certificate()): 51}


def test_several_certificates_are_used_up_one_after_the_other() -> None:
    first, second = sorted((certificate(device=1), certificate(device=2)))
    assert amounts({second: 500, first: 100}, a_use(150), a_use(100, SHOP)) == {
        (LAB, first): 100,
        (LAB, second): 50,
        (SHOP, second): 100,
    }


def test_certificates_of_what_emits_are_not_retired() -> None:
    assert amounts({certificate("GAS"): 500}, a_use(150)) == {}


def test_a_claim_says_when_where_and_for_which_compute() -> None:
    (claim,) = claims_of_hour({certificate(): Lots(500)}, [a_use(150)], place="CISO")
    assert (claim.start_hour, claim.hours, claim.place) == (HOUR, 1, "CISO")
    assert claim.statement == a_use(1).statement != Use(compute(product="A100"), LAB, Lots(1)).statement


held = st.dictionaries(
    st.builds(certificate, st.sampled_from(["SOLAR", "WIND", "GAS"]), st.integers(1, 4)),
    st.integers(0, 5_000),
    max_size=6,
)
uses = st.lists(
    st.builds(a_use, st.integers(0, 3_000), st.sampled_from([LAB, SHOP, CENTRE]), green=st.integers(0, 4)),
    max_size=8,
)


@given(held, uses)
def test_claims_never_exceed_what_is_held_or_what_is_used(held: dict[int, int], uses: list[Use]) -> None:
    claims = claims_of_hour({word: Lots(wh) for word, wh in held.items()}, uses, place="CISO")
    of_certificate: Counter[int] = Counter()
    of_consumer: Counter[Address] = Counter()
    for claim in claims:
        assert claim.amount_wh > 0
        of_certificate[claim.certificate_id] += claim.amount_wh
        of_consumer[claim.beneficiary] += claim.amount_wh
    used: Counter[Address] = Counter()
    for use in uses:
        used[use.consumer] += use.energy_wh
    clean = sum(wh for word, wh in held.items() if word not in {certificate("GAS", n) for n in range(1, 5)})
    assert all(wh <= held[word] for word, wh in of_certificate.items())
    assert all(wh <= used[consumer] for consumer, wh in of_consumer.items())
    assert sum(of_certificate.values()) == min(clean, sum(used.values()))


@pytest.mark.parametrize("green", [0, 2])
def test_the_score_reads_what_was_claimed(green: int) -> None:
    consumer = consumer_of(compute(green=green), buyer=LAB, data_centre=CENTRE)
    claims = claims_of_hour({certificate(): Lots(90)}, [a_use(100, consumer, green=green)], place="CISO")
    scores = hourly_scores({HOUR: Lots(100)}, claims, beneficiary=consumer, place="CISO")
    assert scores[HOUR].share == 900_000
