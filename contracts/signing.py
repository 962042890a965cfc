"""What participants, meters and the operator sign, hashed as the contract hashes it (EIP-712), and who signed it.

The struct hash is keccak over 32-byte words, written out here rather than through a general encoder: it lies on the path
of every order. A test compares each hash with `eth_account`'s encoder, and another with the deployed contract.
"""

from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Final

from coincurve import PrivateKey, PublicKey
from eth_hash.auto import keccak

from market.orders import Address, MassCancel, OrderTerms, SetDeadManTimer
from market.proposals import RequestNegotiation, SealReservation
from market.units import Malformed

NAME: Final = "CCEI Market"
VERSION: Final = "1"
SIGNATURE_LENGTH: Final = 65
ORDER_TYPE: Final = (
    "Order(address participant,uint256 instrument,uint8 side,uint64 price,uint64 quantity,uint64 goodUntil,"
    "uint64 settleUntil,uint16 feeCapBps,uint64 referencePrice,uint64 clientOrderId)"
)
READING_TYPE: Final = "Reading(address meter,uint32 startHour,uint64 units)"
WITHDRAWAL_TYPE: Final = "Withdrawal(address participant,uint128 amount,uint64 nonce,uint64 deadline)"
CANCEL_TYPE: Final = "Cancel(address participant,uint64 orderId,uint64 deadline)"
MASS_CANCEL_TYPE: Final = (
    "MassCancel(address participant,uint256 instrument,uint8 side,uint64 nonce,uint64 deadline)"
)
DEAD_MAN_TIMER_TYPE: Final = "DeadManTimer(address participant,uint64 timeout,uint64 nonce,uint64 deadline)"
LOGIN_TYPE: Final = "Login(address participant,uint64 expires)"
PROPOSAL_TYPE: Final = (
    "Proposal(address participant,address buyer,address seller,uint256 instrument,uint64[] quantities,uint64 notice,"
    "uint64 answerBy,bytes32 salt)"
)
SEAL_TYPE: Final = "Seal(address participant,uint64 negotiation,bytes32 seal)"
PERMIT_TYPE: Final = "Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)"

_DOMAIN_TYPE = "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
_CURVE_ORDER = 0xFFFFFFFF_FFFFFFFF_FFFFFFFF_FFFFFFFE_BAAEDCE6_AF48A03B_BFD25E8C_D0364141
_RECOVERY_BASE = 27
_UINT64_END = 1 << 64


def type_hash(text: str) -> bytes:
    """Return the keccak of a struct's type, which begins its hash."""
    return bytes(keccak(text.encode("ascii")))


_ORDER_HASH, _READING_HASH, _WITHDRAWAL_HASH = map(type_hash, (ORDER_TYPE, READING_TYPE, WITHDRAWAL_TYPE))
_CANCEL_HASH, _LOGIN_HASH, _PERMIT_HASH = map(type_hash, (CANCEL_TYPE, LOGIN_TYPE, PERMIT_TYPE))
_MASS_CANCEL_HASH, _DEAD_MAN_TIMER_HASH = map(type_hash, (MASS_CANCEL_TYPE, DEAD_MAN_TIMER_TYPE))
_PROPOSAL_HASH, _SEAL_HASH = map(type_hash, (PROPOSAL_TYPE, SEAL_TYPE))
_ANY_INSTRUMENT, _BOTH_SIDES = 0, 2
"""What a mass cancel signs where it names no instrument (ids begin with a version, so none is 0) or no side."""


class BadSignature(Malformed):
    """A signature that no key can have made, or that has a second valid form (high s)."""


@dataclass(frozen=True)
class Domain:
    """Where a signature counts: one contract on one chain. The same signature is worthless anywhere else."""

    chain_id: int
    verifying_contract: Address
    name: str = NAME

    @property
    def separator(self) -> bytes:
        """The EIP-712 domain separator, 32 bytes."""
        return _separator(self)

    def digest(self, struct_hash: bytes) -> bytes:
        """Return the 32 bytes that are signed for a struct."""
        return bytes(keccak(b"\x19\x01" + self.separator + struct_hash))


