"""Bad input: a `PricingError` that says which input and why, or a result without a NaN; never anything else.

Each valid call of `valid_calls` is repeated with one figure spoilt, or one sequence too short, too long or empty.
"""

import importlib
import inspect
import math
import pkgutil
import warnings
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields, is_dataclass, replace
from enum import Enum
from itertools import cycle
from numbers import Real

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

import pricing
from market.units import InvariantBroken
from pricing.auctions import Order, PackageBid
from pricing.bargaining import Good
from pricing.errors import PricingError
from pricing.taxonomy import EnergyType
from tests.pricing.valid_calls import VALID_CALLS, Call

WRONG_NUMBERS = (math.nan, math.inf, -math.inf, 1e308, -1e308, 5e-324, 10**400, 0, -1, None, "many")

FLOODS = (
    (1e308,),
    (1e308, -1e308),
    (-1e308, 1e308),
    (1e99, -1e99),
    (1e300, 1e-300),
    (5e-324,),
    (0.0,),
    (1.0,),
)
"""All figures of a call at once, in turn."""

UNCHECKED_PARTS = (Good, Order, PackageBid, EnergyType)
"""What is handed in without having checked itself: whoever takes it does. Every other class has a row of its own."""

INFINITE = {
    "pricing.coalition.local_problem.local_problem": "l and u of a quadratic program: no limit is an infinite one",
}
"""Whose result may hold an infinity, and why. No result holds a NaN."""

BROKEN = {
    "pricing.menus.incentives.verify": "it is there to tell that a menu is broken",
}
"""Who may raise InvariantBroken, and why."""


def spoilt(value: object) -> Iterator[tuple[str, object]]:
    """Yield a value with one thing wrong, in every way, and where."""
    if isinstance(value, bool | str | Enum) or value is None:
        return
    if isinstance(value, Real):
        yield from ((f" = {wrong!r:.9}", wrong) for wrong in WRONG_NUMBERS)
    elif isinstance(value, np.ndarray):
        yield from ((where, _as_array(wrong)) for where, wrong in spoilt(value.tolist()))
    elif isinstance(value, tuple) and hasattr(value, "_replace"):
        for name in value._fields:
            for where, wrong in spoilt(getattr(value, name)):
                yield f".{name}{where}", value._replace(**{name: wrong})
    elif isinstance(value, list | tuple):
        if value:
            kind = type(value)
            yield " empty", kind()
            yield " one too few", value[:-1]
            yield " one too many", kind([*value, value[-1]])
            for where, wrong in spoilt(value[-1]):
                yield f"[-1]{where}", kind([*value[:-1], wrong])
    elif isinstance(value, Mapping):
        if value:
            last = list(value)[-1]
            yield " empty", {}
            yield " one too few", {key: each for key, each in value.items() if key != last}
            for where, wrong in spoilt(value[last]):
                yield f"[{last!r}]{where}", {**value, last: wrong}
    elif isinstance(value, UNCHECKED_PARTS):
        for field in fields(value):
            for where, wrong in spoilt(getattr(value, field.name)):
                yield f".{field.name}{where}", replace(value, **{field.name: wrong})


def _as_array(values: list[object]) -> np.ndarray:
    try:
        return np.array(values)
    except (ValueError, OverflowError):
        return np.array(values, object)


def flooded(value: object, figures: Iterator[float]) -> object:
    """Return a value with every float in it replaced by the next of the figures."""
    if isinstance(value, float):
        return next(figures)
    if isinstance(value, np.ndarray):
        return np.array(flooded(value.tolist(), figures))
    if isinstance(value, tuple) and hasattr(value, "_replace"):
        return value
    if isinstance(value, list | tuple):
        return type(value)(flooded(each, figures) for each in value)
    if isinstance(value, Mapping):
        return {key: flooded(each, figures) for key, each in value.items()}
    if isinstance(value, UNCHECKED_PARTS):
        return replace(
            value, **{each.name: flooded(getattr(value, each.name), figures) for each in fields(value)}
        )
    return value


