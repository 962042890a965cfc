"""Make a database refuse what is written to a table, as a full disk would in the middle of a commit."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Engine


@contextmanager
def refused(engine: Engine, table: str, *, column: str = "", value: int = 0) -> Iterator[None]:
    """Refuse new rows of a table; with a column, only those in which it has this value."""
    if engine.dialect.name == "sqlite":
        only = f"WHEN NEW.{column} = {value} " if column else ""
        make = [
            f"CREATE TRIGGER full_disk BEFORE INSERT ON {table} {only}"
            "BEGIN SELECT RAISE(ABORT, 'disk is full'); END"
        ]
        drop = ["DROP TRIGGER full_disk"]
    else:
        only = f"WHEN (NEW.{column} = {value}) " if column else ""
        make = [
            "CREATE OR REPLACE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION 'disk is full'; END $$",
            f"CREATE TRIGGER full_disk BEFORE INSERT ON {table} FOR EACH ROW {only}EXECUTE FUNCTION full_disk()",
        ]
        drop = [f"DROP TRIGGER full_disk ON {table}"]
    _run(engine, make)
    try:
        yield
    finally:
        _run(engine, drop)


def _run(engine: Engine, statements: list[str]) -> None:
    with engine.begin() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)
