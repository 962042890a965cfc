"""What is signed is hashed as the standard says, and only the key's owner can have signed it."""

import pytest
from eth_account.messages import encode_typed_data
from eth_hash.auto import keccak

from contracts.signing import (
    CANCEL_TYPE,
    DEAD_MAN_TIMER_TYPE,
    LOGIN_TYPE,
    MASS_CANCEL_TYPE,
    ORDER_TYPE,
    PERMIT_TYPE,
    READING_TYPE,
    WITHDRAWAL_TYPE,
    BadSignature,
    Domain,
    Signer,
    cancel_digest,
    dead_man_timer_digest,
    login_digest,
    mass_cancel_digest,
    order_digest,
    permit_digest,
    reading_digest,
    recover,
    sign_order,
    withdrawal_digest,
)
from market.orders import Address, MassCancel, OrderTerms, SetDeadManTimer, Side
from market.units import Lots, Malformed, Micros

CURVE_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
ALICE = Signer.from_seed(1, "alice")
DOMAIN = Domain(31337, Address(bytes(range(1, 21))))
TERMS = OrderTerms(
    participant=ALICE.address,
    instrument_id=(1 << 256) - 12345,
    side=Side.SELL,
    price_micros=Micros(45_300),
    quantity_lots=Lots((1 << 64) - 1),
    good_until_s=1_646_956_800,
    settle_until_s=1_646_960_400,
    fee_cap_bps=65_535,
    reference_micros=Micros(50_000),
    client_order_id=7,
)


def standard_digest(type_text: str, message: dict[str, object], domain: Domain) -> bytes:
    """Hash a message the general, slow way."""
    name, _, fields = type_text.removesuffix(")").partition("(")
    members = [dict(zip(("type", "name"), field.split(" "), strict=True)) for field in fields.split(",")]
    signable = encode_typed_data(
        domain_data={
            "name": domain.name,
            "version": "1",
            "chainId": domain.chain_id,
            "verifyingContract": "0x" + domain.verifying_contract.hex(),
        },
        message_types={name: members},
        message_data=message,
    )
    return bytes(keccak(b"\x19\x01" + signable.header + signable.body))


def hexed(address: bytes) -> str:
    return "0x" + address.hex()


def test_an_order_is_hashed_as_the_standard_says() -> None:
    message = {
        "participant": hexed(TERMS.participant),
        "instrument": TERMS.instrument_id,
        "side": 1,
        "price": 45_300,
        "quantity": (1 << 64) - 1,
        "goodUntil": 1_646_956_800,
        "settleUntil": 1_646_960_400,
        "feeCapBps": 65_535,
        "referencePrice": 50_000,
        "clientOrderId": 7,
    }
    assert order_digest(TERMS, DOMAIN) == standard_digest(ORDER_TYPE, message, DOMAIN)


def test_every_other_message_is_hashed_as_the_standard_says() -> None:
    meter = hexed(ALICE.address)
    assert reading_digest(
        meter=ALICE.address, start_hour=457_488, units_lots=12, domain=DOMAIN
    ) == standard_digest(READING_TYPE, {"meter": meter, "startHour": 457_488, "units": 12}, DOMAIN)
    assert withdrawal_digest(
        participant=ALICE.address, amount_micros=1 << 127, nonce=3, deadline_s=99, domain=DOMAIN
    ) == standard_digest(
        WITHDRAWAL_TYPE, {"participant": meter, "amount": 1 << 127, "nonce": 3, "deadline": 99}, DOMAIN
    )
    assert cancel_digest(
        participant=ALICE.address, order_id=5, deadline_s=99, domain=DOMAIN
    ) == standard_digest(CANCEL_TYPE, {"participant": meter, "orderId": 5, "deadline": 99}, DOMAIN)
    assert login_digest(participant=ALICE.address, expires_s=99, domain=DOMAIN) == standard_digest(
        LOGIN_TYPE, {"participant": meter, "expires": 99}, DOMAIN
    )
    for cancels, instrument, side in (
        (MassCancel(ALICE.address), 0, 2),
        (MassCancel(ALICE.address, 1 << 255, Side.SELL), 1 << 255, 1),
    ):
        asked = {"participant": meter, "instrument": instrument, "side": side, "nonce": 8, "deadline": 99}
        assert mass_cancel_digest(cancels, nonce=8, deadline_s=99, domain=DOMAIN) == standard_digest(
            MASS_CANCEL_TYPE, asked, DOMAIN
        )
    assert dead_man_timer_digest(
        SetDeadManTimer(ALICE.address, 30), nonce=8, deadline_s=99, domain=DOMAIN
    ) == standard_digest(
        DEAD_MAN_TIMER_TYPE, {"participant": meter, "timeout": 30, "nonce": 8, "deadline": 99}, DOMAIN
    )
    token = Domain(31337, Address(b"\x02" * 20), "CCEI test token")
    assert permit_digest(
        owner=ALICE.address, spender=Address(b"\x03" * 20), value=1, nonce=0, deadline_s=99, domain=token
    ) == standard_digest(
        PERMIT_TYPE,
        {"owner": meter, "spender": hexed(b"\x03" * 20), "value": 1, "nonce": 0, "deadline": 99},
        token,
    )


