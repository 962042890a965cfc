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

from numba import cfunc, njit, types
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
from market.matching.messages import NEW

SOURCES = (
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
COMPILING = "compiling the order book kernel, once, about half a minute"


class EntryPoints(NamedTuple):
    """All take and return 64-bit integers. `book` is the address of a HEAD, other addresses are those of first records."""

    run: Callable[..., int]
    send: Callable[..., int]
    place: Callable[..., int]
    cancel: Callable[..., int]
    find_malformed: Callable[..., int]
    remaining_lots: Callable[..., int]
    best_price: Callable[..., int]
    write_orders: Callable[..., int]
    write_special: Callable[..., int]
    write_stops: Callable[..., int]
    write_asked: Callable[..., int]
    write_levels: Callable[..., int]
    move_ids: Callable[..., int]
    move_entries: Callable[..., int]


class _Announcer(Listener):
    """Say once that something is being compiled, which happens where nothing is on disk yet."""

    def __init__(self) -> None:
        self._told = False

    def on_start(self, _event: Event) -> None:
        if not self._told:
            sys.stderr.write(COMPILING + "\n")
            self._told = True

    def on_end(self, _event: Event) -> None:
        pass


def digest_of_sources() -> int:
    """Return a number that changes with the sources of the kernel. It is never 0."""
    digest = hashlib.sha256()
    for module in SOURCES:
        digest.update(Path(str(module.__file__)).read_bytes())
    return int.from_bytes(digest.digest()[:7], "little") | 1


def _integers(function: Callable[..., int]) -> Any:
    """Return the signature of a function of 64-bit integers."""
    return types.int64(*(types.int64,) * function.__code__.co_argcount)


def _entry_point(function: Callable[..., int]) -> Any:
    compile_now: Callable[..., Any] = njit
    return compile_now(_integers(function), error_model="numpy", cache=True)(function)


def compile_loop(version: int) -> Any:
    """Load the loop over messages from disk, or compile it. The entry points call it, instead of having a copy each."""

    def loop(book: int) -> int:
        return trading.run_messages(book) if version else 0

    compile_now: Callable[..., Any] = cfunc
    return compile_now(_integers(loop), error_model="numpy", cache=True)(loop)


def compile_entry_points(version: int) -> tuple[Any, ...]:
    """Load the entry points from disk, or compile them. `version` is the digest of the sources."""

    @_entry_point
    def run(book: int) -> int:
        return trading.run(book) if version else 0

    @_entry_point
    def send(
        book: int,
        action: int,
        order_id: int,
        side: int,
        order_type: int,
        time_in_force: int,
        price: int,
        quantity: int,
        post_only: int,
        owner: int,
        self_trade: int,
        conditions: int,
    ) -> int:
        if not version:
            return 0
        return trading.send(
            book,
            action,
            order_id,
            side,
            order_type,
            time_in_force,
            price,
            quantity,
            post_only,
            owner,
            self_trade,
            conditions,
        )

    @_entry_point
    def place(
        book: int, order_id: int, side: int, order_type: int, time_in_force: int, price: int, quantity: int
    ) -> int:
        if not version:
            return 0
        return trading.send(book, NEW, order_id, side, order_type, time_in_force, price, quantity, 0, 0, 0, 0)

    @_entry_point
    def cancel(book: int, order_id: int) -> int:
        return trading.cancel(book, order_id) if version else 0

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

    return (
        run,
        send,
        place,
        cancel,
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
    loop = compile_loop(digest_of_sources())
    entry_points = compile_entry_points(digest_of_sources())

LOOP: int = loop.address
"""Where the loop over messages is, for the head of each book."""

# Python may call the machine code itself: choosing among overloads, of which there is one each, costs as much again.
kernel = EntryPoints(**{each.__name__: each.get_overload(each.signatures[0]) for each in entry_points})
