"""What time alone will cause, each thing at its moment: a queue of moments (Unix microseconds) and of what is due then."""

from heapq import heappop, heappush
from typing import Generic, TypeVar

from market.keeping import Kept

Key = TypeVar("Key", bound=int | bytes)

NEVER = 1 << 62
"""A time that does not come, Unix microseconds."""


class Agenda(Kept, Generic[Key]):
    """Keys by the moment they are due, then by themselves.

    A key is never struck out: whoever takes one that became void passes it over.
    """

    __slots__ = ("_due",)
    _due: list[tuple[int, Key]]

    def __init__(self) -> None:
        self._due = []

    def note(self, moment_us: int, key: Key) -> None:
        """Put a key down for a moment."""
        heappush(self._due, (moment_us, key))

    def next_us(self) -> int:
        """Return the earliest moment that something is put down for, `NEVER` if nothing is."""
        return self._due[0][0] if self._due else NEVER

    def take(self, time_us: int) -> tuple[int, Key] | None:
        """Take the earliest moment and key that are due by `time_us`, None if there are none."""
        return heappop(self._due) if self._due and self._due[0][0] <= time_us else None
