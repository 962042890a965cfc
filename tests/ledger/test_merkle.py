from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.merkle import Step, climb, path_of, root_of

DATA = st.lists(st.binary(max_size=9), min_size=1, max_size=40)


def plain_root(data: list[bytes]) -> bytes:
    """RFC 6962, section 2.1, word for word."""
    if not data:
        return sha256(b"").digest()
    if len(data) == 1:
        return sha256(b"\x00" + data[0]).digest()
    k = 1
    while k * 2 < len(data):
        k *= 2
    return sha256(b"\x01" + plain_root(data[:k]) + plain_root(data[k:])).digest()


@given(DATA)
def test_the_root_is_that_of_rfc_6962(data: list[bytes]) -> None:
    assert root_of(data) == plain_root(data)


def test_published_roots() -> None:
    """The inputs and roots of the test suite of certificate-transparency."""
    inputs = [
        b"",
        b"\x00",
        b"\x10",
        bytes.fromhex("2021"),
        bytes.fromhex("3031"),
        bytes.fromhex("40414243"),
        bytes.fromhex("5051525354555657"),
        bytes.fromhex("606162636465666768696a6b6c6d6e6f"),
    ]
    assert root_of([]).hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert root_of(inputs[:1]).hex() == "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
    assert root_of(inputs[:3]).hex() == "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77"
    assert root_of(inputs).hex() == "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"


@given(DATA, st.data())
def test_every_path_leads_to_the_root(data: list[bytes], chosen: st.DataObject) -> None:
    index = chosen.draw(st.integers(0, len(data) - 1))
    path = path_of(data, index)
    assert climb(data[index], path) == root_of(data)
    assert len(path) <= (len(data) - 1).bit_length()


@given(DATA, st.data())
def test_nothing_else_leads_there(data: list[bytes], chosen: st.DataObject) -> None:
    index = chosen.draw(st.integers(0, len(data) - 1))
    path, root = path_of(data, index), root_of(data)
    assert climb(data[index] + b"!", path) != root
    for at, step in enumerate(path):
        changed = bytes([step.hash[0] ^ 1]) + step.hash[1:]
        assert climb(data[index], (*path[:at], Step(changed, step.is_left), *path[at + 1 :])) != root


def test_a_node_cannot_pass_for_data() -> None:
    left, right = (sha256(b"\x00" + each).digest() for each in (b"a", b"b"))
    assert root_of([left + right]) != root_of([b"a", b"b"])


def test_a_path_from_nowhere_is_refused() -> None:
    with pytest.raises(IndexError, match="found index 3, expected 0 to 2"):
        path_of([b"a", b"b", b"c"], 3)
