"""The encoding of the record: commands and events as compact msgpack rows `[tag, field, field, …]`.

Fields stand in the order of their dataclass; enumerations are their values. A nested dataclass is unfolded in place, but
one that has a default (an order's conditions, a listing's rules) is nil where it is the default, else a row of its own; so
is each item of a tuple of dataclasses. Integers that do not fit 64 bits (instrument ids, resources) are big-endian two's
complement bytes, `bit_length // 8 + 1` of them.

Tags are never reused. A change of any of this is a new `VERSION`; a stored fixture of each version is a test. What was
written in an earlier version stays readable, with the defaults of the fields that it did not know:

* 1: the first.
* 2: conditions and eligible sets of orders, trading rules of listings; mass cancels, dead-man timers, halts, triggered
  stops and orders reduced without a trade.
* 3: negotiations of long-term contracts.
* 4: exits and cancels on chain; who is at fault when a trade is void.
* 5: money that modules lock and share out; fallback suppliers in payouts.
* 6: nothing else is written, but rows are sealed command by command and event by event: see `ledger.seal`.
* 7: certificates; signatures under cancels and dead-man timers.
"""

from collections.abc import Callable, Iterator
from dataclasses import MISSING, fields, is_dataclass
from enum import Enum
from operator import attrgetter
from types import NoneType
from typing import Any, NamedTuple, cast, get_args, get_type_hints

import msgspec

from market.certificates import (
    AdoptCertificates,
    CertificatesAdopted,
    CertificatesLocked,
    CertificatesMoved,
    CertificatesRetired,
    CertificatesUnlocked,
    LockCertificates,
    MoveCertificates,
    RetireCertificates,
    UnlockCertificates,
)
from market.escrow import ConfirmSecured, ConfirmShared, EscrowSecured, EscrowShared
from market.events import (
    AgreementSigned,
    CancelBelowRequested,
    CancelRequested,
    Cleared,
    DeadManSet,
    Deposited,
    Event,
    Exited,
    ExitRequested,
    GuaranteeOpened,
    GuaranteePaid,
    InstrumentListed,
    MeterRegistered,
    NegotiationAgreed,
    NegotiationFailed,
    NegotiationLapsed,
    NegotiationOpened,
    OrderAccepted,
    OrderCancelled,
    OrderReduced,
    OrderReplaced,
    OrderTriggered,
    PriceTermsSet,
    ReadingReceived,
    Refused,
    ReservationRevealed,
    ReservationSealed,
    SessionChanged,
    TradeAgreed,
    TradeDelivered,
    TradeLocked,
    TradeVoided,
    TradingHalted,
    WithdrawalApproved,
    WithdrawalExpired,
    Withdrawn,
)
from market.notices import ConfirmExit, NoteCancel, NoteCancelBelow, NoteExit
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
    MassCancel,
    PlaceOrder,
    RegisterMeter,
    ReplaceOrder,
    RequestWithdrawal,
    SetDeadManTimer,
    SetPriceTerms,
    SubmitReading,
    VoidTrade,
)
from market.proposals import (
    ConcludeNegotiation,
    RequestNegotiation,
    RevealReservation,
    SealReservation,
    SignAgreement,
)

