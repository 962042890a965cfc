"""Bad input: a `PricingError` that says which input and why, or a result without a NaN; never anything else.

Each valid call of `valid_calls` is repeated with one figure spoilt, or one sequence too short, too long or empty.
"""

import math
import warnings
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields, is_dataclass, replace
from enum import Enum
from numbers import Real

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from pricing.auctions import Order, PackageBid
from pricing.bargaining import Good
from pricing.errors import PricingError
from pricing.taxonomy import EnergyType
from tests.pricing.valid_calls import VALID_CALLS, Call

WRONG_NUMBERS = (math.nan, math.inf, -math.inf, 1e308, -1e308, 10**400, -1, None, "many")

UNCHECKED_PARTS = (Good, Order, PackageBid, EnergyType)
"""What is handed in without having checked itself; every other class has a row of its own."""

INFINITE = {
    "pricing.coalition.local_problem.local_problem": "l and u of a quadratic program: no limit is an infinite one",
}
"""Whose result may hold an infinity, and why. No result holds a NaN."""


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
