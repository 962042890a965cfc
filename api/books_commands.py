"""The commands that read the books: `ccei statement` and `ccei export`."""

from pathlib import Path
from typing import Annotated

import typer

from api import exit_status
from api.terminal import JsonOption, progress_console, stop, told_of_house

DatabaseArgument = Annotated[
    str, typer.Argument(metavar="URL", help="Database of a day or a service, e.g. sqlite:///day.db.")
]


def statement(
    database: DatabaseArgument,
    participant: Annotated[str, typer.Option("--participant", metavar="0x…", help="Whose accounts.")],
    first: Annotated[str, typer.Option("--from", metavar="YYYY-MM-DD", help="First day (UTC).")],
    last: Annotated[str, typer.Option("--to", metavar="YYYY-MM-DD", help="Last day (UTC), included.")],
    csv: Annotated[
        Path | None, typer.Option("--csv", metavar="FILE", help="Write the movements here, as CSV.")
    ] = None,
    parquet: Annotated[
        Path | None, typer.Option("--parquet", metavar="FILE", help="Write them here, as Parquet.")
    ] = None,
    json: JsonOption = False,
) -> None:
    """State what moved on a participant's accounts.

    For each account and asset: opening balance, every movement with its time, event, reference and the balance after
    it, closing balance. The sums are checked.

    Example: ccei statement sqlite:///day.db --participant 0x… --from 2022-03-11 --to 2022-03-12
    """
    from api.auth import parse_address
    from api.frame_files import Format, write_frames
    from api.stating import as_frame, parse_period, show, state_database
    from ledger.statements import TablesBehind
    from market.units import InvariantBroken

    with told_of_house():
        try:
            found = state_database(database, parse_address(participant), parse_period(first, last))
        except TablesBehind as error:
            stop(str(error))
        except InvariantBroken as error:
            stop(str(error), status=exit_status.FAILED)
        for path, form in ((csv, Format.CSV), (parquet, Format.PARQUET)):
            if path is not None:
                write_frames([as_frame(found)], path, form)
        if json:
            from api.routes.statement_wire import statement_out

            typer.echo(statement_out(found).model_dump_json(indent=2))
        elif csv is None and parquet is None:
            from rich.console import Console

            show(found, Console())


def export(
    database: DatabaseArgument,
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where the files are written.")],
    form: Annotated[str, typer.Option("--format", help="parquet or csv.")] = "parquet",
    tables: Annotated[
        str | None,
        typer.Option(
            "--tables", metavar="NAME,…", help="Only these, e.g. orders,trades.", show_default=False
        ),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Write the readable tables as tidy Parquet or CSV files.

    One file for each of instruments, clearings, orders, trades, candles, guarantees, settlements, entries and balances,
    all as they were at one moment; the market may go on meanwhile. docs/reference/exports.md explains every column.

    Example: ccei export sqlite:///day.db books --format csv --tables orders,trades
    """
    import json as json_module

    from api.exporting import export_database
    from api.frame_files import Format
    from api.whole_file import new_folder
    from ledger.exports import NAMES

    if form not in list(Format):
        stop(f"--format: found {form!r}, expected {' or '.join(Format)}")
    console = progress_console(quiet=json)
    with told_of_house(), new_folder(folder):
        names = NAMES if tables is None else tuple(name.strip() for name in tables.split(","))
        written = export_database(database, folder, form=Format(form), names=names, console=console)
    if json:
        typer.echo(json_module.dumps({path.stem: rows for path, rows in written.items()}, indent=2))
    else:
        for path, rows in written.items():
            typer.echo(f"{path}: {rows:,} rows")
