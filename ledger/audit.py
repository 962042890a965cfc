"""The audit: prove from the record alone that the market was run by its rules, and that books, tables and chain agree.

1. Every row follows the one before, back to the genesis (`chain`), and carries what can be read (`encoding`).
2. The recorded commands, run again, cause the recorded events (`replay`) and the noted states (`state`): the same trades
   between the same orders at the same prices, in the same sequence. Apart from the matching kernel, `ledger.priority`
   follows each trade through the events: no better-placed order was passed over (`priority`).
3. Applying the events balances: each posting sums to zero, no account is overdrawn (`books`), nor does the sum of all
   accounts differ from zero (`trial balance`).
4. The readable tables are what the record makes of them (`tables`), and their journal sums to zero (`journal`).
5. Every snapshot is what a replay gives at its batch (`snapshots`).
6. Whoever knows how orders, readings and cancels are hashed is handed in as a notary: then every signature under what
   entered the books is that of whom it names (`signatures`), and the outbox of a database holds what its signed bytes
   say, with record hashes of this record (`outbox`).
7. The contracts hold what the books say, money and certificates, participant by participant (`reconciliation`); the
   hashes that the settlement was given are rows of this record, in their sequence (`anchors`); and what it locked,
   released and paid out is what the record says, trade by trade (`settlement`).
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain as joined
from itertools import zip_longest
from typing import Any, NamedTuple, Protocol

from sqlalchemy import Connection, Engine, Select, Table, select
from sqlalchemy.exc import DBAPIError

from ledger.assets import asset_name, unit_of
from ledger.collecting import collector_at_rest
from ledger.database import MEMORY_URL, open_database
from ledger.dispatches import Agreed, OutboxCheck, Reader
from ledger.finding import IMPOSSIBLE, Finding
from ledger.holdings import compare_holdings
from ledger.layout import BadEncoding
from ledger.priority import Priority
from ledger.projections import TABLES, Projector, read_postings
from ledger.rebuild import open_venue
from ledger.reconciliation import (
    ChainValues,
    RecordedTrades,
    compare_anchors,
    compare_balances,
    compare_trades,
)
from ledger.record import BrokenChain, RecordedBatch, RecordReader, Rows
from ledger.signatures import Signatures, Signed
from ledger.snapshots import SnapshotFault, verify_snapshots
from ledger.tables import ProjectedRow, table
from ledger.trial_balance import TrialBalance
from ledger.venue import Venue
from market.events import Event, TradeAgreed
from market.orders import Address, Batch
from market.units import Lots, Micros

RERUN_SINCE = 2
"""The first encoding version whose commands cause the same events today. Before, the sides of a self-trade met."""

_PROJECTED = table(ProjectedRow)
_BATCHES_PER_COMMIT = 64
_ROWS_AT_ONCE = 1_000
"""Rows of a table that are fetched at a time, to be compared."""


class Notary(Reader, Protocol):
    """Knows what the contracts alone know: how things are hashed before they are signed, and what transactions say."""

    def signer_of(self, signed: Signed, venue: Venue) -> Address:
        """Return whose key signed something; raise Malformed if nobody's can have."""
        ...


@dataclass(frozen=True, slots=True)
class SignaturesChecked:
    """How many signatures were found to be good, by what they are under: orders, readings, cancels, negotiations.

    `unsigned_cancels` were recorded without one: by early versions, and by simulations.
    """

    good: Mapping[str, int]
    unsigned_cancels: int


@dataclass(frozen=True, slots=True)
class AuditReport:
    """What an audit walked over and found. No findings: the market was run by its rules, and everything agrees.

    `state_hash` is empty where a forged row led to a state that has none. `applied_only` batches of early versions
    were taken as they are told: their commands cannot be run again, since the rules changed. `trades` came out of
    running the commands of the others again, each with the same two orders, price and quantity; `trades_in_priority`
    are those in which nobody was passed over. `chain_difference_micros` sums by how much the contract and the books
    differ; None where they were not compared. `certificate_difference_wh` does so for certificates; None also where the
    record has adopted none. `anchors` and `settled_trades` were compared with the chain.
    `signatures` is None without a notary, `outbox` (transactions that were read) without one or without the database.
    """

    batches: int
    applied_only: int
    events: int
    trades: int
    trades_in_priority: int
    state_hash: bytes
    trial_balance: TrialBalance
    chain_difference_micros: Micros | None
    anchors: int
    settled_trades: int
    signatures: SignaturesChecked | None
    outbox: int | None
    findings: tuple[Finding, ...]
    certificate_difference_wh: Lots | None = None


