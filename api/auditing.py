"""`ccei audit`: check a record from its database or its exported file, alone or against the chain that it settles on."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from rich.console import Console
from sqlalchemy import Engine

from api.chain_values import read_chain_values
from api.notary import Notary
from api.terminal import passing_bars
from contracts.deployment import attach
from contracts.opening import open_for_reading
from ledger.audit import AuditReport, SignaturesChecked, audit
from ledger.database import open_database
from ledger.genesis import Genesis
from ledger.portable import RecordFile
from ledger.reconciliation import ChainValues
from ledger.record import RecordReader, Rows
from market.units import Malformed


@contextmanager
def open_record(source: str) -> Iterator[tuple[Rows, Engine | None]]:
    """Open the record in a database (by URL) or in an exported file (by path), and the tables beside it if it has any.

    Raises:
        DatabaseUnusable, WrongMarket, Malformed, OSError: if there is no record.
    """
    if "://" not in source:
        path = Path(source)
        if not path.is_file():
            found = "a folder" if path.is_dir() else "no such file"
            raise Malformed(
                f"{source}: found {found}, expected what ccei record export writes, or the URL of a database such as "
                "sqlite:///day.db"
            )
        yield RecordFile(path), None
        return
    engine = open_database(source, must_exist=True)
    try:
        yield RecordReader(engine), engine
    finally:
        engine.dispose()


def audit_record(source: str, *, chain: str | None, console: Console) -> AuditReport:
    """Audit a record, and print what was walked over and found.

    With the address of a node (`chain`) it is compared with the contract that its genesis names.

    Raises:
        DatabaseUnusable, WrongMarket, Malformed, OSError: if there is no record to audit.
        ChainUnavailable: if the chain or the contract that the record settles on is not there.
    """
    with (
        open_record(source) as (record, tables),
        passing_bars(Console(stderr=True)) as bars,
        ExitStack() as asked,
    ):
        values = None
        if chain is not None:
            reading = bars.add_task("reading the chain", total=None)
            # it is asked for certificates, too, when the record has told their contract
            values = asked.enter_context(_values(chain, record.genesis))
            bars.remove_task(reading)
        total = record.head()[0] if isinstance(record, RecordReader) else None
        bar = bars.add_task("replaying the record", total=total)
        report = audit(
            record,
            tables=tables,
            chain=values,
            notary=Notary(record.genesis),
            progress=lambda number: bars.update(bar, completed=number),
        )
    show(report, console, compared_tables=tables is not None)
    return report


def chain_values(url: str, genesis: Genesis) -> ChainValues:
    """Read what the contract of a record says, all but its certificates.

    Raises:
        ChainUnavailable: if the chain or the contract is not there.
    """
    with _values(url, genesis) as values:
        return values


@contextmanager
def _values(url: str, genesis: Genesis) -> Iterator[ChainValues]:
    with open_for_reading(url, expected_chain_id=genesis.chain_id) as chain:
        yield read_chain_values(chain, attach(chain, genesis.settlement))


def show(report: AuditReport, console: Console, *, compared_tables: bool) -> None:
    """Print what an audit walked over, and what it found or what follows from finding nothing."""
    for name, figure in _figures(report).items():
        console.print(f"[bold]{name:<14}[/] {figure}", highlight=False, soft_wrap=True)  # a hash is one word
    for finding in report.findings:
        console.print(str(finding), style="red", markup=False, highlight=False, soft_wrap=True)
    if not report.findings:
        agreed = _agreed(report, compared_tables=compared_tables)
        console.print(f"No findings: {', '.join(agreed[:-1])} and {agreed[-1]}.", soft_wrap=True)


def _figures(report: AuditReport) -> dict[str, str]:
    figures = {
        "batches": f"{report.batches:,}",
        "events": f"{report.events:,}",
        "trades": (
            f"{report.trades:,} as their commands cause them again; in {report.trades_in_priority:,} nobody was passed over"
        ),
        "state hash": report.state_hash.hex() or "none",
        "trial balance": f"{report.trial_balance.total_micros} micros",
    }
    if report.applied_only:
        figures["not run again"] = (
            f"{report.applied_only:,} batches of encoding version 1: the rules changed after them (a participant's orders "
            "no longer trade with each other), so their events were taken as they are told"
        )
    if report.signatures is not None:
        figures["signatures"] = _signatures(report.signatures)
    if report.outbox is not None:
        figures["outbox"] = f"{report.outbox:,} signed transactions, read from their bytes"
    if report.chain_difference_micros is not None:
        figures["anchors"] = f"{report.anchors:,} record hashes on chain"
        figures["settled"] = f"{report.settled_trades:,} trades on chain"
        figures["difference"] = f"{report.chain_difference_micros} micros between books and contract"
    if report.certificate_difference_wh is not None:
        figures["certificates"] = f"{report.certificate_difference_wh} Wh between books and contract"
    return figures


def _agreed(report: AuditReport, *, compared_tables: bool) -> list[str]:
    """Say what follows from finding nothing."""
    checked = {
        "the hash chain holds": True,
        "the commands replayed to the same events": True,
        "price and time went first": True,
        "entries sum to zero": True,
        "every order was signed by its participant": report.signatures is not None,
        "the outbox holds what it signed": report.outbox is not None,
        "the tables agree": compared_tables,
        "the contract agrees: balances, record hashes, every trade": (
            report.chain_difference_micros is not None
        ),
        "certificates are held, locked and retired as in the books": (
            report.certificate_difference_wh is not None
        ),
    }
    return [what for what, was_checked in checked.items() if was_checked]


def _signatures(checked: SignaturesChecked) -> str:
    good = ", ".join(f"{number:,} of {what}" for what, number in sorted(checked.good.items()))
    unsigned = checked.unsigned_cancels
    return (good or "none") + (f"; {unsigned:,} cancels carry none" if unsigned else "")
