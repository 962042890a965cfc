"""A sheet: the rows of one readable table that may still change, and those that wait to be written."""

from typing import Any

from sqlalchemy import Connection, Select, Table

from market.units import InvariantBroken

Row = dict[str, Any]


class Sheet:
    """Rows by key. It keeps in memory what may still change, never what is finished and written."""

    def __init__(self, of: Table) -> None:
        self.table = of
        self._rows: dict[Any, Row] = {}
        self._touched: dict[Any, Row] = {}

    def __getitem__(self, key: Any) -> Row:
        """Return a row in order to change it."""
        row = self._rows.get(key)
        if row is None:
            raise InvariantBroken(f"table {self.table.name}: found no unfinished row {key!r}, expected one")
        self._touched[key] = row
        return row

    def __contains__(self, key: Any) -> bool:
        return key in self._rows

    def put(self, key: Any, row: Row) -> None:
        """Add a row."""
        self._rows[key] = self._touched[key] = row

    def load(self, connection: Connection, unfinished: Select[Any], *, key: str) -> None:
        """Take the rows that a statement finds, which stand in the table already."""
        for found in connection.execute(unfinished):
            row = dict(found._mapping)
            self._rows[row[key]] = row

    def finish(self, key: Any) -> None:
        """Forget a row that will not change any more, once it is written."""
        self._touched[key] = self._rows.pop(key)

    def take(self) -> tuple[Table, list[Row]]:
        """Return the rows to write, each as it is now; the next time, those that change from now on."""
        touched = [dict(row) for row in self._touched.values()]
        self._touched.clear()
        return self.table, touched


def hexed(raw: bytes) -> str:
    """Return bytes as the tables write them, 0x and lower-case digits."""
    return f"0x{raw.hex()}"
