"""The scenario file: `scenario.toml`, read and checked key by key against its layout.

Numbers are decimals, read exactly. An error names the file, the line and the key, what stands there and what should.
"""

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum, EnumType
from pathlib import Path
from typing import Any, cast, get_args, get_origin

import msgspec

from api.day.scenario_layout import ANY_NUMBER, RANGES, Layout
from api.input_error import InputError


class ScenarioError(InputError):
    """A scenario that cannot be used."""


@dataclass(frozen=True)
class ScenarioFile:
    """A scenario file as read: its layout, and its text to point into."""

    path: Path
    text: str
    layout: Layout

    def error(self, key: str, *, found: object, expected: str) -> ScenarioError:
        """Return an error about a key, such as `generator[2].share`, at its line."""
        return ScenarioError(self.path, _place(self.text, key), str(found), expected)

    def known(self, key: str, name: str, known: Iterable[str]) -> None:
        """Raise ScenarioError unless the name is a known one."""
        if name not in known:
            raise self.error(key, found=name, expected=f"one of {', '.join(sorted(known))}")

    def each(self, key: str, names: Iterable[str], known: Iterable[str]) -> list[str]:
        """Return the names; raise ScenarioError unless each is a known one and stands once."""
        listed = list(names)
        for name in listed:
            self.known(key, name, known)
            if listed.count(name) > 1:
                raise self.error(key, found=f"{name} twice", expected="each once")
        return listed

    def distinct(self, table: str, field: str, names: Sequence[str]) -> None:
        """Raise ScenarioError if two rows of a table carry the same name in a field."""
        for index, name in enumerate(names):
            if name in names[:index]:
                raise self.error(f"{table}[{index}].{field}", found=f"{name} again", expected="each once")

    def shares_fit(self, table: str, shares: Sequence[tuple[str, Decimal]]) -> None:
        """Raise ScenarioError if the shares of anything sum to more than 1; `shares` pairs what with how much."""
        for what in dict.fromkeys(name for name, _ in shares):
            total = sum(share for name, share in shares if name == what)
            if total > 1:
                raise self.error(
                    f"{table}[0]",
                    found=f"shares of {what} that sum to {total}",
                    expected="a sum of at most 1",
                )


def read_scenario(path: Path) -> ScenarioFile:
    """Read and check a scenario file.

    Raises:
        ScenarioError: if the file cannot be read, is no TOML, or has an unknown, missing or unfit key.
    """
    try:
        text = path.read_bytes().decode("utf-8")
        document = tomllib.loads(text, parse_float=Decimal)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise ScenarioError(path, "opening it", reason, "a scenario file that can be read") from None
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise ScenarioError(path, f"line {line}", "bytes that are no UTF-8", "a text in UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise ScenarioError(path, _toml_place(str(error), text), _toml_fault(str(error)), "TOML") from None
    try:
        layout = msgspec.convert(document, Layout)
    except msgspec.ValidationError as error:
        raise _layout_error(path, text, document, str(error)) from None
    file = ScenarioFile(path, text, layout)
    for key, field, number in _numbers(layout, ""):
        low, high, low_allowed = RANGES.get(field, ANY_NUMBER)
        if not number.is_finite() or not low <= number <= high or (number == low and not low_allowed):
            least = f"from {low:f}" if low_allowed else f"above {low:f}"
            raise file.error(key, found=number, expected=f"a number {least} to {high:f}")
    return file


def _numbers(value: object, key: str, field: str = "") -> Iterator[tuple[str, str, Decimal]]:
    """Yield every number of a layout with its key and the name of the field that it stands in."""
    if isinstance(value, msgspec.Struct):
        for name, shown in zip(value.__struct_fields__, value.__struct_encode_fields__, strict=True):
            yield from _numbers(getattr(value, name), f"{key}.{shown}" if key else shown, shown)
    elif isinstance(value, tuple):
        for index, item in enumerate(value):
            yield from _numbers(item, f"{key}[{index}]", field)
    elif isinstance(value, dict):
        for name, item in value.items():
            yield from _numbers(item, f"{key}.{name}", field)
    elif isinstance(value, (int, Decimal)) and not isinstance(value, bool):
        yield key, field, Decimal(value)


def _layout_error(path: Path, text: str, document: Mapping[str, Any], message: str) -> ScenarioError:
    """Turn msgspec's message, such as "Expected `int`, got `str` - at `$.energy.fee_bps`", into our words."""
    fault, _, at = message.partition(" - at `$")
    key = at.rstrip("`").lstrip(".").replace("[...]", "")
    if unknown := re.fullmatch("Object contains unknown field `(.*)`", fault):
        where = f"{key}.{unknown[1]}".lstrip(".")
        found, expected = f"the key {unknown[1]}", f"one of {', '.join(_fields_at(key))}"
    elif missing := re.fullmatch("Object missing required field `(.*)`", fault):
        where, found, expected = key, f"no key {missing[1]}", "it to be given"
    else:
        where, found = key, repr(_value_at(document, key))
        if fault.startswith("Invalid enum value"):
            table, _, name = key.rpartition(".")
            expected = f"one of {', '.join(_words(_fields_at(table)[name]))}"
        elif fault.startswith("Invalid decimal"):
            expected = "a decimal number such as 12.5"
        else:
            expected = fault.removeprefix("Expected ").partition(", got ")[0].replace("`", "")
    return ScenarioError(path, _place(text, where), found, expected)


def _fields_at(key: str) -> dict[str, Any]:
    """Return the keys that the table at `key` may have, with their types."""
    table: Any = Layout
    for name in filter(None, re.sub(r"\[\d+\]", "", key).split(".")):
        declared = next(field.type for field in msgspec.structs.fields(table) if field.encode_name == name)
        table = get_args(declared)[0] if get_origin(declared) is tuple else declared
    return {field.encode_name: field.type for field in msgspec.structs.fields(table)}


def _words(declared: Any) -> list[str]:
    """Return the words that a field may hold: the values of an enumeration, a literal, or an option of one."""
    if isinstance(declared, EnumType):
        return [str(word.value) for word in cast("type[Enum]", declared)]
    return [
        word for part in get_args(declared) for word in ([part] if isinstance(part, str) else _words(part))
    ]


def _value_at(document: Mapping[str, Any], key: str) -> object:
    value: Any = document
    for name, index in re.findall(r"([^.\[\]]+)|\[(\d+)\]", key):
        value = value[name] if name else value[int(index)]
    return str(value) if isinstance(value, Decimal) else value


def _place(text: str, key: str) -> str:
    """Return the line of a key, or of the innermost table that would hold it, and the key."""
    table, best, best_line = "", -1, 1
    counts: dict[str, int] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if header := re.match(r"\s*(\[\[?)\s*([\w.-]+)\s*\]", line):
            table = header[2]
            if header[1] == "[[":
                counts[table] = counts.get(table, -1) + 1
                table = f"{table}[{counts[table]}]"
            here = table
        elif entry := re.match(r"\s*([\w-]+)\s*=", line):
            here = f"{table}.{entry[1]}".lstrip(".")
        else:
            continue
        rest = key.removeprefix(here)
        if key.startswith(here) and len(here) > best and (not rest or rest[0] in ".["):
            best, best_line = len(here), number
    return f"line {best_line} ({key})" if key else f"line {best_line}"


def _toml_place(message: str, text: str) -> str:
    line = re.search(r"at line (\d+)", message)
    return f"line {line[1] if line else text.count(chr(10)) + 1}"


def _toml_fault(message: str) -> str:
    fault = re.sub(r" \(at .*\)$", "", message)
    return fault[:1].lower() + fault[1:]