def audit(
    record: Rows,
    *,
    tables: Engine | None = None,
    chain: ChainValues | None = None,
    notary: Notary | None = None,
    progress: Callable[[int], None] = lambda _: None,
) -> AuditReport:
    """Check a record, and where given the tables of its database and the contract's values, against each other.

    The walk ends at the first row that cannot be trusted or applied; what follows it is not judged, nor are the tables,
    which hold what comes of it. Tables and chain are compared with the end of the record, so take them when nothing is on
    its way. `progress` is told each row's number.
    """
    projected = open_database(MEMORY_URL) if tables is not None else None
    walk = _Walk(record, projected, notary)
    with collector_at_rest():
        walk.run(progress)
    findings, balance = walk.findings, walk.told.books.trial_balance()
    for asset, total in balance.unbalanced.items():
        detail = f"found {total} {unit_of(asset)}, expected 0"
        findings.append(Finding("trial balance", f"all accounts of {asset_name(asset)}", detail))
    if tables is not None and projected is not None:
        if walk.is_whole:
            findings += _readable("tables", _compare_tables(tables, projected, walk.batches))
        projected.dispose()
    outbox = None
    if tables is not None and notary is not None:
        outbox = OutboxCheck(tables, record.genesis, notary)
        findings += _readable("outbox", outbox.run(walk.agreed()))
    if isinstance(record, RecordReader):
        findings += _readable("snapshots", map(_of_snapshot, verify_snapshots(record)))
    compared = _compare_chain(walk, chain) if chain is not None else _NOT_COMPARED
    findings += compared.findings
    return AuditReport(
        batches=walk.batches,
        applied_only=walk.applied_only,
        events=walk.events,
        trades=walk.trades,
        trades_in_priority=walk.priority.proven,
        state_hash=walk.state_hash(),
        trial_balance=balance,
        chain_difference_micros=compared.difference_micros,
        anchors=len(chain.record_hashes) if chain is not None else 0,
        settled_trades=len(chain.trades or ()) if chain is not None else 0,
        signatures=walk.signatures_checked(),
        outbox=outbox.transactions if outbox is not None else None,
        findings=tuple(findings),
        certificate_difference_wh=compared.certificate_difference_wh,
    )


def _readable(check: str, findings: Iterable[Finding]) -> Iterator[Finding]:
    """Hand findings on as long as there is something to read: an audit does not die of what it is to find."""
    try:
        yield from findings
    except DBAPIError as error:  # such as text that is none
        yield Finding(check, "what follows", f"found {error.orig}, expected rows that can be read")


def _of_snapshot(fault: SnapshotFault) -> Finding:
    return Finding("snapshots", f"batch {fault.number}", fault.detail)


class _Compared(NamedTuple):
    """What the comparison with the contracts found, and by how much they differ; None where that was not compared."""

    findings: Sequence[Finding]
    difference_micros: Micros | None
    certificate_difference_wh: Lots | None


_NOT_COMPARED = _Compared((), None, None)


def _compare_chain(walk: "_Walk", chain: ChainValues) -> _Compared:
    """Compare the end of the record with the contracts: balances, certificates, anchors and trades."""
    differences = tuple(compare_balances(walk.told.books, chain))
    findings = [each.finding() for each in differences]
    in_certificates = None
    if chain.read_holdings is not None and (contract := walk.told.certificates.contract) is not None:
        unlike = tuple(compare_holdings(walk.told.books, chain.read_holdings(contract)))
        in_certificates = Lots(sum(abs(each.on_chain - each.in_books) for each in unlike))
        findings += (each.finding() for each in unlike)
    findings += compare_anchors(chain.record_hashes, walk.numbers)
    if chain.trades is not None:
        findings += compare_trades(walk.recorded.settled, chain.trades)
    in_money = Micros(sum(abs(each.on_chain - each.in_books) for each in differences))
    return _Compared(findings, in_money, in_certificates)


