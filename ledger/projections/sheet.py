"""A sheet: the rows of one readable table that may still change, and those that wait to be written."""

from collections.abc import Callable, Iterator
from enum import IntEnum
from functools import lru_cache
from operator import itemgetter
from typing import Any, NamedTuple, TypeVar

from sqlalchemy import Connection, Select, Table

from market.units import InvariantBroken

Row = dict[str, Any]
Values = tuple[Any, ...]
"""The values of a row, in the order of its table's columns."""
_Word = TypeVar("_Word", bound=IntEnum)
_HEXED_AT_MOST = 1 << 16


class Changes(NamedTuple):
    """What to write: rows that are new, and rows that take the place of those with their keys."""

    table: Table
    added: list[Values]
    changed: list[Values]


class Sheet:
    """Rows by key. It keeps in memory what may still change, never what is finished and written."""

    def __init__(self, of: Table) -> None:
        self.table = of
        self._values = values_of(of)
        self._rows: dict[Any, Row] = {}
        self._added: dict[Any, Row] = {}
        self._changed: dict[Any, Row] = {}

    def __getitem__(self, key: Any) -> Row:
        """Return a row in order to change it."""
        row = self._rows.get(key)
        if row is None:
            raise InvariantBroken(f"table {self.table.name}: found no unfinished row {key!r}, expected one")
        if key not in self._added:
            self._changed[key] = row
        return row

    def __contains__(self, key: Any) -> bool:
        return key in self._rows

    def add(self, key: Any, row: Row) -> None:
        """Add a row of a new key."""
        self._rows[key] = self._added[key] = row

    def __iter__(self) -> Iterator[Any]:
        """Iterate over the keys."""
        return iter(self._rows)

    def load(self, connection: Connection, unfinished: Select[Any], *key: str) -> None:
        """Take the rows that a statement finds, which stand in the table already; name the columns of the key."""
        key_of = itemgetter(*key)
        for found in connection.execute(unfinished).mappings():
            self._rows[key_of(found)] = dict(found)

    def finish(self, key: Any) -> None:
        """Forget a row that will not change any more, once its last change is written."""
        del self._rows[key]

    def take(self) -> Changes:
        """Return the rows to write, each as it is now; the next time, those that change from now on."""
        added, changed = (list(map(self._values, rows.values())) for rows in (self._added, self._changed))
        self._added.clear()
        self._changed.clear()
        return Changes(self.table, added, changed)


def values_of(of: Table) -> Callable[[Row], Values]:
    """Return what takes the values out of a row, in the order of the table's columns."""
    return itemgetter(*(column.name for column in of.columns))


@lru_cache(_HEXED_AT_MOST)
def hexed(raw: bytes) -> str:
    """Return bytes as the tables write them, 0x and lower-case digits. Few participants come again and again."""
    return f"0x{raw.hex()}"


def lowered(words: type[_Word]) -> dict[_Word, str]:
    """Return how the tables write each of some words."""
    return {word: word.name.lower() for word in words}
