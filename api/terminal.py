"""How every command speaks: results to standard output, all else in one line to standard error, with an exit status."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, NoReturn, Protocol

import typer

from api import exit_status

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document for machines.")]


class Found(Protocol):
    """What a command found out, for machines and for people."""

    def as_dict(self) -> dict[str, object]:
        """Return it for machines."""
        ...

    def show(self, console: "Console") -> None:
        """Print it for people."""
        ...


def stop(message: str, *, status: int = exit_status.BAD_INPUT) -> NoReturn:
    """End the command with one line on standard error."""
    typer.secho(f"ccei: {message}", err=True, fg=typer.colors.RED)
    raise typer.Exit(status)


@contextmanager
def told() -> Iterator[None]:
    """Turn what a user can mend into one line on standard error and an exit status; let the rest pass."""
    from api.whole_file import Unwritable
    from market.units import Malformed

    try:
        yield
    except BrokenPipeError:  # the reader has what it wanted, as in | head: typer ends quietly
        raise
    except (Malformed, Unwritable) as error:
        stop(str(error))
    except OSError as error:
        stop(": ".join(str(part) for part in (error.filename, error.strerror or error) if part))


@contextmanager
def told_of_house() -> Iterator[None]:
    """Do as `told`, for commands that open a market."""
    from pydantic import ValidationError
    from sqlalchemy.exc import DBAPIError

    from api.halting import named_cause
    from api.settings import explain
    from api.settler import SettlementFailed
    from contracts.chain import ChainUnavailable, NodeSilent
    from ledger.database import DatabaseUnusable, RecordInUse
    from ledger.genesis import WrongMarket
    from ledger.layout import BadEncoding
    from ledger.record import BrokenChain
    from ledger.unusable import DatabaseSilent
    from market.units import InvariantBroken

    with told():
        try:
            yield
        except ValidationError as error:
            stop(explain(error))
        except DBAPIError as error:  # in the middle of the work: a disk that is full, a server that has gone
            stop(
                f"database: found {_one_line(error.orig)}, expected one that can be read and written",
                status=exit_status.UNAVAILABLE if error.connection_invalidated else exit_status.BAD_INPUT,
            )
        except (NodeSilent, DatabaseSilent) as error:
            stop(str(error), status=exit_status.UNAVAILABLE)
        except (ChainUnavailable, DatabaseUnusable, RecordInUse, WrongMarket) as error:
            stop(str(error))
        except (BrokenChain, SettlementFailed) as error:
            stop(str(error), status=exit_status.FAILED)
        except (InvariantBroken, BadEncoding) as error:
            stop(
                f"{named_cause(error)}. A promise of the machine does not hold, so nothing was begun; keep the database "
                "as it is and look at the record with `ccei audit`",
                status=exit_status.BROKEN,
            )


def _one_line(found: object) -> str:
    return " ".join(str(found).split())


def progress_console(*, quiet: bool) -> "Console":
    """Return the console for progress and messages, on standard error; `quiet` says nothing."""
    from rich.console import Console

    return Console(stderr=True, quiet=quiet)


def passing_bars(console: "Console") -> "Progress":
    """Return bars that are gone when the work is done; where no person looks on, as in a log, there are none."""
    from rich.progress import Progress

    return Progress(console=console, transient=True, disable=not console.is_terminal)


def print_found(found: Found, *, json: bool) -> None:
    """Print what was found to standard output: one JSON document, or tables."""
    if json:
        import json as json_module

        typer.echo(json_module.dumps(found.as_dict(), indent=2))
    else:
        from rich.console import Console

        found.show(Console())
