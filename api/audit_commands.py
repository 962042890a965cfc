"""The commands for whoever checks: ccei audit, ccei record export and import, ccei proof make and verify."""

from pathlib import Path
from typing import Annotated

import typer

from api import exit_status
from api.terminal import progress_console, told_of_house

record = typer.Typer(name="record", help="Carry a record in one file.", no_args_is_help=True)
proof = typer.Typer(name="proof", help="Prove that one order is in the record.", no_args_is_help=True)

DatabaseArgument = Annotated[
    str, typer.Argument(metavar="URL", help="Database, e.g. sqlite:///day.db.", show_default=False)
]


def audit(
    source: Annotated[
        str,
        typer.Argument(
            metavar="URL_OR_FILE",
            help="Database, e.g. sqlite:///day.db, or an exported file.",
            show_default=False,
        ),
    ],
    from_chain: Annotated[
        str | None,
        typer.Option(
            "--from-chain",
            metavar="URL",
            help="Compare with the contract, asking this node.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Check that the record of a market is whole and honest.

    The hash chain holds, the commands replay to the same events, entries sum to zero and the tables agree; the exit
    status is 1 if not. An exported file has no tables.

    --from-chain needs nobody's key: the record says which contract it settles on, and every balance, record hash and
    locked, delivered or paid-out trade there is compared with it. Take record and chain when nothing is on its way.

    Example: ccei audit sqlite:///day-report/day.db

    Example: ccei audit market.ccei --from-chain https://node.example
    """
    from rich.console import Console

    from api.auditing import audit_record

    with told_of_house():
        report = audit_record(source, chain=from_chain, console=Console())
    if report.findings:
        raise typer.Exit(exit_status.FAILED)


@record.command("export")
def export_record(
    database: DatabaseArgument,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where to write it.", show_default=False)],
) -> None:
    """Write the record of a market into one file that anybody can audit.

    It is checked on the way; the file appears when all of it is written. The market may run meanwhile: what it records
    after the last row that was read is not in the file.

    Example: ccei record export sqlite:///ccei.db market.ccei
    """
    from api.record_files import export_to

    with told_of_house():
        export_to(database, file, console=progress_console(quiet=False))


@record.command("import")
def import_from(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="An exported record.", show_default=False)],
    database: DatabaseArgument,
) -> None:
    """Put an exported record into a database that has none.

    Whole or not at all: every row is checked on the way. A market that starts there fills the readable tables.

    Example: ccei record import market.ccei sqlite:///again.db
    """
    from api.record_files import import_to

    with told_of_house():
        import_to(file, database, console=progress_console(quiet=False))


@proof.command("make")
def make(
    database: DatabaseArgument,
    order_id: Annotated[int, typer.Argument(metavar="ORDER", help="The order's number.", show_default=False)],
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where to write it.", show_default=False)],
    chain: Annotated[
        str | None,
        typer.Option(
            "--chain", metavar="URL", help="End at the first record hash on chain.", show_default=False
        ),
    ] = None,
) -> None:
    """Prove that an order was taken in, without showing anybody else's.

    The proof ends at the last row of the record, or with --chain at the first whose hash a settlement batch carried.

    Example: ccei proof make sqlite:///ccei.db 17 order-17.json --chain https://node.example
    """
    from api.record_files import make_proof

    with told_of_house():
        make_proof(database, order_id, file, chain=chain, console=progress_console(quiet=False))


@proof.command("verify")
def verify(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A proof.", show_default=False)],
    record_hash: Annotated[
        str | None,
        typer.Option("--hash", metavar="0x…", help="The record hash that you know.", show_default=False),
    ] = None,
    chain: Annotated[
        str | None,
        typer.Option("--chain", metavar="URL", help="Look for the hash there.", show_default=False),
    ] = None,
    settlement: Annotated[
        str | None,
        typer.Option("--settlement", metavar="ADDRESS", help="In this contract.", show_default=False),
    ] = None,
) -> None:
    """Check a proof. Needs the file and a hash from elsewhere: one that you noted, or the chain.

    The exit status is 1 if it does not prove what it says. Without a hash, it says which one it leads to.

    Example: ccei proof verify order-17.json --hash 0x83a0…
    """
    from rich.console import Console

    from api.record_files import check_proof

    with told_of_house():
        proven = check_proof(
            file, record_hash=record_hash, chain=chain, settlement=settlement, console=Console()
        )
    if not proven:
        raise typer.Exit(exit_status.FAILED)
