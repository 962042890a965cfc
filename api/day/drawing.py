"""Draw the plots of a day in a process of its own, while the day is audited in this one."""

from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context

from api.day.figures import Plot, draw
from api.day.result import DayResult


class Drawing:
    """The plots of one day: begun as soon as the day is over, fetched when they are needed."""

    def __init__(self, process: ProcessPoolExecutor) -> None:
        self._process = process
        self._plots: Future[tuple[Plot, ...]] | None = None

    def begin(self, result: DayResult) -> None:
        """Begin to draw a day."""
        self._plots = self._process.submit(draw, result)

    def plots(self) -> tuple[Plot, ...]:
        """Wait for the plots, and return them; what went wrong with them is raised here."""
        if self._plots is None:
            raise LookupError("plots: found none begun, expected a day to be drawn")
        return self._plots.result()


@contextmanager
def drawing_aside() -> Iterator[Drawing]:
    """Let a day be drawn aside. The process starts with the first day that is begun, and ends on leaving."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
        yield Drawing(process)
