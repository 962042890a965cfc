"""One way to write facts as bytes: a line of ASCII words each. State hashes are made of it, and two states can be diffed."""

from collections.abc import Callable
from dataclasses import fields
from types import NoneType
from typing import Any, cast, get_type_hints

Writer = Callable[[Any], str]


def line(*facts: object) -> bytes:
    r"""Write integers, bytes (hexadecimal), names, None, and dataclasses and tuples of these as one line.

    The same on any machine. A tuple begins with its length.

    >>> line("sold", 17, b"\x01\xff", None, (3, 4))
    b'sold 17 0x01ff - 2 3 4\n'
    """
    return (_words(facts) + "\n").encode("ascii")


def writer_of(kind: type[Any]) -> Writer:
    """Return what writes values of one type as `line` does, for those who write many."""
    return _WRITERS.get(kind) or _writer(kind)


def _words(facts: tuple[object, ...]) -> str:
    return " ".join([(_WRITERS.get(type(fact)) or _writer(type(fact)))(fact) for fact in facts])


def _word(fact: object) -> str:
    return (_WRITERS.get(type(fact)) or _writer(type(fact)))(fact)


def _writer(kind: type[Any]) -> Writer:
    """Return what writes a type that was not met before, and remember it."""
    if issubclass(kind, int):
        writer: Writer = int.__repr__
    elif issubclass(kind, str):
        writer = str.__str__
    else:
        writer = _writer_of_fields(kind)
    _WRITERS[kind] = writer
    return writer


def _writer_of_fields(kind: type[Any]) -> Writer:
    """Return what writes a dataclass: one format string, since every order that is accepted is written."""
    hints = get_type_hints(kind)
    words, values = [], []
    for name in (each.name for each in fields(kind)):
        plain = getattr(hints[name], "__supertype__", hints[name])
        if isinstance(plain, type) and issubclass(plain, int):
            words.append("{:d}")  # which takes no float for a number, as % would
            values.append(f"fact.{name}")
        elif plain is bytes:
            words.append("0x{}")
            values.append(f"fact.{name}.hex()")
        else:
            words.append("{}")
            values.append(f"word(fact.{name})")
    # made of names of fields, as dataclasses makes its methods
    writer = f"lambda fact: '{' '.join(words)}'.format({', '.join(values)})"
    return cast("Writer", eval(writer, {"word": _word}))  # noqa: S307 - see above


_WRITERS: dict[type, Writer] = {
    int: int.__repr__,
    bytes: lambda fact: "0x" + fact.hex(),
    NoneType: lambda _: "-",
    tuple: lambda fact: _words((len(fact), *fact)),
}
