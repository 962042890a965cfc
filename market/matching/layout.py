"""The memory of a book: five arrays of records under one head, and how compiled code sees them.

Compiled functions get no arrays. They get the address of a book's `HEAD`, find the addresses of everything else in it,
and see a record wherever one of the functions below says that there is one. A record is a bare pointer in the machine
code: nothing is counted, checked or copied, and a call from Python hands over one number.

A record's number is its place in its array. Record 0 of each array stays empty, so that 0 (`NONE`) means that there is none.
"""

# mypy: disable-error-code="no-any-return"

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]  # llvmlite has no types
from numba import from_dtype, njit, types
from numba.extending import intrinsic

from market.matching.messages import (
    CHANGE,
    CONDITIONS,
    DEPTH,
    FILL,
    MESSAGE,
    NOTICE,
    OUTCOME,
    RESTING,
    WAITING,
)

NONE = 0
NO_WEIGHT = -1
"""In place of the supplier's weight: the maker's price counts."""
HIDDEN, WAITS = 2, 4
SIDES = 6
"""Bids and offers; hidden bids and offers; bids and offers that wait for their stop price."""

HALT, COLLAR, PRO_RATA, PUBLISH = 1, 2, 4, 8
"""The settings of a book that the beaten track knows nothing of."""

_TAKER = (
    "order_id",
    "side",
    "limit",
    "left",
    "budget",
    "owner",
    "self_trade",
    "order_type",
    "time_in_force",
    "post_only",
    "all_or_none",
    "minimum",
    "display",
    "low",
    "high",
    "woken",
)

HEAD = np.dtype(
    [
        # the arrays
        ("nodes", "<i8"),
        ("ids", "<i8"),
        ("ids_mask", "<i8"),
        ("pages", "<i8"),
        ("ladder", "<i8"),
        ("ladder_mask", "<i8"),
        # how full they are
        ("nodes_free", "<i8"),
        ("nodes_used", "<i8"),
        ("nodes_vacant", "<i8"),
        ("pages_free", "<i8"),
        ("pages_used", "<i8"),
        ("pages_room", "<i8"),
        ("ladder_used", "<i8"),
        ("levels", "<i8"),
        ("extras", "<i8"),
        ("extras_free", "<i8"),
        ("extras_used", "<i8"),
        ("extras_room", "<i8"),
        # whether anything in the book asks for more than price and time: orders that do, and settings
        ("special", "<i8"),
        ("patient", "<i8"),
        ("settings", "<i8"),
        # the compiled loop over messages, the batch in hand, and what came of it
        ("loop", "<i8"),
        ("messages", "<i8"),
        ("count", "<i8"),
        ("done", "<i8"),
        ("outcomes", "<i8"),
        ("fills", "<i8"),
        ("fills_room", "<i8"),
        ("filled", "<i8"),
        ("conditions", "<i8"),
        ("notices", "<i8"),
        ("notices_room", "<i8"),
        ("noticed", "<i8"),
        ("changes", "<i8"),
        ("changes_room", "<i8"),
        ("changed", "<i8"),
        # the message in hand that found no room: what comes next, the order it stands at, how many fills it wants to tell
        ("phase", "<i8"),
        ("cursor", "<i8"),
        ("wanted", "<i8"),
        # the last price, and the range of prices since the message began
        ("last", "<i8"),
        ("low", "<i8"),
        ("high", "<i8"),
        ("collar_reference", "<i8"),
        ("collar_width", "<i8"),
        # the rule
        ("weight", "<i8"),
        # for each side, the best level and how much rests
        *[(f"{name}_{side}", "<i8") for side in range(SIDES) for name in ("best", "lots")],
        # the order that is being carried out
        *[(f"taker_{name}", "<i8") for name in _TAKER],
    ]
)
"""Addresses and counters of a book."""

SIDE = np.dtype([("best", "<i8"), ("lots", "<i8")])
"""What `HEAD` has for each side."""

TAKER = np.dtype([(name, "<i8") for name in _TAKER])
"""The order that is being carried out: what is left of it and of its budget (or NO_BUDGET), and the collar about it."""
NO_BUDGET = -1

