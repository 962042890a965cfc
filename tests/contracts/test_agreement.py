"""The terms of a long-term contract: complete, encoded one way only, hashed and signed as the standard says."""

from dataclasses import replace
from typing import Any

import pytest
from eth_account.messages import encode_typed_data
from eth_hash.auto import keccak
from hypothesis import given
from hypothesis import strategies as st

from contracts.agreement import AGREEMENT_TYPE, LongTermTerms, agreement_digest
from contracts.signing import (
    PROPOSAL_TYPE,
    SEAL_TYPE,
    Domain,
    Signer,
    proposal_digest,
    recover,
    seal_digest,
)
from market.instruments import parse_symbol
from market.negotiations import Negotiation, NegotiationState
from market.orders import Address
from market.proposals import Proposal, RequestNegotiation, SealReservation
from market.quality import TIERS
from market.units import InvariantBroken, Lots, Malformed, Micros

BUYER, SELLER = Signer.from_seed(4, "data centre"), Signer.from_seed(4, "solar plant")
DOMAIN = Domain(31337, Address(bytes(range(1, 21))))
INSTRUMENT = parse_symbol("ENE.SOLAR@CISO/2022-03-12T18Z/3h#Q2")
PROPOSAL = Proposal(
    buyer=BUYER.address,
    seller=SELLER.address,
    instrument_id=INSTRUMENT.id,
    quantity_lots=(Lots(4_000), Lots(0), Lots(6_000)),
    notice_s=86_400,
    answer_by_s=INSTRUMENT.start_s,
    salt=bytes(range(32)),
)
AGREED = Negotiation(1, PROPOSAL, NegotiationState.AGREED, price_micros=Micros(46_000))
TERMS = LongTermTerms.of(AGREED)


def standard_digest(types: str, message: dict[str, Any]) -> bytes:
    """Hash a message the general, slow way; `types` are a struct and those that it names, in the standard's notation."""
    structs = {}
    for struct in types.split(")")[:-1]:
        name, _, fields = struct.partition("(")
        members = (field.split(" ") for field in fields.split(","))
        structs[name] = [{"type": kind, "name": member} for kind, member in members]
    domain = {
        "name": DOMAIN.name,
        "version": "1",
        "chainId": DOMAIN.chain_id,
        "verifyingContract": "0x" + DOMAIN.verifying_contract.hex(),
    }
    signable = encode_typed_data(domain_data=domain, message_types=structs, message_data=message)
    return bytes(keccak(b"\x19\x01" + signable.header + signable.body))


def hexed(raw: bytes) -> str:
    return "0x" + raw.hex()


def test_the_terms_are_what_was_agreed_with_the_promise_of_the_tier() -> None:
    silver = TIERS[2]
    assert LongTermTerms.of(AGREED) == LongTermTerms(
        buyer=BUYER.address,
        seller=SELLER.address,
        instrument_id=INSTRUMENT.id,
        quantity_lots=PROPOSAL.quantity_lots,
        price_micros=Micros(46_000),
        availability_ppm=silver.availability,
        ladder=silver.ladder,
        collateral_ppm=silver.collateral,
        notice_s=86_400,
        salt=PROPOSAL.salt,
    )
    assert TERMS.instrument == INSTRUMENT
    assert TERMS.slots == ((INSTRUMENT.start_hour, 4_000), (INSTRUMENT.start_hour + 2, 6_000))


def test_the_hash_of_these_terms_never_changes() -> None:
    terms = replace(TERMS, buyer=Address(b"\x0b" * 20), seller=Address(b"\x05" * 20))
    assert terms.hash.hex() == "c9b03503b2d60ae1bed77c20c6ffbadf67c9fccce304c49c123ab046bfb1c68f"


def test_there_are_no_terms_without_a_price() -> None:
    with pytest.raises(InvariantBroken, match="negotiation 1: found FAILED, expected an agreed price"):
        LongTermTerms.of(replace(AGREED, price_micros=None, state=NegotiationState.FAILED))


