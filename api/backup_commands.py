"""`ccei backup` and `ccei restore`: a market's database, copied while it runs and put back."""

from pathlib import Path
from typing import Annotated

import typer

from api.terminal import progress_console, told_of_house


def backup(
    database: Annotated[str, typer.Argument(metavar="URL", help="Database of a market, running or not.")],
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where the copy goes; must not exist.")],
) -> None:
    """Copy a market's SQLite database while it is in use.

    The copy holds every batch up to one and none after; it is verified before it gets its name.

    Example: ccei backup sqlite:///market.db market-monday.db
    """
    from ledger.backup import back_up

    with told_of_house(), progress_console(quiet=False).status("copying and verifying"):
        copied = back_up(database, file)
    typer.echo(f"{file}: {copied.batches:,} batches, head 0x{copied.head.hex()}, {copied.size_bytes:,} bytes")


def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A copy that `ccei backup` made.")],
    database: Annotated[str, typer.Argument(metavar="URL", help="Where the database goes; must be new.")],
) -> None:
    """Make a market's SQLite database from a copy.

    The copy is verified and stays; nothing that stands at URL is replaced.

    Example: ccei restore market-monday.db sqlite:///market.db
    """
    from ledger.backup import restore as restore_database

    with told_of_house(), progress_console(quiet=False).status("copying and verifying"):
        copied = restore_database(file, database)
    typer.echo(f"{database}: {copied.batches:,} batches, head 0x{copied.head.hex()}")