VERSION = 7

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
    16: MassCancel,
    17: SetDeadManTimer,
    18: RequestNegotiation,
    19: SealReservation,
    20: RevealReservation,
    21: ConcludeNegotiation,
    22: SignAgreement,
    23: NoteExit,
    24: ConfirmExit,
    25: NoteCancel,
    26: NoteCancelBelow,
    27: ConfirmSecured,
    28: ConfirmShared,
    29: AdoptCertificates,
    30: MoveCertificates,
    31: LockCertificates,
    32: UnlockCertificates,
    33: RetireCertificates,
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
    21: TradingHalted,
    22: OrderTriggered,
    23: OrderReduced,
    24: DeadManSet,
    25: NegotiationOpened,
    26: ReservationSealed,
    27: ReservationRevealed,
    28: NegotiationAgreed,
    29: NegotiationFailed,
    30: NegotiationLapsed,
    31: AgreementSigned,
    32: ExitRequested,
    33: Exited,
    34: CancelRequested,
    35: CancelBelowRequested,
    36: EscrowSecured,
    37: EscrowShared,
    38: CertificatesAdopted,
    39: CertificatesMoved,
    40: CertificatesLocked,
    41: CertificatesUnlocked,
    42: CertificatesRetired,
}
_LAST_COMMAND_TAGS = {1: 15, 2: 17, 3: 22, 4: 26, 5: 28, 6: 28, 7: 33}
_LAST_EVENT_TAGS = {1: 20, 2: 24, 3: 31, 4: 35, 5: 37, 6: 37, 7: 42}
_ADDED_IN: dict[int, dict[type, set[str]]] = {
    2: {
        ListInstrument: {"rules"},
        PlaceOrder: {"conditions", "eligible"},
        OrderAccepted: {"conditions", "eligible"},
    },
    4: {TradeVoided: {"at_fault"}},
    5: {
        ConfirmPayout: {"paid_to_fallback", "gap", "shares"},
        GuaranteePaid: {"paid_to_fallback", "gap", "shares"},
    },
    7: {
        CancelOrder: {"deadline_s", "signature"},
        MassCancel: {"nonce", "deadline_s", "signature"},
        SetDeadManTimer: {"nonce", "deadline_s", "signature"},
    },
}

_INT64_MIN = -(1 << 63)
_UINT64_MAX = (1 << 64) - 1
_ADDRESS_BYTES = 20

_Reader = Callable[[Any], Any]
_Writer = Callable[[Any], Any]


class BadEncoding(ValueError):
    """Stored bytes that this encoding does not write. Says where, what was found and what was expected."""


def encode_commands(commands: tuple[Command, ...]) -> bytes:
    """Return the bytes of a batch's commands."""
    return _encode(commands, _COMMANDS[VERSION])


def encode_events(events: tuple[Event, ...]) -> bytes:
    """Return the bytes of a batch's events."""
    return _encode(events, _EVENTS[VERSION])


def decode_commands(blob: bytes, *, version: int) -> tuple[Command, ...]:
    """Read commands back.

    Raises:
        BadEncoding: if the bytes are not what `encode_commands` of that version writes.
    """
    return cast("tuple[Command, ...]", _decode(blob, version, _COMMANDS, "command"))


def decode_events(blob: bytes, *, version: int) -> tuple[Event, ...]:
    """Read events back.

    Raises:
        BadEncoding: if the bytes are not what `encode_events` of that version writes.
    """
    return cast("tuple[Event, ...]", _decode(blob, version, _EVENTS, "event"))


class _Layout:
    """How one dataclass is laid out: its leaves in order, what writes and reads each, and how to build it again."""

    def __init__(self, kind: type, version: int) -> None:
        leaves = list(_leaves(kind, version))
        self.kind = kind
        self.names = [path for path, _, _ in leaves]
        self.width = len(leaves)
        self._build = _builder(kind, version)
        self._values = attrgetter(*self.names) if self.width > 1 else _only(self.names[0])
        self._integers = [index for index, (_, hint, _) in enumerate(leaves) if _plain(hint) is int]
        writers = [_writer(hint, default, version) for _, hint, default in leaves]
        self._others = [
            (index, write)
            for index, write in enumerate(writers)
            if write is not None and index not in self._integers
        ]
        self._readers = [_reader(hint, default, version) for _, hint, default in leaves]

    def write(self, value: object) -> list[Any]:
        """Return the fields of a value. Integers, of which there are many, are not worth a call each."""
        row = list(self._values(value))
        for index in self._integers:
            number = row[index]
            if not _INT64_MIN <= number <= _UINT64_MAX:
                row[index] = _write_integer(number)
        for index, write in self._others:
            row[index] = write(row[index])
        return row

    def read(self, row: list[Any]) -> Any:
        """Build a value from its fields.

        Raises:
            BadEncoding: if they are not what `write` writes.
        """
        if len(row) != self.width:
            raise BadEncoding(f"found {len(row)} fields, expected {self.width}: {', '.join(self.names)}")
        leaves = []
        for name, reader, found in zip(self.names, self._readers, row, strict=True):
            try:
                leaves.append(reader(found))
            except ValueError as error:
                raise BadEncoding(f"{name}: {error}") from None
        return self._build(iter(leaves))


