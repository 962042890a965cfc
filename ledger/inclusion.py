"""Prove that one's own order is in the record, without showing anybody else's.

A proof holds the encoded order and the event that took it in, each with its Merkle path to the header of their row, and
the headers of the rows that follow, up to one whose hash the reader knows from elsewhere: the contract keeps one per
settlement batch. Whoever checks it needs nothing else, and learns of the others no more than how many rows followed.
"""

from collections.abc import Container
from dataclasses import dataclass
from typing import Literal

import msgspec
from msgspec import Raw
from sqlalchemy import Engine, select

from ledger import codec
from ledger.headers import Headers
from ledger.layout import BadEncoding
from ledger.merkle import Step, climb, path_of
from ledger.record import RecordedBatch
from ledger.seal import Header
from ledger.singles import join, split
from ledger.tables import OrderRow, table
from market.events import OrderAccepted
from market.orders import Address, PlaceOrder
from market.units import Malformed

HEADERS_MAX = 10_000
"""Most rows that a proof follows. Settlement batches are made every hour or so; a service records a few rows a second."""

_ORDERS = table(OrderRow)


class NotProven(Exception):
    """A proof does not prove what it says. Tells where it breaks."""


class Unprovable(Exception):
    """No proof can be made: the order is not in that row, its row is too old, or no known hash follows soon enough."""


@dataclass(frozen=True, slots=True)
class Part:
    """One encoded command or event, and its way to the root of its row."""

    encoded: bytes
    path: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Proof:
    """The order, what took it in, the header of their row, then the headers that follow it.

    As JSON its bytes are base64; see `read_proof`.
    """

    command: Part
    event: Part
    headers: tuple[Header, ...]
    format: Literal["ccei-inclusion-1"] = "ccei-inclusion-1"

    @property
    def hash(self) -> bytes:
        """The hash that the last header gives: what must be known from elsewhere."""
        return self.headers[-1].hash


@dataclass(frozen=True, slots=True)
class TakenIn:
    """Who placed an order, and the number of the row that took it in."""

    participant: Address
    number: int


@dataclass(frozen=True, slots=True)
class Included:
    """What a proof proves: in which row, and when (Unix microseconds), an order was taken in, and as what."""

    number: int
    time_us: int
    command: PlaceOrder
    event: OrderAccepted


def find_order(engine: Engine, order_id: int) -> TakenIn | None:
    """Look up who placed an order and which row took it in, None if the readable tables know no such order (yet)."""
    if not 0 < order_id < 1 << 63:  # what no database has a number for
        return None
    wanted = select(_ORDERS.c.participant, _ORDERS.c.accepted_batch).where(_ORDERS.c.order_id == order_id)
    with engine.connect() as connection:
        found = connection.execute(wanted).one_or_none()
    return (
        None
        if found is None
        else TakenIn(Address(bytes.fromhex(found.participant[2:])), found.accepted_batch)
    )


def prove(headers: Headers, order_id: int, *, number: int, known: Container[bytes] | None = None) -> Proof:
    """Prove that an order was taken in by row `number` of a record.

    The proof ends at the first row from there on whose hash is among those `known`; without them, at the last row.

    Raises:
        Unprovable: if it cannot be proven, with the reason.
        BrokenChain: if a row is not the one that was written.
        BadEncoding: if the order's row cannot be read.
    """
    row = next(headers.record.rows(after=number - 1), None)
    if row is None or row.number != number:
        raise Unprovable(f"order {order_id}: found no row {number} in the record")
    command, event = _parts(row, order_id)
    followed: list[Header] = []
    for header in headers.since(number):
        if len(followed) == HEADERS_MAX:
            raise Unprovable(
                f"order {order_id}: found more than {HEADERS_MAX:,} rows from row {number} on "
                f"{'and no known hash among them' if known is not None else 'to the last'}, expected fewer: "
                "end the proof at a hash that is known of an earlier row, such as one that a settlement batch carried"
            )
        followed.append(header)
        if known is not None and header.hash in known:
            return Proof(command, event, tuple(followed))
    if known is not None:
        raise Unprovable(
            f"order {order_id}: found no known hash from row {number} to the last, expected one: it comes with "
            "the next settlement batch"
        )
    return Proof(command, event, tuple(followed))


