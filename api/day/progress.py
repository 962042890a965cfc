"""What a terminal shows while a market day runs: a bar for each task, and how much of it is done."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)

Advance = Callable[[int], None]
"""Tells a progress bar how much is done."""


def progress_on(console: Console) -> Progress:
    """Return the bars of a day on a console; a quiet one shows none."""
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description:<32}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
        disable=console.quiet,
    )


@contextmanager
def task(progress: Progress, label: str, total: int) -> Iterator[Advance]:
    """Show a bar for as long as the task runs, full when it ends well."""
    shown = progress.add_task(label, total=total)
    yield lambda done: progress.update(shown, completed=done)
    progress.update(shown, completed=total)
