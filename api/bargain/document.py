"""Read a JSON file strictly: one object, each key once, numbers that are numbers, and nothing that is not asked for."""

import json
import math
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import msgspec

from api.input_error import InputError

Layout = TypeVar("Layout", bound=msgspec.Struct)

LEVELS_MAX = 64
"""Brackets within brackets; the deepest problem has six levels."""
_SHOWN_CHARACTERS = 80
_BRACKETS = re.compile(r'"(?:[^"\\]|\\.)*"|[][{}]')


class _Refused(ValueError):
    """What `json` itself would let pass: what was found and what was expected."""

    def __init__(self, found: str, expected: str) -> None:
        super().__init__(found)
        self.found, self.expected = found, expected


def read_document(path: Path) -> dict[str, Any]:
    """Return the object in a JSON file.

    Raises:
        InputError: if it cannot be read, is no JSON object, has a key twice, or a number that is not finite.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        found = "a folder" if path.is_dir() else (error.strerror or str(error)).lower()
        raise InputError(path, "opening it", found, "a file that can be read") from None
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise InputError(path, f"line {line}", "bytes that are no UTF-8", "a text in UTF-8") from None
    _check_levels(path, text)  # beforehand: a stack that overflows in the parser may take the process with it
    try:
        document = json.loads(
            text,
            object_pairs_hook=_each_once,
            parse_float=_finite,
            parse_int=_whole,
            parse_constant=_no_number,
        )
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        rest = text[error.pos : error.pos + 20].splitlines()
        found = repr(rest[0]) if rest and rest[0] else "the end of the " + ("line" if rest else "file")
        raise InputError(path, where, found, f"JSON: {error.msg[:1].lower() + error.msg[1:]}") from None
    except _Refused as error:
        raise InputError(path, "the text", error.found, error.expected) from None
    if not isinstance(document, dict):
        raise InputError(path, "the text", described(document), "one JSON object, { … }")
    return document


def laid_out(path: Path, document: dict[str, Any], layout: type[Layout]) -> Layout:
    """Return a document as a struct, its keys those of the struct's fields.

    Raises:
        InputError: if a key is unknown or missing, or a value of the wrong type; names its place in the document.
    """
    try:
        return msgspec.convert(document, layout)
    except msgspec.ValidationError as error:
        _explain(path, document, layout, str(error))


def _check_levels(path: Path, text: str) -> None:
    level = 0
    for token in _BRACKETS.finditer(text):
        level += {"[": 1, "{": 1, "]": -1, "}": -1}.get(token[0], 0)
        if level > LEVELS_MAX:
            line = text.count("\n", 0, token.start()) + 1
            raise InputError(path, f"line {line}", f"brackets {level} levels deep", f"at most {LEVELS_MAX}")


def described(value: object) -> str:
    """Return a value as its file has it, cut where it is too long to be read.

    >>> described([1, True, None])
    '[1, true, null]'
    """
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _SHOWN_CHARACTERS else text[:_SHOWN_CHARACTERS] + "…"


def _explain(path: Path, document: dict[str, Any], layout: type[msgspec.Struct], message: str) -> NoReturn:
    """Turn msgspec's message, such as "Expected `int`, got `str` - at `$.goods[2].owner`", into our words."""
    fault, _, at = message.partition(" - at `$")
    key = at.rstrip("`").lstrip(".")
    while "[...]" in key:  # a mapping's value, of which msgspec does not say whose
        before, _, after = key.partition("[...]")
        key = f"{before}.{_culprit(_value_at(document, before))}{after}"
    if unknown := re.fullmatch("Object contains unknown field `(.*)`", fault):
        expected = f"one of {', '.join(_keys_of(layout, key))}"
        raise InputError(path, f"{key}.{unknown[1]}".lstrip("."), "an unknown key", expected) from None
    if missing := re.fullmatch("Object missing required field `(.*)`", fault):
        raise InputError(path, f"{key}.{missing[1]}".lstrip("."), "nothing", "it to be given") from None
    expected = fault.removeprefix("Expected ").partition(", got ")[0].replace("`", "")
    for machine, word in (
        ("float", "a number"), ("int", "a whole number"), ("str", "a text"), ("bool", "true or false"),
        ("array", "a list"), ("object", "an object { … }"), (" | ", " or "), ("null", "null"),
    ):  # fmt: skip
        expected = re.sub(rf"\b{machine}\b" if machine.strip("| ") else re.escape(machine), word, expected)
    raise InputError(path, key or "the text", described(_value_at(document, key)), expected) from None


def _keys_of(layout: type[msgspec.Struct], key: str) -> Iterable[str]:
    """Return the keys that the object at `key` may have."""
    fields = {field.encode_name: field.type for field in msgspec.structs.fields(layout)}
    name, _, rest = key.partition(".")
    if not name:
        return fields
    inner = _struct_in(fields[re.sub(r"\[\d+\]", "", name)])
    return _keys_of(inner, rest) if inner else ()


def _struct_in(declared: Any) -> type[msgspec.Struct] | None:
    if isinstance(declared, type) and issubclass(declared, msgspec.Struct):
        return declared
    return next(filter(None, map(_struct_in, getattr(declared, "__args__", ()))), None)


def _culprit(values: dict[str, Any]) -> str:
    """Return the key of the first value that is no number: what stands in mappings is."""
    return next((key for key, each in values.items() if type(each) not in (int, float)), "")


def _value_at(document: Any, key: str) -> Any:
    for name, index in re.findall(r"([^.\[\]]+)|\[(\d+)\]", key):
        document = document[name] if name else document[int(index)]
    return document


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise _Refused(f"the key {described(twice)} twice", "each key once")
    return found


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise _Refused(text[:_SHOWN_CHARACTERS], "a number that a machine can hold, below 1e308")
    return number


def _whole(text: str) -> int | float:
    # a whole number beyond 64 bits counts as the float that it stands for
    return int(text) if len(text) < 19 else _finite(text)


def _no_number(text: str) -> NoReturn:
    raise _Refused(text, "a number")
