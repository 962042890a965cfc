"""Where the time of a batch comes from: the system's clock, or a clock that a market day drives."""

import time
from typing import Protocol


class Clock(Protocol):
    """Tells the time that the sequencer stamps on a batch."""

    def now_us(self) -> int:
        """Return Unix microseconds."""
        ...


class SystemClock:
    """The machine's clock."""

    def now_us(self) -> int:
        """Return Unix microseconds."""
        return time.time_ns() // 1000


class DrivenClock:
    """A clock that stands still until it is moved, and never goes back."""

    def __init__(self, start_s: int) -> None:
        self._now_us = start_s * 1_000_000

    def now_us(self) -> int:
        """Return Unix microseconds."""
        return self._now_us

    def move_to(self, time_s: int) -> None:
        """Move to a Unix second; an earlier one than now is refused.

        Raises:
            ValueError: if the clock would go back.
        """
        if time_s * 1_000_000 < self._now_us:
            raise ValueError(f"clock: found {time_s} s, expected no earlier than {self._now_us / 1e6:.0f} s")
        self._now_us = time_s * 1_000_000