class _Walk:
    """One pass over the record with two venues: `told` applies the events, `rerun` runs the commands again.

    The readable tables are made anew in `projected`, where they are to be compared.
    """

    def __init__(self, record: Rows, projected: Engine | None, notary: Notary | None) -> None:
        self.findings: list[Finding] = []
        self.numbers: dict[bytes, int] = {}
        self.batches = 0
        self.applied_only = 0
        self.events = 0
        self.trades = 0
        self.recorded = RecordedTrades()
        self.priority = Priority()
        self.told = open_venue(record.genesis)
        self._record = record
        self.is_whole = False
        self._agreed_in: dict[int, int] = {}
        self._signatures = Signatures(notary.signer_of) if notary is not None else None
        self._rerun: Venue | None = open_venue(record.genesis)
        self._projector = Projector(projected) if projected is not None else None

    def run(self, progress: Callable[[int], None]) -> None:
        try:
            for row in self._record.verified_rows():
                if not self._follow(row):
                    break
                progress(row.number)
            else:
                self.is_whole = self._project()
        except BrokenChain as error:
            self.findings.append(Finding("chain", f"row {error.number}", str(error)))
        except DBAPIError as error:
            after = f"after row {self.batches}"
            self.findings.append(Finding("chain", after, f"the record cannot be read: {error.orig}"))
        if self._signatures is not None:
            self.findings += self._signatures.rest()

    def state_hash(self) -> bytes:
        """Return the hash of the state as far as it was followed, nothing if that is one that no market can have."""
        return _state_hash(self.told)

    def agreed(self) -> Agreed | None:
        """Return what an outbox is compared with, None if the record could not be followed to its end."""
        if not self.is_whole:
            return None
        return Agreed(self.numbers, self._agreed_in, frozenset(self.recorded.locking))

    def signatures_checked(self) -> SignaturesChecked | None:
        """Return which signatures were found to be good, None without a notary."""
        if self._signatures is None:
            return None
        return SignaturesChecked(Counter(self._signatures.checked), self._signatures.unsigned_cancels)

    def _follow(self, row: RecordedBatch) -> bool:
        """Follow one row; False if nothing after it can be judged."""
        where = f"batch {row.number}"
        try:
            batch, events = row.batch(), row.told()
        except BadEncoding as error:
            self.findings.append(Finding("encoding", where, str(error)))
            return False
        self._run_again(batch, events, version=row.version)
        try:
            postings = self.told.absorb(batch, events)
            if self._projector is not None:
                self._projector.note(batch, events, postings)
            self.recorded.note(events)
            self.findings += (
                Finding("priority", f"{where}, trade {number}", complaint)
                for number, complaint in self.priority.judge(events)
            )
        except IMPOSSIBLE as error:
            # A forged row may name instruments, orders or participants that never were.
            self.findings.append(Finding("books", where, f"{type(error).__name__}: {error}"))
            return False
        if self._signatures is not None:
            self.findings += self._signatures.judge(batch, events, self.told)
        self._agreed_in |= {
            event.trade_number: row.number for event in events if isinstance(event, TradeAgreed)
        }
        self.numbers[row.hash] = row.number
        self.batches += 1
        self.events += len(events)
        if row.state_hash:
            self._compare_state(where, row.state_hash)
        return row.number % _BATCHES_PER_COMMIT != 0 or self._project()

    def _project(self) -> bool:
        """Write what was followed into the tables to compare with; False if no tables can hold it."""
        if self._projector is None:
            return True
        try:
            self._projector.flush()
        except IMPOSSIBLE as error:
            where = f"batches {self._projector.position + 1} to {self._projector.noted}"
            self.findings.append(Finding("books", where, f"{type(error).__name__}: {error}"))
            return False
        return True

    def _run_again(self, batch: Batch, events: tuple[Event, ...], *, version: int) -> None:
        """Compare what the commands cause now with what is recorded; stop at the first difference."""
        if self._rerun is None:
            return
        try:
            if version < RERUN_SINCE:
                self._rerun.absorb(batch, events)
                self.applied_only += 1
                return
            caused = self._rerun.decide(batch).events
        except IMPOSSIBLE as error:
            detail = f"{type(error).__name__}: {error}"
            self.findings.append(Finding("replay", f"batch {batch.number}", detail))
            self._rerun = None
            return
        for position, (found, expected) in enumerate(zip_longest(events, caused)):
            if found != expected:
                where = f"batch {batch.number}, event {position}"
                detail = f"found {found}, but the commands cause {expected}"
                self.findings.append(Finding("replay", where, detail))
                self._rerun = None
                return
        self.trades += sum(isinstance(event, TradeAgreed) for event in events)

    def _compare_state(self, where: str, noted: bytes) -> None:
        for how, venue in (("applied", self.told), ("run again", self._rerun)):
            if venue is not None and (computed := _state_hash(venue)) != noted:
                detail = f"found state {noted.hex()} noted, but {how} it is {computed.hex()}"
                self.findings.append(Finding("state", where, detail))


def _state_hash(venue: Venue) -> bytes:
    try:
        return venue.state_hash()
    except OverflowError:  # a forged row may hold more than any market can
        return b""


def _compare_tables(found_in: Engine, expected_in: Engine, head: int) -> Iterator[Finding]:
    """Compare the readable tables, row by row, with what the record makes of them."""
    with found_in.connect() as left, expected_in.connect() as right:
        positions = left.execute(select(_PROJECTED.c.batch_number)).scalars().all()
        if positions != [head]:
            told = ", ".join(map(str, positions)) or "none"
            yield Finding("tables", "position", f"found batch {told}, expected {head}: bring them forward")
            return
        for each in TABLES:
            try:
                yield from _compare_table(each, left, right)
            except DBAPIError as error:  # such as text that is none
                yield Finding("tables", each.name, f"found {error.orig}, expected rows that can be read")
    try:
        for _ in read_postings(found_in):
            pass
    except IMPOSSIBLE as error:
        yield Finding("journal", "entries", f"{type(error).__name__}: {error}")


def _compare_table(which: Table, left: Connection, right: Connection) -> Iterator[Finding]:
    """Yield the first row in which two tables differ."""
    statement = select(which).order_by(*which.primary_key)
    rows = zip_longest(_rows(left, statement), _rows(right, statement))
    for number, (found, expected) in enumerate(rows, start=1):
        if found != expected:
            yield Finding("tables", f"{which.name}, row {number}", f"found {found}, expected {expected}")
            return


def _rows(connection: Connection, statement: Select[Any]) -> Iterator[tuple[Any, ...]]:
    """Return rows as bare tuples, which are compared in no time."""
    parts = connection.execute(statement).partitions(_ROWS_AT_ONCE)
    return joined.from_iterable(map(tuple, part) for part in parts)
