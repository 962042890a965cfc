"""What a part of the market keeps: a copy of all its state taken at once, and put back into an empty part later.

The annotations in the body of a `Kept` class are its state, said once: capture and restore go by them, and so does the
encoding of snapshots. What can be made again from that (an index, a table of methods) is annotated in `__init__` instead.
"""

from collections.abc import Mapping
from functools import cache
from operator import attrgetter
from typing import Any, ClassVar, NamedTuple, get_args, get_origin, get_type_hints


class Kept:
    """A part of the market whose annotated attributes are its state: parts of it, containers, and values.

    Values never change, and neither do those in a container, but for containers in a dictionary. `IMAGES` names properties
    that stand for other things that change: they return a fresh image of them, and take one to make them again.
    """

    __slots__ = ()
    IMAGES: ClassVar[tuple[str, ...]] = ()

    def reindex(self) -> None:
        """Make again what follows from the state, in a part that was empty."""


class Column(NamedTuple):
    """An attribute somewhere in a part: the dotted path to it and its type."""

    path: str
    hint: Any


def columns(part: type[Kept]) -> tuple[Column, ...]:
    """Return all that a kind of part keeps, its own parts unfolded; images come last, as they may need the rest."""
    kind: Any = part
    return _columns(kind)


@cache
def _columns(part: Any) -> tuple[Column, ...]:
    found: list[Column] = []
    for name, hint in _hints(part).items():
        if _is_part(hint):
            found += (Column(f"{name}.{each.path}", each.hint) for each in _columns(hint))
        else:
            found.append(Column(name, hint))
    kind = get_origin(part) or part
    found += (Column(name, get_type_hints(getattr(kind, name).fget)["return"]) for name in kind.IMAGES)
    return tuple(found)


def capture(part: Kept) -> dict[str, Any]:
    """Return a copy of what a part keeps, by path. Values are shared, so it takes little time and stays as it is."""
    return {path: _copied(attrgetter(path)(part), hint) for path, hint in columns(type(part))}


def restore(part: Kept, values: Mapping[str, Any]) -> None:
    """Put what `capture` returned into an empty part. Paths that are missing stay empty.

    Containers are filled where they are, since other parts may look into them.
    """
    _fill(part, type(part), values, "")


def _fill(part: Kept, kind: Any, values: Mapping[str, Any], prefix: str) -> None:
    for name, hint in _hints(kind).items():
        if _is_part(hint):
            _fill(getattr(part, name), hint, values, f"{prefix}{name}.")
        elif prefix + name in values:
            _put(part, name, values[prefix + name])
    part.reindex()
    for name in part.IMAGES:
        if prefix + name in values:
            setattr(part, name, values[prefix + name])


def _put(part: Kept, name: str, value: Any) -> None:
    if isinstance(value, list):
        getattr(part, name)[:] = value
    elif isinstance(value, dict | set):
        container = getattr(part, name)
        container.clear()
        container.update(value)
    else:
        setattr(part, name, value)


@cache
def _hints(part: Any) -> dict[str, Any]:
    """Return the annotated attributes of a kind of part, with the arguments of a generic one put in."""
    kind = get_origin(part) or part
    hints = {name: hint for name, hint in get_type_hints(kind).items() if get_origin(hint) is not ClassVar}
    if arguments := get_args(part):
        return {
            name: hint[arguments] if getattr(hint, "__parameters__", ()) else hint
            for name, hint in hints.items()
        }
    return hints


def _is_part(hint: Any) -> bool:
    kind = get_origin(hint) or hint
    return isinstance(kind, type) and issubclass(kind, Kept)


def _copied(value: Any, hint: Any) -> Any:
    """Copy a container, and the containers in a dictionary."""
    if isinstance(value, dict) and get_origin(get_args(hint)[1]) in (list, set):
        return {key: each.copy() for key, each in value.items()}
    return value.copy() if isinstance(value, dict | list | set) else value
