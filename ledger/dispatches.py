"""Check the outbox: what its signed bytes say by themselves, against what stands beside them and against the record.

The bytes seal themselves: their hash is the name by which the chain knows them, and whoever changes one signs them anew
or has signed nothing. How they are read is the contracts' business, so whoever knows that hands a `Reader` in.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from sqlalchemy import Engine, Row, select

from ledger.finding import Finding
from ledger.genesis import Genesis
from ledger.outbox import OutboxStatus
from ledger.tables import OutboxReplacementRow, OutboxRow, OutboxTradeRow, table
from market.orders import Address
from market.units import Malformed

_OUTBOX: Final = table(OutboxRow)
_TRADES: Final = table(OutboxTradeRow)
_REPLACEMENTS: Final = table(OutboxReplacementRow)
_WORDS: Final = frozenset(status.value for status in OutboxStatus)
_WITHOUT_EFFECT: Final = frozenset({OutboxStatus.REVERTED.value, OutboxStatus.OVERTAKEN.value})


@dataclass(frozen=True, slots=True)
class Dispatch:
    """What the signed bytes of a transaction say.

    `purpose` is the kind that the outbox has for such a call, and what its reference begins with. `settlement` is the
    contract that it calls, None if that is another one; `record_hash` is what a settlement batch carries.
    """

    chain_id: int
    nonce: int
    sender: Address
    purpose: tuple[str, str]
    trades: tuple[int, ...]
    settlement: Address | None = None
    record_hash: bytes | None = None


class Reader(Protocol):
    """Knows how transactions are written and hashed."""

    def hash_of(self, raw: bytes) -> bytes:
        """Return the hash by which the chain knows signed bytes."""
        ...

    def dispatch_of(self, raw: bytes) -> Dispatch:
        """Return what signed bytes say; raise Malformed if they are none that a market sends."""
        ...


@dataclass(frozen=True, slots=True)
class Agreed:
    """What the outbox is compared with: the rows of a record by their hashes, the row in which each trade was agreed,
    and the transactions that locked some."""

    rows: Mapping[bytes, int]
    trades: Mapping[int, int]
    locking: frozenset[bytes]


class OutboxCheck:
    """One pass over the outbox of a database."""

    def __init__(self, engine: Engine, genesis: Genesis, reader: Reader) -> None:
        self.transactions = 0
        self._engine = engine
        self._genesis = genesis
        self._reader = reader
        self._sender: Address | None = None

    def run(self, agreed: Agreed | None) -> Iterator[Finding]:
        """Yield what is not as it should be; without what was `agreed`, the outbox is judged by itself."""
        with self._engine.connect() as connection:
            trades: defaultdict[int, list[int]] = defaultdict(list)
            for row in connection.execute(select(_TRADES).order_by(*_TRADES.primary_key)):
                trades[row.sequence].append(row.trade_number)
            again: defaultdict[int, list[Row[Any]]] = defaultdict(list)
            for row in connection.execute(select(_REPLACEMENTS).order_by(*_REPLACEMENTS.primary_key)):
                again[row.sequence].append(row)
            for row in connection.execute(select(_OUTBOX).order_by(_OUTBOX.c.sequence)):
                self.transactions += 1
                where = f"transaction {row.sequence}, {row.kind} {row.reference}"
                for complaint in self._judge(
                    row, trades.pop(row.sequence, []), again.pop(row.sequence, []), agreed
                ):
                    yield Finding("outbox", where, complaint)
        for sequence in sorted({*trades, *again}):
            yield Finding(
                "outbox", f"transaction {sequence}", "found what belongs to it, but no such transaction"
            )

    def _judge(
        self, row: Row[Any], trades: list[int], again: list[Row[Any]], agreed: Agreed | None
    ) -> Iterator[str]:
        if row.sequence != self.transactions:
            yield f"found it under this number, expected {self.transactions}"
        if row.status not in _WORDS:
            yield f"status: found {row.status!r}, expected one of {', '.join(sorted(_WORDS))}"
        try:
            first = self._signing(row)
        except Malformed as error:
            yield str(error)
            return
        yield from self._compare(row, first, trades)
        signings = {row.hash}
        for attempt, each in enumerate(again, start=1):
            try:
                later = self._signing(each)
            except Malformed as error:
                yield f"signing {attempt}: {error}"
                continue
            signings.add(each.hash)
            if each.attempt != attempt or later != first:
                yield f"signing {each.attempt}: found {later}, expected attempt {attempt} at {first}"
        if agreed is not None:
            yield from _against_record(row, first, signings, agreed)

    def _signing(self, row: Row[Any]) -> Dispatch:
        """Read signed bytes whose hash is the one beside them.

        Raises:
            Malformed: if that is not so.
        """
        if not isinstance(row.raw, bytes):
            raise Malformed(f"raw: found {row.raw!r}, expected the bytes that were signed")
        computed = self._reader.hash_of(row.raw)
        if row.hash != computed:
            found = row.hash.hex() if isinstance(row.hash, bytes) else row.hash
            raise Malformed(f"found hash 0x{found}, but the bytes hash to 0x{computed.hex()}")
        return self._reader.dispatch_of(row.raw)

    def _compare(self, row: Row[Any], read: Dispatch, trades: list[int]) -> Iterator[str]:
        """Compare what the bytes say with what stands beside them."""
        self._sender = self._sender or read.sender
        kind, reference = read.purpose
        for what, found, expected in (
            ("nonce", row.nonce, read.nonce),
            ("kind", row.kind, kind),
            ("reference", row.reference[: len(reference)], reference),
            ("trades", trades, sorted(read.trades)),
            ("sender", f"0x{read.sender.hex()}", f"0x{self._sender.hex()}"),
            ("chain id", read.chain_id, self._genesis.chain_id),
        ):
            if found != expected:
                yield f"{what}: found {found}, expected {expected}"
        if read.settlement not in (None, self._genesis.settlement):
            yield f"contract: found 0x{read.settlement.hex()}, expected 0x{self._genesis.settlement.hex()}"


def confirmed_batches(engine: Engine, *, after: int = 0) -> Iterator[tuple[int, bytes]]:
    """Iterate over the settlement batches that are final on chain: sequence and signed bytes, those after a sequence."""
    wanted = (
        select(_OUTBOX.c.sequence, _OUTBOX.c.raw)
        .where(
            _OUTBOX.c.kind == "settle",
            _OUTBOX.c.status == OutboxStatus.CONFIRMED.value,
            _OUTBOX.c.sequence > after,
        )
        .order_by(_OUTBOX.c.sequence)
    )
    with engine.connect() as connection:
        for row in connection.execute(wanted):
            yield row.sequence, row.raw


def _against_record(row: Row[Any], read: Dispatch, signings: set[bytes], agreed: Agreed) -> Iterator[str]:
    """Compare what the bytes say with the record."""
    if row.status in _WITHOUT_EFFECT and signings & agreed.locking:
        yield f"status: found {row.status}, but the record has trades that this transaction locked"
    for number in read.trades:
        if number not in agreed.trades:
            yield f"found trade {number}, expected one that the record has"
    if read.record_hash is None:
        return
    known = agreed.rows.get(read.record_hash)
    if known is None:
        yield f"found that it carries the record hash 0x{read.record_hash.hex()}, which no row of this record has"
        return
    for number in read.trades:
        if agreed.trades.get(number, 0) > known:
            yield (
                f"found that it carries the hash of row {known}, expected a later one: trade {number} was agreed in "
                f"row {agreed.trades[number]}"
            )
