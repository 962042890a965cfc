"""Sign stored bytes once more at a higher price, so that a transaction that is stuck reaches a block.

The nonce stays, so the chain takes one of the two at most. Everything but the price is read from the bytes themselves.
"""

from typing import Any, Final

from contracts.chain import GasPrice
from contracts.signing import Signer

_PERCENT: Final = 100
RAISE_PERCENT: Final = 13
"""Nodes take a replacement whose price is at least 10 % higher, some of them 12.5 %."""
_TYPE_2: Final = 2


def offered(raw: bytes) -> GasPrice:
    """Return the price that signed bytes offer; `now_wei` is the most that they pay, too."""
    fields = _fields(raw)
    if raw[0] == _TYPE_2:
        return GasPrice(_number(fields[3]), _number(fields[3]), _number(fields[2]))
    return GasPrice(_number(fields[1]), _number(fields[1]), None)


def raised(raw: bytes, account: Signer, price: GasPrice, *, chain_id: int) -> bytes:
    """Return the same transaction signed at `price`, or at the least raise that nodes accept, if that is more."""
    from eth_account import Account

    before, fields = offered(raw), _fields(raw)
    signed: dict[str, Any] = {"chainId": chain_id}
    most_wei = max(price.most_wei, _raise(before.most_wei))
    if before.tip_wei is None:
        nonce, _, gas, to, value, data = fields[:6]
        signed["gasPrice"] = most_wei
    else:
        _, nonce, _, _, gas, to, value, data = fields[:8]
        tip_wei = max(price.tip_wei or 0, _raise(before.tip_wei))
        signed |= {"type": _TYPE_2, "maxFeePerGas": most_wei, "maxPriorityFeePerGas": tip_wei}
    signed |= {"nonce": _number(nonce), "gas": _number(gas), "value": _number(value), "data": data}
    if to:
        from eth_utils.address import to_checksum_address

        signed["to"] = to_checksum_address(to)
    return bytes(Account.sign_transaction(signed, account.key).raw_transaction)


def _fields(raw: bytes) -> list[bytes]:
    import rlp

    found: list[bytes] = rlp.decode(raw[1:] if raw[0] == _TYPE_2 else raw)
    return found


def _number(word: bytes) -> int:
    return int.from_bytes(word, "big")


def _raise(price_wei: int) -> int:
    """Return the price raised, rounded up."""
    return -(-price_wei * (_PERCENT + RAISE_PERCENT) // _PERCENT)
