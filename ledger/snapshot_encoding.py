"""The encoding of snapshots: what a part of the market keeps, column by column, in pieces of some hundred rows.

    piece = msgpack([[path, number of the first row, rows], …])

A row is an item of a list or set, a key and value of a dictionary, or a lone value. Rows are written as the record writes
fields of their types. The *format* is the hash of all paths and types, down to the fields of dataclasses and the members of
enumerations, and of the program's own source: a snapshot of a program that keeps or computes anything else has another
format, and nobody has to remember a number.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

import msgspec

import market
from ledger.codec import field_reader, field_writer
from market.keeping import Kept, columns

ROWS_PER_PIECE = 500
_ROOMS = (Path(market.__file__).parent, Path(__file__).parent)
"""Where the source stands that decides what a snapshot means: `market` and `ledger`."""
_Convert = Callable[[Any], Any]
_tuple_of: Any = tuple  # of types that are known only when it runs


class UnreadableSnapshot(ValueError):
    """Stored bytes that are no snapshot of this program. Says what was found and expected."""


def format_of(kind: type[Kept]) -> bytes:
    """Return what tells apart encodings of this kind of part: all that it keeps, and which program says what that means."""
    described = [(path, _described(hint)) for path, hint in columns(kind)]
    return hashlib.sha256(repr((program(*_ROOMS).hex(), described)).encode()).digest()


@cache
def program(*folders: Path) -> bytes:
    """Return the hash of the source in these folders: one that computes otherwise is another program."""
    digest = hashlib.sha256()
    for folder in folders:
        for path in sorted(folder.rglob("*.py")):
            name = path.relative_to(folder).as_posix()
            digest.update(hashlib.sha256(name.encode()).digest() + hashlib.sha256(path.read_bytes()).digest())
    return digest.digest()


def prepare(kind: type[Kept]) -> None:
    """Work out how all columns are written and read, which takes a while, before anybody waits for it."""
    for column in columns(kind):
        _Shape.of(column.hint)


def encode(kind: type[Kept], values: Mapping[str, Any]) -> Iterator[tuple[bytes, int]]:
    """Return what `capture` copied in pieces, each with its number of rows; each is made when it is asked for."""
    piece: list[tuple[str, int, list[Any]]] = []
    room = ROWS_PER_PIECE
    for column in columns(kind):
        shape = _Shape.of(column.hint)
        rows = iter(shape.rows(values[column.path]))
        first = 0
        while True:
            written = [shape.write(row) for row in islice(rows, room)]
            if written or first == 0:  # an empty column is told too: nothing may be missing
                piece.append((column.path, first, written))
            first += len(written)
            room -= len(written)
            if room:
                break
            yield msgspec.msgpack.encode(piece), ROWS_PER_PIECE
            piece, room = [], ROWS_PER_PIECE
    yield msgspec.msgpack.encode(piece), ROWS_PER_PIECE - room


def decode(kind: type[Kept], pieces: Iterable[bytes]) -> dict[str, Any]:
    """Return what `encode` was given.

    Raises:
        UnreadableSnapshot: if the pieces are not what it writes.
    """
    rows: dict[str, list[Any]] = {column.path: [] for column in columns(kind)}
    shapes = {column.path: _Shape.of(column.hint) for column in columns(kind)}
    told = set()
    for number, piece in enumerate(pieces, start=1):
        try:
            for path, first, found in msgspec.msgpack.decode(piece, type=list[tuple[str, int, list[Any]]]):
                if path not in rows or first != len(rows[path]):
                    raise ValueError(f"found rows of {path!r} from {first} on, which do not come next")
                told.add(path)
                read = shapes[path].read
                rows[path] += [read(row) for row in found]
        except (ValueError, TypeError) as error:
            raise UnreadableSnapshot(f"piece {number}: {error}") from None
    if missing := rows.keys() - told:
        raise UnreadableSnapshot(f"found no rows of {', '.join(sorted(missing))}")
    try:
        return {path: shapes[path].value(found) for path, found in rows.items()}
    except (ValueError, TypeError) as error:
        raise UnreadableSnapshot(f"rows of a column: {error}") from None


class _Shape:
    """How a column of one type is cut into rows and made of them again, and how a row is written and read."""

    def __init__(self, hint: Any) -> None:
        kind, arguments = get_origin(hint), get_args(hint)
        self.rows: Callable[[Any], Iterable[Any]] = lambda value: (value,)
        self.value: Callable[[list[Any]], Any] = _only
        row: Any = hint
        if kind is dict:
            row = _tuple_of[arguments]
            self.rows, self.value = dict.items, dict
        elif kind is list:
            row = arguments[0]
            self.rows, self.value = iter, list
        elif kind is set:
            row = arguments[0]
            self.rows, self.value = sorted, set  # the order of a set is its own in each process
        self.write = field_writer(_plain(row))
        read, build = field_reader(_plain(row)), _builder(row)
        self.read: _Convert = read if build is None else lambda found: build(read(found))

    @staticmethod
    @cache
    def of(hint: Any) -> "_Shape":
        """Return the shape of a type."""
        return _Shape(hint)


def _only(rows: list[Any]) -> Any:
    if len(rows) != 1:
        raise ValueError(f"found {len(rows)} values, expected one")
    return rows[0]


def _plain(hint: Any) -> Any:
    """Return the type with tuples in place of named tuples, lists and sets: what the record has fields of."""
    if _is_named_tuple(hint):
        return _tuple_of[tuple(_plain(each) for each in get_type_hints(hint).values())]
    kind, arguments = get_origin(hint), get_args(hint)
    if kind in (list, set):
        return _tuple_of[_plain(arguments[0]), ...]
    if kind is tuple:
        return _tuple_of[tuple(each if each is ... else _plain(each) for each in arguments)]
    return hint


def _builder(hint: Any) -> _Convert | None:
    """Return what makes a value of the type of one of its plain type, None if these are the same."""
    kind, arguments = get_origin(hint), get_args(hint)
    if kind in (list, set):
        item = _builder(arguments[0])
        return kind if item is None else lambda found: kind(item(each) for each in found)
    if _is_named_tuple(hint):
        arguments = tuple(get_type_hints(hint).values())
        kind = hint._make
    if kind is tuple and arguments[-1] is ...:
        each = _builder(arguments[0])
        return each and (lambda found: tuple(each(item) for item in found))
    if not arguments or kind not in (tuple, getattr(hint, "_make", None)):
        return None
    builders = [_builder(each) for each in arguments]
    if kind is tuple and not any(builders):
        return None
    return lambda found: kind(
        value if build is None else build(value) for build, value in zip(builders, found, strict=True)
    )


def _is_named_tuple(hint: Any) -> bool:
    return isinstance(hint, type) and issubclass(hint, tuple) and hasattr(hint, "_fields")


def _described(hint: Any) -> Any:
    """Return a type in words, with all that its encoding depends on."""
    hint = getattr(hint, "__supertype__", hint)
    if arguments := get_args(hint):
        return str(get_origin(hint)), [_described(each) for each in arguments]
    if is_dataclass(hint):
        hints = get_type_hints(hint)
        return str(hint), [(each.name, _described(hints[each.name])) for each in fields(hint)]
    if _is_named_tuple(hint):
        return hint.__name__, [(name, _described(each)) for name, each in get_type_hints(hint).items()]
    if isinstance(hint, type) and issubclass(hint, Enum):
        return hint.__name__, [(each.name, each.value) for each in hint]
    return getattr(hint, "__name__", str(hint))
