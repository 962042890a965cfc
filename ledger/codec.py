"""The encoding of the record: commands and events as compact msgpack rows `[tag, field, field, …]`.

Fields stand in the order of their dataclass, nested ones unfolded in place; enumerations are their values. Integers that
do not fit 64 bits (instrument ids, resources) are big-endian two's complement bytes, `bit_length // 8 + 1` of them.
Tags are never reused. A change of any of this is a new `VERSION`; a stored fixture of each version is a test.
"""

from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass
from enum import Enum
from operator import attrgetter
from types import NoneType
from typing import Any, cast, get_args, get_type_hints

import msgspec

from market.events import (
    Cleared,
    Deposited,
    Event,
    GuaranteeOpened,
    GuaranteePaid,
    InstrumentListed,
    MeterRegistered,
    OrderAccepted,
    OrderCancelled,
    OrderReplaced,
    PriceTermsSet,
    ReadingReceived,
    Refused,
    SessionChanged,
    TradeAgreed,
    TradeDelivered,
    TradeLocked,
    TradeVoided,
    WithdrawalApproved,
    WithdrawalExpired,
    Withdrawn,
)
from market.orders import (
    Address,
    CancelOrder,
    Command,
    ConfirmDelivery,
    ConfirmLocks,
    ConfirmOpening,
    ConfirmPayout,
    ConfirmWithdrawal,
    CreditDeposit,
    ListInstrument,
    PlaceOrder,
    RegisterMeter,
    ReplaceOrder,
    RequestWithdrawal,
    SetPriceTerms,
    SubmitReading,
    VoidTrade,
)

VERSION = 1

COMMAND_TAGS: dict[int, type] = {
    1: ListInstrument,
    2: SetPriceTerms,
    3: RegisterMeter,
    4: PlaceOrder,
    5: CancelOrder,
    6: ReplaceOrder,
    7: CreditDeposit,
    8: RequestWithdrawal,
    9: ConfirmWithdrawal,
    10: ConfirmLocks,
    11: VoidTrade,
    12: ConfirmDelivery,
    13: ConfirmOpening,
    14: ConfirmPayout,
    15: SubmitReading,
}
EVENT_TAGS: dict[int, type] = {
    1: InstrumentListed,
    2: PriceTermsSet,
    3: MeterRegistered,
    4: SessionChanged,
    5: Cleared,
    6: OrderAccepted,
    7: OrderReplaced,
    8: OrderCancelled,
    9: Refused,
    10: TradeAgreed,
    11: Deposited,
    12: WithdrawalApproved,
    13: WithdrawalExpired,
    14: Withdrawn,
    15: TradeLocked,
    16: TradeVoided,
    17: TradeDelivered,
    18: GuaranteeOpened,
    19: GuaranteePaid,
    20: ReadingReceived,
}

_INT64_MIN = -(1 << 63)
_UINT64_MAX = (1 << 64) - 1
_ADDRESS_BYTES = 20

_Reader = Callable[[Any], Any]


class BadEncoding(ValueError):
    """Stored bytes that this encoding does not write. Says where, what was found and what was expected."""


def encode_commands(commands: tuple[Command, ...]) -> bytes:
    """Return the bytes of a batch's commands."""
    return _encode(commands, _COMMANDS)


def encode_events(events: tuple[Event, ...]) -> bytes:
    """Return the bytes of a batch's events."""
    return _encode(events, _EVENTS)


def decode_commands(blob: bytes, *, version: int) -> tuple[Command, ...]:
    """Read commands back.

    Raises:
        BadEncoding: if the bytes are not what `encode_commands` of that version writes.
    """
    return cast("tuple[Command, ...]", _decode(blob, version, COMMAND_TAGS, _COMMANDS, "command"))


def decode_events(blob: bytes, *, version: int) -> tuple[Event, ...]:
    """Read events back.

    Raises:
        BadEncoding: if the bytes are not what `encode_events` of that version writes.
    """
    return cast("tuple[Event, ...]", _decode(blob, version, EVENT_TAGS, _EVENTS, "event"))


