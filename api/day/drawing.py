"""Draw the plots of a day in a process of its own, while the day is audited in this one: `python -m api.day.drawing`."""

import pickle
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

from api.day.figures import Plot, draw
from api.day.result import DayResult


class Drawing:
    """The plots of one day: begun as soon as the day is over, fetched when they are needed."""

    def __init__(self, waiter: ThreadPoolExecutor) -> None:
        self._waiter = waiter
        self._plots: Future[tuple[Plot, ...]] | None = None

    def begin(self, result: DayResult) -> None:
        """Begin to draw a day."""
        self._plots = self._waiter.submit(_drawn, result)

    def plots(self) -> tuple[Plot, ...]:
        """Wait for the plots, and return them; what went wrong with them is raised here."""
        if self._plots is None:
            raise LookupError("plots: found none begun, expected a day to be drawn")
        return self._plots.result()


@contextmanager
def drawing_aside() -> Iterator[Drawing]:
    """Let a day be drawn aside. The process starts with the first day that is begun, and ends on leaving."""
    with ThreadPoolExecutor(1, thread_name_prefix="plots") as waiter:
        yield Drawing(waiter)


def _drawn(result: DayResult) -> tuple[Plot, ...]:
    # not by multiprocessing, which would run the script that asked for the day a second time
    command = (sys.executable, "-m", "api.day.drawing")
    done = subprocess.run(command, input=pickle.dumps(result), stdout=subprocess.PIPE, check=True)  # noqa: S603 - ourselves
    plots: tuple[Plot, ...] | Exception = pickle.loads(done.stdout)  # noqa: S301 - of our own program
    if isinstance(plots, Exception):
        raise plots
    return plots


def main() -> None:
    """Read a day, and write its plots, or what went wrong with them."""
    plots: tuple[Plot, ...] | Exception
    try:
        plots = draw(pickle.load(sys.stdin.buffer))  # noqa: S301 - of our own program
    except Exception as error:
        plots = error
    sys.stdout.buffer.write(pickle.dumps(plots))


if __name__ == "__main__":
    main()
