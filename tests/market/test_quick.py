"""Values with the quick constructor are what they were: frozen, equal, copied, replaced and pickled as any dataclass."""

import copy
import gc
import pickle
from collections.abc import Callable
from dataclasses import dataclass, field, fields, is_dataclass, replace
from typing import get_type_hints

import pytest

from market.events import OrderAccepted, TradeAgreed
from market.open_orders import OpenOrder, SignedOrder
from market.orders import OrderTerms
from market.quick import quickly_made
from market.trades import Trade
from market.units import Lots

QUICK = (OrderTerms, OrderAccepted, TradeAgreed, SignedOrder, OpenOrder, Trade)


@quickly_made
@dataclass(frozen=True, slots=True)
class Span:
    first: int
    last: int = 9

    def __post_init__(self) -> None:
        if self.last < self.first:
            raise ValueError(f"found {self.last}, expected {self.first} or later")


@pytest.mark.parametrize("kind", QUICK, ids=lambda kind: kind.__name__)
def test_a_value_holds_what_its_constructor_was_given(kind: type) -> None:
    names = [each.name for each in fields(kind)]
    value = kind(*names)
    assert type(value) is kind
    assert [getattr(value, name) for name in names] == names
    assert value == kind(**dict(zip(names, names, strict=True)))
    assert list(get_type_hints(kind)) == names
    assert is_dataclass(value)
    assert replace(value) == value


def test_a_value_cannot_be_changed() -> None:
    for name in ("first", "last", "other"):
        with pytest.raises(AttributeError):
            setattr(Span(1), name, 2)
    with pytest.raises(AttributeError):
        del Span(1).first
    with pytest.raises(TypeError):
        object.__setattr__(Span(1), "first", 2)


def test_defaults_checks_and_names_of_arguments_stay() -> None:
    assert Span(1) == Span(first=1, last=9)
    assert repr(Span(1, 2)) == "Span(first=1, last=2)"
    with pytest.raises(ValueError, match="found 0, expected 1 or later"):
        Span(1, 0)
    kind: Callable[..., Span] = Span
    with pytest.raises(TypeError, match="Missing required argument 'first'"):
        kind()


def test_a_value_is_hashed_copied_replaced_and_pickled() -> None:
    span = Span(1, 5)
    assert {span: Lots(1)}[Span(1, 5)] == 1
    assert copy.copy(span) == copy.deepcopy(span) == pickle.loads(pickle.dumps(span)) == span
    assert replace(span, last=7) == Span(1, 7)


def test_a_value_matches_by_position_and_is_left_alone_by_the_garbage_collector() -> None:
    match Span(1, 5):
        case Span(first, last):
            assert (first, last) == (1, 5)
    assert not gc.is_tracked(Span(1, 5))


def test_what_cannot_be_made_so_is_refused() -> None:
    @dataclass(frozen=True, slots=True)
    class Made:
        parts: list[int] = field(default_factory=list)

    @dataclass(frozen=True, slots=True)
    class Secret:
        key: bytes = field(repr=False)

    @dataclass(frozen=True, slots=True)
    class Noted:
        number: int
        note: str = field(compare=False)

    @dataclass(frozen=True, slots=True)
    class Worded:
        number: int

        def __str__(self) -> str:
            return "a number"

    @dataclass(frozen=True, slots=True, order=True)
    class Ordered:
        number: int

    @dataclass(slots=True)
    class Mutable:
        number: int

    @dataclass(frozen=True)
    class Loose:
        first: int

    for kind in (Made, Secret, Noted, Worded, Ordered, Mutable, Loose, int):
        with pytest.raises(
            TypeError, match="expected a frozen dataclass with slots, no base, plain fields and no"
        ):
            quickly_made(kind)
