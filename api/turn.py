"""Whose turn it is to use the chain: one thread's at a time. Who waits too long for it is told for whom."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock


class TurnTaken(Exception):
    """Another thread uses the chain, and went on for too long. Says what it does, and since when."""


class Turn:
    """A turn that threads take, one at a time. Whoever has it does not take it again."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._doing = ""
        self._since_s = 0.0

    @contextmanager
    def taken(self, doing: str, *, within_s: float | None = None) -> Iterator[None]:
        """Wait for the turn and keep it within the context; `doing` is what others are told then.

        Raises:
            TurnTaken: if it is not had within so many seconds. None waits for as long as it takes.
        """
        if not self._lock.acquire(timeout=-1 if within_s is None else within_s):
            passed_s = time.monotonic() - self._since_s
            raise TurnTaken(
                f"the chain: found it in use for {passed_s:.0f} s ({self._doing}), expected to be next within {within_s:g} s"
            )
        try:
            self._doing, self._since_s = doing, time.monotonic()
            yield
        finally:
            self._lock.release()
