"""`ccei backup` and `ccei restore`: a market's database, copied while it runs and put back."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from ledger.copying import Told

from api.terminal import passing_bars, progress_console, told_of_house


def backup(
    database: Annotated[str, typer.Argument(metavar="URL", help="Database of a market, running or not.")],
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where the copy goes; must not exist.")],
) -> None:
    """Copy a market's database while it is in use.

    From SQLite or PostgreSQL into a SQLite file. The copy holds every batch up to one and none after; it is verified
    before it gets its name.

    Example: ccei backup sqlite:///market.db market-monday.db
    """
    from ledger.backup import back_up

    with told_of_house(), _progress() as told:
        copied = back_up(database, file, told=told)
    size = file.stat().st_size
    typer.echo(f"{file}: {copied.batches:,} batches, head 0x{copied.head.hex()}, {size:,} bytes")


def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A copy that `ccei backup` made.")],
    database: Annotated[
        str,
        typer.Argument(
            metavar="URL",
            help="Where the market goes: a new sqlite:///FILE, or postgresql://… without tables.",
        ),
    ],
) -> None:
    """Make a market's database, SQLite or PostgreSQL, from a copy.

    The copy is verified and stays; nothing that stands at URL is replaced.

    Example: ccei restore market-monday.db sqlite:///market.db
    """
    from sqlalchemy import make_url

    from ledger.backup import restore as restore_database
    from ledger.unusable import named

    with told_of_house(), _progress() as told:
        copied = restore_database(file, database, told=told)
    typer.echo(f"{named(make_url(database))}: {copied.batches:,} batches, head 0x{copied.head.hex()}")


@contextmanager
def _progress() -> Iterator["Told"]:
    """Show how many rows are copied; where pages are copied instead, only that it goes on."""
    with passing_bars(progress_console(quiet=False)) as bars:
        task = bars.add_task("copying and verifying", total=None)
        yield lambda done, of: bars.update(task, completed=done, total=of)
