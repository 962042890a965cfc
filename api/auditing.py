"""`ccei audit`: check a record from its database alone."""

from rich.console import Console
from rich.table import Table

from ledger.audit import AuditReport, audit
from ledger.database import open_database
from ledger.record import RecordReader


def audit_database(url: str, *, console: Console) -> AuditReport:
    """Audit the record and the tables of a database and print what was walked over and found.

    Raises:
        DatabaseUnusable, WrongMarket: if there is no record to audit.
    """
    engine = open_database(url, must_exist=True)
    try:
        with console.status("replaying the record"):
            report = audit(RecordReader(engine), tables=engine)
    finally:
        engine.dispose()
    table = Table(show_header=False, box=None)
    table.add_column(style="bold")
    table.add_row("batches", f"{report.batches:,}")
    table.add_row("events", f"{report.events:,}")
    table.add_row("state hash", report.state_hash.hex())
    table.add_row("trial balance", f"{report.trial_balance.total_micros} micros")
    console.print(table)
    for finding in report.findings:
        console.print(f"[red]{finding}[/]", highlight=False)
    if not report.findings:
        console.print(
            "No findings: the hash chain holds, the commands replayed to the same events, "
            "entries sum to zero and the tables agree."
        )
    return report
