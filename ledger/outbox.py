"""The outbox: every transaction is stored, signed, before it is broadcast, so that a restart sends the same bytes again.

A transaction that a reorganisation or a crash lost keeps its hash when the same bytes are sent, and a second signing of
the same purpose can never reach the chain beside the first.
"""

from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import Engine, Row, func, insert, select, update

from ledger.tables import OutboxRow, table
from market.units import InvariantBroken

_OUTBOX = table(OutboxRow)


class OutboxStatus(StrEnum):
    """How far a transaction has come. The last two are final: set them once the chain's word is."""

    SIGNED = "signed"
    SENT = "sent"
    CONFIRMED = "confirmed"
    REVERTED = "reverted"


_FINAL = (OutboxStatus.CONFIRMED, OutboxStatus.REVERTED)


@dataclass(frozen=True, slots=True)
class OutboxEntry:
    """A signed transaction. `kind` and `reference` say what it is for, such as settle and batch 12: each pair once."""

    sequence: int
    kind: str
    reference: str
    raw: bytes
    hash: bytes
    nonce: int
    status: OutboxStatus


class Outbox:
    """The stored transactions of one sender. One thread writes."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def add(self, *, kind: str, reference: str, raw: bytes, hash_: bytes, nonce: int) -> OutboxEntry:
        """Store a signed transaction, and return what to broadcast.

        Where this purpose already has a transaction, nothing is stored and the earlier one is returned: send that.

        Raises:
            InvariantBroken: if the nonce or the hash belongs to a transaction with another purpose.
        """
        with self._engine.begin() as connection:
            rows = connection.execute(
                select(_OUTBOX).where(
                    ((_OUTBOX.c.kind == kind) & (_OUTBOX.c.reference == reference))
                    | (_OUTBOX.c.nonce == nonce)
                    | (_OUTBOX.c.hash == hash_)
                )
            ).all()
            found = [_entry(row) for row in rows]
            for entry in found:
                if (entry.kind, entry.reference) == (kind, reference):
                    return entry
            if found:
                raise InvariantBroken(
                    f"outbox: nonce {nonce} and hash 0x{hash_.hex()} of {kind} {reference}: found nonce "
                    f"{found[0].nonce} used by {found[0].kind} {found[0].reference}, expected an unused one"
                )
            last = connection.execute(select(func.max(_OUTBOX.c.sequence))).scalar_one() or 0
            entry = OutboxEntry(last + 1, kind, reference, raw, hash_, nonce, OutboxStatus.SIGNED)
            connection.execute(
                insert(_OUTBOX),
                {
                    "sequence": entry.sequence,
                    "kind": kind,
                    "reference": reference,
                    "raw": raw,
                    "hash": hash_,
                    "nonce": nonce,
                    "status": entry.status.value,
                },
            )
        return entry

    def find(self, *, kind: str, reference: str) -> OutboxEntry | None:
        """Return the transaction for a purpose, None if none was signed."""
        statement = select(_OUTBOX).where(_OUTBOX.c.kind == kind, _OUTBOX.c.reference == reference)
        with self._engine.connect() as connection:
            row = connection.execute(statement).one_or_none()
        return None if row is None else _entry(row)

    def pending(self) -> tuple[OutboxEntry, ...]:
        """Return what is signed or sent but not final, in the order of signing: broadcast it again after a restart."""
        statement = (
            select(_OUTBOX)
            .where(_OUTBOX.c.status.not_in([status.value for status in _FINAL]))
            .order_by(_OUTBOX.c.sequence)
        )
        with self._engine.connect() as connection:
            return tuple(_entry(row) for row in connection.execute(statement))

    def mark(self, sequence: int, status: OutboxStatus) -> None:
        """Note how far a transaction has come; marking it twice does nothing the second time.

        Raises:
            InvariantBroken: if there is no such transaction, or it is final with another outcome.
        """
        column = _OUTBOX.c.sequence == sequence
        with self._engine.begin() as connection:
            row = connection.execute(select(_OUTBOX).where(column)).one_or_none()
            if row is None:
                raise InvariantBroken(f"outbox: found no transaction {sequence} to mark as {status}")
            found = OutboxStatus(row.status)
            if found in _FINAL and found is not status:
                raise InvariantBroken(
                    f"outbox: transaction {sequence} is {found}, which {status} cannot follow"
                )
            connection.execute(update(_OUTBOX).where(column).values(status=status.value))

    def next_nonce(self, chain_nonce: int) -> int:
        """Return the nonce for the next signing: what the chain expects, or the one after the last stored."""
        with self._engine.connect() as connection:
            last = connection.execute(select(func.max(_OUTBOX.c.nonce))).scalar_one()
        return chain_nonce if last is None else max(chain_nonce, last + 1)


def _entry(row: Row[tuple[object, ...]]) -> OutboxEntry:
    return OutboxEntry(
        sequence=row.sequence,
        kind=row.kind,
        reference=row.reference,
        raw=row.raw,
        hash=row.hash,
        nonce=row.nonce,
        status=OutboxStatus(row.status),
    )
