"""Copy a market from one database into another, of either kind: every table, as all of them stood at one moment."""

from collections.abc import Callable
from itertools import chain

from sqlalchemy import Connection, func, insert, select, text, update

from ledger.tables import ProjectedRow, Readable, Truth, table

_TABLES = tuple(
    each
    for metadata in (Truth.metadata, Readable.metadata)
    for each in metadata.sorted_tables
    if each is not table(ProjectedRow)
)
_PROJECTED = table(ProjectedRow)
_ROWS_PER_STEP = 256

Told = Callable[[int, int], None]
"""Hears how many rows are copied, and of how many."""


def untold(_done: int, _of: int) -> None:
    """Tell nobody."""


def copy_market(source: Connection, target: Connection, *, told: Told = untold) -> None:
    """Copy all rows of a market into the empty tables of another database, some hundred at a time.

    What others write at the source meanwhile is not seen, and does not wait. The target's transaction is the caller's:
    nothing is there before that is committed.
    """
    with source.begin():
        _begin_looking(source)
        done, of = 0, sum(source.scalar(select(func.count()).select_from(each)) or 0 for each in _TABLES)
        told(done, of)
        for each in _TABLES:
            found = source.execute(
                select(each).order_by(*each.primary_key), execution_options={"yield_per": _ROWS_PER_STEP}
            )
            for rows in found.mappings().partitions():
                target.execute(insert(each), [dict(row) for row in rows])
                done += len(rows)
                told(done, of)
        # The shape of the target's readable tables is its own: either database has its words for the same columns.
        position = source.execute(select(_PROJECTED.c.batch_number)).scalar_one()
        target.execute(update(_PROJECTED).values(batch_number=position))


def _begin_looking(source: Connection) -> None:
    if source.dialect.name == "sqlite":
        source.exec_driver_sql("BEGIN")  # the driver begins no transaction for reading
        return
    source.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"))
    # A table that is dropped and made again is not the one that was seen: nobody may, until this is over. The moment that
    # is looked at is that of the first question, which comes after.
    names = ", ".join(each.name for each in chain(_TABLES, [_PROJECTED]))
    source.execute(text(f"LOCK TABLE {names} IN ACCESS SHARE MODE"))