def test_the_signer_is_recovered_from_the_signature() -> None:
    signature = sign_order(TERMS, ALICE, DOMAIN)
    assert len(signature) == 65
    assert recover(order_digest(TERMS, DOMAIN), signature) == ALICE.address


def test_a_signature_counts_for_one_contract_on_one_chain_only() -> None:
    signature = sign_order(TERMS, ALICE, DOMAIN)
    for other in (Domain(1, DOMAIN.verifying_contract), Domain(31337, Address(b"\x09" * 20))):
        assert recover(order_digest(TERMS, other), signature) != ALICE.address


def test_the_second_form_of_a_signature_is_refused() -> None:
    signature = sign_order(TERMS, ALICE, DOMAIN)
    high_s = CURVE_ORDER - int.from_bytes(signature[32:64], "big")
    twisted = signature[:32] + high_s.to_bytes(32, "big") + bytes((55 - signature[64],))
    with pytest.raises(BadSignature, match="high s"):
        recover(order_digest(TERMS, DOMAIN), twisted)


@pytest.mark.parametrize(
    ("signature", "message"),
    [
        (b"", "found 0 bytes, expected 65"),
        (bytes(64), "found 64 bytes, expected 65"),
        (bytes(65), "found v = 0, expected 27 or 28"),
        (bytes(64) + b"\x1b", "fit no key"),
        (b"\xff" * 32 + b"\x01" * 32 + b"\x1b", "fit no key"),
    ],
)
def test_a_malformed_signature_is_refused_in_words(signature: bytes, message: str) -> None:
    with pytest.raises(BadSignature, match=message):
        recover(bytes(32), signature)


@pytest.mark.parametrize(
    ("field", "value"), [("price_micros", -1), ("quantity_lots", 1 << 64), ("fee_cap_bps", 65_536)]
)
def test_terms_that_do_not_fit_the_contract_are_refused_by_name(field: str, value: int) -> None:
    from dataclasses import replace

    with pytest.raises(Malformed, match=f"{field}: found {value}"):
        order_digest(replace(TERMS, **{field: value}), DOMAIN)


def test_seeded_keys_are_the_same_every_time_and_differ_by_name_and_seed() -> None:
    assert Signer.from_seed(1, "alice").address == ALICE.address
    assert ALICE.address.hex() == Signer(ALICE.key).address.hex()
    others = {Signer.from_seed(1, "bob").address, Signer.from_seed(2, "alice").address}
    assert ALICE.address not in others
    assert len(others) == 2


def test_a_key_is_checked_and_never_shown() -> None:
    with pytest.raises(Malformed, match="found 31 bytes, expected 32"):
        Signer(bytes(31))
    with pytest.raises(Malformed):
        Signer(bytes(32))
    assert ALICE.key.hex() not in repr(ALICE)
    assert repr(ALICE.key) not in repr(ALICE)
