"""A quick constructor for values that are made by the million: the orders, trades and terms of a replay."""

from collections.abc import Callable
from dataclasses import MISSING, fields, is_dataclass
from typing import Any, TypeVar

_Value = TypeVar("_Value")


def quickly_made(kind: type[_Value]) -> type[_Value]:
    """Give a frozen dataclass with slots a constructor that takes a third of the time, and change nothing else of it.

    The one it has sets each field through `object.__setattr__`, as its own refuses. This one lets the new value be, while
    nobody else knows of it, of a twin class that has the same slots and refuses nothing.

    >>> from dataclasses import dataclass
    >>> @quickly_made
    ... @dataclass(frozen=True, slots=True)
    ... class Point:
    ...     x: int
    ...     y: int = 2
    >>> Point(1) == Point(x=1, y=2), Point(1)
    (True, Point(x=1, y=2))

    Raises:
        TypeError: if a class cannot be made so.
    """
    parts = fields(kind) if is_dataclass(kind) else ()
    slots = tuple(part.name for part in parts)
    plain = all(part.init and not part.kw_only and part.default_factory is MISSING for part in parts)
    if not plain or kind.__dict__.get("__slots__") != slots or kind.__bases__ != (object,) or not slots:
        raise TypeError(f"{kind.__name__}: expected a dataclass with slots, no base and plain defaults")
    known: dict[str, Any] = {
        "of": object.__setattr__,
        "twin": type(kind.__name__, (), {"__slots__": slots}),
        "kind": kind,
        **{f"default_{part.name}": part.default for part in parts},
    }
    arguments = (
        part.name if part.default is MISSING else f"{part.name}=default_{part.name}" for part in parts
    )
    lines = (
        f"def __init__(self, {', '.join(arguments)}):",
        "of(self, '__class__', twin)",
        *(f"self.{name} = {name}" for name in slots),
        "self.__class__ = kind",
        *(("self.__post_init__()",) if hasattr(kind, "__post_init__") else ()),
    )
    exec("\n    ".join(lines), known)  # noqa: S102 - made of names of fields, as dataclasses makes its own
    made: Callable[..., None] = known["__init__"]
    made.__annotations__ = kind.__init__.__annotations__
    made.__qualname__ = kind.__init__.__qualname__
    made.__module__ = kind.__module__
    type.__setattr__(kind, "__init__", made)
    return kind
