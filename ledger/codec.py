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

from collections.abc import Callable
from typing import Any, cast

import msgspec

from ledger.layout import BadEncoding, Later, Layout, read_list, reader, writer
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
    Cleared,
    DeadManSet,
    Event,
    OrderAccepted,
    OrderCancelled,
    OrderReduced,
    OrderReplaced,
    OrderTriggered,
    Refused,
    SessionChanged,
    TradeAgreed,
    TradingHalted,
)
from market.listing import (
    InstrumentListed,
    ListInstrument,
    MeterRegistered,
    PriceTermsSet,
    RegisterMeter,
    SetPriceTerms,
)
from market.notices import (
    CancelBelowRequested,
    CancelRequested,
    ConfirmExit,
    Exited,
    ExitRequested,
    NoteCancel,
    NoteCancelBelow,
    NoteExit,
)
from market.orders import CancelOrder, Command, MassCancel, PlaceOrder, ReplaceOrder, SetDeadManTimer
from market.proposals import (
    AgreementSigned,
    ConcludeNegotiation,
    NegotiationAgreed,
    NegotiationFailed,
    NegotiationLapsed,
    NegotiationOpened,
    RequestNegotiation,
    ReservationRevealed,
    ReservationSealed,
    RevealReservation,
    SealReservation,
    SignAgreement,
)
from market.settlement import (
    ConfirmDelivery,
    ConfirmLocks,
    ConfirmOpening,
    ConfirmPayout,
    GuaranteeOpened,
    GuaranteePaid,
    ReadingReceived,
    SubmitReading,
    TradeDelivered,
    TradeLocked,
    TradeVoided,
    VoidTrade,
)
from market.transfers import (
    ConfirmWithdrawal,
    CreditDeposit,
    Deposited,
    RequestWithdrawal,
    WithdrawalApproved,
    WithdrawalExpired,
    Withdrawn,
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


class _Shapes:
    """The tags of one version, and how what they stand for is laid out."""

    def __init__(self, tags: dict[int, type], later: Later) -> None:
        self.of_tag = {tag: Layout(kind, later, tag=tag) for tag, kind in tags.items()}
        self.write = {layout.kind: layout.write for layout in self.of_tag.values()}


def _encode(values: tuple[Any, ...], shapes: _Shapes) -> bytes:
    write = shapes.write
    return msgspec.msgpack.encode([write[type(value)](value) for value in values])


def _decode(blob: bytes, version: int, versions: dict[int, _Shapes], what: str) -> tuple[Any, ...]:
    shapes = versions.get(version)
    if shapes is None:
        raise BadEncoding(f"{what}s: found encoding version {version}, expected 1 to {VERSION}")
    try:
        rows = read_list(msgspec.msgpack.decode(blob))
        if msgspec.msgpack.encode(rows) != blob:
            raise ValueError("found a number, text or list written longer than it needs to be")
    except (ValueError, RecursionError) as error:
        raise BadEncoding(f"{what}s: {error}") from None
    of_tag = shapes.of_tag
    values: list[Any] = []
    for row in rows:
        layout = of_tag.get(row[0]) if type(row) is list and row and type(row[0]) is int else None
        if layout is None:
            raise BadEncoding(
                f"{what} {len(values)}: found {row!r}, expected a row that starts with a known tag"
            )
        try:
            values.append(layout.read(row))
        except BadEncoding as error:
            raise BadEncoding(f"{what} {len(values)} ({layout.kind.__name__}): {error}") from None
    return tuple(values)


def _later_than(version: int) -> Later:
    """Return the fields that a version did not know yet."""
    later: dict[type, set[str]] = {}
    for added_in, names_of in _ADDED_IN.items():
        for kind, names in names_of.items() if version < added_in else ():
            later.setdefault(kind, set()).update(names)
    return later


def _by_version(tags: dict[int, type], last_tags: dict[int, int]) -> dict[int, _Shapes]:
    return {
        version: _Shapes({tag: kind for tag, kind in tags.items() if tag <= last}, _later_than(version))
        for version, last in last_tags.items()
    }


_COMMANDS = _by_version(COMMAND_TAGS, _LAST_COMMAND_TAGS)
_EVENTS = _by_version(EVENT_TAGS, _LAST_EVENT_TAGS)


def field_writer(hint: Any) -> Callable[[Any], Any]:
    """Return what writes a value of a type as the newest version writes a field of that type, ready for msgpack."""
    return writer(hint, None, {}) or (lambda value: value)


def field_reader(hint: Any) -> Callable[[Any], Any]:
    """Return what reads back what `field_writer` of the same type wrote; it raises ValueError for anything else."""
    return reader(hint, None, {})