def spoilt_calls(call: Call) -> Iterator[tuple[str, tuple[object, ...], dict[str, object]]]:
    for place, value in enumerate(call.positional):
        for where, wrong in spoilt(value):
            yield (
                f"argument {place}{where}",
                (*call.positional[:place], wrong, *call.positional[place + 1 :]),
                call.named,
            )
    for name, value in call.named.items():
        for where, wrong in spoilt(value):
            yield f"{name}{where}", call.positional, {**call.named, name: wrong}
    for flood in FLOODS:
        figures = cycle(flood)
        positional = tuple(flooded(value, figures) for value in call.positional)
        yield (
            f"all = {flood}",
            positional,
            {name: flooded(each, figures) for name, each in call.named.items()},
        )


def floats_in(result: object) -> Iterator[float]:
    """Yield every float in a result, however deep."""
    if isinstance(result, float):
        yield result
    elif isinstance(result, np.ndarray):
        yield from floats_in(result.tolist())
    elif sparse.issparse(result):
        yield from floats_in(result.data)
    elif isinstance(result, pd.DataFrame):
        yield from floats_in(result.select_dtypes("number").to_numpy())
    elif is_dataclass(result) and not isinstance(result, type):
        for field in fields(result):
            yield from floats_in(getattr(result, field.name))
    elif isinstance(result, Mapping):
        yield from floats_in(list(result.values()))
    elif isinstance(result, Iterable) and not isinstance(result, str | bytes):
        for each in result:
            yield from floats_in(each)


def not_as_promised(call: Call, positional: tuple[object, ...], named: dict[str, object]) -> str | None:
    """Return what a call does that is neither an error of the family nor a result of finite numbers."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            found = list(floats_in(call.function(*positional, **named)))
    except PricingError:
        return None
    except InvariantBroken as error:
        return None if str(call) in BROKEN else f"InvariantBroken: {error}"
    except Exception as error:  # any other is what is looked for
        return f"{type(error).__name__}: {error}"
    allowed = math.isnan if str(call) in INFINITE else lambda each: not math.isfinite(each)
    return f"returned {next(filter(allowed, found))}" if any(map(allowed, found)) else None


@pytest.mark.parametrize("call", VALID_CALLS, ids=str)
def test_a_spoilt_figure_is_refused_or_gives_finite_numbers(call):
    assert not_as_promised(call, call.positional, call.named) is None
    wrong = {
        where: found
        for where, positional, named in spoilt_calls(call)
        if (found := not_as_promised(call, positional, named))
    }
    assert not wrong, f"{call}\n" + "\n".join(f"  {where}: {found}" for where, found in wrong.items())


FRONT_DOORS = (
    "auctions",
    "bargaining",
    "coalition",
    "competition",
    "cooperative",
    "experiments",
    "load",
    "menus",
    "properties",
)
SINGLE_MODULES = ("base", "dynamic", "hedonic", "index", "payments", "period", "rolling", "rules")
TESTED_ELSEWHERE = {"errors", "taxonomy"}
"""The checks themselves, and data that is checked as it is read."""
COVERED = {getattr(call.function, "__func__", call.function) for call in VALID_CALLS}


def made_by_pricing(value: object) -> bool:
    """Tell a result, or a word such as an enumeration or a protocol: nobody hands figures to its constructor."""
    return inspect.isclass(value) and not hasattr(value, "__post_init__")


def callables_of(room: str) -> Iterator[tuple[str, object]]:
    """Yield what a room offers, and the methods of its classes, by name."""
    module = importlib.import_module(f"pricing.{room}")
    names = getattr(module, "__all__", None) or [
        name
        for name, value in vars(module).items()
        if not name.startswith("_") and getattr(value, "__module__", None) == module.__name__
    ]
    for name in names:
        value = getattr(module, name)
        if not callable(value):
            continue
        if not made_by_pricing(value):
            yield name, value
        if inspect.isclass(value) and not getattr(value, "_is_protocol", False):
            for method, function in vars(value).items():
                if not method.startswith("_") and (
                    inspect.isfunction(function) or isinstance(function, classmethod)
                ):
                    yield f"{name}.{method}", getattr(function, "__func__", function)


@pytest.mark.parametrize("room", [*FRONT_DOORS, *SINGLE_MODULES])
def test_whatever_a_room_offers_has_a_valid_call(room):
    assert [name for name, value in callables_of(room) if value not in COVERED] == []


def test_every_room_is_looked_at():
    rooms = {module.name for module in pkgutil.iter_modules(pricing.__path__)}
    assert rooms - {*FRONT_DOORS, *SINGLE_MODULES} == TESTED_ELSEWHERE
