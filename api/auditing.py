"""`ccei audit`: check a record from its database alone."""

from rich.console import Console

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
        with Console(stderr=True).status("replaying the record"):
            report = audit(RecordReader(engine), tables=engine)
    finally:
        engine.dispose()
    for name, figure in (
        ("batches", f"{report.batches:,}"),
        ("events", f"{report.events:,}"),
        ("state hash", report.state_hash.hex()),
        ("trial balance", f"{report.trial_balance.total_micros} micros"),
    ):
        console.print(f"[bold]{name:<14}[/] {figure}", highlight=False, soft_wrap=True)  # a hash is one word
    for finding in report.findings:
        console.print(finding, style="red", markup=False, highlight=False, soft_wrap=True)
    if not report.findings:
        console.print(
            "No findings: the hash chain holds, the commands replayed to the same events, "
            "entries sum to zero and the tables agree."
        )
    return report