def write_proof(proof: Proof) -> bytes:
    """Return a proof as JSON."""
    return msgspec.json.encode(proof)


def read_proof(text: bytes) -> Proof:
    """Read a proof from JSON.

    Raises:
        Malformed: if it is none.
    """
    try:
        proof = msgspec.json.decode(text, type=Proof)
    except msgspec.MsgspecError as error:
        raise Malformed(f"proof: {error}") from None
    if not proof.headers:
        raise Malformed("proof: found no headers, expected at least that of the order's row")
    return proof


def verify(proof: Proof, known: bytes) -> Included:
    """Check a proof against a hash that is known from elsewhere. Needs nothing but the two.

    Raises:
        NotProven: if it does not lead there, with the place where it breaks.
    """
    first = proof.headers[0]
    if not first.has_trees:
        raise NotProven(
            f"row {first.number}: found encoding version {first.version}, whose rows have no trees of single commands"
        )
    for what, part, root in (
        ("command", proof.command, first.commands),
        ("event", proof.event, first.events),
    ):
        reached = climb(part.encoded, part.path)
        if reached != root:
            raise NotProven(
                f"{what}: its path leads to {reached.hex()}, expected {root.hex()}, as in the "
                f"header of row {first.number}"
            )
    reached = first.hash
    for before, header in zip(proof.headers, proof.headers[1:], strict=False):
        if header.number != before.number + 1:
            raise NotProven(f"row {header.number}: found it after row {before.number}, expected the next")
        if header.previous != reached:
            raise NotProven(
                f"row {header.number}: found previous hash {header.previous.hex()}, expected {reached.hex()}, "
                f"that of row {before.number}"
            )
        reached = header.hash
    if reached != known:
        raise NotProven(f"the last header hashes to {reached.hex()}, expected the known {known.hex()}")
    command, event = _read(proof.command.encoded, proof.event.encoded, first.version)
    if (command.terms.participant, command.terms.client_order_id) != (
        event.terms.participant,
        event.terms.client_order_id,
    ):
        raise NotProven(f"order {event.order_id}: the event took in another order than the command asked for")
    return Included(first.number, first.time_us, command, event)


def _read(command: bytes, event: bytes, version: int) -> tuple[PlaceOrder, OrderAccepted]:
    try:
        (placed,) = codec.decode_commands(join([command]), version=version)
        (accepted,) = codec.decode_events(join([event]), version=version)
    except (BadEncoding, ValueError) as error:
        raise NotProven(f"found what cannot be read: {error}") from None
    if not isinstance(placed, PlaceOrder) or not isinstance(accepted, OrderAccepted):
        raise NotProven(
            f"found {type(placed).__name__} and {type(accepted).__name__}, expected PlaceOrder and OrderAccepted"
        )
    return placed, accepted


def _parts(row: RecordedBatch, order_id: int) -> tuple[Part, Part]:
    """Find the order and what took it in, with their paths."""
    if not row.header().has_trees:
        raise Unprovable(
            f"order {order_id}: its row {row.number} is of encoding version {row.version}, which was sealed as a "
            "whole: who wants to check it needs the record"
        )
    event, position = _accepted_in(row, order_id)
    wanted = event.terms.participant, event.terms.client_order_id
    for place, command in enumerate(row.batch().commands):
        if isinstance(command, PlaceOrder):
            terms = command.terms
            if (terms.participant, terms.client_order_id) == wanted:
                return _part(split(row.commands), place), _part(split(row.events), position)
    raise Unprovable(f"order {order_id}: row {row.number} took it in, but holds no command that asked for it")


def _accepted_in(row: RecordedBatch, order_id: int) -> tuple[OrderAccepted, int]:
    """Return the event that took an order in, and its place among the events of its row."""
    for position, event in enumerate(row.told()):
        if isinstance(event, OrderAccepted) and event.order_id == order_id:
            return event, position
    raise Unprovable(f"order {order_id}: row {row.number} did not take it in")


def _part(singles: list[Raw], index: int) -> Part:
    return Part(bytes(singles[index]), path_of(singles, index))
