"""Keep a contract's text off the chain and from strangers: sealed to its parties and to the arbiter.

The chain is shown the terms' salted hash and nothing else. The text is encrypted once with a key of its own
(ChaCha20-Poly1305), and that key for each reader with HPKE in base mode (RFC 9180: X25519, HKDF-SHA256,
ChaCha20-Poly1305). Both are bound to the hash, and the text to the list of readers as well, so that nothing can be changed,
added, left out, or passed off for another contract.

HPKE's base mode does not say who sealed, and whoever does could give two readers different texts. Neither matters once
the text was found to hash to what the parties signed: check that, as `open_terms` does. Nor is there forward secrecy: who
takes a reader's key can read all that was sealed to it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from contracts.agreement import LongTermTerms
from contracts.signing import bytes32
from market.units import Malformed

READERS_MAX: Final = 255

_VERSION: Final = 1
_KEY_LENGTH: Final = 32
_TAG_LENGTH: Final = 16
_SEALED_KEY_LENGTH: Final = _KEY_LENGTH + _KEY_LENGTH + _TAG_LENGTH
"""What HPKE makes of a content key: the sender's half of the exchange, the encrypted key, the tag."""
_ENTRY_LENGTH: Final = _KEY_LENGTH + _SEALED_KEY_LENGTH
_HEAD_LENGTH: Final = 2
_PURPOSE: Final = b"CCEI Market sealed terms 1"
_NONCE: Final = bytes(12)
"""Always the same, because each content key encrypts one text."""


class NotAReader(Exception):
    """The text was not sealed to this key."""


class Tampered(Exception):
    """The sealed text was changed, or it belongs to another contract."""


class OtherTerms(Exception):
    """The text opens, but it is not the terms whose hash was given: who sealed it did not tell the truth."""


@dataclass(frozen=True, slots=True)
class PublicKey:
    """Whom something is sealed to: the 32 bytes of an X25519 public key. Make sure whose it is."""

    raw: bytes

    def __post_init__(self) -> None:
        bytes32("public key", self.raw)


@dataclass(frozen=True)
class ReaderKey:
    """The 32 secret bytes with which one reader opens what was sealed to it."""

    secret: bytes = field(repr=False)

    def __post_init__(self) -> None:
        bytes32("reader key", self.secret)

    @classmethod
    def generate(cls) -> "ReaderKey":
        """Draw a new key from the system's randomness."""
        return cls(X25519PrivateKey.generate().private_bytes_raw())

    @cached_property
    def public(self) -> PublicKey:
        """What others seal to."""
        return PublicKey(self._private_key.public_key().public_bytes_raw())

    @cached_property
    def _private_key(self) -> X25519PrivateKey:
        return X25519PrivateKey.from_private_bytes(self.secret)


@dataclass(frozen=True, slots=True)
class SealedTerms:
    """An encrypted text, and its key sealed to each reader. Who reads it is no secret."""

    entries: tuple[tuple[PublicKey, bytes], ...] = field(repr=False)
    ciphertext: bytes = field(repr=False)

    def __post_init__(self) -> None:
        readers = self.readers
        if not 0 < len(readers) <= READERS_MAX:
            raise Malformed(f"sealed terms: found {len(readers)} readers, expected 1 to {READERS_MAX}")
        if len(set(readers)) != len(readers):
            raise Malformed("sealed terms: found a reader twice")
        if len(self.ciphertext) < _TAG_LENGTH:
            raise Malformed(
                f"sealed terms: found a text of {len(self.ciphertext)} bytes, expected at least {_TAG_LENGTH}"
            )
        for _, sealed_key in self.entries:
            if len(sealed_key) != _SEALED_KEY_LENGTH:
                raise Malformed(
                    f"sealed terms: found a key of {len(sealed_key)} bytes, expected {_SEALED_KEY_LENGTH}"
                )

    @property
    def readers(self) -> tuple[PublicKey, ...]:
        """Who can open it."""
        return tuple(reader for reader, _ in self.entries)

    def encode(self) -> bytes:
        """Return the bytes to store or send: version 1 | readers 1 | (public key 32, sealed key 80) each | text."""
        return _head(self.entries) + self.ciphertext

    @classmethod
    def decode(cls, encoded: bytes) -> "SealedTerms":
        """Read sealed terms back from their encoding.

        Raises:
            Malformed: if the bytes are not what `encode` writes.
        """
        if len(encoded) < _HEAD_LENGTH or encoded[0] != _VERSION:
            raise Malformed(
                f"sealed terms: found {encoded[:_HEAD_LENGTH].hex()!r} first, expected version {_VERSION}"
            )
        text_at = _HEAD_LENGTH + encoded[1] * _ENTRY_LENGTH
        entries = (encoded[at : at + _ENTRY_LENGTH] for at in range(_HEAD_LENGTH, text_at, _ENTRY_LENGTH))
        return cls(
            tuple((PublicKey(entry[:_KEY_LENGTH]), entry[_KEY_LENGTH:]) for entry in entries),
            encoded[text_at:],
        )