class _Shape:
    """How one dataclass is laid out: its leaves in order, which of them are integers, and how to build it again."""

    def __init__(self, tag: int, kind: type) -> None:
        leaves = list(_leaves(kind))
        self.tag = tag
        self.kind = kind
        self.names = [path for path, _ in leaves]
        self.width = len(leaves)
        self.integers = [index for index, (_, hint) in enumerate(leaves) if _plain(hint) is int]
        self.values = attrgetter(*self.names)
        self.readers = [_reader(hint) for _, hint in leaves]

    def row(self, value: object) -> list[Any]:
        row = [self.tag, *self.values(value)]
        for index in self.integers:
            number = row[index + 1]
            if not _INT64_MIN <= number <= _UINT64_MAX:
                row[index + 1] = number.to_bytes(number.bit_length() // 8 + 1, "big", signed=True)
        return row

    def read(self, row: list[Any]) -> Any:
        if len(row) != self.width + 1:
            raise BadEncoding(f"found {len(row) - 1} fields, expected {self.width}: {', '.join(self.names)}")
        leaves = []
        for name, reader, found in zip(self.names, self.readers, row[1:], strict=True):
            try:
                leaves.append(reader(found))
            except ValueError as error:
                raise BadEncoding(f"{name}: {error}") from None
        return _build(self.kind, iter(leaves))


def _leaves(kind: type, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the dotted path and type of every field, descending into nested dataclasses."""
    hints = get_type_hints(kind)
    for field in fields(kind):
        hint = hints[field.name]
        if is_dataclass(hint):
            yield from _leaves(cast("type", hint), f"{prefix}{field.name}.")
        else:
            yield prefix + field.name, hint


def _build(kind: type, leaves: Iterator[Any]) -> Any:
    return kind(*[_build(hint, leaves) if hint in _HINTS else next(leaves) for hint in _HINTS[kind]])


def _plain(hint: Any) -> Any:
    """Return the type under a NewType."""
    return getattr(hint, "__supertype__", hint)


def _reader(hint: Any) -> _Reader:
    """Return the function that checks and converts one stored field."""
    plain = _plain(hint)
    if hint is Address:
        return _read_address
    if plain is int:
        return _read_integer
    if isinstance(plain, type):
        return plain if issubclass(plain, Enum) else _exactly(plain)
    if NoneType in get_args(plain):
        present = _reader(next(arm for arm in get_args(plain) if arm is not NoneType))
        return lambda found: None if found is None else present(found)
    return _read_tuple_of(get_args(plain))


def _read_tuple_of(items: tuple[Any, ...]) -> _Reader:
    """Return the reader of a `tuple[X, ...]` or a `tuple[X, Y]`."""
    if items[-1] is ...:
        read_item = _reader(items[0])
        return lambda found: tuple(read_item(each) for each in _read_list(found))
    readers = [_reader(item) for item in items]
    return lambda found: tuple(read(each) for read, each in zip(readers, _read_list(found), strict=True))


def _exactly(kind: type) -> _Reader:
    def read(found: Any) -> Any:
        if type(found) is not kind:
            raise ValueError(f"found {found!r}, expected {kind.__name__}")
        return found

    return read


def _read_integer(found: Any) -> int:
    if type(found) is int:
        return found
    if type(found) is not bytes:
        raise ValueError(f"found {found!r}, expected an integer")
    number = int.from_bytes(found, "big", signed=True)
    if _INT64_MIN <= number <= _UINT64_MAX or len(found) != number.bit_length() // 8 + 1:
        raise ValueError(f"found {found.hex()}, which is not how {number} is written")
    return number


def _read_address(found: Any) -> Address:
    if type(found) is not bytes or len(found) != _ADDRESS_BYTES:
        raise ValueError(f"found {found!r}, expected an address of {_ADDRESS_BYTES} bytes")
    return Address(found)


def _read_list(found: Any) -> list[Any]:
    if type(found) is not list:
        raise ValueError(f"found {found!r}, expected a list")
    return found


def _encode(values: tuple[Any, ...], shapes: dict[type, _Shape]) -> bytes:
    return msgspec.msgpack.encode([shapes[type(value)].row(value) for value in values])


def _decode(
    blob: bytes, version: int, tags: dict[int, type], shapes: dict[type, _Shape], what: str
) -> tuple[Any, ...]:
    if version != VERSION:
        raise BadEncoding(f"{what}s: found encoding version {version}, expected {VERSION}")
    try:
        rows = _read_list(msgspec.msgpack.decode(blob))
    except ValueError as error:
        raise BadEncoding(f"{what}s: {error}") from None
    values = []
    for position, row in enumerate(rows):
        if not isinstance(row, list) or not row or not isinstance(row[0], int) or row[0] not in tags:
            raise BadEncoding(
                f"{what} {position}: found {row!r}, expected a row that starts with a known tag"
            )
        shape = shapes[tags[row[0]]]
        try:
            values.append(shape.read(row))
        except BadEncoding as error:
            raise BadEncoding(f"{what} {position} ({shape.kind.__name__}): {error}") from None
    return tuple(values)


def _hints(kinds: list[type]) -> dict[type, list[Any]]:
    """Return the field types of these dataclasses and of all that are nested in them."""
    found: dict[type, list[Any]] = {}
    while kinds:
        kind = kinds.pop()
        hints = get_type_hints(kind)
        found[kind] = [hints[field.name] for field in fields(kind)]
        kinds.extend(cast("type", hint) for hint in found[kind] if is_dataclass(hint))
    return found


_HINTS = _hints([*COMMAND_TAGS.values(), *EVENT_TAGS.values()])
_COMMANDS = {kind: _Shape(tag, kind) for tag, kind in COMMAND_TAGS.items()}
_EVENTS = {kind: _Shape(tag, kind) for tag, kind in EVENT_TAGS.items()}
