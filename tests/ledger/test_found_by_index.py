"""What a start and a question about an order look for is found by an index, whatever stands in the tables by then."""

import pytest
from sqlalchemy import Select, or_, select
from sqlalchemy.dialects import sqlite

from ledger.database import open_database
from ledger.projections import ORDERS, TRADES
from ledger.tables import UNFINISHED_ORDERS, UNFINISHED_TRADES


@pytest.mark.parametrize(
    ("question", "indexes"),
    [
        (select(ORDERS).where(UNFINISHED_ORDERS), {"ix_orders_unfinished"}),
        (select(TRADES).where(UNFINISHED_TRADES), {"ix_trades_unfinished"}),
        (
            select(TRADES).where(or_(TRADES.c.buy_order_id == 7, TRADES.c.sell_order_id == 7)),
            {"ix_trades_buy_order_id", "ix_trades_sell_order_id"},
        ),
    ],
)
def test_no_table_is_walked(question: Select[tuple[object, ...]], indexes: set[str]) -> None:
    engine = open_database("sqlite://")
    asked = question.compile(dialect=sqlite.dialect(), compile_kwargs={"literal_binds": True})
    with engine.connect() as connection:
        plan = " ".join(row.detail for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {asked}"))
    assert all(f"INDEX {index}" in plan for index in indexes), plan