def seal(text: bytes, *, terms_hash: bytes, readers: Sequence[PublicKey]) -> SealedTerms:
    """Encrypt a contract's text for its readers; `terms_hash` is the salted hash that stands on chain.

    Sealing the same text again gives other bytes.

    Raises:
        Malformed: if there is no reader, one is named twice, a key is none, or the hash is not 32 bytes.
    """
    bytes32("terms_hash", terms_hash)
    content_key = ChaCha20Poly1305.generate_key()
    entries = tuple((reader, _seal_key(content_key, reader, terms_hash)) for reader in readers)
    if not entries:
        raise Malformed(f"sealed terms: found 0 readers, expected 1 to {READERS_MAX}")
    ciphertext = ChaCha20Poly1305(content_key).encrypt(_NONCE, text, _head(entries) + terms_hash)
    return SealedTerms(entries, ciphertext)


def open_sealed(sealed: SealedTerms, key: ReaderKey, *, terms_hash: bytes) -> bytes:
    """Return the text that was sealed to this key, if it was sealed for the terms with this hash.

    The text itself is the sealer's word: check that it hashes to `terms_hash` (`open_terms` does).

    Raises:
        NotAReader: if it was not sealed to this key.
        Tampered: if it was changed, or sealed for other terms.
        Malformed: if the hash is not 32 bytes.
    """
    bytes32("terms_hash", terms_hash)
    sealed_key = dict(sealed.entries).get(key.public)
    if sealed_key is None:
        raise NotAReader(
            f"sealed terms: found {len(sealed.entries)} readers, 0x{key.public.raw.hex()} not among them"
        )
    try:
        content_key = _suite().decrypt(sealed_key, key._private_key, info=_PURPOSE + terms_hash)
        return ChaCha20Poly1305(content_key).decrypt(
            _NONCE, sealed.ciphertext, _head(sealed.entries) + terms_hash
        )
    except (InvalidTag, ValueError):
        # ValueError: a content key that is none, or half an exchange that yields nothing
        raise Tampered(f"sealed terms: changed, or not those with the hash 0x{terms_hash.hex()}") from None


def seal_terms(terms: LongTermTerms, *, readers: Sequence[PublicKey]) -> SealedTerms:
    """Encrypt the terms of a long-term contract for its readers."""
    return seal(terms.encode(), terms_hash=terms.hash, readers=readers)


def open_terms(sealed: SealedTerms, key: ReaderKey, *, terms_hash: bytes) -> LongTermTerms:
    """Return the terms that were sealed to this key, proven to be those with this hash.

    Raises:
        NotAReader: if they were not sealed to this key.
        Tampered: if they were changed, or sealed for other terms.
        OtherTerms: if the text is not the terms that it was sealed for.
    """
    text = open_sealed(sealed, key, terms_hash=terms_hash)
    try:
        terms = LongTermTerms.decode(text)
    except Malformed as error:
        raise OtherTerms(f"sealed terms: found no terms of a long-term contract: {error}") from error
    if terms.hash != terms_hash:
        raise OtherTerms(
            f"sealed terms: found terms with the hash 0x{terms.hash.hex()}, expected 0x{terms_hash.hex()}"
        )
    return terms


def _seal_key(content_key: bytes, reader: PublicKey, terms_hash: bytes) -> bytes:
    try:
        return _suite().encrypt(
            content_key, X25519PublicKey.from_public_bytes(reader.raw), info=_PURPOSE + terms_hash
        )
    except ValueError:
        raise Malformed(
            f"public key: found 0x{reader.raw.hex()}, with which no secret can be shared"
        ) from None


def _suite() -> Suite:
    return Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.CHACHA20_POLY1305)


def _head(entries: tuple[tuple[PublicKey, bytes], ...]) -> bytes:
    if len(entries) > READERS_MAX:
        raise Malformed(f"sealed terms: found {len(entries)} readers, expected 1 to {READERS_MAX}")
    keys = b"".join(reader.raw + sealed_key for reader, sealed_key in entries)
    return bytes((_VERSION, len(entries))) + keys