def _only(name: str) -> Callable[[Any], tuple[Any]]:
    """Return what reads a single field as a tuple of one."""
    read = attrgetter(name)
    return lambda value: (read(value),)


class _Field(NamedTuple):
    """A field of a dataclass, its type, and the nested dataclass that it is by default (None if it is no such field)."""

    name: str
    hint: Any
    default: Any


def _fields(kind: type, version: int) -> list[_Field]:
    """Return the fields that a dataclass had in a version. Those added later are its last ones, and have defaults."""
    hints = get_type_hints(kind)
    later = {
        name for added_in, names in _ADDED_IN.items() if version < added_in for name in names.get(kind, ())
    }
    found = []
    for field in fields(kind):
        hint = hints[field.name]
        nested = is_dataclass(hint) and field.default is not MISSING
        if field.name not in later:
            found.append(_Field(field.name, hint, field.default if nested else None))
    return found


def _leaves(kind: type, version: int, prefix: str = "") -> Iterator[_Field]:
    """Yield every field under its dotted path, descending into nested dataclasses without a default."""
    for name, hint, default in _fields(kind, version):
        if is_dataclass(hint) and default is None:
            yield from _leaves(cast("type", hint), version, f"{prefix}{name}.")
        else:
            yield _Field(prefix + name, hint, default)


def _builder(kind: type, version: int) -> Callable[[Iterator[Any]], Any]:
    """Return what builds a dataclass from its leaves."""
    parts: list[Callable[[Iterator[Any]], Any]] = [
        _builder(cast("type", hint), version) if is_dataclass(hint) and default is None else next
        for _, hint, default in _fields(kind, version)
    ]
    return lambda leaves: kind(*[part(leaves) for part in parts])


def _plain(hint: Any) -> Any:
    """Return the type under a NewType."""
    return getattr(hint, "__supertype__", hint)


def _writer(hint: Any, default: Any, version: int) -> _Writer | None:
    """Return the function that writes one field, None if msgpack writes it as it is."""
    plain = _plain(hint)
    if plain is int:
        return _write_integer
    if is_dataclass(plain):
        layout = _Layout(cast("type", plain), version)
        if default is None:
            return layout.write
        return lambda value: None if value is default or value == default else layout.write(value)
    if isinstance(plain, type):
        return None
    items = get_args(plain)
    if NoneType not in items:
        return _writer_of_tuple(items, version)
    present = _writer(next(arm for arm in items if arm is not NoneType), None, version)
    return present and (lambda value: None if value is None else present(value))


def _writer_of_tuple(items: tuple[Any, ...], version: int) -> _Writer | None:
    """Return the writer of a `tuple[X, ...]` or a `tuple[X, Y]`."""
    if items[-1] is ...:
        write_item = _writer(items[0], None, version)
        return write_item and (lambda value: [write_item(each) for each in value])
    writers = [_writer(item, None, version) for item in items]
    return lambda value: [
        each if write is None else write(each) for write, each in zip(writers, value, strict=True)
    ]


