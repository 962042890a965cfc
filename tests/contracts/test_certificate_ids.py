"""Certificate ids read back, as words and as symbols, and are the contract's."""

from dataclasses import replace

import pytest

from contracts.certificate_ids import CertificateId, from_id, parse_certificate
from contracts.signing import Signer
from market.instruments import Instrument
from market.instruments import from_id as instrument_from_id
from market.units import Commodity, Lots, Malformed

SUN = CertificateId("SOLAR", "CISO", start_hour=457_530, device=0x1563915E194D8CFB)


@pytest.mark.parametrize(
    "certificate",
    [
        SUN,
        replace(SUN, stored=True),
        replace(SUN, product="A", place="DE-LU", device=0),
        replace(SUN, product="ABCDEFGH", place="12345678", start_hour=(1 << 24) - 1, device=(1 << 64) - 1),
    ],
    ids=str,
)
def test_word_and_symbol_read_back(certificate: CertificateId) -> None:
    assert from_id(certificate.id) == certificate
    assert parse_certificate(certificate.symbol) == certificate


def test_the_word_has_its_fields_where_the_contract_puts_them() -> None:
    assert SUN.symbol == "GC.SOLAR@CISO/2022-03-12T18Z/1h#1563915e194d8cfb"
    assert f"{SUN.id:064x}" == "01ce534f4c41520000004349534f000000001563915e194d8cfb06fb3a000100"


def test_a_certificate_is_of_one_hour_of_energy() -> None:
    meter = Signer.from_seed(1, "meter").address
    sun = Instrument(Commodity.ENE, "SOLAR", "CISO", 457_530, tier=2)
    certificate = CertificateId.of(sun, meter)
    assert certificate == replace(SUN, device=int.from_bytes(meter[-8:], "big"))
    for other in (replace(sun, hours=2), Instrument(Commodity.CMP, "H100", "CISO", 457_530)):
        with pytest.raises(Malformed, match="one hour of energy"):
            CertificateId.of(other, meter)


def test_a_certificate_is_no_instrument() -> None:
    with pytest.raises(Malformed):
        instrument_from_id(SUN.id)
    with pytest.raises(Malformed, match="does not read back"):
        from_id(Instrument(Commodity.ENE, "SOLAR", "CISO", 457_530).id)


@pytest.mark.parametrize(
    "word", [0, 1 << 256, SUN.id ^ 2, SUN.id ^ 1 << 8, SUN.id ^ 1 << 255, SUN.id | 0xFF << 176], ids=hex
)
def test_other_words_are_refused(word: int) -> None:
    with pytest.raises(Malformed, match=r"certificate id|product"):
        from_id(word)


@pytest.mark.parametrize(
    "symbol",
    [
        "",
        "SOLAR",
        "GC.solar@CISO/2022-03-12T18Z/1h#1563915e194d8cfb",
        "GC.SOLAR@CISO/2022-03-12T18Z/2h#1563915e194d8cfb",
        "GC.SOLAR@CISO/2022-02-30T18Z/1h#1563915e194d8cfb",
        "GC.SOLAR@CISO/2022-03-12T18Z/1h#1563915E194D8CFB",
    ],
)
def test_other_texts_are_refused(symbol: str) -> None:
    with pytest.raises(Malformed, match="certificate: found"):
        parse_certificate(symbol)


@pytest.mark.parametrize(
    "changes", [{"product": "sun"}, {"place": ""}, {"device": 1 << 64}, {"start_hour": -1}]
)
def test_fields_out_of_range_are_refused(changes: dict[str, object]) -> None:
    with pytest.raises(Malformed, match=next(iter(changes))):
        replace(SUN, **changes)


def test_energytag_names_the_attributes() -> None:
    assert replace(SUN, stored=True).energytag(amount_wh=Lots(1500)) == {
        "certificate_id": hex(SUN.id | 1),
        "energy_carrier": "electricity",
        "energy_source": "SOLAR",
        "location": "CISO",
        "production_device_id": "1563915e194d8cfb",
        "production_starting_interval": "2022-03-12T18:00:00+00:00",
        "production_ending_interval": "2022-03-12T19:00:00+00:00",
        "issued_from": "storage",
        "face_value_wh": 1500,
    }
