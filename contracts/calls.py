"""What the operator's transactions ask of the contracts, read back from their bytes: of which batch, for which trades.

Twin of what `Settlement.settle_batch`, `deliver_batch`, `Guarantee.open_many`, `report` and `pay_out_many` encode.
"""

from dataclasses import dataclass
from typing import Any

from eth_abi.exceptions import DecodingError

from contracts.abi import artifact
from contracts.batches import positions_of
from contracts.packing import read_trade_numbers, unpack_leaves
from contracts.signed_transactions import data_of
from market.units import Malformed

_WORD_BYTES = 32
_TRADE_NUMBER = 1
"""Where a leaf's ABI tuple has the number of its trade."""


@dataclass(frozen=True, slots=True)
class Call:
    """A call of a function. `batch_number` and `record_hash` are None where the call carries none."""

    function: str
    trades: tuple[int, ...]
    batch_number: int | None = None
    record_hash: bytes | None = None


def read_call(data: bytes) -> Call:
    """Read what a transaction asks for, given its data.

    Raises:
        Malformed: if it is none of the calls that the settler makes.
    """
    for contract, name in (
        ("Settlement", "settleBatch"),
        ("Settlement", "deliverBatch"),
        ("Guarantee", "openMany"),
        ("Guarantee", "report"),
        ("Guarantee", "payOutMany"),
    ):
        function = artifact(contract).functions[name]
        if data[:4] == function.selector:
            try:
                return _call(name, function.decode_input(data))
            except (DecodingError, IndexError, OverflowError) as error:
                raise Malformed(f"call of {name}: found {error}, expected its arguments") from None
    raise Malformed(f"call: found the selector 0x{data[:4].hex()}, expected a call that the settler makes")


def record_hash_of(raw: bytes) -> bytes:
    """Return the record hash that a signed settlement batch carries: the second word of its arguments.

    Raises:
        Malformed: if the bytes settle no batch.
    """
    data, selector = data_of(raw), artifact("Settlement").functions["settleBatch"].selector
    if data[:4] != selector or len(data) < 4 + 2 * _WORD_BYTES:
        raise Malformed(f"call: found the selector 0x{data[:4].hex()}, expected that of settleBatch")
    return data[4 + _WORD_BYTES : 4 + 2 * _WORD_BYTES]


def _call(name: str, arguments: tuple[Any, ...]) -> Call:
    match name:
        case "settleBatch":
            number, record_hash, _, packed = arguments
            return Call(name, read_trade_numbers(packed), number, record_hash)
        case "deliverBatch":
            number, packed, released, _ = arguments
            leaves = unpack_leaves(packed)
            return Call(name, tuple(leaves[at].trade_number for at in positions_of(released)), number)
        case "openMany":
            number, leaves, _ = arguments
            return Call(name, _numbers(leaves), number)
        case "report":
            leaf, _ = arguments
            return Call(name, _numbers([leaf]))
        case _:
            (leaves,) = arguments
            return Call(name, _numbers(leaves))


def _numbers(leaves: Any) -> tuple[int, ...]:
    return tuple(leaf[_TRADE_NUMBER] for leaf in leaves)