def _write_integer(number: int) -> int | bytes:
    if _INT64_MIN <= number <= _UINT64_MAX:
        return number
    return number.to_bytes(number.bit_length() // 8 + 1, "big", signed=True)


def _reader(hint: Any, default: Any, version: int) -> _Reader:
    """Return the function that checks and converts one stored field."""
    plain = _plain(hint)
    if hint is Address:
        return _read_address
    if plain is int:
        return _read_integer
    if is_dataclass(plain):
        return _reader_of_nested(_Layout(cast("type", plain), version), default)
    if isinstance(plain, type):
        return _member_of(plain) if issubclass(plain, Enum) else _exactly(plain)
    if NoneType in get_args(plain):
        present = _reader(next(arm for arm in get_args(plain) if arm is not NoneType), None, version)
        return lambda found: None if found is None else present(found)
    return _reader_of_tuple(get_args(plain), version)


def _reader_of_nested(layout: _Layout, default: Any) -> _Reader:
    """Return the reader of a dataclass in a row of its own, nil for its default if it has one."""

    def read(found: Any) -> Any:
        if found is None and default is not None:
            return default
        value = layout.read(_read_list(found))
        if value == default:
            raise ValueError(f"found {found!r} written out, expected nil, which stands for it")
        return value

    return read


def _reader_of_tuple(items: tuple[Any, ...], version: int) -> _Reader:
    """Return the reader of a `tuple[X, ...]` or a `tuple[X, Y]`."""
    if items[-1] is ...:
        read_item = _reader(items[0], None, version)
        return lambda found: tuple(read_item(each) for each in _read_list(found))
    readers = [_reader(item, None, version) for item in items]
    return lambda found: tuple(read(each) for read, each in zip(readers, _read_list(found), strict=True))


def _member_of(kind: type[Enum]) -> _Reader:
    """Return the reader of an enumeration's values; Python takes 1.0 and True for 1, the record does not."""
    written = type(next(iter(kind)).value)

    def read(found: Any) -> Enum:
        if type(found) is not written:
            raise ValueError(f"found {found!r}, expected a value of {kind.__name__}")
        return kind(found)

    return read


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


class _Shapes:
    """The tags of one version, and how what they stand for is laid out."""

    def __init__(self, tags: dict[int, type], version: int) -> None:
        self.of_tag = {tag: _Layout(kind, version) for tag, kind in tags.items()}
        self.of_kind = {layout.kind: (tag, layout) for tag, layout in self.of_tag.items()}


def _encode(values: tuple[Any, ...], shapes: _Shapes) -> bytes:
    rows = []
    for value in values:
        tag, layout = shapes.of_kind[type(value)]
        rows.append([tag, *layout.write(value)])
    return msgspec.msgpack.encode(rows)


def _decode(blob: bytes, version: int, versions: dict[int, _Shapes], what: str) -> tuple[Any, ...]:
    shapes = versions.get(version)
    if shapes is None:
        raise BadEncoding(f"{what}s: found encoding version {version}, expected 1 to {VERSION}")
    try:
        rows = _read_list(msgspec.msgpack.decode(blob))
        if msgspec.msgpack.encode(rows) != blob:
            raise ValueError("found a number, text or list written longer than it needs to be")
    except (ValueError, RecursionError) as error:
        raise BadEncoding(f"{what}s: {error}") from None
    values = []
    for position, row in enumerate(rows):
        layout = shapes.of_tag.get(row[0]) if isinstance(row, list) and row and type(row[0]) is int else None
        if layout is None:
            raise BadEncoding(
                f"{what} {position}: found {row!r}, expected a row that starts with a known tag"
            )
        try:
            values.append(layout.read(row[1:]))
        except BadEncoding as error:
            raise BadEncoding(f"{what} {position} ({layout.kind.__name__}): {error}") from None
    return tuple(values)


def _by_version(tags: dict[int, type], last_tags: dict[int, int]) -> dict[int, _Shapes]:
    return {
        version: _Shapes({tag: kind for tag, kind in tags.items() if tag <= last}, version)
        for version, last in last_tags.items()
    }


_COMMANDS = _by_version(COMMAND_TAGS, _LAST_COMMAND_TAGS)
_EVENTS = _by_version(EVENT_TAGS, _LAST_EVENT_TAGS)


def field_writer(hint: Any) -> Callable[[Any], Any]:
    """Return what writes a value of a type as the newest version writes a field of that type, ready for msgpack."""
    return _writer(hint, None, VERSION) or (lambda value: value)


def field_reader(hint: Any) -> Callable[[Any], Any]:
    """Return what reads back what `field_writer` of the same type wrote; it raises ValueError for anything else."""
    return _reader(hint, None, VERSION)
