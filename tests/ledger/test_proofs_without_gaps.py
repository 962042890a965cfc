"""A proof may not leave a row out, not even where every hash fits, as in a history that was made for it."""

from dataclasses import replace

import pytest

from ledger.inclusion import NotProven, Part, Proof, verify
from ledger.merkle import path_of
from ledger.record import RecordedBatch, RecordReader
from ledger.seal import Header
from ledger.singles import split
from market.events import OrderAccepted
from market.orders import PlaceOrder
from tests.ledger.days import a_whole_day
from tests.ledger.recorded import recorded


def a_proof() -> Proof:
    """A proof of the first order of a day, which all following rows are in."""
    rows = list(RecordReader(recorded(a_whole_day())).rows())
    first = next(row for row in rows if any(isinstance(event, OrderAccepted) for event in row.told()))
    event, told = next((at, told) for at, told in enumerate(first.told()) if isinstance(told, OrderAccepted))
    command = next(
        at
        for at, asked in enumerate(first.batch().commands)
        if isinstance(asked, PlaceOrder) and asked.terms == told.terms
    )
    headers = tuple(row.header() for row in rows[first.number - 1 :])
    return Proof(_part(first, "commands", command), _part(first, "events", event), headers)


def _part(row: RecordedBatch, of: str, at: int) -> Part:
    singles = split(getattr(row, of))
    return Part(bytes(singles[at]), path_of(singles, at))


def linked(*headers: Header) -> tuple[Header, ...]:
    """Seal headers one after the other, whatever they were sealed after."""
    found = [headers[0]]
    for header in headers[1:]:
        found.append(replace(header, previous=found[-1].hash))
    return tuple(found)


def test_rows_that_follow_each_other_prove_the_order() -> None:
    proof = a_proof()
    assert linked(*proof.headers) == proof.headers
    assert verify(proof, proof.hash).number == proof.headers[0].number


def test_a_number_left_out_proves_nothing() -> None:
    proof = a_proof()
    headers = linked(*proof.headers[:2], *proof.headers[3:])
    forged = replace(proof, headers=headers)
    with pytest.raises(NotProven, match=f"row {headers[2].number}"):
        verify(forged, forged.hash)


def test_a_number_told_twice_proves_nothing() -> None:
    proof = a_proof()
    forged = replace(proof, headers=linked(*proof.headers[:2], proof.headers[1], *proof.headers[2:]))
    with pytest.raises(NotProven, match=f"row {proof.headers[1].number}"):
        verify(forged, forged.hash)
