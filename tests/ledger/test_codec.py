import json
from dataclasses import fields, is_dataclass, replace
from enum import Enum
from pathlib import Path
from types import NoneType
from typing import Any, get_args, get_type_hints

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger import codec
from ledger.layout import BadEncoding
from market.certificates import CertificatesAdopted
from market.escrow import EscrowSecured
from market.events import CancelReason, Event, OrderTriggered, Session, SessionChanged
from market.notices import Exited
from market.orders import Address, CancelOrder, Command, Conditions, MassCancel, SetDeadManTimer, TimeInForce
from market.proposals import NegotiationLapsed
from market.settlement import ConfirmPayout, GuaranteePaid, TradeVoided
from market.units import Lots
from tests.ledger.builders import ALICE, a_bid, a_deposit, an_offer

FIXTURES = {
    version: json.loads((Path(__file__).parent / f"encoding_v{version}.json").read_text())
    for version in (1, 2, 3, 4, 5, 6, 7)
}
"""What each version wrote for `a_sample` of every kind. Never change them: old records must stay readable."""

KINDS = [*get_args(Command), *get_args(Event)]
ADDRESSES = st.binary(min_size=20, max_size=20)
INTEGERS = st.integers(-(2**255), 2**256 - 1) | st.integers(-(2**64), 2**65)


def values_of(hint: Any) -> st.SearchStrategy[Any]:
    plain = getattr(hint, "__supertype__", hint)
    if hint is Address:
        return ADDRESSES
    if plain is int:
        return INTEGERS
    if plain in (bytes, str, bool):
        return {bytes: st.binary(max_size=70), str: st.text("abc é算😀", max_size=20), bool: st.booleans()}[
            plain
        ]
    if isinstance(plain, type) and issubclass(plain, Enum):
        return st.sampled_from(plain)
    if is_dataclass(plain):
        hints = get_type_hints(plain)
        return st.builds(plain, **{each.name: values_of(hints[each.name]) for each in fields(plain)})
    arms = get_args(plain)
    if NoneType in arms:
        return st.none() | values_of(next(arm for arm in arms if arm is not NoneType))
    if arms[-1] is ...:
        return st.lists(small(arms[0]), max_size=4).map(tuple)
    return st.tuples(*(small(arm) for arm in arms))


def small(hint: Any) -> st.SearchStrategy[Any]:
    """Trade numbers and codes, which the operator numbers: always 64 bits."""
    return st.integers(0, 2**63) if hint is int else values_of(hint)


MEMBERS_OF_1 = {TimeInForce: 3, Session: 6, CancelReason: 4}
"""How many members the enumerations had in version 1 that have grown since."""
ADDED_IN = {
    "rules": 2,
    "conditions": 2,
    "eligible": 2,
    "at_fault": 4,
    (ConfirmPayout, "paid_to_fallback"): 5,
    (ConfirmPayout, "gap"): 5,
    (ConfirmPayout, "shares"): 5,
    (GuaranteePaid, "paid_to_fallback"): 5,
    (GuaranteePaid, "gap"): 5,
    (GuaranteePaid, "shares"): 5,
    (CancelOrder, "deadline_s"): 7,
    (CancelOrder, "signature"): 7,
    (MassCancel, "nonce"): 7,
    (MassCancel, "deadline_s"): 7,
    (MassCancel, "signature"): 7,
    (SetDeadManTimer, "nonce"): 7,
    (SetDeadManTimer, "deadline_s"): 7,
    (SetDeadManTimer, "signature"): 7,
}
"""The version that each field came with, of those that were not there from the first."""


def a_sample(hint: Any, version: int = codec.VERSION, *, seed: int = 1) -> Any:
    """One fixed value of every field that a version knew, each different from its neighbours."""
    plain = getattr(hint, "__supertype__", hint)
    if hint is Address:
        return Address(bytes([seed]) * 20)
    if is_dataclass(plain):
        hints = get_type_hints(plain)
        names = [
            each.name
            for each in fields(plain)
            if version >= ADDED_IN.get(each.name, ADDED_IN.get((plain, each.name), 1))
        ]
        return plain(
            **{name: a_sample(hints[name], version, seed=seed + at) for at, name in enumerate(names)}
        )
    if plain is int:
        return (1 << 248) + seed if seed % 5 == 2 else seed * 1_000_003
    if isinstance(plain, type) and issubclass(plain, Enum):
        members = list(plain)
        return members[seed % (MEMBERS_OF_1.get(plain, len(members)) if version == 1 else len(members))]
    if plain in (bytes, str, bool):
        return {bytes: bytes([seed, 255]), str: f"text {seed} η", bool: seed % 2 == 0}[plain]
    arms = get_args(plain)
    if NoneType in arms:
        return a_sample(arms[0], version, seed=seed)
    if is_dataclass(arms[0]):
        return tuple(a_sample(arms[0], version, seed=seed + at) for at in range(2))
    whole = getattr(arms[0], "__supertype__", arms[0])
    return (3, 5) if arms[-1] is ... and whole is int else ((3, 5), (8, 13))


