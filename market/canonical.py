"""One way to write facts as bytes: a line of ASCII words each. State hashes are made of it, and two states can be diffed."""

from collections.abc import Callable
from dataclasses import fields
from operator import attrgetter
from types import NoneType
from typing import Any

Writer = Callable[[Any], str]


def line(*facts: object) -> bytes:
    r"""Write integers, bytes (hexadecimal), names, None, and dataclasses and tuples of these as one line.

    The same on any machine. A tuple begins with its length.

    >>> line("sold", 17, b"\x01\xff", None, (3, 4))
    b'sold 17 0x01ff - 2 3 4\n'
    """
    return (_words(facts) + "\n").encode("ascii")


def _words(facts: tuple[object, ...]) -> str:
    return " ".join([(_WRITERS.get(type(fact)) or _writer(type(fact)))(fact) for fact in facts])


def _writer(kind: type[Any]) -> Writer:
    """Return what writes a type that was not met before, and remember it."""
    if issubclass(kind, int):
        writer: Writer = int.__repr__
    elif issubclass(kind, str):
        writer = str.__str__
    else:
        read = attrgetter(*(each.name for each in fields(kind)))  # of a dataclass with two fields or more

        def writer(fact: Any) -> str:
            return _words(read(fact))

    _WRITERS[kind] = writer
    return writer


_WRITERS: dict[type, Writer] = {
    int: int.__repr__,
    bytes: lambda fact: "0x" + fact.hex(),
    NoneType: lambda _: "-",
    tuple: lambda fact: _words((len(fact), *fact)),
}
