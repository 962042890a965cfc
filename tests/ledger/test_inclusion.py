from dataclasses import replace

import pytest

from ledger import codec
from ledger.headers import Headers
from ledger.inclusion import (
    NotProven,
    Part,
    Proof,
    Unprovable,
    prove,
    read_proof,
    verify,
    write_proof,
)
from ledger.record import RecordReader
from market.events import OrderAccepted
from market.orders import PlaceOrder
from market.units import Malformed
from tests.ledger.days import SmallDay, a_whole_day
from tests.ledger.recorded import recorded
from tests.ledger.test_seal import a_row, stored


@pytest.fixture(scope="module")
def day() -> SmallDay:
    return a_whole_day()


@pytest.fixture(scope="module")
def headers(day: SmallDay) -> Headers:
    return Headers(RecordReader(recorded(day)))


def accepted(day: SmallDay) -> list[tuple[int, OrderAccepted]]:
    return [
        (batch.number, event)
        for batch, decision in day.history
        for event in decision.events
        if isinstance(event, OrderAccepted)
    ]


def test_every_order_is_proven_up_to_the_head(day: SmallDay, headers: Headers) -> None:
    _, head = headers.record.head()
    found = accepted(day)
    assert len(found) > 5
    for number, event in found:
        proof = read_proof(write_proof(prove(headers, event.order_id, number=number)))
        included = verify(proof, head)
        assert (included.number, included.event) == (number, event)
        assert isinstance(included.command, PlaceOrder)
        assert included.command.terms == event.terms
        assert included.time_us == day.history[number - 1][0].time_us


def test_a_proof_ends_at_the_first_known_hash(day: SmallDay, headers: Headers) -> None:
    number, event = accepted(day)[0]
    rows = list(headers.record.rows())
    known = {rows[number].hash, rows[-1].hash}
    proof = prove(headers, event.order_id, number=number, known=known)
    assert len(proof.headers) == 2
    assert verify(proof, rows[number].hash).event == event


def test_a_proof_shows_nothing_of_the_others(day: SmallDay, headers: Headers) -> None:
    number, event = accepted(day)[0]
    others = [other for at, other in accepted(day) if at == number and other != event]
    assert others
    told = write_proof(prove(headers, event.order_id, number=number))
    for other in others:
        assert other.terms.participant not in told
        assert codec.encode_events((other,))[1:] not in told
    assert headers.record.rows(after=number - 1).__next__().commands not in told


def test_every_changed_byte_of_a_proof_is_found(day: SmallDay, headers: Headers) -> None:
    _, head = headers.record.head()
    number, event = accepted(day)[0]
    proof = prove(headers, event.order_id, number=number)
    changed = [
        *(
            replace(proof, **{name: replace(part, encoded=flipped(part.encoded, at))})
            for name, part in (("command", proof.command), ("event", proof.event))
            for at in range(len(part.encoded))
        ),
        *(
            replace(proof, **{name: with_step(part, at)})
            for name, part in (("command", proof.command), ("event", proof.event))
            for at in range(len(part.path))
        ),
        *(
            with_header(proof, at, name)
            for at in range(len(proof.headers))
            for name in ("previous", "number", "time_us", "version", "commands", "events", "state_hash")
        ),
        replace(proof, headers=proof.headers[:-1]),
        replace(proof, headers=proof.headers[1:]),
        replace(proof, command=proof.event),
    ]
    for each in changed:
        with pytest.raises(NotProven):
            verify(each, head)
    assert verify(proof, head).event == event


def flipped(content: bytes, at: int) -> bytes:
    return content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]


def with_step(part: Part, at: int) -> Part:
    step = part.path[at]
    changed = replace(step, hash=flipped(step.hash, 0))
    return replace(part, path=(*part.path[:at], changed, *part.path[at + 1 :]))


def with_header(proof: Proof, at: int, name: str) -> Proof:
    header = proof.headers[at]
    value = getattr(header, name)
    other = value + 1 if isinstance(value, int) else value[:-1] + b"!"
    changed = replace(header, **{name: other})
    return replace(proof, headers=(*proof.headers[:at], changed, *proof.headers[at + 1 :]))


def test_where_a_proof_breaks_is_said(day: SmallDay, headers: Headers) -> None:
    _, head = headers.record.head()
    number, event = accepted(day)[0]
    proof = prove(headers, event.order_id, number=number)
    with pytest.raises(NotProven, match=r"the last header hashes to .*, expected the known 0000"):
        verify(proof, bytes(32))
    with pytest.raises(NotProven, match=rf"command: its path leads to .* header of row {number}"):
        verify(replace(proof, command=proof.event), head)
    with pytest.raises(NotProven, match=rf"row {number + 1}: found previous hash .* that of row {number}"):
        verify(with_header(proof, 1, "previous"), head)
    with pytest.raises(NotProven, match=f"row {number + 2}: found it after row {number}, expected the next"):
        verify(with_header(proof, 1, "number"), head)


@pytest.mark.parametrize("name", ["number", "time_us", "version"])
def test_a_number_that_no_row_has_is_no_proof(day: SmallDay, headers: Headers, name: str) -> None:
    number, event = accepted(day)[0]
    proof = prove(headers, event.order_id, number=number)
    first = replace(proof.headers[0], **{name: 1 << 64})
    told = write_proof(replace(proof, headers=(first, *proof.headers[1:])))
    with pytest.raises(Malformed, match=r"proof: .* at `\$\.headers\[0\]"):
        read_proof(told)


def test_an_order_of_another_cannot_stand_beside_the_event(day: SmallDay, headers: Headers) -> None:
    """Command and event of one row, each truly there, but not of one order."""
    _, head = headers.record.head()
    number, first = accepted(day)[0]
    second = next(event for at, event in accepted(day) if at == number and event != first)
    proof, other = (prove(headers, each.order_id, number=number) for each in (first, second))
    with pytest.raises(NotProven, match="took in another order than the command asked for"):
        verify(replace(proof, command=other.command), head)


def test_what_cannot_be_proven_says_why(day: SmallDay, headers: Headers) -> None:
    number, event = accepted(day)[0]
    with pytest.raises(Unprovable, match="row 1 did not take it in"):
        prove(headers, event.order_id, number=1)
    with pytest.raises(Unprovable, match="found no row 999"):
        prove(headers, event.order_id, number=999)
    with pytest.raises(Unprovable, match="it comes with the next settlement batch"):
        prove(headers, event.order_id, number=number, known=())
    with pytest.raises(Unprovable, match="its row 1 is of encoding version 5"):
        prove(Headers(RecordReader(stored(a_row(5)))), 1, number=1)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"", "truncated"),
        (b"{}", "missing required field `command`"),
        (b"[]", "Expected `object`"),
    ],
)
def test_what_is_no_proof_is_named(text: bytes, message: str) -> None:
    with pytest.raises(Malformed, match=message):
        read_proof(text)


def test_a_proof_without_headers_is_none(day: SmallDay, headers: Headers) -> None:
    number, event = accepted(day)[0]
    proof = replace(prove(headers, event.order_id, number=number), headers=())
    with pytest.raises(Malformed, match="found no headers"):
        read_proof(write_proof(proof))
