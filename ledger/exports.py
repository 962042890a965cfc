"""Exports: the readable tables as tidy data frames, one row an observation, every column of one type.

Integers stay integers (`Int64` where a value may be missing), text is text. Moments that the market set are times in UTC,
named `…_utc`; moments that participants signed stay Unix seconds, since nobody is kept from signing the year 10^11.
`docs/reference/exports.md` is the data dictionary.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import BigInteger, Boolean, Column, ColumnElement, Connection, Integer, func, select

from ledger.tables import (
    BalanceRow,
    CandleRow,
    ClearingRow,
    EntryRow,
    GuaranteeRow,
    InstrumentRow,
    OrderRow,
    RecordRow,
    SettlementBatchRow,
    TradeRow,
    table,
)
from market.units import Malformed

if TYPE_CHECKING:
    import pandas

_RECORD = table(RecordRow)
_TABLES: Final = {
    "instruments": table(InstrumentRow),
    "clearings": table(ClearingRow),
    "orders": table(OrderRow),
    "trades": table(TradeRow),
    "candles": table(CandleRow),
    "guarantees": table(GuaranteeRow),
    "settlements": table(SettlementBatchRow),
    "entries": table(EntryRow),
    "balances": table(BalanceRow),
}
NAMES: Final = tuple(_TABLES)
"""What can be exported."""
_TIMED: Final = ("clearings", "entries")
"""Tables that take the time of their batch from the record."""
_MARKET_SECONDS: Final = ("start_s", "end_s")

INTEGER, MAYBE_INTEGER, TRUTH, TEXT, TIME = "int64", "Int64", "bool", "string", "datetime64[us, UTC]"
ROWS_AT_ONCE: Final = 100_000


@dataclass(frozen=True, slots=True)
class _Source:
    """A column of an export, what it is read from, and by what a moment is multiplied to be microseconds."""

    name: str
    dtype: str
    read: ColumnElement[Any]
    microseconds: int = 1


def columns(name: str) -> Mapping[str, str]:
    """Return the columns of an export, in order, and the pandas type of each.

    Raises:
        Malformed: if there is no such export.
    """
    return {source.name: source.dtype for source in _sources(name)}


def count(connection: Connection, name: str) -> int:
    """Return how many rows an export has.

    Raises:
        Malformed: if there is no such export.
    """
    return int(connection.execute(select(func.count()).select_from(_table(name))).scalar_one())


def read_frames(
    connection: Connection, name: str, *, rows_at_once: int = ROWS_AT_ONCE
) -> Iterator["pandas.DataFrame"]:
    """Iterate over an export in the order of its key, as frames of at most this many rows; at least one, if empty.

    Raises:
        Malformed: if there is no such export.
    """
    sources = _sources(name)
    of = _table(name)
    statement = select(*(source.read.label(source.name) for source in sources))
    if name in _TIMED:
        statement = statement.join_from(of, _RECORD, _RECORD.c.number == of.c.batch_number)
    statement = statement.order_by(*of.primary_key).execution_options(yield_per=rows_at_once)
    empty = True
    for rows in connection.execute(statement).partitions():
        yield _frame(sources, list(rows))
        empty = False
    if empty:
        yield _frame(sources, [])


def _table(name: str) -> Any:
    if name not in _TABLES:
        raise Malformed(f"export: found {name!r}, expected one of {', '.join(NAMES)}")
    return _TABLES[name]


def _sources(name: str) -> list[_Source]:
    found = [_source(column) for column in _table(name).columns]
    if name in _TIMED:
        found.insert(0, _Source("time_utc", TIME, _RECORD.c.time_us))
    return found


def _source(column: Column[Any]) -> _Source:
    if column.name.endswith("_us"):
        return _Source(f"{column.name.removesuffix('_us')}_utc", TIME, column)
    if column.name in _MARKET_SECONDS:
        return _Source(f"{column.name.removesuffix('_s')}_utc", TIME, column, microseconds=1_000_000)
    if isinstance(column.type, Boolean):
        return _Source(column.name, TRUTH, column)
    if isinstance(column.type, Integer | BigInteger):
        return _Source(column.name, MAYBE_INTEGER if column.nullable else INTEGER, column)
    return _Source(column.name, TEXT, column)


def _frame(sources: list[_Source], rows: list[Any]) -> "pandas.DataFrame":
    import pandas

    by_column = list(zip(*rows, strict=True)) or [()] * len(sources)
    return pandas.DataFrame(
        {
            source.name: _times(values, source.microseconds)
            if source.dtype == TIME
            else pandas.Series(values, dtype=source.dtype)
            for source, values in zip(sources, by_column, strict=True)
        }
    )


def _times(values: tuple[int, ...], microseconds: int) -> "pandas.Series[Any]":
    """Return moments in UTC; 0, which says that it never was, is missing."""
    import numpy as np
    import pandas

    moments = np.array(values, dtype=np.int64) * microseconds
    times = pandas.Series(moments.astype("datetime64[us]")).dt.tz_localize("UTC")
    return times.mask(moments == 0)
