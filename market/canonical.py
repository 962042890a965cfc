"""One way to write facts as bytes: a line of ASCII words each. State hashes are made of it, and two states can be diffed."""

from collections.abc import Callable, Iterable
from dataclasses import fields
from functools import cache
from operator import attrgetter
from typing import Any


def line(*facts: object) -> bytes:
    r"""Write integers, bytes (hexadecimal), names, None and dataclasses of these as one line, the same on any machine.

    >>> line("sold", 17, b"\x01\xff", None)
    b'sold 17 0x01ff -\n'
    """
    words: list[str] = []
    _write(facts, words)
    return (" ".join(words) + "\n").encode("ascii")


def _write(facts: Iterable[Any], words: list[str]) -> None:
    for fact in facts:
        kind: Any = type(fact)
        if kind is int:
            words.append(str(fact))
        elif kind is bytes:
            words.append("0x" + fact.hex())
        elif fact is None:
            words.append("-")
        elif issubclass(kind, int):
            words.append(str(int(fact)))
        elif issubclass(kind, str):
            words.append(str(fact))
        else:
            _write(_reader(kind)(fact), words)


@cache
def _reader(kind: type[Any]) -> Callable[[Any], tuple[Any, ...]]:
    """Return what reads the fields of a dataclass (of two or more) in their order."""
    return attrgetter(*(each.name for each in fields(kind)))