def encoded(kind: type, value: Any) -> bytes:
    if kind in get_args(Command):
        return codec.encode_commands((value,))
    return codec.encode_events((value,))


def decoded(kind: type, blob: bytes, version: int = codec.VERSION) -> tuple[Any, ...]:
    if kind in get_args(Command):
        return codec.decode_commands(blob, version=version)
    return codec.decode_events(blob, version=version)


def test_every_command_and_event_has_a_tag() -> None:
    assert set(codec.COMMAND_TAGS.values()) == set(get_args(Command))
    assert set(codec.EVENT_TAGS.values()) == set(get_args(Event))


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_whatever_is_written_is_read_back(kind: type) -> None:
    @given(values_of(kind))
    def check(value: Any) -> None:
        assert decoded(kind, encoded(kind, value)) == (value,)

    check()


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_version_7_stays_as_it_was(kind: type) -> None:
    stored = bytes.fromhex(FIXTURES[7][kind.__name__])
    assert decoded(kind, stored) == (a_sample(kind),)
    assert encoded(kind, a_sample(kind)) == stored


@pytest.mark.parametrize("name", FIXTURES[6])
def test_version_6_is_read_without_signatures_under_cancels_and_else_written_so_still(name: str) -> None:
    kind = next(kind for kind in KINDS if kind.__name__ == name)
    stored = bytes.fromhex(FIXTURES[6][name])
    assert decoded(kind, stored, version=6) == (a_sample(kind, version=6),)
    assert (FIXTURES[7][name] == FIXTURES[6][name]) is (
        kind not in (CancelOrder, MassCancel, SetDeadManTimer)
    )


@pytest.mark.parametrize("name", FIXTURES[5])
def test_version_5_is_written_so_still(name: str) -> None:
    kind = next(kind for kind in KINDS if kind.__name__ == name)
    stored = bytes.fromhex(FIXTURES[5][name])
    assert decoded(kind, stored, version=5) == (a_sample(kind, version=5),)
    assert FIXTURES[6][name] == FIXTURES[5][name]


@pytest.mark.parametrize("name", FIXTURES[3])
def test_version_3_is_read_with_nobody_at_fault_and_else_written_so_still(name: str) -> None:
    kind = next(kind for kind in KINDS if kind.__name__ == name)
    stored = bytes.fromhex(FIXTURES[3][name])
    assert decoded(kind, stored, version=3) == (a_sample(kind, version=3),)
    assert (FIXTURES[4][name] == FIXTURES[3][name]) is (kind is not TradeVoided)


@pytest.mark.parametrize("name", FIXTURES[4])
def test_version_4_is_read_without_fallbacks_and_else_written_so_still(name: str) -> None:
    kind = next(kind for kind in KINDS if kind.__name__ == name)
    stored = bytes.fromhex(FIXTURES[4][name])
    assert decoded(kind, stored, version=4) == (a_sample(kind, version=4),)
    assert (FIXTURES[5][name] == FIXTURES[4][name]) is (kind not in (ConfirmPayout, GuaranteePaid))


@pytest.mark.parametrize("name", FIXTURES[2])
def test_version_2_is_read_as_it_was_written(name: str) -> None:
    kind = next(kind for kind in KINDS if kind.__name__ == name)
    stored = bytes.fromhex(FIXTURES[2][name])
    assert decoded(kind, stored, version=2) == (a_sample(kind, version=2),)
    assert FIXTURES[3][name] == FIXTURES[2][name]


@pytest.mark.parametrize("name", FIXTURES[1])
def test_version_1_is_read_with_the_defaults_of_what_it_did_not_know(name: str) -> None:
    kind = next(kind for kind in KINDS if kind.__name__ == name)
    assert decoded(kind, bytes.fromhex(FIXTURES[1][name]), version=1) == (a_sample(kind, version=1),)


def test_version_1_knew_no_later_commands_and_events() -> None:
    later = {"MassCancel", "SetDeadManTimer", "TradingHalted", "OrderTriggered", "OrderReduced", "DeadManSet"}
    assert set(FIXTURES[2]) - set(FIXTURES[1]) == later
    with pytest.raises(BadEncoding, match="expected a row that starts with a known tag"):
        codec.decode_events(codec.encode_events((OrderTriggered(7),)), version=1)


def test_version_2_knew_no_negotiations() -> None:
    later = {
        "RequestNegotiation",
        "SealReservation",
        "RevealReservation",
        "ConcludeNegotiation",
        "SignAgreement",
        "NegotiationOpened",
        "ReservationSealed",
        "ReservationRevealed",
        "NegotiationAgreed",
        "NegotiationFailed",
        "NegotiationLapsed",
        "AgreementSigned",
    }
    assert set(FIXTURES[3]) - set(FIXTURES[2]) == later
    with pytest.raises(BadEncoding, match="expected a row that starts with a known tag"):
        codec.decode_events(codec.encode_events((NegotiationLapsed(7),)), version=2)


