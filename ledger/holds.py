"""Holds: money set aside for a reason that is known by a key, until the event that ends it takes it away."""

from typing import NamedTuple, TypeVar

from market.events import Event
from market.orders import Address
from market.units import InvariantBroken

_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


class Hold(NamedTuple):
    """Money set aside, and whose it is."""

    participant: Address
    amount_micros: int


def take(holds: dict[_Key, _Value], key: _Key, event: Event) -> _Value:
    """Remove what is held under a key and return it.

    Raises:
        InvariantBroken: if nothing is.
    """
    found = holds.pop(key, None)
    if found is None:
        raise InvariantBroken(f"{type(event).__name__}: nothing is held under {key!r}")
    return found
