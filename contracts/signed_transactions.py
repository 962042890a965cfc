"""Signed transactions: made, and read back from their bytes: what they ask for, under which nonce, and whose key signed.

There are two kinds: legacy ones that name their chain (EIP-155), and type 2 (EIP-1559).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from contracts.signing import BadSignature, Signer, recover
from contracts.transactions import GasPrice, Transaction, transaction_hash
from market.address import Address
from market.units import Malformed

_TYPE_2: Final = b"\x02"
_FIELDS: Final = {b"": 9, _TYPE_2: 12}
"""How many fields each kind has, by the byte that begins it: a legacy one begins with its list."""
_LEGACY_V: Final = 35
_RECOVERY_BASE: Final = 27


@dataclass(frozen=True, slots=True)
class SignedTransaction:
    """What signed bytes say. `to` is None where they create a contract."""

    hash: bytes
    chain_id: int
    nonce: int
    to: Address | None
    data: bytes
    sender: Address


def sign_transaction(
    account: Signer, transaction: Transaction, *, chain_id: int, nonce: int, price: GasPrice
) -> bytes:
    """Return the signed bytes of a transaction: of type 2, or a legacy one where the chain knows no base fee."""
    from eth_account import Account

    fields: dict[str, Any] = {
        "chainId": chain_id,
        "nonce": nonce,
        "gas": transaction.gas,
        "value": transaction.value_wei,
        "data": transaction.data,
    }
    if transaction.to is not None:
        fields["to"] = transaction.to
    if price.tip_wei is None:
        fields["gasPrice"] = price.most_wei
    else:
        fields |= {"type": 2, "maxFeePerGas": price.most_wei, "maxPriorityFeePerGas": price.tip_wei}
    return bytes(Account.sign_transaction(fields, account.key).raw_transaction)


def read_signed(raw: bytes) -> SignedTransaction:
    """Read signed bytes, and recover who signed them.

    Raises:
        Malformed: if they are no transaction of the two kinds, or no key fits their signature.
    """
    kind = raw[:1] if raw[:1] == _TYPE_2 else b""
    fields = _fields(raw[len(kind) :], _FIELDS[kind])
    if kind:
        chain_id, nonce, parity = map(_number, (fields[0], fields[1], fields[9]))
        to, data, signed = fields[5], fields[7], fields[:9]
    else:
        # EIP-155: v is 35 + 2 x chain id + parity, and the chain id is signed in its place
        chain_id, parity = divmod(_number(fields[6]) - _LEGACY_V, 2)
        nonce, to, data = _number(fields[0]), fields[3], fields[5]
        if chain_id < 0:
            raise Malformed(
                "transaction: found a signature for any chain, expected one that names it (EIP-155)"
            )
        signed = [*fields[:6], chain_id.to_bytes(-(-chain_id.bit_length() // 8), "big"), b"", b""]
    if parity > 1 or len(to) not in (0, 20):
        raise Malformed(
            f"transaction: found parity {parity} and a recipient of {len(to)} bytes, expected 0 or 1, and 20 or none"
        )
    signature = b"".join(
        (fields[-2].rjust(32, b"\0"), fields[-1].rjust(32, b"\0"), bytes([_RECOVERY_BASE + parity]))
    )
    try:
        sender = recover(transaction_hash(kind + _encoded(signed)), signature)
    except BadSignature as error:
        raise Malformed(f"transaction: {error}") from None
    return SignedTransaction(
        transaction_hash(raw), chain_id, nonce, Address(to) if to else None, data, sender
    )


def data_of(raw: bytes) -> bytes:
    """Return what signed bytes ask for, without asking who signed them.

    Raises:
        Malformed: if they are no transaction of the two kinds.
    """
    if raw[:1] == _TYPE_2:
        return _fields(raw[1:], _FIELDS[_TYPE_2])[7]
    return _fields(raw, _FIELDS[b""])[5]


def _fields(content: bytes, expected: int) -> list[bytes]:
    import rlp
    from rlp.exceptions import DecodingError

    try:
        found = rlp.decode(content)
    except DecodingError as error:
        raise Malformed(f"transaction: found {error}, expected signed bytes") from None
    if not isinstance(found, list) or len(found) != expected:
        raise Malformed(f"transaction: found no list of {expected} fields, expected a signed transaction")
    return found


def _encoded(fields: Sequence[object]) -> bytes:
    import rlp

    encoded: bytes = rlp.encode(fields)
    return encoded


def _number(word: object) -> int:
    if not isinstance(word, bytes):
        raise Malformed("transaction: found a list in place of a number")
    return int.from_bytes(word, "big")
