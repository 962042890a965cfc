"""A contract's text is read by those it was sealed to, unchanged, for the contract it was sealed for, and by nobody else."""

import hmac
from dataclasses import replace
from hashlib import sha256

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from hypothesis import given
from hypothesis import strategies as st

from contracts.confidential import (
    READERS_MAX,
    NotAReader,
    OtherTerms,
    PublicKey,
    ReaderKey,
    SealedTerms,
    Tampered,
    open_sealed,
    open_terms,
    seal,
    seal_terms,
)
from market.units import Malformed, Micros

from .test_agreement import TERMS

BUYER, SELLER, ARBITER, STRANGER = (ReaderKey(bytes([n]) * 32) for n in range(1, 5))
READERS = [key.public for key in (BUYER, SELLER, ARBITER)]
HASH = b"\x07" * 32
TEXT = b"what was agreed"
SEALED = seal(TEXT, terms_hash=HASH, readers=READERS)

texts = st.binary(max_size=2_000)
hashes = st.binary(min_size=32, max_size=32)


@given(text=texts, terms_hash=hashes, number=st.integers(1, 8))
def test_every_reader_reads_what_was_sealed(text: bytes, terms_hash: bytes, number: int) -> None:
    keys = [ReaderKey.generate() for _ in range(number)]
    sealed = seal(text, terms_hash=terms_hash, readers=[key.public for key in keys])
    assert sealed.readers == tuple(key.public for key in keys)
    received = SealedTerms.decode(sealed.encode())
    assert received == sealed
    assert [open_sealed(received, key, terms_hash=terms_hash) for key in keys] == [text] * number


@pytest.mark.parametrize("text", [b"", bytes(5_000_000)], ids=["empty", "large"])
def test_empty_and_large_texts(text: bytes) -> None:
    sealed = seal(text, terms_hash=HASH, readers=READERS)
    assert len(sealed.encode()) == 2 + 3 * 112 + len(text) + 16
    assert open_sealed(sealed, SELLER, terms_hash=HASH) == text


def test_as_many_readers_as_there_may_be() -> None:
    keys = [ReaderKey.generate().public for _ in range(READERS_MAX)]
    sealed = seal(TEXT, terms_hash=HASH, readers=[*keys[:-1], BUYER.public])
    assert open_sealed(SealedTerms.decode(sealed.encode()), BUYER, terms_hash=HASH) == TEXT
    with pytest.raises(Malformed, match="found 256 readers, expected 1 to 255"):
        seal(TEXT, terms_hash=HASH, readers=[*keys, BUYER.public])


def test_the_text_is_not_in_what_is_stored_nor_the_same_twice() -> None:
    again = seal(TEXT, terms_hash=HASH, readers=READERS)
    assert TEXT not in SEALED.encode()
    assert again.ciphertext != SEALED.ciphertext
    assert {key for _, key in again.entries}.isdisjoint(key for _, key in SEALED.entries)


@pytest.mark.parametrize("key", [BUYER, SELLER, ARBITER], ids=["buyer", "seller", "arbiter"])
def test_any_changed_byte_is_found_by_every_reader(key: ReaderKey) -> None:
    for place in range(len(SEALED.encode())):
        changed = bytearray(SEALED.encode())
        changed[place] ^= 1 << place % 8
        with pytest.raises((Tampered, NotAReader, Malformed)):
            open_sealed(SealedTerms.decode(bytes(changed)), key, terms_hash=HASH)


@given(changes=st.lists(st.tuples(st.integers(0, len(SEALED.encode()) - 1), st.integers(1, 255)), min_size=1))
def test_no_change_passes(changes: list[tuple[int, int]]) -> None:
    changed = bytearray(SEALED.encode())
    for place, mask in changes:
        changed[place] ^= mask
    if bytes(changed) == SEALED.encode():
        return
    with pytest.raises((Tampered, NotAReader, Malformed)):
        open_sealed(SealedTerms.decode(bytes(changed)), BUYER, terms_hash=HASH)


