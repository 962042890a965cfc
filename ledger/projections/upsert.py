"""Write rows in bulk, whether they are new or not, in the words of either database."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, Dialect, Table
from sqlalchemy.dialects import postgresql, sqlite

from ledger.projections.sheet import Row


def statement(table: Table, dialect: str) -> str:
    """Return the statement that writes a row of a table, in place of the one with its key if there is one."""
    insert: Any = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}[dialect](table)
    keys = [column.name for column in table.primary_key]
    rest = {column.name: insert.excluded[column.name] for column in table.columns if column.name not in keys}
    upsert = insert.on_conflict_do_update(index_elements=keys, set_=rest)
    return str(upsert.compile(dialect=_DIALECTS[dialect]))


class Writer:
    """Writes to some tables of one kind of database."""

    def __init__(self, tables: tuple[Table, ...], dialect: str) -> None:
        """Compile the statements once: values are integers and text already, and SQLAlchemy's care for each row would
        cost twice the writing."""
        self._statements: Mapping[str, str] = {each.name: statement(each, dialect) for each in tables}

    def write(self, connection: Connection, table: Table, rows: list[Row]) -> None:
        """Write rows of a table, each with all columns."""
        if rows:
            connection.exec_driver_sql(self._statements[table.name], rows)


_DIALECTS: dict[str, Dialect] = {
    "sqlite": sqlite.dialect(paramstyle="named"),
    "postgresql": postgresql.dialect(paramstyle="pyformat"),  # type: ignore[no-untyped-call]  # SQLAlchemy gives it no types
}
