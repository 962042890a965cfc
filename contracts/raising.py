"""Sign stored bytes once more at a higher price, so that a transaction that is stuck reaches a block.

The nonce stays, so the chain takes one of the two at most. Everything but the price is read from the bytes themselves.
"""

from typing import Final

from contracts.signed_transactions import sign_transaction
from contracts.signing import Signer
from contracts.transactions import GasPrice, Transaction
from market.address import Address

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
    before, fields = offered(raw), _fields(raw)
    most_wei = max(price.most_wei, _raise(before.most_wei))
    if before.tip_wei is None:
        nonce, _, gas, to, value, data = fields[:6]
        tip_wei = None
    else:
        _, nonce, _, _, gas, to, value, data = fields[:8]
        tip_wei = max(price.tip_wei or 0, _raise(before.tip_wei))
    transaction = Transaction(Address(to) if to else None, data, _number(gas), _number(value))
    raised_price = GasPrice(most_wei, most_wei, tip_wei)
    return sign_transaction(account, transaction, chain_id=chain_id, nonce=_number(nonce), price=raised_price)


def _fields(raw: bytes) -> list[bytes]:
    import rlp

    found: list[bytes] = rlp.decode(raw[1:] if raw[0] == _TYPE_2 else raw)
    return found


def _number(word: bytes) -> int:
    return int.from_bytes(word, "big")


def _raise(price_wei: int) -> int:
    """Return the price raised, rounded up."""
    return -(-price_wei * (_PERCENT + RAISE_PERCENT) // _PERCENT)
