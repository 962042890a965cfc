"""The outbox: every transaction is stored, signed, before it is broadcast, so that a restart sends the same bytes again.

A transaction that a reorganisation or a crash lost keeps its hash when the same bytes are sent. One that is signed again at
a higher price keeps its nonce, so that at most one of all its signings ever reaches a block.

    signed -> sent -> confirmed | reverted | overtaken
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from sqlalchemy import ColumnElement, Connection, func, insert, select, update

from ledger.tables import OutboxReplacementRow, OutboxRow, OutboxTradeRow, table
from ledger.writer import WritersPlace
from market.units import InvariantBroken

_OUTBOX: Final = table(OutboxRow)
_TRADES: Final = table(OutboxTradeRow)
_REPLACEMENTS: Final = table(OutboxReplacementRow)


class OutboxStatus(StrEnum):
    """How far a transaction has come. The last three are final: set them once nothing on chain can change them.

    `OVERTAKEN` is one whose nonce another program has spent: none of its signings can reach a block any more.
    """

    SIGNED = "signed"
    SENT = "sent"
    CONFIRMED = "confirmed"
    REVERTED = "reverted"
    OVERTAKEN = "overtaken"

    @property
    def is_final(self) -> bool:
        """Whether nothing follows."""
        return self in _FINAL


_FINAL: Final = frozenset({OutboxStatus.CONFIRMED, OutboxStatus.REVERTED, OutboxStatus.OVERTAKEN})
_FOLLOWING: Final[Mapping[OutboxStatus, frozenset[OutboxStatus]]] = {
    # a crash after the broadcast leaves `signed` what is in a block already
    OutboxStatus.SIGNED: _FINAL | {OutboxStatus.SENT},
    OutboxStatus.SENT: _FINAL,
    **dict.fromkeys(_FINAL, frozenset()),
}


@dataclass(frozen=True, slots=True)
class Signing:
    """Bytes to broadcast, and the hash by which the chain knows them."""

    raw: bytes
    hash: bytes


@dataclass(frozen=True, slots=True)
class OutboxEntry:
    """A transaction. `kind` and `reference` say what it is for, such as settle and batch 12: each pair once.

    `trades` are the trades that it takes a step on. `replacements` are its later signings at ever higher prices.
    """

    sequence: int
    kind: str
    reference: str
    raw: bytes
    hash: bytes
    nonce: int
    status: OutboxStatus
    trades: tuple[int, ...] = ()
    replacements: tuple[Signing, ...] = ()

    @property
    def signings(self) -> tuple[Signing, ...]:
        """Every signing, newest first: any of them may be the one in a block."""
        return (*reversed(self.replacements), Signing(self.raw, self.hash))

    def __str__(self) -> str:
        return f"{self.kind} {self.reference} (nonce {self.nonce}, 0x{self.signings[0].hash.hex()})"


class Outbox:
    """The stored transactions of one sender. Whoever has lost the writer's place changes nothing in it any more.

    One thread at a time writes. Every change raises `PlaceLost` if the place is lost.
    """

    def __init__(self, place: WritersPlace) -> None:
        self._engine = place.engine
        self._writing = place.beside

    def confirm(self) -> None:
        """Make sure that these are still the writer's transactions, before one of them is broadcast.

        Raises:
            PlaceLost: if another process may have taken the place.
        """
        self._writing.confirm()

    def add(
        self, *, kind: str, reference: str, raw: bytes, hash_: bytes, nonce: int, trades: tuple[int, ...] = ()
    ) -> OutboxEntry:
        """Store a signed transaction, and return what to broadcast.

        Where this purpose already has a transaction, nothing is stored and the earlier one is returned: send that.

        Raises:
            InvariantBroken: if the nonce or the hash belongs to a transaction with another purpose.
        """
        same_purpose = (_OUTBOX.c.kind == kind) & (_OUTBOX.c.reference == reference)
        with self._writing.begin() as connection:
            found = _load(connection, same_purpose | (_OUTBOX.c.nonce == nonce) | (_OUTBOX.c.hash == hash_))
            for entry in found:
                if (entry.kind, entry.reference) == (kind, reference):
                    return entry
            if found:
                raise InvariantBroken(
                    f"outbox: nonce {nonce} and hash 0x{hash_.hex()} of {kind} {reference}: found nonce "
                    f"{found[0].nonce} used by {found[0].kind} {found[0].reference}, expected an unused one"
                )
            last = connection.execute(select(func.max(_OUTBOX.c.sequence))).scalar_one() or 0
            entry = OutboxEntry(last + 1, kind, reference, raw, hash_, nonce, OutboxStatus.SIGNED, trades)
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
            if trades:
                rows = [{"sequence": entry.sequence, "trade_number": number} for number in trades]
                connection.execute(insert(_TRADES), rows)
        return entry

    def replace(self, sequence: int, *, raw: bytes, hash_: bytes) -> OutboxEntry:
        """Store one more signing of a transaction, with its nonce and a higher price; return what to broadcast.

        Raises:
            InvariantBroken: if there is no such transaction, or it is final.
        """
        with self._writing.begin() as connection:
            entry = _get(connection, sequence)
            if entry.status.is_final:
                raise InvariantBroken(
                    f"outbox: transaction {entry} is {entry.status}, nothing can replace it"
                )
            attempt = len(entry.replacements) + 1
            row = {"sequence": sequence, "attempt": attempt, "raw": raw, "hash": hash_}
            connection.execute(insert(_REPLACEMENTS), row)
            return _get(connection, sequence)

    def find(self, *, kind: str, reference: str) -> OutboxEntry | None:
        """Return the transaction for a purpose, None if none was signed."""
        return self._one((_OUTBOX.c.kind == kind) & (_OUTBOX.c.reference == reference))

    def at_nonce(self, nonce: int) -> OutboxEntry | None:
        """Return the transaction with a nonce, None if none was signed."""
        return self._one(_OUTBOX.c.nonce == nonce)

    def pending(self) -> tuple[OutboxEntry, ...]:
        """Return what is signed or sent but not final, by nonce: broadcast it again after a restart."""
        with self._engine.connect() as connection:
            found = _load(connection, _OUTBOX.c.status.not_in([status.value for status in _FINAL]))
        return tuple(sorted(found, key=lambda entry: entry.nonce))

    def signed(self, kind: str, *, reference: str) -> tuple[OutboxEntry, ...]:
        """Return what was signed of a kind, by sequence, of all whose reference begins like this."""
        is_asked = (_OUTBOX.c.kind == kind) & _OUTBOX.c.reference.startswith(reference, autoescape=True)
        with self._engine.connect() as connection:
            return tuple(_load(connection, is_asked))

    def mark(self, sequence: int, status: OutboxStatus) -> None:
        """Note how far a transaction has come; marking it twice does nothing the second time.

        Raises:
            InvariantBroken: if there is no such transaction, or that does not follow what it is.
        """
        with self._writing.begin() as connection:
            found = _get(connection, sequence).status
            if found is status:
                return
            if status not in _FOLLOWING[found]:
                raise InvariantBroken(
                    f"outbox: transaction {sequence} is {found}, which {status} cannot follow"
                )
            statement = update(_OUTBOX).where(_OUTBOX.c.sequence == sequence)
            connection.execute(statement.values(status=status.value))

    def next_nonce(self, chain_nonce: int) -> int:
        """Return the nonce for the next signing: what the chain expects, or the one after the last stored."""
        with self._engine.connect() as connection:
            last = connection.execute(select(func.max(_OUTBOX.c.nonce))).scalar_one()
        return chain_nonce if last is None else max(chain_nonce, last + 1)

    def _one(self, where: ColumnElement[bool]) -> OutboxEntry | None:
        with self._engine.connect() as connection:
            found = _load(connection, where)
        return found[0] if found else None


def _get(connection: Connection, sequence: int) -> OutboxEntry:
    found = _load(connection, _OUTBOX.c.sequence == sequence)
    if not found:
        raise InvariantBroken(f"outbox: found no transaction {sequence}, expected one that was stored")
    return found[0]


def _load(connection: Connection, where: ColumnElement[bool]) -> list[OutboxEntry]:
    rows = connection.execute(select(_OUTBOX).where(where).order_by(_OUTBOX.c.sequence)).all()
    if not rows:
        return []
    wanted = [row.sequence for row in rows]
    trades: dict[int, list[int]] = {sequence: [] for sequence in wanted}
    for row in connection.execute(
        select(_TRADES).where(_TRADES.c.sequence.in_(wanted)).order_by(_TRADES.c.trade_number)
    ):
        trades[row.sequence].append(row.trade_number)
    replacements: dict[int, list[Signing]] = {sequence: [] for sequence in wanted}
    for row in connection.execute(
        select(_REPLACEMENTS)
        .where(_REPLACEMENTS.c.sequence.in_(wanted))
        .order_by(_REPLACEMENTS.c.sequence, _REPLACEMENTS.c.attempt)
    ):
        replacements[row.sequence].append(Signing(row.raw, row.hash))
    return [
        OutboxEntry(
            sequence=row.sequence,
            kind=row.kind,
            reference=row.reference,
            raw=row.raw,
            hash=row.hash,
            nonce=row.nonce,
            status=OutboxStatus(row.status),
            trades=tuple(trades[row.sequence]),
            replacements=tuple(replacements[row.sequence]),
        )
        for row in rows
    ]
