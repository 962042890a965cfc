"""The readable tables as pandas frames."""

from typing import TYPE_CHECKING

from sqlalchemy import Engine, select

from ledger.projections.projector import TABLES

if TYPE_CHECKING:
    import pandas


def frames(engine: Engine) -> dict[str, "pandas.DataFrame"]:
    """Return every readable table as a pandas frame, by name, in the order of its key."""
    import pandas

    with engine.connect() as connection:
        return {
            each.name: pandas.read_sql(select(each).order_by(*each.primary_key), connection)
            for each in TABLES
        }
