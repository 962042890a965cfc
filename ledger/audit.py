"""The audit: prove from the record alone that the market was run by its rules, and that books, tables and chain agree.

1. Every row follows the one before, back to the genesis (`chain`), and carries what can be read (`encoding`).
2. The recorded commands, run again, cause the recorded events (`replay`) and the noted states (`state`).
3. Applying the events balances: each posting sums to zero, no account is overdrawn (`books`), nor does the sum of all
   accounts differ from zero (`trial balance`).
4. The readable tables are what the record makes of them (`tables`), and their journal sums to zero (`journal`).
5. The contract holds what the books say, participant by participant (`reconciliation`), and the hashes that it was
   given are rows of this record (`anchors`).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import zip_longest

from sqlalchemy import Engine, select
from sqlalchemy.exc import DBAPIError

from ledger.accounts import AccountKind
from ledger.assets import asset_name, unit_of
from ledger.bookkeeping import Books, tokens
from ledger.codec import BadEncoding
from ledger.database import MEMORY_URL, open_database
from ledger.projections import TABLES, Projector, read_postings
from ledger.rebuild import open_venue
from ledger.record import BrokenChain, RecordedBatch, RecordReader
from ledger.trial_balance import TrialBalance
from ledger.venue import Venue
from market.events import Event
from market.orders import Address, Batch
from market.units import InvariantBroken, Micros


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as it should be: which check found it, where, and what was found and expected."""

    check: str
    where: str
    detail: str

    def __str__(self) -> str:
        return f"{self.check}: {self.where}: {self.detail}"


@dataclass(frozen=True, slots=True)
class ChainBalance:
    """What the contract holds for one participant, in micros."""

    free_micros: Micros
    locked_micros: Micros


@dataclass(frozen=True, slots=True)
class ChainValues:
    """What was read from the contract: balances by participant, and the record hashes of its settlement batches.

    `fee_recipient` is whom the contract credits the venue's fees; its own money, if any, is added to them.
    """

    balances: Mapping[Address, ChainBalance]
    fee_recipient: Address
    record_hashes: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class AuditReport:
    """What an audit walked over and found. No findings: the market was run by its rules, and everything agrees.

    `chain_difference_micros` sums by how much the contract and the books differ; None where they were not compared.
    """

    batches: int
    events: int
    state_hash: bytes
    trial_balance: TrialBalance
    chain_difference_micros: Micros | None
    findings: tuple[Finding, ...]


def audit(
    record: RecordReader, *, tables: Engine | None = None, chain: ChainValues | None = None
) -> AuditReport:
    """Check a record, and where given the readable tables and the contract's values, against each other.

    The walk ends at the first row that cannot be trusted or applied; what follows it is not judged. Tables and chain
    are compared with the end of the record, so take them when nothing is on its way.
    """
    walk = _Walk(record)
    walk.run()
    findings = walk.findings
    for asset, total in walk.told.books.trial_balance().unbalanced.items():
        detail = f"found {total} {unit_of(asset)}, expected 0"
        findings.append(Finding("trial balance", f"all accounts of {asset_name(asset)}", detail))
    if tables is not None:
        findings += _compare_tables(tables, walk.projected, walk.batches)
    walk.projected.dispose()
    difference = None
    if chain is not None:
        differences = tuple(_differences(walk.told.books, chain))
        difference = Micros(sum(abs(each.on_chain - each.in_books) for each in differences))
        findings += (each.finding() for each in differences)
        findings += _find_anchors(chain.record_hashes, walk.hashes)
    return AuditReport(
        batches=walk.batches,
        events=walk.events,
        state_hash=walk.told.state_hash(),
        trial_balance=walk.told.books.trial_balance(),
        chain_difference_micros=difference,
        findings=tuple(findings),
    )