EXTRA = np.dtype(
    [
        ("reserve", "<i8"),
        ("display", "<i8"),
        ("limit", "<i8"),
        ("minimum", "<i8"),
        ("budget", "<i8"),
        ("next", "<i4"),
        ("all_or_none", "u1"),
        ("order_type", "u1"),
        ("time_in_force", "u1"),
        ("post_only", "u1"),
        ("self_trade", "u1"),
    ],
    align=True,
)
"""What an order has beside its record: what it does not show and how much it shows at a time; and, as long as it waits for
its stop price, all that it will ask for."""

ORDER = np.dtype(
    [
        ("id", "<i8"),
        ("remaining", "<i8"),
        ("next", "<i4"),
        ("prev", "<i4"),
        ("level", "<i4"),
        ("chain", "<i4"),
        ("owner", "<i4"),
        ("extra", "<i4"),
    ]
)
"""A resting order: `next` and `prev` link its queue, `chain` the orders whose ids share a place in the table of ids."""

LEVEL = np.dtype(
    [
        ("rank", "<i8"),
        ("quantity", "<i8"),
        ("next", "<i4"),
        ("prev", "<i4"),
        ("count", "<i4"),
        ("side", "<i4"),
        ("page", "<i4"),
        ("unused", "<i4"),
    ]
)
"""A price that has orders. It lies among the orders and closes the ring of its queue, so that no link ever ends."""

PAGE_BITS = 6
PAGE = np.dtype([("bits", "<i8"), ("levels", "<i4", 1 << PAGE_BITS)])
"""Sixty-four neighbouring prices: which of them have a level, and its number. A free page chains to the next in `bits`."""

ENTRY = np.dtype([("key", "<i8"), ("value", "<i8")])
"""A place of the ladder's hash table; `value` 0 means that it is free."""

_njit: Callable[..., Any] = njit  # numba's own signatures leave things out
_intrinsic: Callable[..., Any] = intrinsic


