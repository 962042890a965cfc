"""The scenario file: what `scenario.toml` may say, read and checked key by key.

Numbers are decimals, read exactly. An error names the file, the line and the key, what stands there and what should.
"""

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import Enum, EnumType
from pathlib import Path
from typing import Annotated, Any, Literal, cast, get_args, get_origin

import msgspec

from api.day.inputs import HOURS
from api.input_error import InputError
from market.orders import TradePriceRule

Name = Annotated[str, msgspec.Meta(pattern=r"^[^\W_][\w .,&'()-]{0,39}\Z")]
Code = Annotated[str, msgspec.Meta(pattern=r"^[A-Z0-9-]{1,8}\Z")]
PathCode = Annotated[str, msgspec.Meta(pattern=r"^[A-Z0-9-]{1,8}>[A-Z0-9-]{1,8}\Z")]
Tier = Annotated[int, msgspec.Meta(ge=0, le=4)]
FeeBps = Annotated[int, msgspec.Meta(ge=0, le=1000)]
Codes = Annotated[tuple[Code, ...], msgspec.Meta(min_length=1)]
PathCodes = Annotated[tuple[PathCode, ...], msgspec.Meta(min_length=1)]
BuyerRole = Literal["AI lab", "factory", "media firm", "retailer"]

# Range of each number that has one of its own: lowest, highest, and whether the lowest is itself allowed.
_LARGEST = Decimal(10) ** 12
_SHARE = (Decimal(0), Decimal(1), True)
_ABOVE_ZERO = (Decimal(0), _LARGEST, False)
_ANY = (Decimal(0), _LARGEST, True)
_RANGES = {
    "cost_share": _SHARE,
    "delivered": _SHARE,
    "expected_load": _SHARE,
    "haircut": _SHARE,
    "share": _SHARE,
    "share_of_range": _SHARE,
    "wants": _SHARE,
    "pue": (Decimal(1), Decimal(10), True),
    "worth": (Decimal(0), Decimal(100), False),
    "kw_per_mw": (Decimal(0), Decimal(1000), False),
    "context_tokens": _ABOVE_ZERO,
    "gb_per_hour": _ABOVE_ZERO,
    "generated_tokens": _ABOVE_ZERO,
    "mbps": _ABOVE_ZERO,
    "parameters": (Decimal(0), Decimal(10) ** 15, False),
    "requests_per_day": _ABOVE_ZERO,
    "rtt_ms": _ABOVE_ZERO,
    "usd_per_gb": _ABOVE_ZERO,
}


class ScenarioError(InputError):
    """A scenario that cannot be used."""


class _Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    pass


class EnergyType(_Table, frozen=True):
    """An energy type. `cost` is per kWh; a `metered` type delivers what the file says, the others what they sold."""

    product: Code
    tier: Tier
    cost: Decimal
    haircut: Decimal = Decimal(0)
    metered: bool = False


class Energy(_Table, frozen=True):
    """Where energy is delivered, from which file its figures come and what one MW of it is here, in kW."""

    place: Code
    generation: str
    source: str
    kw_per_mw: Decimal
    rule: TradePriceRule
    fee_bps: FeeBps
    type: tuple[EnergyType, ...]


class Generator(_Table, frozen=True):
    """A generator and its share of its type's output."""

    name: Name
    product: Code
    share: Decimal
    deposit: Decimal


class EnergyBuyer(_Table, frozen=True):
    """A buyer of energy: what share of each type's offered output it wants, at a multiple of the reference price."""

    name: Name
    role: BuyerRole
    wants: dict[Code, Decimal]
    worth: Decimal
    deposit: Decimal


class Zone(_Table, frozen=True):
    """A place of data centres and path ends, and the cloud region whose figures stand for it."""

    code: Code
    region: str


class ComputeClass(_Table, frozen=True):
    """An accelerator class with the quality tier and green class that it is sold under."""

    product: Code
    tier: Tier
    green: Tier


