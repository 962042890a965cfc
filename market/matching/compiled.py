"""The kernel's entry points: what Python calls. Their machine code stays on disk from one run to the next.

numba renews what it has on disk by the age of the file of the entry point alone. These entry points therefore close over
a digest of every source that is compiled into them: a function's closure is part of the key that numba looks it up by.
"""

# mypy: disable-error-code="no-any-return"

import hashlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from numba import njit, types
from numba.core.event import Event, Listener, install_listener

from market import orders, units
from market.matching import (
    arrival,
    ladder,
    layout,
    messages,
    queues,
    resting,
    sharing,
    sweeping,
    trading,
    views,
    walking,
)

_SOURCES = (
    arrival,
    ladder,
    layout,
    messages,
    queues,
    resting,
    sharing,
    sweeping,
    trading,
    views,
    walking,
    orders,
    units,
)
_COMPILING = "compiling the order book kernel, once, about half a minute\n"


class EntryPoints(NamedTuple):
    """All take and return 64-bit integers. `book` is the address of a HEAD, other addresses are those of first records."""

    run: Callable[[int], int]
    find_malformed: Callable[[int, int, int], int]
    remaining_lots: Callable[[int, int], int]
    best_price: Callable[[int, int], int]
    write_orders: Callable[[int, int, int], int]
    write_special: Callable[[int, int, int], int]
    write_stops: Callable[[int, int, int], int]
    write_asked: Callable[[int, int, int], int]
    write_levels: Callable[[int, int, int, int], int]
    move_ids: Callable[[int, int, int], int]
    move_entries: Callable[[int, int, int], int]


class _Announcer(Listener):  # type: ignore[misc]  # numba has no types
    """Say once that something is being compiled, which happens where nothing is on disk yet."""

    def __init__(self) -> None:
        self._told = False

    def on_start(self, event: Event) -> None:
        if not self._told:
            sys.stderr.write(_COMPILING)
            self._told = True

    def on_end(self, event: Event) -> None:
        pass


def digest_of_sources() -> int:
    """Return a number that changes with the sources of the kernel. It is never 0."""
    digest = hashlib.sha256()
    for module in _SOURCES:
        digest.update(Path(module.__file__).read_bytes())
    return int.from_bytes(digest.digest()[:7], "little") | 1


def _entry_point(function: Callable[..., int]) -> Callable[..., int]:
    integers = (types.int64,) * function.__code__.co_argcount
    compile_now: Callable[..., Any] = njit
    return compile_now(types.int64(*integers), error_model="numpy", cache=True)(function)


def compile_entry_points(version: int) -> EntryPoints:
    """Load the entry points from disk, or compile them. `version` is the digest of the sources."""

    @_entry_point
    def run(book: int) -> int:
        return trading.run_messages(book) if version else 0

    @_entry_point
    def find_malformed(first: int, count: int, rows: int) -> int:
        return trading.find_malformed(first, count, rows) if version else 0

    @_entry_point
    def remaining_lots(book: int, order_id: int) -> int:
        return views.remaining_lots(book, order_id) if version else 0

    @_entry_point
    def best_price(book: int, side: int) -> int:
        return views.best_price(book, side) if version else 0

    @_entry_point
    def write_orders(book: int, side: int, out: int) -> int:
        return views.write_orders(book, side, out) if version else 0

    @_entry_point
    def write_special(book: int, side: int, out: int) -> int:
        return views.write_special(book, side, out) if version else 0

    @_entry_point
    def write_stops(book: int, side: int, out: int) -> int:
        return views.write_stops(book, side, out) if version else 0

    @_entry_point
    def write_asked(book: int, side: int, out: int) -> int:
        return views.write_asked(book, side, out) if version else 0

    @_entry_point
    def write_levels(book: int, side: int, out: int, room: int) -> int:
        return views.write_levels(book, side, out, room) if version else 0

    @_entry_point
    def move_ids(book: int, old: int, size: int) -> int:
        return queues.move_ids(book, old, size) if version else 0

    @_entry_point
    def move_entries(book: int, old: int, size: int) -> int:
        return ladder.move_entries(book, old, size) if version else 0

    return EntryPoints(
        run,
        find_malformed,
        remaining_lots,
        best_price,
        write_orders,
        write_special,
        write_stops,
        write_asked,
        write_levels,
        move_ids,
        move_entries,
    )


with install_listener("numba:compile", _Announcer()):
    kernel = compile_entry_points(digest_of_sources())
