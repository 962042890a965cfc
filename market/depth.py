"""Market depth: what rests at each price, best first."""

from dataclasses import dataclass
from typing import NamedTuple

from market.units import Lots, Ticks


class DepthLevel(NamedTuple):
    """One price: how much rests there, in how many orders."""

    price_ticks: Ticks
    quantity_lots: Lots
    orders: int


@dataclass(frozen=True, slots=True)
class Depth:
    """The best levels of a book's two sides, best first."""

    bids: tuple[DepthLevel, ...]
    asks: tuple[DepthLevel, ...]