def test_a_reader_whose_key_was_changed_in_any_bit_reads_nothing() -> None:
    """X25519 ignores a public key's highest bit; the list of readers does not."""
    for bit in range(256):
        raw = bytearray(BUYER.public.raw)
        raw[bit // 8] ^= 1 << bit % 8
        swapped = ((PublicKey(bytes(raw)), SEALED.entries[0][1]), *SEALED.entries[1:])
        with pytest.raises(NotAReader):
            open_sealed(replace(SEALED, entries=swapped), BUYER, terms_hash=HASH)
        with pytest.raises(Tampered):
            open_sealed(replace(SEALED, entries=swapped), SELLER, terms_hash=HASH)


def test_readers_are_neither_added_nor_left_out_nor_put_in_another_sequence() -> None:
    first, second, third = SEALED.entries
    other = seal(TEXT, terms_hash=HASH, readers=[STRANGER.public]).entries[0]
    for entries in ((first, second), (second, first, third), (first, second, third, other)):
        with pytest.raises(Tampered):
            open_sealed(replace(SEALED, entries=entries), BUYER, terms_hash=HASH)


def test_a_text_sealed_for_one_contract_does_not_pass_for_another() -> None:
    with pytest.raises(Tampered, match="not those with the hash 0x0808"):
        open_sealed(SEALED, BUYER, terms_hash=b"\x08" * 32)
    other = seal(b"another text", terms_hash=b"\x08" * 32, readers=READERS)
    for mixed in (replace(SEALED, ciphertext=other.ciphertext), replace(SEALED, entries=other.entries)):
        with pytest.raises(Tampered):
            open_sealed(mixed, BUYER, terms_hash=HASH)


def test_a_stranger_is_no_reader() -> None:
    with pytest.raises(NotAReader, match="found 3 readers"):
        open_sealed(SEALED, STRANGER, terms_hash=HASH)


def test_a_key_that_shares_no_secret_is_refused() -> None:
    with pytest.raises(Malformed, match="with which no secret can be shared"):
        seal(TEXT, terms_hash=HASH, readers=[PublicKey(bytes(32))])
    weak = (BUYER.public, bytes(32) + SEALED.entries[0][1][32:])
    with pytest.raises(Tampered):
        open_sealed(replace(SEALED, entries=(weak, *SEALED.entries[1:])), BUYER, terms_hash=HASH)


def test_what_has_another_length_is_malformed() -> None:
    encoded = SEALED.encode()
    for short in (b"", encoded[:1], b"\x02" + encoded[1:], encoded[:100], encoded[: 2 + 3 * 112 + 15]):
        with pytest.raises(Malformed):
            SealedTerms.decode(short)
    with pytest.raises(Malformed, match="found 0 readers"):
        SealedTerms.decode(b"\x01\x00" + bytes(16))
    with pytest.raises(Malformed, match="found a key of 79 bytes, expected 80"):
        SealedTerms(((BUYER.public, bytes(79)),), bytes(16))
    with pytest.raises(Malformed, match="found 0 readers"):
        seal(TEXT, terms_hash=HASH, readers=[])
    with pytest.raises(Malformed, match="found a reader twice"):
        seal(TEXT, terms_hash=HASH, readers=[BUYER.public, BUYER.public])
    with pytest.raises(Malformed, match="terms_hash: found 31 bytes"):
        seal(TEXT, terms_hash=bytes(31), readers=READERS)
    with pytest.raises(Malformed, match="terms_hash: found 33 bytes"):
        open_sealed(SEALED, BUYER, terms_hash=bytes(33))
    with pytest.raises(Malformed, match="public key: found 31 bytes"):
        PublicKey(bytes(31))
    with pytest.raises(Malformed, match="reader key: found 33 bytes"):
        ReaderKey(bytes(33))


def test_no_secret_is_shown() -> None:
    shown = repr(BUYER) + str(BUYER) + repr(SEALED)
    assert BUYER.secret.hex() not in shown
    assert repr(BUYER.secret) not in shown
    assert SEALED.ciphertext.hex() not in shown


# It is the standard


def by_the_standard(private: bytes, sealed_key: bytes, info: bytes) -> bytes:
    """Open an HPKE message as RFC 9180 says it, sections 4.1, 5.1 and 5.2, written out: base mode, X25519, empty aad."""
    kem, suite = b"KEM\x00\x20", b"HPKE\x00\x20\x00\x01\x00\x03"

    def extract(suite_id: bytes, salt: bytes, label: bytes, material: bytes) -> bytes:
        return hmac.digest(salt, b"HPKE-v1" + suite_id + label + material, sha256)

    def expand(suite_id: bytes, secret: bytes, label: bytes, context: bytes, length: int) -> bytes:
        labelled = length.to_bytes(2, "big") + b"HPKE-v1" + suite_id + label + context
        return hmac.digest(secret, labelled + b"\x01", sha256)[:length]

    enc, ciphertext = sealed_key[:32], sealed_key[32:]
    key = X25519PrivateKey.from_private_bytes(private)
    shared = extract(kem, b"", b"eae_prk", key.exchange(X25519PublicKey.from_public_bytes(enc)))
    public = key.public_key().public_bytes_raw()
    shared = expand(kem, shared, b"shared_secret", enc + public, 32)
    context = b"\x00" + extract(suite, b"", b"psk_id_hash", b"") + extract(suite, b"", b"info_hash", info)
    secret = extract(suite, shared, b"secret", b"")
    nonce = expand(suite, secret, b"base_nonce", context, 12)
    return ChaCha20Poly1305(expand(suite, secret, b"key", context, 32)).decrypt(nonce, ciphertext, b"")


def test_the_standard_alone_opens_it() -> None:
    encoded = SEALED.encode()
    text_at = 2 + 3 * 112
    entry = encoded[2 + 112 : 2 + 2 * 112]
    assert entry[:32] == SELLER.public.raw
    content_key = by_the_standard(SELLER.secret, entry[32:], b"CCEI Market sealed terms 1" + HASH)
    opened = ChaCha20Poly1305(content_key).decrypt(bytes(12), encoded[text_at:], encoded[:text_at] + HASH)
    assert opened == TEXT


# The terms of a long-term contract


def test_terms_open_only_if_they_are_those_of_the_hash() -> None:
    sealed = seal_terms(TERMS, readers=READERS)
    assert open_terms(sealed, ARBITER, terms_hash=TERMS.hash) == TERMS

    cheaper = replace(TERMS, price_micros=Micros(1))
    lie = seal(cheaper.encode(), terms_hash=TERMS.hash, readers=READERS)
    with pytest.raises(OtherTerms, match=f"found terms with the hash 0x{cheaper.hash.hex()}"):
        open_terms(lie, BUYER, terms_hash=TERMS.hash)
    with pytest.raises(OtherTerms, match="found no terms"):
        open_terms(SEALED, BUYER, terms_hash=HASH)