class _Walk:
    """One pass over the record with two venues: `told` applies the events, `rerun` runs the commands again."""

    def __init__(self, record: RecordReader) -> None:
        self.findings: list[Finding] = []
        self.hashes: set[bytes] = set()
        self.batches = 0
        self.events = 0
        self.told = open_venue(record.genesis)
        self.projected = open_database(MEMORY_URL)
        self._record = record
        self._rerun: Venue | None = open_venue(record.genesis)
        self._projector = Projector(self.projected)

    def run(self) -> None:
        try:
            for row in self._record.verified_rows():
                if not self._follow(row):
                    return
        except BrokenChain as error:
            self.findings.append(Finding("chain", f"row {error.number}", str(error)))
        except DBAPIError as error:
            after = f"after row {self.batches}"
            self.findings.append(Finding("chain", after, f"the record cannot be read: {error.orig}"))

    def _follow(self, row: RecordedBatch) -> bool:
        """Follow one row; False if nothing after it can be judged."""
        where = f"batch {row.number}"
        try:
            batch, events = row.batch(), row.told()
        except BadEncoding as error:
            self.findings.append(Finding("encoding", where, str(error)))
            return False
        self._run_again(batch, events)
        try:
            postings = self.told.absorb(batch, events)
            self._projector.apply(batch, events, postings)
        except (InvariantBroken, LookupError, ValueError) as error:
            # A forged row may name instruments, orders or participants that never were.
            self.findings.append(Finding("books", where, f"{type(error).__name__}: {error}"))
            return False
        self.hashes.add(row.hash)
        self.batches += 1
        self.events += len(events)
        if row.state_hash:
            self._compare_state(where, row.state_hash)
        return True

    def _run_again(self, batch: Batch, events: tuple[Event, ...]) -> None:
        """Compare what the commands cause now with what is recorded; stop at the first difference."""
        if self._rerun is None:
            return
        try:
            caused = self._rerun.decide(batch).events
        except (InvariantBroken, LookupError, ValueError) as error:
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

    def _compare_state(self, where: str, noted: bytes) -> None:
        for how, venue in (("applied", self.told), ("run again", self._rerun)):
            if venue is not None and (computed := venue.state_hash()) != noted:
                detail = f"found state {noted.hex()} noted, but {how} it is {computed.hex()}"
                self.findings.append(Finding("state", where, detail))


def _compare_tables(found_in: Engine, expected_in: Engine, head: int) -> Iterator[Finding]:
    """Compare the readable tables, row by row, with what the record makes of them."""
    position = Projector(found_in).position
    if position != head:
        yield Finding("tables", "position", f"found batch {position}, expected {head}: bring them forward")
        return
    with found_in.connect() as left, expected_in.connect() as right:
        for each in TABLES:
            statement = select(each).order_by(*each.primary_key)
            rows = zip_longest(left.execute(statement), right.execute(statement))
            for number, (found, expected) in enumerate(rows, start=1):
                if found != expected:
                    yield Finding(
                        "tables", f"{each.name}, row {number}", f"found {found}, expected {expected}"
                    )
                    break
    try:
        for _ in read_postings(found_in):
            pass
    except InvariantBroken as error:
        yield Finding("journal", "entries", str(error))


@dataclass(frozen=True, slots=True)
class _Difference:
    """One balance, in micros, that the contract and the books do not agree on."""

    what: str
    on_chain: int
    in_books: int

    def finding(self) -> Finding:
        detail = f"found {tokens(self.on_chain)} on chain, expected {tokens(self.in_books)} as in the books"
        return Finding("reconciliation", self.what, detail)


def _differences(books: Books, chain: ChainValues) -> Iterator[_Difference]:
    """Compare what the contract holds for each participant with the books."""
    participants = {
        account.participant
        for account, _ in books.balances.items()
        if account.kind not in (AccountKind.FEES, AccountKind.CUSTODY)
    }
    fees = books.trial_balance().by_kind[AccountKind.FEES]
    for participant in sorted(participants | set(chain.balances) | {chain.fee_recipient}):
        found = chain.balances.get(participant, ChainBalance(Micros(0), Micros(0)))
        free = int(books.unlocked(participant))
        if participant == chain.fee_recipient:
            free += fees
        locked = books.balances.of(AccountKind.LOCKED, participant)
        for what, on_chain, in_books in (
            ("free", found.free_micros, free),
            ("locked", found.locked_micros, locked),
        ):
            if on_chain != in_books:
                yield _Difference(f"{what} of 0x{participant.hex()}", on_chain, in_books)


def _find_anchors(anchors: tuple[bytes, ...], hashes: set[bytes]) -> Iterator[Finding]:
    """Look for the rows whose hashes the contract was given."""
    for anchor in anchors:
        if anchor not in hashes:
            yield Finding(
                "anchors", f"0x{anchor.hex()}", "the contract knows this hash, the record has no such row"
            )