@pytest.mark.parametrize("tier", range(5))
def test_terms_are_hashed_as_the_standard_says(tier: int) -> None:
    instrument = replace(INSTRUMENT, tier=tier)
    proposal = replace(PROPOSAL, instrument_id=instrument.id)
    terms = LongTermTerms.of(replace(AGREED, proposal=proposal))
    message = {
        "buyer": hexed(terms.buyer),
        "seller": hexed(terms.seller),
        "instrument": terms.instrument_id,
        "quantities": list(terms.quantity_lots),
        "price": 46_000,
        "availability": terms.availability_ppm,
        "ladder": [{"below": below, "credit": credit} for below, credit in terms.ladder],
        "collateralRate": terms.collateral_ppm,
        "notice": 86_400,
        "salt": terms.salt,
    }
    assert agreement_digest(terms, DOMAIN) == standard_digest(AGREEMENT_TYPE, message)


def test_what_leads_to_them_is_hashed_as_the_standard_says() -> None:
    asked = RequestNegotiation(SELLER.address, PROPOSAL, b"")
    message = {
        "participant": hexed(SELLER.address),
        "buyer": hexed(BUYER.address),
        "seller": hexed(SELLER.address),
        "instrument": INSTRUMENT.id,
        "quantities": [4_000, 0, 6_000],
        "notice": 86_400,
        "answerBy": PROPOSAL.answer_by_s,
        "salt": PROPOSAL.salt,
    }
    assert proposal_digest(asked, DOMAIN) == standard_digest(PROPOSAL_TYPE, message)
    sealed = SealReservation(BUYER.address, 7, bytes(range(32)), b"")
    message = {"participant": hexed(BUYER.address), "negotiation": 7, "seal": bytes(range(32))}
    assert seal_digest(sealed, DOMAIN) == standard_digest(SEAL_TYPE, message)


def test_both_sign_the_same_terms() -> None:
    digest = agreement_digest(TERMS, DOMAIN)
    for signer in (BUYER, SELLER):
        assert recover(digest, signer.sign(digest)) == signer.address


@given(
    lots=st.lists(st.integers(0, (1 << 64) - 1), max_size=30),
    price=st.integers(0, (1 << 64) - 1),
    notice=st.integers(0, (1 << 64) - 1),
    tier=st.sampled_from(TIERS),
    salt=st.binary(min_size=32, max_size=32),
)
def test_encoded_terms_read_back(lots: list[int], price: int, notice: int, tier: Any, salt: bytes) -> None:
    terms = replace(
        TERMS,
        quantity_lots=tuple(map(Lots, lots)),
        price_micros=Micros(price),
        notice_s=notice,
        ladder=tier.ladder,
        salt=salt,
    )
    read = LongTermTerms.decode(terms.encode())
    assert read == terms
    assert read.hash == terms.hash


@pytest.mark.parametrize(
    "damaged", [b"", TERMS.encode()[:-1], TERMS.encode() + b"\0", b"\x01" + TERMS.encode()[1:]]
)
def test_other_bytes_are_no_terms(damaged: bytes) -> None:
    with pytest.raises(Malformed):
        LongTermTerms.decode(damaged)


@pytest.mark.parametrize(
    "changes",
    [
        {"buyer": SELLER.address},
        {"instrument_id": INSTRUMENT.id + 16},
        {"quantity_lots": (Lots(4_000), Lots(6_000), Lots(0))},
        {"price_micros": Micros(46_001)},
        {"availability_ppm": 1},
        {"ladder": TERMS.ladder[:-1]},
        {"collateral_ppm": 1},
        {"notice_s": 1},
        {"salt": bytes(32)},
    ],
)
def test_every_term_is_in_the_hash(changes: dict[str, Any]) -> None:
    assert replace(TERMS, **changes).hash != TERMS.hash


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"price_micros": Micros(1 << 64)}, "price_micros: found 18446744073709551616"),
        ({"quantity_lots": (Lots(-1),)}, "quantity_lots: found -1"),
        ({"notice_s": -1}, "notice_s: found -1"),
        ({"salt": b"short"}, "salt: found 5 bytes, expected 32"),
    ],
)
def test_terms_that_no_contract_can_hold_have_no_hash(changes: dict[str, Any], what: str) -> None:
    with pytest.raises(Malformed, match=what):
        _ = replace(TERMS, **changes).hash