@dataclass(frozen=True)
class Signer:
    """A private key and the address it signs for."""

    key: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.key) != 32 or not 0 < int.from_bytes(self.key, "big") < _CURVE_ORDER:
            raise Malformed(
                f"private key: found {len(self.key)} bytes, expected 32 that make a secp256k1 key"
            )

    @classmethod
    def from_seed(cls, seed: int, label: str) -> "Signer":
        """Derive the key of a named participant in a simulation. Anyone who knows the seed has the key.

        >>> Signer.from_seed(7, "solar-1").address == Signer.from_seed(7, "solar-1").address
        True
        """
        word = keccak(f"ccei-market simulation key\n{seed}\n{label}".encode())
        return cls(bytes(keccak(word)))

    @cached_property
    def _private_key(self) -> PrivateKey:
        return PrivateKey(self.key)

    @cached_property
    def address(self) -> Address:
        """The 20 bytes of the Ethereum address."""
        return _address_of(self._private_key.public_key)

    def sign(self, digest: bytes) -> bytes:
        """Sign 32 bytes; return r, s and v (27 or 28): 65 bytes, with the low s, the same every time (RFC 6979)."""
        compact: bytes = self._private_key.sign_recoverable(digest, hasher=None)
        return compact[:64] + bytes((_RECOVERY_BASE + compact[64],))


def recover(digest: bytes, signature: bytes) -> Address:
    """Return the address whose key signed the digest.

    Raises:
        BadSignature: if it is not 65 bytes ending in 27 or 28, has a high s, or fits no key.
    """
    if len(signature) != SIGNATURE_LENGTH:
        raise BadSignature(f"signature: found {len(signature)} bytes, expected {SIGNATURE_LENGTH}: r, s, v")
    if signature[64] not in (_RECOVERY_BASE, _RECOVERY_BASE + 1):
        raise BadSignature(f"signature: found v = {signature[64]}, expected 27 or 28")
    if int.from_bytes(signature[32:64], "big") > _CURVE_ORDER // 2:
        raise BadSignature(
            "signature: found a high s, expected s in the lower half (a second form of one signature)"
        )
    compact = signature[:64] + bytes((signature[64] - _RECOVERY_BASE,))
    try:
        return _address_of(PublicKey.from_signature_and_message(compact, digest, hasher=None))
    except Exception:  # coincurve raises a bare Exception when no key fits
        raise BadSignature("signature: found r and s that fit no key") from None


@lru_cache(maxsize=64)
def _separator(domain: Domain) -> bytes:
    """Hash what equal domains have in common: each twin of a contract makes its own, for each signature anew."""
    words = map(type_hash, (_DOMAIN_TYPE, domain.name, VERSION))
    return hash_words(*words, domain.chain_id, domain.verifying_contract)


def order_digest(terms: OrderTerms, domain: Domain) -> bytes:
    """Return the 32 bytes that the participant signs for an order: the contract's `orderHash`.

    Raises:
        Malformed: if a field does not fit the width it has in the contract.
    """
    return domain.digest(_order_struct(terms))


def sign_order(terms: OrderTerms, signer: Signer, domain: Domain) -> bytes:
    """Sign an order; return 65 bytes."""
    return signer.sign(order_digest(terms, domain))


def reading_digest(*, meter: Address, start_hour: int, units_lots: int, domain: Domain) -> bytes:
    """Return the 32 bytes that a meter signs for what it measured in one hour, in lots."""
    return domain.digest(hash_words(_READING_HASH, meter, start_hour, uint64("units_lots", units_lots)))


def withdrawal_digest(
    *, participant: Address, amount_micros: int, nonce: int, deadline_s: int, domain: Domain
) -> bytes:
    """Return the 32 bytes that the operator counter-signs for an immediate withdrawal."""
    return domain.digest(hash_words(_WITHDRAWAL_HASH, participant, amount_micros, nonce, deadline_s))


def cancel_digest(*, participant: Address, order_id: int, deadline_s: int, domain: Domain) -> bytes:
    """Return the 32 bytes that a participant signs to cancel an order off chain."""
    return domain.digest(hash_words(_CANCEL_HASH, participant, order_id, deadline_s))