def inlined(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a function into each of its callers."""
    return _njit(forceinline=True, error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)(
        function
    )


def called(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a function that is off the beaten track: its callers stay small.

    It has to say that it is not inlined, or it inherits that from the first caller that is.
    """
    return _njit(forceinline=False, error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)(
        function
    )


def _view(layout: np.dtype[Any]) -> Callable[..., Any]:
    """Make the function that sees a record of this layout at an address."""
    record = from_dtype(layout)

    @_intrinsic
    def at(_typing: Any, _address: Any) -> Any:
        def generate(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
            return builder.inttoptr(arguments[0], context.get_value_type(record))

        return record(types.int64), generate

    return at


def _word(bits: int) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """Make the functions that read and write a signed integer of this width at an address; they speak of 64 bits."""
    width = ir.IntType(bits)
    full = ir.IntType(64)

    @_intrinsic
    def load(_typing: Any, _address: Any) -> Any:
        def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
            word = builder.load(builder.inttoptr(arguments[0], width.as_pointer()))
            return word if bits == 64 else builder.sext(word, full)

        return types.int64(types.int64), generate

    @_intrinsic
    def store(_typing: Any, _address: Any, _value: Any) -> Any:
        def generate(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
            word = arguments[1] if bits == 64 else builder.trunc(arguments[1], width)
            builder.store(word, builder.inttoptr(arguments[0], width.as_pointer()))
            return context.get_dummy_value()

        return types.none(types.int64, types.int64), generate

    return load, store


@_intrinsic
def stay_apart(_typing: Any) -> Any:
    """Keep the function that says so from being copied into its callers: the kernel would take minutes to compile."""

    def generate(context: Any, builder: Any, _signature: Any, _arguments: Any) -> Any:
        builder.function.attributes.add("noinline")
        return context.get_dummy_value()

    return types.none(), generate


@_intrinsic
def lowest_bit(_typing: Any, _word: Any) -> Any:
    """Return the number of the lowest bit that is set in a word that has one."""

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 1))

    return types.int64(types.int64), generate


@_intrinsic
def prefetch(_typing: Any, _address: Any) -> Any:
    """Bring what is at an address near the processor, to be written soon. Any address will do."""

    def generate(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        integer, pointer = ir.IntType(32), ir.IntType(8).as_pointer()
        declared = ir.FunctionType(ir.VoidType(), [pointer, integer, integer, integer])
        function = builder.module.declare_intrinsic("llvm.prefetch", (pointer,), declared)
        to_write, keep, data = integer(1), integer(3), integer(1)
        builder.call(function, [builder.inttoptr(arguments[0], pointer), to_write, keep, data])
        return context.get_dummy_value()

    return types.none(types.int64), generate


@_intrinsic
def call_at(_typing: Any, _function: Any, _argument: Any) -> Any:
    """Call the C function at an address, which takes and returns a 64-bit integer."""

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        word = ir.IntType(64)
        function = builder.inttoptr(arguments[0], ir.FunctionType(word, [word]).as_pointer())
        return builder.call(function, [arguments[1]])

    return types.int64(types.int64, types.int64), generate


load_4, store_4 = _word(32)
load_8, store_8 = _word(64)
head_at, side_at = _view(HEAD), _view(SIDE)
order_at, level_at, page_at, entry_at = _view(ORDER), _view(LEVEL), _view(PAGE), _view(ENTRY)
message_at, outcome_at, fill_at = _view(MESSAGE), _view(OUTCOME), _view(FILL)
conditions_at, notice_at, change_at = _view(CONDITIONS), _view(NOTICE), _view(CHANGE)
resting_at, waiting_at, depth_at = _view(RESTING), _view(WAITING), _view(DEPTH)
taker_at, extra_at = _view(TAKER), _view(EXTRA)


NODE_SIZE, SIDE_SIZE, PAGE_SIZE, ENTRY_SIZE = (each.itemsize for each in (ORDER, SIDE, PAGE, ENTRY))
MESSAGE_SIZE, OUTCOME_SIZE, FILL_SIZE = (each.itemsize for each in (MESSAGE, OUTCOME, FILL))
CONDITIONS_SIZE, NOTICE_SIZE, CHANGE_SIZE = (each.itemsize for each in (CONDITIONS, NOTICE, CHANGE))
RESTING_SIZE, WAITING_SIZE, DEPTH_SIZE = (each.itemsize for each in (RESTING, WAITING, DEPTH))
EXTRA_SIZE = EXTRA.itemsize


def word_of(name: str) -> int:
    """Return which of the 64-bit words of a `HEAD` this field is."""
    return list(HEAD.names or ()).index(name)


_SIDES_AT = 8 * word_of("best_0")
_TAKER_AT = 8 * word_of("taker_order_id")
_LEVELS_AT = 8  # in a page, after `bits`


class Book(NamedTuple):
    """Where the parts of a book are: looked up in its head once, then kept in registers."""

    head: int
    sides: int
    nodes: int
    ids: int
    ids_mask: int
    pages: int
    ladder: int
    ladder_mask: int


@inlined
def open_book(address: int) -> Book:
    """Find the parts of the book whose head is at this address."""
    head = head_at(address)
    return Book(
        address,
        address + _SIDES_AT,
        head.nodes,
        head.ids,
        head.ids_mask,
        head.pages,
        head.ladder,
        head.ladder_mask,
    )


@inlined
def head_of(book: Book) -> Any:
    """Return the head."""
    return head_at(book.head)


@inlined
def side_of(book: Book, side: int) -> Any:
    """Return what the head has for a side."""
    return side_at(book.sides + side * SIDE_SIZE)


@inlined
def order_of(book: Book, number: int) -> Any:
    """Return an order by its number."""
    return order_at(book.nodes + number * NODE_SIZE)


@inlined
def level_of(book: Book, number: int) -> Any:
    """Return a level by its number."""
    return level_at(book.nodes + number * NODE_SIZE)


@inlined
def taker_of(book: Book) -> Any:
    """Return the order that is being carried out."""
    return taker_at(book.head + _TAKER_AT)


@inlined
def extra_of(book: Book, number: int) -> Any:
    """Return what an order has beside its record, by its number."""
    return extra_at(head_at(book.head).extras + number * EXTRA_SIZE)


@inlined
def page_of(book: Book, number: int) -> Any:
    """Return a page by its number."""
    return page_at(book.pages + number * PAGE_SIZE)


@inlined
def entry_of(book: Book, place: int) -> Any:
    """Return a place of the ladder's table."""
    return entry_at(book.ladder + place * ENTRY_SIZE)


@inlined
def level_in(book: Book, page: int, position: int) -> int:
    """Return the level at a position of a page."""
    return load_4(book.pages + page * PAGE_SIZE + _LEVELS_AT + 4 * position)


@inlined
def set_level_in(book: Book, page: int, position: int, level: int) -> None:
    """Put a level at a position of a page."""
    store_4(book.pages + page * PAGE_SIZE + _LEVELS_AT + 4 * position, level)
