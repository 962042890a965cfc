"""Exports: the readable tables as tidy data frames, one row an observation, every column of one type.

Integers stay integers (`Int64` where a value may be missing), text is text. Moments that the market set are times in UTC,
named `…_utc`; moments that participants signed stay Unix seconds, since nobody is kept from signing the year 10^11.
`docs/reference/exports.md` is the data dictionary.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Connection,
    FromClause,
    Integer,
    and_,
    func,
    select,
)

from ledger.tables import (
    AccountRow,
    BalanceRow,
    CandleRow,
    ClearingRow,
    EntryRow,
    GuaranteeRow,
    InstrumentRow,
    OrderRow,
    PostingRow,
    Readable,
    RecordRow,
    SettlementBatchRow,
    TradeRow,
    table,
)
from market.units import Malformed

if TYPE_CHECKING:
    import pandas

_RECORD = table(RecordRow)
_ACCOUNTS, _POSTINGS = table(AccountRow), table(PostingRow)
_ENTRIES, _BALANCES = table(EntryRow), table(BalanceRow)


class _Export(NamedTuple):
    """What is exported: some columns, where they are read, and those that set the order."""

    columns: tuple[Column[Any], ...]
    read_from: FromClause
    key: tuple[Column[Any], ...]


def _all_of(row: type[Readable]) -> _Export:
    of = table(row)
    return _Export(tuple(of.columns), of, tuple(of.primary_key))


_NAMED: Final = (_ACCOUNTS.c.kind, _ACCOUNTS.c.participant, _ACCOUNTS.c.asset)
_LINE: Final = (_ENTRIES.c.batch_number, _ENTRIES.c.event_position, _ENTRIES.c.line)
_EXPORTS: Final = {
    "instruments": _all_of(InstrumentRow),
    "clearings": _all_of(ClearingRow),
    "orders": _all_of(OrderRow),
    "trades": _all_of(TradeRow),
    "candles": _all_of(CandleRow),
    "guarantees": _all_of(GuaranteeRow),
    "settlements": _all_of(SettlementBatchRow),
    "entries": _Export(
        columns=(
            *_LINE,
            _POSTINGS.c.event,
            _POSTINGS.c.reference,
            _POSTINGS.c.chain_transaction,
            *_NAMED,
            _ENTRIES.c.amount,
            _ENTRIES.c.balance,
        ),
        read_from=_ENTRIES.join(_ACCOUNTS, _ACCOUNTS.c.account_number == _ENTRIES.c.account_number).join(
            _POSTINGS,
            and_(
                _POSTINGS.c.batch_number == _ENTRIES.c.batch_number,
                _POSTINGS.c.event_position == _ENTRIES.c.event_position,
            ),
        ),
        key=_LINE,
    ),
    "balances": _Export(
        columns=(*_NAMED, _BALANCES.c.amount),
        read_from=_BALANCES.join(_ACCOUNTS, _ACCOUNTS.c.account_number == _BALANCES.c.account_number),
        key=_NAMED,
    ),
}
NAMES: Final = tuple(_EXPORTS)
"""What can be exported."""
_TIMED: Final = ("clearings", "entries")
"""Exports whose rows begin with the number of a batch: the record tells its time."""
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
    return int(connection.execute(select(func.count()).select_from(_export(name).read_from)).scalar_one())


def read_frames(
    connection: Connection, name: str, *, rows_at_once: int = ROWS_AT_ONCE
) -> Iterator["pandas.DataFrame"]:
    """Iterate over an export in the order of its key, as frames of at most this many rows; at least one, if empty.

    Raises:
        Malformed: if there is no such export.
    """
    export, sources = _export(name), _sources(name)
    read_from = export.read_from
    if name in _TIMED:
        read_from = read_from.join(_RECORD, _RECORD.c.number == export.columns[0])
    statement = (
        select(*(source.read.label(source.name) for source in sources))
        .select_from(read_from)
        .order_by(*export.key)
        .execution_options(yield_per=rows_at_once)
    )
    empty = True
    for rows in connection.execute(statement).partitions():
        yield _frame(sources, list(rows))
        empty = False
    if empty:
        yield _frame(sources, [])


def _export(name: str) -> _Export:
    if name not in _EXPORTS:
        raise Malformed(f"export: found {name!r}, expected one of {', '.join(NAMES)}")
    return _EXPORTS[name]


def _sources(name: str) -> list[_Source]:
    found = [_source(column) for column in _export(name).columns]
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
