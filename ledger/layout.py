"""How a dataclass is laid out as a msgpack row, and the functions that write and read it: the machinery under `codec`.

A record holds millions of rows, so the two functions of a layout are compiled for its fields once, as `dataclasses` does
with constructors: no field costs a call as long as it is what it mostly is. What they refuse is looked at again, field by
field, by the plain readers below, which say what is wrong with it.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, fields, is_dataclass
from enum import Enum
from functools import lru_cache
from types import NoneType
from typing import Any, NamedTuple, cast, get_args, get_type_hints

from market.address import Address

INT64_MIN = -(1 << 63)
UINT64_MAX = (1 << 64) - 1
_ADDRESS_BYTES = 20
_WIDE_INTEGERS_MAX = 1 << 14
"""Integers beyond 64 bits that are kept at hand."""

Later = Mapping[type, set[str]]
"""The fields, by dataclass, that a version of the encoding did not know yet."""
_Reader = Callable[[Any], Any]
_Writer = Callable[[Any], Any]


class BadEncoding(ValueError):
    """Stored bytes that this encoding does not write. Says where, what was found and what was expected."""


class Layout:
    """How one dataclass is laid out: its leaves in order, what writes and reads each, and how to build it again.

    A row of its own begins with `tag`; one that stands inside another (None) does not.
    """

    def __init__(self, kind: type, later: Later, *, tag: int | None = None) -> None:
        self.kind = kind
        self._leaves = list(_leaves(kind, later))
        self._readers = [reader(leaf.hint, leaf.default, later) for leaf in self._leaves]
        self._head = 0 if tag is None else 1
        self._read = _compiled_reader(kind, self._leaves, self._readers, later, tag=tag)
        self.write = _compiled_writer(self._leaves, later, tag=tag)
        """Return the row of a value."""

    def read(self, row: list[Any]) -> Any:
        """Build a value from its row.

        Raises:
            BadEncoding: if it is not what `write` writes.
        """
        try:
            return self._read(row)
        except ValueError as error:
            raise self._fault(row, error) from None

    def _fault(self, row: list[Any], error: Exception) -> BadEncoding:
        """Return what is wrong with a row that could not be read."""
        found = row[self._head :]
        if len(found) != len(self._leaves):
            expected = ", ".join(leaf.name for leaf in self._leaves)
            return BadEncoding(f"found {len(found)} fields, expected {len(self._leaves)}: {expected}")
        for leaf, read, field in zip(self._leaves, self._readers, found, strict=True):
            try:
                read(field)
            except ValueError as reason:
                return BadEncoding(f"{leaf.name}: {reason}")
        return BadEncoding(f"what its fields say cannot be: {error}")


class _Field(NamedTuple):
    """A field of a dataclass, its type, and the nested dataclass that it is by default (None if it is no such field)."""

    name: str
    hint: Any
    default: Any

    @property
    def is_unfolded(self) -> bool:
        """Whether its own fields stand in its place."""
        return is_dataclass(self.hint) and self.default is None


def _fields(kind: type, later: Later) -> list[_Field]:
    """Return the fields that a dataclass had in a version. Those added later are its last ones, and have defaults."""
    hints = get_type_hints(kind)
    unknown = later.get(kind, ())
    found = []
    for field in fields(kind):
        hint = hints[field.name]
        nested = is_dataclass(hint) and field.default is not MISSING
        if field.name not in unknown:
            found.append(_Field(field.name, hint, field.default if nested else None))
    return found


def _leaves(kind: type, later: Later, prefix: str = "") -> Iterator[_Field]:
    """Yield every field under its dotted path, descending into nested dataclasses without a default."""
    for field in _fields(kind, later):
        if field.is_unfolded:
            yield from _leaves(cast("type", field.hint), later, f"{prefix}{field.name}.")
        else:
            yield _Field(prefix + field.name, field.hint, field.default)


def _compiled(name: str, parameter: str, lines: list[str], known: dict[str, Any]) -> Callable[[Any], Any]:
    """Return the function of these lines. They come from types alone, never from data."""
    source = "\n".join((f"def {name}({parameter}):", *(f"    {line}" for line in lines)))
    exec(source, known)  # noqa: S102 - names of fields of our own classes, as `dataclasses` does
    return cast("Callable[[Any], Any]", known[name])


def _compiled_writer(leaves: list[_Field], later: Later, *, tag: int | None) -> _Writer:
    """Return what writes the row of a value.

    One of four fields, the second of them wider than 64 bits:

        def write(value):
            value_terms = value.terms
            f0 = value.order_id
            if f0 >> 63: f0 = w0(f0)
            …
            return (6, f0, f1, f2, f3,)
    """
    known: dict[str, Any] = {}
    lines = [
        f"{_local(parent)} = {_local(parent, up=1)}.{parent.rpartition('.')[2]}"
        for parent in dict.fromkeys(parent for leaf in leaves for parent in _parents(leaf.name))
    ]
    for index, leaf in enumerate(leaves):
        field, write = f"f{index}", writer(leaf.hint, leaf.default, later)
        lines.append(f"{field} = {_local(leaf.name, up=1)}.{leaf.name.rpartition('.')[2]}")
        if write is None:
            continue
        known[f"w{index}"] = write
        if _plain(leaf.hint) is int:
            lines.append(f"if {field} >> 63: {field} = w{index}({field})")
        elif leaf.default is not None:
            known[f"d{index}"] = leaf.default
            lines.append(f"{field} = None if {field} is d{index} else w{index}({field})")
        else:
            lines.append(f"{field} = w{index}({field})")
    head = [] if tag is None else [str(tag)]
    row = ", ".join((*head, *(f"f{index}" for index in range(len(leaves)))))
    return _compiled("write", "value", [*lines, f"return ({row},)"], known)


def _parents(path: str) -> Iterator[str]:
    """Yield the dotted paths of the dataclasses that a leaf stands in, outermost first."""
    steps = path.split(".")
    for length in range(1, len(steps)):
        yield ".".join(steps[:length])


def _local(path: str, *, up: int = 0) -> str:
    """Return the local variable for what is found under a dotted path, or so many steps up from there."""
    steps = path.split(".")
    return "_".join(("value", *steps[: len(steps) - up]))


def _compiled_reader(
    kind: type, leaves: list[_Field], readers: list[_Reader], later: Later, *, tag: int | None
) -> _Reader:
    """Return what builds a value from its row, and raises ValueError for a row that it cannot be.

    One of four fields, the first of them an integer:

        def read(row):
            (_, f0, f1, f2, f3,) = row
            if type(f0) is not int: f0 = r0(f0)
            …
            return OrderReduced(f0, f1, f2, f3,)
    """
    known: dict[str, Any] = {}
    head = [] if tag is None else ["_"]
    row = ", ".join((*head, *(f"f{index}" for index in range(len(leaves)))))
    lines = [f"({row},) = row"]
    for index, (leaf, read) in enumerate(zip(leaves, readers, strict=True)):
        lines.append(_line_that_reads(index, leaf.hint, leaf.default, read, known))
    lines.append(f"return {_construction(kind, later, known, iter(range(len(leaves))))}")
    return _compiled("read", "row", lines, known)


def _line_that_reads(index: int, hint: Any, default: Any, read: _Reader, known: dict[str, Any]) -> str:
    """Return the line that checks and converts a field, with a call only where it is not what it mostly is."""
    if NoneType in get_args(hint):
        hint = _present(hint)
    field, plain = f"f{index}", _plain(hint)
    known[f"r{index}"] = read
    if hint is Address:
        return f"if type({field}) is not bytes or len({field}) != {_ADDRESS_BYTES}: r{index}({field})"
    if default is not None:
        known[f"d{index}"] = default
        return f"{field} = d{index} if {field} is None else r{index}({field})"
    if isinstance(plain, type) and issubclass(plain, Enum):
        known |= {f"m{index}": _Members(plain), f"t{index}": _written_as(plain)}
        return f"{field} = m{index}[{field}] if type({field}) is t{index} else r{index}({field})"
    if plain in (int, bool, bytes, str):
        return f"if type({field}) is not {plain.__name__}: {field} = r{index}({field})"
    return f"{field} = r{index}({field})"


def _construction(kind: type, later: Later, known: dict[str, Any], indices: Iterator[int]) -> str:
    """Return the expression that builds a dataclass of its fields, the nested ones included."""
    name = f"k{len(known)}"
    known[name] = kind
    arguments = [
        _construction(cast("type", field.hint), later, known, indices)
        if field.is_unfolded
        else f"f{next(indices)}"
        for field in _fields(kind, later)
    ]
    return f"{name}({', '.join(arguments)})"


def _plain(hint: Any) -> Any:
    """Return the type under a NewType."""
    return getattr(hint, "__supertype__", hint)


def _present(hint: Any) -> Any:
    """Return the type of what may also be None."""
    return next(arm for arm in get_args(hint) if arm is not NoneType)


def writer(hint: Any, default: Any, later: Later) -> _Writer | None:
    """Return the function that writes one field, None if msgpack writes it as it is."""
    plain = _plain(hint)
    if plain is int:
        return _write_integer
    if is_dataclass(plain):
        write = Layout(cast("type", plain), later).write
        if default is None:
            return write
        return lambda value: None if value is default or value == default else write(value)
    if isinstance(plain, type):
        return None
    items = get_args(plain)
    if NoneType not in items:
        return _writer_of_tuple(items, later)
    present = writer(_present(plain), None, later)
    return present and (lambda value: None if value is None else present(value))


def _writer_of_tuple(items: tuple[Any, ...], later: Later) -> _Writer | None:
    """Return the writer of a `tuple[X, ...]` or a `tuple[X, Y]`."""
    if items[-1] is ...:
        write_item = writer(items[0], None, later)
        return write_item and (lambda value: [write_item(each) for each in value])
    writers = [writer(item, None, later) for item in items]
    return lambda value: [
        each if write is None else write(each) for write, each in zip(writers, value, strict=True)
    ]


def _write_integer(number: int) -> int | bytes:
    if INT64_MIN <= number <= UINT64_MAX:
        return number
    return number.to_bytes(number.bit_length() // 8 + 1, "big", signed=True)


def reader(hint: Any, default: Any, later: Later) -> _Reader:
    """Return the function that checks and converts one stored field; it raises ValueError, saying what is wrong."""
    plain = _plain(hint)
    if hint is Address:
        return _read_address
    if plain is int:
        return _read_integer
    if is_dataclass(plain):
        return _reader_of_nested(Layout(cast("type", plain), later), default)
    if isinstance(plain, type):
        return _member_of(plain) if issubclass(plain, Enum) else _exactly(plain)
    if NoneType in get_args(plain):
        present = reader(_present(plain), None, later)
        return lambda found: None if found is None else present(found)
    return _reader_of_tuple(get_args(plain), later)


def _reader_of_nested(layout: Layout, default: Any) -> _Reader:
    """Return the reader of a dataclass in a row of its own, nil for its default if it has one."""

    def read(found: Any) -> Any:
        if found is None and default is not None:
            return default
        value = layout.read(read_list(found))
        if value == default:
            raise ValueError(f"found {found!r} written out, expected nil, which stands for it")
        return value

    return read


def _reader_of_tuple(items: tuple[Any, ...], later: Later) -> _Reader:
    """Return the reader of a `tuple[X, ...]` or a `tuple[X, Y]`. That of one of two, both integers:

    def read(row):
        if type(row) is not list: read_list(row)
        (f0, f1,) = row
        if type(f0) is not int: f0 = r0(f0)
        if type(f1) is not int: f1 = r1(f1)
        return (f0, f1,)
    """
    if items[-1] is ...:
        read_item = reader(items[0], None, later)
        return lambda found: tuple([read_item(each) for each in read_list(found)])
    known: dict[str, Any] = {"read_list": read_list}
    row = "".join(f"f{index}, " for index in range(len(items)))
    lines = ["if type(row) is not list: read_list(row)", f"({row}) = row"]
    for index, item in enumerate(items):
        lines.append(_line_that_reads(index, item, None, reader(item, None, later), known))
    return _compiled("read", "row", [*lines, f"return ({row})"], known)


def _written_as(kind: type[Enum]) -> type:
    """Return the type of an enumeration's values; Python takes 1.0 and True for 1, the record does not."""
    return type(next(iter(kind)).value)