def mass_cancel_digest(command: MassCancel, *, nonce: int, deadline_s: int, domain: Domain) -> bytes:
    """Return the 32 bytes that a participant signs to cancel many orders. `nonce` makes each such request another."""
    instrument_id, side = command.instrument_id, command.side
    words = (
        _ANY_INSTRUMENT if instrument_id is None else instrument_id,
        _BOTH_SIDES if side is None else int(side),
        uint64("nonce", nonce),
        uint64("deadline_s", deadline_s),
    )
    return domain.digest(hash_words(_MASS_CANCEL_HASH, command.participant, *words))


def dead_man_timer_digest(command: SetDeadManTimer, *, nonce: int, deadline_s: int, domain: Domain) -> bytes:
    """Return the 32 bytes that a participant signs to wind a dead-man timer up, or to disarm it."""
    words = (
        uint64("timeout_s", command.timeout_s),
        uint64("nonce", nonce),
        uint64("deadline_s", deadline_s),
    )
    return domain.digest(hash_words(_DEAD_MAN_TIMER_HASH, command.participant, *words))


def login_digest(*, participant: Address, expires_s: int, domain: Domain) -> bytes:
    """Return the 32 bytes that a participant signs to log in, until `expires_s`."""
    return domain.digest(hash_words(_LOGIN_HASH, participant, expires_s))


def proposal_digest(request: RequestNegotiation, domain: Domain) -> bytes:
    """Return the 32 bytes that a participant signs to ask for a negotiation.

    Raises:
        Malformed: if a field does not fit its type.
    """
    proposal = request.proposal
    return domain.digest(
        hash_words(
            _PROPOSAL_HASH,
            request.participant,
            proposal.buyer,
            proposal.seller,
            proposal.instrument_id,
            hash_words(*(uint64("quantity_lots", lots) for lots in proposal.quantity_lots)),
            uint64("notice_s", proposal.notice_s),
            uint64("answer_by_s", proposal.answer_by_s),
            bytes32("salt", proposal.salt),
        )
    )


def seal_digest(request: SealReservation, domain: Domain) -> bytes:
    """Return the 32 bytes that a participant signs to bind itself to a sealed reservation price."""
    words = (uint64("number", request.number), bytes32("seal", request.seal))
    return domain.digest(hash_words(_SEAL_HASH, request.participant, *words))


def permit_digest(
    *, owner: Address, spender: Address, value: int, nonce: int, deadline_s: int, domain: Domain
) -> bytes:
    """Return the 32 bytes of an ERC-2612 permit; `domain` is the token's, not the settlement's."""
    return domain.digest(hash_words(_PERMIT_HASH, owner, spender, value, nonce, deadline_s))


def hash_words(*words: bytes | int) -> bytes:
    """Return the keccak of the words as 32 bytes each: `keccak256(abi.encode(...))` of fields of fixed size."""
    return bytes(
        keccak(b"".join(w.to_bytes(32, "big") if isinstance(w, int) else w.rjust(32, b"\0") for w in words))
    )


def _order_struct(terms: OrderTerms) -> bytes:
    if not 0 <= terms.fee_cap_bps < 1 << 16:
        raise Malformed(f"fee_cap_bps: found {terms.fee_cap_bps}, expected 0 to 65535")
    return hash_words(
        _ORDER_HASH,
        terms.participant,
        terms.instrument_id,
        int(terms.side),
        uint64("price_micros", terms.price_micros),
        uint64("quantity_lots", terms.quantity_lots),
        uint64("good_until_s", terms.good_until_s),
        uint64("settle_until_s", terms.settle_until_s),
        terms.fee_cap_bps,
        uint64("reference_micros", terms.reference_micros),
        uint64("client_order_id", terms.client_order_id),
    )


def uint64(what: str, value: int) -> int:
    """Return a value that fits 64 bits. Raises Malformed if it does not."""
    if not 0 <= value < _UINT64_END:
        raise Malformed(f"{what}: found {value}, expected 0 to 2^64 - 1")
    return value


def bytes32(what: str, value: bytes) -> bytes:
    """Return a value of 32 bytes. Raises Malformed if it has another length."""
    if len(value) != 32:
        raise Malformed(f"{what}: found {len(value)} bytes, expected 32")
    return value


def _address_of(public_key: PublicKey) -> Address:
    return _address_at(public_key.format(compressed=False)[1:])


@lru_cache(maxsize=4096)
def _address_at(point: bytes) -> Address:
    """Hash a point of the curve: those who sign do so again and again."""
    return Address(bytes(keccak(point))[12:])
