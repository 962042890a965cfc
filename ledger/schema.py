"""The schema: whose database it is, which tables it has, and how an earlier one is brought forward.

The tables of `Truth` change by migrations alone. Those of `Readable` carry their *shape*, the hash of their definitions:
where it is not today's, they are dropped and made again, empty, and the record fills them. Others' tables stay.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from sqlalchemy import Column, Connection, MetaData, String, Table, insert, inspect, select
from sqlalchemy.dialects import registry as dialects
from sqlalchemy.exc import DBAPIError
from sqlalchemy.schema import CreateIndex, CreateSchema, CreateTable

from ledger.postgres import SCHEMA
from ledger.sqlite import APPLICATION_ID
from ledger.tables import REVISION, GenesisRow, ProjectedRow, Readable, RecordRow, Truth, table
from ledger.unusable import DatabaseUnusable, named, said, shown

_FILE_MARK = 5
"""The `user_version` of a SQLite file that has revisions: programs from before them refuse it."""
_BEFORE_REVISIONS = {1: "0001", 2: "0001", 3: "0001", 4: "0002"}
"""The marks of files from before revisions, each with the revision whose tables it has."""

_KNOWN_REVISIONS = [f"{number:04d}" for number in range(1, int(REVISION) + 1)]

_REVISIONS = Table(
    "alembic_version", MetaData(), Column("version_num", String(32), primary_key=True, nullable=False)
)
_PROJECTED = table(ProjectedRow)
_MAKING = 1
"""Raise this when a rule of `ledger/projections` writes other values into the same columns: a start then makes all again."""
_DEPENDED_ON = "2BP01"
"""PostgreSQL's word for a table that cannot be dropped, since something else needs it."""


def check_schema(connection: Connection) -> None:
    """Check that a database has the tables that this program reads.

    Raises:
        DatabaseUnusable: if it has others, saying what brings it forward if anything does.
    """
    found = check_market(connection)
    if found != REVISION:
        raise DatabaseUnusable(
            f"{_where(connection)}: found schema revision {found}, expected {REVISION}; {_remedy(connection)}"
        )
    if _shape_found(connection) != shape(connection.dialect.name):
        raise DatabaseUnusable(
            f"{_where(connection)}: found readable tables of another version; {_remedy(connection)}"
        )


def check_market(connection: Connection) -> str:
    """Check that a database has the tables of a market, of whatever version, and return its revision.

    Raises:
        DatabaseUnusable: if it is new, another program's, or a later version's.
    """
    found = _revision(connection)
    if found is None:
        raise DatabaseUnusable(f"{_where(connection)}: found no tables, expected those of a market")
    return found


def is_current(connection: Connection) -> bool:
    """Tell whether nothing has to be brought forward.

    Raises:
        DatabaseUnusable: if it is another program's database, or a later version's.
    """
    return _revision(connection) == REVISION and _shape_found(connection) == shape(connection.dialect.name)


def bring_forward(connection: Connection) -> None:
    """Create what a new database lacks, migrate an earlier one, all in one transaction. For the one writer.

    Raises:
        DatabaseUnusable: if it is another program's database, or a later version's.
    """
    with in_one_transaction(connection):
        found = _revision(connection)
        if found is None:
            _create(connection)
        elif found != REVISION:
            _migrate(connection)
        if _shape_found(connection) != shape(connection.dialect.name):
            make_readable(connection)
        _mark_file(connection)


def create(connection: Connection) -> None:
    """Create all tables in a new database, within the transaction of the caller, who is its one writer.

    Raises:
        DatabaseUnusable: if there are tables already, of whomever.
    """
    found = inspect(connection).get_table_names()
    if found:
        raise DatabaseUnusable(
            f"{_where(connection)}: found tables there ({', '.join(sorted(found))}), expected none. A copy replaces "
            "nothing: name a new database"
        )
    _create(connection)
    make_readable(connection)
    _mark_file(connection)


@contextmanager
def in_one_transaction(connection: Connection) -> Iterator[None]:
    """Make or change tables, and fill them, all or nothing."""
    with connection.begin():
        if connection.dialect.name == "sqlite":
            # the driver alone would not hold tables back till commit
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        yield


