"""`ccei export`: the readable tables of a database as CSV or Parquet files, as they were at one moment."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn

from api.frame_files import Format, write_frames
from ledger import exports
from ledger.database import open_database
from ledger.reading import reading

if TYPE_CHECKING:
    import pandas


def export_database(
    url: str, folder: Path, *, form: Format, names: Sequence[str], console: Console
) -> dict[Path, int]:
    """Write one file for each table named, and return the files with their numbers of rows.

    All show the same moment: the market may go on writing meanwhile.

    Raises:
        Malformed: if there is no such table. Nothing is written.
        DatabaseUnusable: if there is nothing to export.
        Unwritable: if a file cannot be written; those before it are there.
    """
    for name in names:
        exports.columns(name)
    engine = open_database(url, must_exist=True)
    bar = Progress(TextColumn("{task.description:<12}"), BarColumn(), MofNCompleteColumn(), console=console)
    try:
        with reading(engine) as connection, bar:
            written = {}
            for name in names:
                task = bar.add_task(name, total=exports.count(connection, name))

                def frames(of: str = name, task: TaskID = task) -> Iterator["pandas.DataFrame"]:
                    for frame in exports.read_frames(connection, of):
                        yield frame
                        bar.advance(task, len(frame))

                path = folder / f"{name}.{form}"
                written[path] = write_frames(frames(), path, form)
    finally:
        engine.dispose()
    return written
