"""Whatever bytes are in the record: they are read as exactly what was written, or refused as `BadEncoding`."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger import codec
from ledger.layout import BadEncoding

STORED = [
    bytes.fromhex(blob)
    for version in range(1, codec.VERSION + 1)
    for blob in json.loads((Path(__file__).parent / f"encoding_v{version}.json").read_text()).values()
]
"""Valid encodings of every command and event, in every version."""

VERSIONS = range(codec.VERSION + 2)
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.integers(0, 40)
    | st.floats()
    | st.text(max_size=8)
    | st.binary(max_size=33)
)
TREES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=8) | st.dictionaries(LEAVES, inner, max_size=3)
)

both_kinds = pytest.mark.parametrize(
    ("decode", "encode"),
    [
        pytest.param(codec.decode_commands, codec.encode_commands, id="commands"),
        pytest.param(codec.decode_events, codec.encode_events, id="events"),
    ],
)
Decode = Callable[..., tuple[Any, ...]]
Encode = Callable[[tuple[Any, ...]], bytes]


def check(decode: Decode, encode: Encode, blob: bytes) -> None:
    """Nothing but BadEncoding comes out; and what is read is written as the same bytes."""
    for version in VERSIONS:
        try:
            values = decode(blob, version=version)
        except BadEncoding:
            continue
        if version == codec.VERSION:
            assert encode(values) == blob


@st.composite
def mutated_bytes(draw: st.DrawFn) -> bytes:
    """Valid bytes with a few of them changed, cut out, doubled or put in."""
    blob = bytearray(draw(st.sampled_from(STORED)))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(blob)))
        end = draw(st.integers(start, min(start + 4, len(blob))))
        blob[start:end] = draw(st.binary(max_size=6) | st.just(bytes(blob[start:end] * 2)))
    return bytes(blob)


@st.composite
def mutated_rows(draw: st.DrawFn) -> bytes:
    """Valid rows with a field put in the place of another, dropped or added, well encoded."""
    rows = msgspec.msgpack.decode(draw(st.sampled_from(STORED)))
    row = list(rows[0])
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(row)))
        width = draw(st.integers(0, 1))
        row[at : at + width] = draw(st.lists(TREES, max_size=1 + width))
    return msgspec.msgpack.encode([*draw(st.just([]) | st.just(rows)), row])


ODD = {
    "nested deeper than any reader goes": b"\x91" * 5000,
    "says that four billion rows follow": b"\xdd\xff\xff\xff\xff",
    "an integer written wider than it needs": bytes.fromhex("919304cd000701"),
    "a list written wider than it needs": bytes.fromhex("dc000193040701"),
    "an enumeration's value as a float": bytes.fromhex("91930407cb3ff0000000000000"),
    "an enumeration's value as a truth value": bytes.fromhex("91930407c3"),
    "a moment in time for a row": bytes.fromhex("91d6ffffffffff"),
    "a map with a list for a key": bytes.fromhex("819001"),
}


@both_kinds
@pytest.mark.parametrize("blob", ODD.values(), ids=ODD)
def test_odd_bytes_are_read_exactly_or_refused(decode: Decode, encode: Encode, blob: bytes) -> None:
    check(decode, encode, blob)


@both_kinds
@settings(max_examples=200)
@given(blob=st.binary(max_size=200))
def test_any_bytes_are_read_exactly_or_refused(decode: Decode, encode: Encode, blob: bytes) -> None:
    check(decode, encode, blob)


@both_kinds
@settings(max_examples=200)
@given(blob=mutated_bytes())
def test_valid_bytes_that_were_damaged_are_read_exactly_or_refused(
    decode: Decode, encode: Encode, blob: bytes
) -> None:
    check(decode, encode, blob)


@both_kinds
@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(blob=mutated_rows())
def test_rows_with_other_fields_are_read_exactly_or_refused(
    decode: Decode, encode: Encode, blob: bytes
) -> None:
    check(decode, encode, blob)


@both_kinds
@settings(max_examples=60)
@given(tree=TREES)
def test_any_msgpack_is_read_exactly_or_refused(decode: Decode, encode: Encode, tree: Any) -> None:
    check(decode, encode, msgspec.msgpack.encode(tree))


@pytest.mark.soak
@both_kinds
@settings(max_examples=100_000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(blob=mutated_bytes() | mutated_rows())
def test_a_long_campaign_of_damage_is_read_exactly_or_refused(
    decode: Decode, encode: Encode, blob: bytes
) -> None:
    check(decode, encode, blob)