def make_readable(connection: Connection) -> None:
    """Drop the readable tables, and make today's, empty. Whatever else is in the database stays.

    A table that a version gives up is dropped by a migration of that version.

    Raises:
        DatabaseUnusable: if a view of somebody's leans on one of them, naming it.
    """
    try:
        for name in sorted(set(inspect(connection).get_table_names()) & set(Readable.metadata.tables)):
            Table(name, MetaData()).drop(connection)
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) != _DEPENDED_ON:
            raise
        raise DatabaseUnusable(
            f"{_where(connection)}: found that {_detail(error)}, expected that nothing leans on a table that is made "
            "from the record: drop that view, do this again, and make it anew"
        ) from None
    Readable.metadata.create_all(connection)
    connection.execute(
        insert(_PROJECTED), {"id": 1, "batch_number": 0, "shape": shape(connection.dialect.name)}
    )


@cache
def shape(kind: str) -> str:
    """Return the hash of the definitions of the readable tables in a kind of database, and of how they are made."""
    dialect = dialects.load(kind)()
    digest = hashlib.sha256(b"%d" % _MAKING)
    for each in Readable.metadata.sorted_tables:
        digest.update(str(CreateTable(each).compile(dialect=dialect)).encode())
        for index in sorted(each.indexes, key=lambda index: str(index.name)):
            digest.update(str(CreateIndex(index).compile(dialect=dialect)).encode())
    return digest.hexdigest()


def _shape_found(connection: Connection) -> str | None:
    inspector = inspect(connection)
    if not inspector.has_table(_PROJECTED.name):
        return None
    if "shape" not in {column["name"] for column in inspector.get_columns(_PROJECTED.name)}:
        return None
    found: str | None = connection.execute(select(_PROJECTED.c.shape)).scalar()
    return found


def _revision(connection: Connection) -> str | None:
    """Return the revision of a database, None for a new one."""
    tables = set(inspect(connection).get_table_names())
    if _REVISIONS.name in tables and _is_ours(connection, tables):
        found: str | None = connection.execute(select(_REVISIONS.c.version_num)).scalar()
        if found not in _KNOWN_REVISIONS:
            raise DatabaseUnusable(
                f"{_where(connection)}: found schema revision {found}, expected {REVISION}: "
                "a later version of this program wrote it; use that"
            )
        return found
    mark = _mark(connection)
    if mark in _BEFORE_REVISIONS:
        return f"none (file mark {mark})"
    if tables or mark is not None:
        raise DatabaseUnusable(
            f"{_where(connection)}: found another program's database (tables {', '.join(sorted(tables)) or 'none'}), "
            "expected a new one or one of this market"
        )
    return None


def _is_ours(connection: Connection, tables: set[str]) -> bool:
    """Tell our revisions from those of another program that uses Alembic."""
    marked = connection.dialect.name != "sqlite" or _mark(connection) is not None
    return marked and {GenesisRow.__tablename__, RecordRow.__tablename__} <= tables


def _mark(connection: Connection) -> int | None:
    """Return the mark of a SQLite file of this program, None for any other database."""
    if connection.dialect.name != "sqlite":
        return None
    if connection.exec_driver_sql("PRAGMA application_id").scalar_one() != APPLICATION_ID:
        return None
    return int(connection.exec_driver_sql("PRAGMA user_version").scalar_one())


def _mark_file(connection: Connection) -> None:
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(f"PRAGMA user_version = {_FILE_MARK}")
        connection.exec_driver_sql(f"PRAGMA application_id = {APPLICATION_ID}")


def _create(connection: Connection) -> None:
    if connection.dialect.name == "postgresql" and not inspect(connection).has_schema(SCHEMA):
        connection.execute(CreateSchema(SCHEMA))
    Truth.metadata.create_all(connection)
    _stamp(connection, REVISION)


def _stamp(connection: Connection, revision: str) -> None:
    _REVISIONS.create(connection)
    connection.execute(insert(_REVISIONS), {"version_num": revision})


def _migrate(connection: Connection) -> None:
    """Run the migrations after the revision of a database."""
    from alembic import command
    from alembic.config import Config

    mark = _mark(connection)
    if mark in _BEFORE_REVISIONS:
        _stamp(connection, _BEFORE_REVISIONS[mark])
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    command.upgrade(config, "head")


def _detail(error: DBAPIError) -> str:
    found = getattr(getattr(error.orig, "diag", None), "message_detail", None)
    return str(found) if found else said(error)


def _where(connection: Connection) -> str:
    return f"database {named(connection.engine.url)}"


def _remedy(connection: Connection) -> str:
    return (
        f"start the market on it, or run `ccei rebuild {shown(connection.engine.url)}`, to bring it forward"
    )