class _Members(dict[Any, Enum]):
    """The members of an enumeration by their values."""

    def __init__(self, kind: type[Enum]) -> None:
        super().__init__((member.value, member) for member in kind)
        self._kind = kind

    def __missing__(self, found: Any) -> Enum:
        """Raise ValueError."""
        return self._kind(found)


def _member_of(kind: type[Enum]) -> _Reader:
    written = _written_as(kind)

    def read(found: Any) -> Enum:
        if type(found) is not written:
            raise ValueError(f"found {found!r}, expected a value of {kind.__name__}")
        return kind(found)

    return read


def _exactly(kind: type) -> _Reader:
    def read(found: Any) -> Any:
        if type(found) is not kind:
            raise ValueError(f"found {found!r}, expected {kind.__name__}")
        return found

    return read


def _read_integer(found: Any) -> int:
    if type(found) is int:
        return found
    if type(found) is not bytes:
        raise ValueError(f"found {found!r}, expected an integer")
    return _wide_integer(found)


@lru_cache(_WIDE_INTEGERS_MAX)
def _wide_integer(found: bytes) -> int:
    """Return an integer of more than 64 bits. They are ids of instruments mostly, of which there are few."""
    number = int.from_bytes(found, "big", signed=True)
    if INT64_MIN <= number <= UINT64_MAX or len(found) != number.bit_length() // 8 + 1:
        raise ValueError(f"found {found.hex()}, which is not how {number} is written")
    return number


def _read_address(found: Any) -> Address:
    if type(found) is not bytes or len(found) != _ADDRESS_BYTES:
        raise ValueError(f"found {found!r}, expected an address of {_ADDRESS_BYTES} bytes")
    return Address(found)


def read_list(found: Any) -> list[Any]:
    """Return what is a list; raise ValueError for anything else."""
    if type(found) is not list:
        raise ValueError(f"found {found!r}, expected a list")
    return found
