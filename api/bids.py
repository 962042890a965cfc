"""A file of bids and offers for one call auction: what it holds, and in which parts prices and quantities count."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from api.columns import read_columns
from api.input_error import InputError
from market.orders import Side
from market.units import QUANTITY_MAX, format_decimal

SCALE = 1_000_000
AMOUNT_MAX = 1 << 52
COLUMNS = ("side", "price", "quantity", "participant")

_SIDES = {"buy": int(Side.BUY), "sell": int(Side.SELL)}


@dataclass(frozen=True, slots=True, eq=False)
class Bids:
    """What a file holds, one entry for each order; prices and quantities in parts of 1/`SCALE`."""

    path: Path
    sides: NDArray[np.int64]
    prices: NDArray[np.int64]
    quantities: NDArray[np.int64]
    participants: list[str]
    lines: list[int]


def read_bids(path: Path) -> Bids:
    """Read the bids and offers of a CSV file, in the order of its lines.

    Raises:
        InputError: naming the line that cannot be read.
    """
    sides, prices, quantities, lines = [], [], [], []
    participants: list[str] = []
    for columns in read_columns(path, required=COLUMNS):
        sides.append(columns.words("side", _SIDES))
        prices.append(columns.decimals("price", scale=SCALE, low=-AMOUNT_MAX, high=AMOUNT_MAX))
        quantities.append(columns.decimals("quantity", scale=SCALE, low=1, high=AMOUNT_MAX))
        participants += columns.texts("participant")
        lines.append(columns.lines)
    if not participants:
        raise InputError(path, "line 2", "the end of the file", "at least one bid or offer")
    bids = Bids(
        path,
        np.concatenate(sides),
        np.concatenate(prices),
        np.concatenate(quantities),
        participants,
        np.concatenate(lines).tolist(),
    )
    check_total(bids, QUANTITY_MAX)
    return bids


def check_total(bids: Bids, most: int) -> None:
    """Refuse quantities that sum to more than `most` parts.

    Raises:
        InputError: if they do.
    """
    total = int(bids.quantities.sum(dtype=object))
    if total > most:
        found, limit = (format_decimal(each, scale=SCALE) for each in (total, most))
        raise InputError(bids.path, "all lines", f"quantities that sum to {found}", f"at most {limit}")
