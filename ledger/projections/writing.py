"""Write rows in bulk, in the words of either database.

Values are integers, text and truths already: SQLAlchemy's care for each row would cost several times the writing.
"""

from collections.abc import Iterable, Sequence
from functools import cache
from itertools import chain
from typing import Protocol

from sqlalchemy import Connection, Dialect, Table
from sqlalchemy.dialects import sqlite
from sqlalchemy.exc import DBAPIError

from ledger.projections.sheet import Changes, Values

_PARAMETERS_AT_ONCE = 900
"""Below what any SQLite takes in one statement."""
_Sized = Sequence[tuple[int, str]]


class Writer(Protocol):
    """Writes to the tables of one kind of database."""

    def write(self, connection: Connection, changes: Changes) -> None:
        """Write what changed in a table, within the transaction of the caller."""
        ...


def writer_to(dialect: Dialect, tables: Iterable[Table]) -> Writer:
    """Return a writer to some tables."""
    return SqliteWriter(tables) if dialect.name == "sqlite" else PostgresWriter(dialect, tables)


class SqliteWriter:
    """Writes many rows with one statement.

    A row for itself costs twice as much, and the driver lets other threads run before and after each: where one of them is
    busy, as the event loop may be, it would take its turn between any two rows.
    """

    def __init__(self, tables: Iterable[Table]) -> None:
        self._inserts, self._upserts = {}, {}
        for each in tables:
            self._inserts[each.name] = _sqlite_insert(each)
            self._upserts[each.name] = _sqlite_upsert(each)

    def write(self, connection: Connection, changes: Changes) -> None:
        """Insert the new rows, and write the others over those that are there."""
        name = changes.table.name
        for statements, rows in (
            (self._inserts[name], changes.added),
            (self._upserts[name], changes.changed),
        ):
            done = 0
            for size, statement in statements:
                whole = done + (len(rows) - done) // size * size
                if done < whole:
                    parts = (rows[at : at + size] for at in range(done, whole, size))
                    connection.exec_driver_sql(
                        statement, [tuple(chain.from_iterable(part)) for part in parts]
                    )
                done = whole


def _by_size(table: Table, insert: sqlite.Insert) -> _Sized:
    """Return a statement for many rows, for some, and for one, each with their number."""
    statement = str(insert.compile(dialect=_SQLITE))
    one = f"({', '.join('?' * len(table.columns))})"
    most = _PARAMETERS_AT_ONCE // len(table.columns)
    return [
        (size, statement.replace(f"VALUES {one}", f"VALUES {', '.join([one] * size)}", 1))
        for size in (most, max(most // 12, 1), 1)
    ]


@cache
def _sqlite_insert(table: Table) -> _Sized:
    return _by_size(table, sqlite.insert(table))


@cache
def _sqlite_upsert(table: Table) -> _Sized:
    insert = sqlite.insert(table)
    keys = [column.name for column in table.primary_key]
    rest = {column.name: insert.excluded[column.name] for column in table.columns if column.name not in keys}
    return _by_size(table, insert.on_conflict_do_update(index_elements=keys, set_=rest))


class PostgresWriter:
    """Copies rows in, which costs a tenth of inserting them; those that were there before are taken out first."""

    def __init__(self, dialect: Dialect, tables: Iterable[Table]) -> None:
        names = dialect.identifier_preparer
        self._copies, self._deletes, self._keys = {}, {}, {}
        for each in tables:
            table, keys = names.format_table(each), list(each.primary_key)
            columns = ", ".join(names.format_column(column) for column in each.columns)
            key = ", ".join(names.format_column(column) for column in keys)
            kinds = ("bigint" if column.type.python_type is int else "text" for column in keys)
            given = ", ".join(f"%s::{kind}[]" for kind in kinds)
            self._copies[each.name] = f"COPY {table} ({columns}) FROM STDIN"
            self._deletes[each.name] = f"DELETE FROM {table} WHERE ({key}) IN (SELECT * FROM unnest({given}))"  # noqa: S608  # our own names
            self._keys[each.name] = [list(each.columns).index(column) for column in keys]

    def write(self, connection: Connection, changes: Changes) -> None:
        """Take the changed rows out, and copy these and the new ones in."""
        name = changes.table.name
        if changes.changed:
            keys = tuple([row[at] for row in changes.changed] for at in self._keys[name])
            connection.exec_driver_sql(self._deletes[name], keys)
        if changes.added or changes.changed:
            _copy(connection, self._copies[name], chain(changes.added, changes.changed))


def _copy(connection: Connection, statement: str, rows: Iterable[Values]) -> None:
    """Copy rows in through the driver, whose errors become those of any other statement."""
    import psycopg  # which a market on SQLite never loads

    driver = connection.connection.driver_connection
    if not isinstance(driver, psycopg.Connection):
        raise TypeError(f"driver of PostgreSQL: found {type(driver).__name__}, expected psycopg's")
    try:
        with driver.cursor() as cursor, cursor.copy(statement) as copy:
            for row in rows:
                copy.write_row(row)
    except psycopg.Error as error:
        raise DBAPIError.instance(
            statement, None, error, psycopg.Error, dialect=connection.dialect
        ) from error


_SQLITE = sqlite.dialect(paramstyle="qmark")
