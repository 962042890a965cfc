"""`ccei rebuild`: bring a database forward to this version, and make its readable tables again from the record."""

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from ledger.database import open_database
from ledger.projections import Projector
from ledger.rebuild import recover
from ledger.record import Record, RecordReader
from ledger.schema import make_readable
from ledger.snapshotting import Snapshotter
from ledger.venue import Venue


def rebuild_database(url: str, *, console: Console) -> Venue:
    """Make the readable tables of a database again, showing progress on the console. Return the market as it stands.

    The snapshots go, too, since nothing vouches for them but the program that took them; one of the end of the record is
    taken of what was rebuilt, from which the next start goes on.

    Stopped half way, they go on from there: at the next start of the market, or from the beginning in the next rebuild.

    Raises:
        DatabaseUnusable, WrongMarket: if there is no record to make them from.
        RecordInUse: if a market runs on it.
        BrokenChain, BadEncoding, InvariantBroken: if the record is not what was written.
    """
    engine = open_database(url, must_exist=True, bring_forward=True)
    try:
        record = Record(engine, RecordReader(engine).genesis)
        try:
            with engine.begin() as connection:
                make_readable(connection)
            projector = Projector(engine)
            with _progress(console) as progress:
                task = progress.add_task("Batches", total=record.number)
                rebuilt = recover(
                    record, projector=projector, told=lambda number: progress.update(task, completed=number)
                )
            if record.number:
                Snapshotter(record, rebuilt).take()
            return rebuilt.venue
        finally:
            record.close()
    finally:
        engine.dispose()


def _progress(console: Console) -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=console)