class Compute(_Table, frozen=True):
    """How compute is traded; `cost_share` is a data centre's reserve price over its base price."""

    rule: TradePriceRule
    fee_bps: FeeBps
    cost_share: Decimal
    class_: tuple[ComputeClass, ...] = msgspec.field(name="class")


class DataCentre(_Table, frozen=True):
    """A data centre: its accelerators, and the energy that it wants; `premium` per kWh is for renewable energy."""

    name: Name
    zone: Code
    pue: Decimal
    gpus: dict[Code, int]
    expected_load: Decimal
    energy: Codes
    premium: Decimal
    deposit: Decimal


class Standby(_Table, frozen=True):
    """GPUs of a class that one data centre keeps ready for another; `strike` per GPU·h, `premium` for the day."""

    holder: Name
    supplier: Name
    class_: Code = msgspec.field(name="class")
    gpus: Annotated[int, msgspec.Meta(ge=1)]
    strike: Decimal
    premium: Decimal


class Outage(_Table, frozen=True):
    """An hour in which a data centre delivers only a share of what it sold of a class."""

    data_centre: Name
    class_: Code = msgspec.field(name="class")
    hour: Annotated[int, msgspec.Meta(ge=0, le=23)]
    delivered: Decimal


class Workload(_Table, frozen=True):
    """LLM requests of a day, their shape over the hours, and the model that answers them."""

    source: str
    model: str
    parameters: Decimal
    measured_on: Code
    share_of_range: Decimal
    requests_per_day: Decimal
    context_tokens: Decimal
    generated_tokens: Decimal
    profile: Annotated[tuple[Decimal, ...], msgspec.Meta(min_length=HOURS, max_length=HOURS)]


class ComputeBuyer(_Table, frozen=True):
    """A buyer of compute: a share of the tokens, on one class, in equal parts in its zones."""

    name: Name
    role: BuyerRole
    class_: Code = msgspec.field(name="class")
    zones: Codes
    share: Decimal
    worth: Decimal
    deposit: Decimal


class NetworkPath(_Table, frozen=True):
    """A path between two zones, one way, with figures of the scenario's own."""

    from_: Code = msgspec.field(name="from")
    to: Code
    product: Code
    tier: Tier
    usd_per_gb: Decimal
    rtt_ms: Decimal
    mbps: Decimal


class Network(_Table, frozen=True):
    """How paths are traded; `cost_share` is a carrier's reserve price over the base price."""

    rule: TradePriceRule
    fee_bps: FeeBps
    cost_share: Decimal
    path: tuple[NetworkPath, ...]


class Carrier(_Table, frozen=True):
    """A carrier and its share of each of its paths."""

    name: Name
    paths: PathCodes
    share: Decimal
    deposit: Decimal


class NetworkBuyer(_Table, frozen=True):
    """A buyer of paths. Role and deposit stand only with a participant that no other table has named."""

    name: Name
    paths: PathCodes
    gb_per_hour: Decimal
    worth: Decimal
    role: BuyerRole | None = None
    deposit: Decimal | None = None


class Layout(_Table, frozen=True):
    """A whole scenario file."""

    title: Annotated[str, msgspec.Meta(min_length=1, max_length=120)]
    description: str
    delivery_day: date
    energy: Energy
    generator: tuple[Generator, ...]
    energy_buyer: tuple[EnergyBuyer, ...]
    zone: tuple[Zone, ...]
    compute: Compute
    data_centre: tuple[DataCentre, ...]
    workload: Workload
    compute_buyer: tuple[ComputeBuyer, ...]
    network: Network
    carrier: tuple[Carrier, ...]
    network_buyer: tuple[NetworkBuyer, ...]
    standby: tuple[Standby, ...] = ()
    outage: tuple[Outage, ...] = ()


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
        low, high, low_allowed = _RANGES.get(field, _ANY)
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