def test_version_3_knew_no_notices_from_the_chain() -> None:
    commands = {"NoteExit", "ConfirmExit", "NoteCancel", "NoteCancelBelow"}
    events = {"ExitRequested", "Exited", "CancelRequested", "CancelBelowRequested"}
    assert set(FIXTURES[4]) - set(FIXTURES[3]) == commands | events
    with pytest.raises(BadEncoding, match="expected a row that starts with a known tag"):
        codec.decode_events(codec.encode_events((a_sample(Exited),)), version=3)


def test_version_4_knew_no_money_of_modules() -> None:
    later = {"ConfirmSecured", "ConfirmShared", "EscrowSecured", "EscrowShared"}
    assert set(FIXTURES[5]) - set(FIXTURES[4]) == later
    with pytest.raises(BadEncoding, match="expected a row that starts with a known tag"):
        codec.decode_events(codec.encode_events((a_sample(EscrowSecured),)), version=4)


def test_version_6_knew_no_certificates() -> None:
    commands = {
        "AdoptCertificates",
        "MoveCertificates",
        "LockCertificates",
        "UnlockCertificates",
        "RetireCertificates",
    }
    events = {
        "CertificatesAdopted",
        "CertificatesMoved",
        "CertificatesLocked",
        "CertificatesUnlocked",
        "CertificatesRetired",
    }
    assert {kind.__name__ for kind in KINDS} - set(FIXTURES[6]) == commands | events
    with pytest.raises(BadEncoding, match="expected a row that starts with a known tag"):
        codec.decode_events(codec.encode_events((a_sample(CertificatesAdopted),)), version=6)


def test_a_cancel_of_an_early_version_has_no_signature() -> None:
    stored = bytes.fromhex(FIXTURES[6]["CancelOrder"])
    (cancel,) = codec.decode_commands(stored, version=6)
    assert isinstance(cancel, CancelOrder)
    assert (cancel.deadline_s, cancel.signature) == (0, b"")
    signed = replace(cancel, deadline_s=1_700_000_000, signature=bytes(range(65)))
    assert codec.decode_commands(codec.encode_commands((signed,)), version=7) == (signed,)


def test_a_plain_order_takes_few_bytes() -> None:
    assert len(codec.encode_commands((a_bid(),))) == 155


def test_conditions_are_nil_where_they_are_plain() -> None:
    plain, hidden = a_bid(), replace(a_bid(), conditions=Conditions(display_lots=Lots(0)))
    rows = msgspec.msgpack.decode(codec.encode_commands((plain, hidden)))
    assert [row[-2:] for row in rows] == [[None, []], [[False, 0, 0, None, None, 1], []]]
    rows[0][-2] = [False, 0, None, None, None, 1]
    with pytest.raises(BadEncoding, match=r"conditions: found .* written out, expected nil"):
        codec.decode_commands(msgspec.msgpack.encode(rows), version=2)


def test_order_and_types_survive_in_a_batch() -> None:
    commands = (a_deposit(), a_bid(), an_offer())
    assert codec.decode_commands(codec.encode_commands(commands), version=2) == commands


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([[99, 1]], "event 0: found [99, 1], expected a row that starts with a known tag"),
        ([[]], "event 0: found [], expected a row"),
        (["x"], "event 0: found 'x'"),
        ({"a": 1}, "found {'a': 1}, expected a list"),
        ([[4, 5]], "event 0 (SessionChanged): found 1 fields, expected 2: instrument_id, session"),
        ([[4, 5, 9]], "event 0 (SessionChanged): session: 9 is not a valid Session"),
        ([[4, "5", 1]], "instrument_id: found '5', expected an integer"),
        ([[4, b"\x05", 1]], "found 05, which is not how 5 is written"),
        ([[8, 1, 2, 3], [11, b"short", 1, b"", 0]], "event 1 (Deposited): participant: found b'short'"),
        ([[9, ALICE, 5, 1, "unknown_order", ""]], "command: found 5, expected str"),
    ],
)
def test_what_this_encoding_does_not_write_is_named(rows: Any, message: str) -> None:
    with pytest.raises(BadEncoding) as caught:
        codec.decode_events(msgspec.msgpack.encode(rows), version=2)
    assert message in str(caught.value)


def test_bytes_that_are_no_msgpack_are_named() -> None:
    with pytest.raises(BadEncoding, match="events: "):
        codec.decode_events(b"\xc1", version=2)


def test_another_version_is_named() -> None:
    with pytest.raises(BadEncoding, match="found encoding version 8, expected 1 to 7"):
        codec.decode_events(b"\x90", version=8)


def test_a_row_is_its_tag_and_its_fields() -> None:
    (row,) = msgspec.msgpack.decode(codec.encode_events((SessionChanged(7, Session.CALL),)))
    assert row == [4, 7, 1]
