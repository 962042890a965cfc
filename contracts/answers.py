"""What a node answers, read: numbers and bytes in hex, blocks, logs, receipts. What cannot be read is no answer.

Behind one address there may be several machines, some of which lag behind, or know a receipt before its block: then a null
stands where a number belongs, or a field is missing. Whoever asked asks again later.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

from contracts.chain_errors import ChainUnavailable
from contracts.transactions import Log, Receipt
from market.address import Address

_Read = TypeVar("_Read")


def _reader(expected: str) -> Callable[[Callable[[Any], _Read]], Callable[[Any], _Read]]:
    """Let a reader say of what it cannot read that it is no answer."""

    def reader(read: Callable[[Any], _Read]) -> Callable[[Any], _Read]:
        @wraps(read)
        def reads(found: Any) -> _Read:
            try:
                return read(found)
            except (AttributeError, KeyError, TypeError, ValueError) as error:
                raise ChainUnavailable(
                    f"node: found {found!r:.200}, expected {expected} ({type(error).__name__}: {error})"
                ) from error

        return reads

    return reader


@_reader("a number in hex")
def number(found: Any) -> int:
    """Return a number. Raises ChainUnavailable if it is none, as all readers here."""
    return int(found, 16)


@_reader("bytes in hex")
def data(found: Any) -> bytes:
    """Return bytes."""
    return bytes.fromhex(found.removeprefix("0x"))


@_reader("fields by name")
def fields(found: Any) -> dict[str, Any]:
    """Return the fields of a block, or of a transaction."""
    return {**found}


@_reader("an event")
def log(found: Any) -> Log:
    """Return an event."""
    return Log(
        address=Address(data(found["address"])),
        topics=tuple(map(data, found["topics"])),
        data=data(found["data"]),
        transaction=data(found["transactionHash"]),
        block_number=number(found["blockNumber"]),
        index=number(found["logIndex"]),
    )


@_reader("events")
def logs(found: Any) -> tuple[Log, ...]:
    """Return events."""
    return tuple(map(log, found))


@_reader("a receipt")
def receipt(found: Any) -> Receipt:
    """Return a receipt."""
    created = found.get("contractAddress")
    return Receipt(
        transaction=data(found["transactionHash"]),
        succeeded=number(found["status"]) == 1,
        block_number=number(found["blockNumber"]),
        gas_used=number(found["gasUsed"]),
        logs=logs(found["logs"]),
        created=None if created is None else Address(data(created)),
    )
