"""A quick constructor for values that are made by the million: the orders, trades and terms of a market and its replay."""

from dataclasses import MISSING, Field, dataclass, fields, is_dataclass
from typing import Any, TypeVar, cast

import msgspec

_Value = TypeVar("_Value")


def quickly_made(kind: type[_Value]) -> type[_Value]:
    """Return what a frozen dataclass with slots describes as a class whose constructor takes a tenth of the time.

    A frozen dataclass sets each field through `object.__setattr__`, as its own refuses. The class returned is a struct of
    `msgspec`, which is filled in C and as frozen; `fields`, `replace` and patterns take it for the dataclass that it was.
    Its values hold no cycles, since they never change, so the garbage collector leaves them alone.

    >>> from dataclasses import dataclass, replace
    >>> @quickly_made
    ... @dataclass(frozen=True, slots=True)
    ... class Point:
    ...     x: int
    ...     y: int = 2
    >>> Point(1) == Point(x=1, y=2), replace(Point(1), x=3)
    (True, Point(x=3, y=2))

    Raises:
        TypeError: if a class has more to it than a struct would keep.
    """
    parts = fields(kind) if is_dataclass(kind) else ()
    slots = tuple(part.name for part in parts)
    special = {name for name in vars(kind) if _is_special(name)}
    if (
        kind.__bases__ != (object,)
        or kind.__dict__.get("__slots__") != slots
        or special - {"__post_init__"} != _SPECIAL
        or not all(map(_is_plain, parts))
    ):
        raise TypeError(
            f"{kind.__name__}: expected a frozen dataclass with slots, no base, plain fields and no special methods"
        )
    dropped = {*slots, *special} - _KEPT
    kept = {name: each for name, each in vars(kind).items() if name not in dropped}
    made: Any = msgspec.defstruct(
        kind.__name__,
        [
            (part.name, part.type, msgspec.NODEFAULT if part.default is MISSING else part.default)
            for part in parts
        ],
        namespace=kept,
        module=kind.__module__,
        frozen=True,
        gc=False,
    )
    made.__qualname__ = kind.__qualname__
    return cast("type[_Value]", made)


def _is_special(name: str) -> bool:
    return name.startswith("__") and name.endswith("__")


def _is_plain(part: Field[Any]) -> bool:
    """Return whether a field is shown, compared and hashed as all others, and given or left to a plain default."""
    usual = part.init and part.repr and part.compare and part.hash is None and not part.kw_only
    return usual and part.default_factory is MISSING


@dataclass(frozen=True, slots=True)
class _Plain:
    """A dataclass with nothing special beyond what it was given by being one."""

    part: int


_SPECIAL = {name for name in vars(_Plain) if _is_special(name)}
_KEPT = {"__doc__", "__dataclass_fields__", "__dataclass_params__", "__post_init__"}
"""What a struct takes over of the special names; it has its own of the others."""
