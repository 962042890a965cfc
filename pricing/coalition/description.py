"""Read agents and lines from plain data, as JSON or TOML gives them; what is unknown, missing or mistyped is named.

    {"slot_hours": 1, "agents": [
        {"name": "north", "load": [4, 6], "storage": {"rate_max": 2, "capacity": 4}, "grid": {"buy": 0.5, "sell": 0.1}},
        {"name": "centre", "balances": {
            "compute": {"load": [5, 5], "generators": [{"rate_max": 8, "inputs": {"energy": 0.9}}]},
            "energy": {"grid": {"buy": [0.3, 0.5]}}}}]}

Keys are the fields of `Balance`, `Storage`, `Generator`, `FlexibleLoad`, `GridTariff` and `Line`. An agent either lists its
`balances` by commodity, or has the keys of one balance, of energy.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, fields
from typing import TYPE_CHECKING, Any, TypeVar

from pricing.coalition.agents import ENERGY, Agent, Balance, FlexibleLoad, Generator, GridTariff, Storage
from pricing.coalition.lines import Line
from pricing.errors import PricingError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Part = TypeVar("Part", bound="DataclassInstance")
Reader = Callable[[str, Any], Any]


def agents_from(description: Mapping[str, Any]) -> tuple[Agent, ...]:
    """Return the agents of a description with the key `agents`, and maybe `slots` and `slot_hours`.

    >>> north, = agents_from({"agents": [{"name": "north", "load": [4, 6], "grid": {"buy": 0.5}}]})
    >>> north.balances[0].grid.buy
    0.5
    >>> agents_from({"agents": [{"name": "north", "load": [4, 6], "grid": {"price": 0.5}}]})
    Traceback (most recent call last):
    pricing.errors.PricingError: agents[0].grid: found unknown key 'price', expected buy, sell, import_limit, export_limit

    Raises:
        PricingError: if a key is unknown or missing, or what stands there is out of range; says where.
        Unbounded: if a tariff pays more than it charges; says where.
    """
    top = _keys("description", description, known=["agents", "slots", "slot_hours"], needed=["agents"])
    time = {key: each for key, each in top.items() if key != "agents"}
    return tuple(_agent(where, each, time) for where, each in _items("agents", top["agents"]))


def lines_from(description: Iterable[Mapping[str, Any]]) -> tuple[Line, ...]:
    """Return the lines of a list of descriptions; the `factors` of each are a mapping by member.

    >>> lines_from([{"name": "feeder 1", "factors": {"north": 1}, "limit": 3}])
    (Line(name='feeder 1', factors=(('north', 1.0),), limit=3.0, commodity='energy'),)

    Raises:
        PricingError: if a key is unknown or missing, or what stands there is out of range; says where.
    """
    return tuple(_part(Line, where, each, factors=_pairs) for where, each in _items("lines", description))


def _agent(where: str, given: Any, time: Mapping[str, Any]) -> Agent:
    if isinstance(given, Mapping) and "balances" in given:
        own = _keys(where, given, known=["name", "balances"], needed=["name"])
        by_commodity = _keys(f"{where}.balances", own["balances"])
        balances = [_balance(f"{where}.balances.{key}", key, each) for key, each in by_commodity.items()]
    else:
        own = _keys(where, given, known=["name", *_names(Balance)[1:]], needed=["name"])
        balances = [_balance(where, ENERGY, {key: each for key, each in own.items() if key != "name"})]
    return _made(where, Agent, name=own["name"], balances=tuple(balances), **time)


def _balance(where: str, commodity: str, given: Any) -> Balance:
    figures = _keys(where, given, known=_names(Balance)[1:])
    return _part(
        Balance,
        where,
        {"commodity": commodity, **figures},
        storage=lambda at, each: _part(Storage, at, each),
        generators=lambda at, each: tuple(
            _part(Generator, place, item, inputs=_pairs) for place, item in _items(at, each)
        ),
        flexible=lambda at, each: tuple(_part(FlexibleLoad, place, item) for place, item in _items(at, each)),
        grid=lambda at, each: _part(GridTariff, at, each),
    )


def _part(kind: type[Part], where: str, given: Any, **readers: Reader) -> Part:
    """Make a part from a mapping of its fields, those of `readers` read by them."""
    needed = [field.name for field in fields(kind) if field.default is MISSING]
    figures = _keys(where, given, known=_names(kind), needed=needed)
    return _made(
        where,
        kind,
        **{
            key: readers[key](f"{where}.{key}", each) if key in readers and each is not None else each
            for key, each in figures.items()
        },
    )


def _made(where: str, kind: type[Part], **values: Any) -> Part:
    try:
        return kind(**values)
    except PricingError as reason:
        raise type(reason)(f"{where}: {reason}") from None


def _names(kind: type[Any]) -> list[str]:
    return [field.name for field in fields(kind)]


def _items(where: str, given: Any) -> list[tuple[str, Any]]:
    if not isinstance(given, list | tuple):
        raise PricingError(f"{where}: found {given!r}, expected a list")
    return [(f"{where}[{place}]", each) for place, each in enumerate(given)]


def _pairs(where: str, given: Any) -> tuple[tuple[str, Any], ...]:
    return tuple(_keys(where, given).items())


def _keys(
    where: str, given: Any, *, known: list[str] | None = None, needed: Iterable[str] = ()
) -> Mapping[str, Any]:
    if not isinstance(given, Mapping) or not all(isinstance(key, str) for key in given):
        raise PricingError(f"{where}: found {given!r}, expected a mapping by name")
    for key in given:
        if known is not None and key not in known:
            raise PricingError(f"{where}: found unknown key {key!r}, expected {', '.join(known)}")
    for key in needed:
        if key not in given:
            raise PricingError(f"{where}: found no {key!r}, expected it")
    return given
