"""A statement costs what its period costs: as much in a long history as in a short one, wherever the period lies."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, insert, update

from ledger import statements
from ledger.accounts import AccountKind
from ledger.database import open_database
from ledger.reading import reading
from ledger.statements import read_statement
from ledger.tables import AccountRow, BalanceRow, EntryRow, PostingRow, ProjectedRow, RecordRow, table
from tests.campaigns import Tally
from tests.ledger.builders import ALICE
from tests.ledger.postgres import Cluster

BATCHES_AT_ONCE = 10_000
SHORT, LONG, SOAK = 1_000, 30_000, 1_000_000
"""Entries of one participant, two a batch."""
STEPS_AT_ONCE = 10


def a_history(engine: Engine, entries: int) -> Engine:
    """Let a participant set one micro aside in each batch, one a second, who had one micro for each."""
    batches = entries // 2
    owner = {"participant": f"0x{ALICE.hex()}", "asset": "token"}
    free, held = ({"account_number": number} for number in (1, 2))
    with engine.begin() as connection:
        for first in range(1, batches + 1, BATCHES_AT_ONCE):
            numbers = range(first, min(first + BATCHES_AT_ONCE, batches + 1))
            content = {
                "version": 1,
                "commands": b"",
                "events": b"",
                "state_hash": b"",
                "previous": b"",
                "hash": b"",
            }
            rows = [{"number": each, "time_us": each * 1_000_000, **content} for each in numbers]
            connection.execute(insert(table(RecordRow)), rows)
            moved = [{"batch_number": each, "event_position": 0} for each in numbers]
            told = {"event": "OrderAccepted", "reference": "", "chain_transaction": ""}
            connection.execute(insert(table(PostingRow)), [{**posting, **told} for posting in moved])
            lines = [
                {**posting, **side, "line": line, "amount": amount, "balance": balance}
                for posting, each in zip(moved, numbers, strict=True)
                for line, side, amount, balance in ((0, free, -1, batches - each), (1, held, 1, each))
            ]
            connection.execute(insert(table(EntryRow)), lines)
        accounts = [{**free, "kind": "free", **owner}, {**held, "kind": "order_hold", **owner}]
        connection.execute(insert(table(AccountRow)), accounts)
        connection.execute(insert(table(BalanceRow)), [{**free, "amount": 0}, {**held, "amount": batches}])
        connection.execute(update(table(ProjectedRow)).values(batch_number=batches))
    return engine


@pytest.fixture(scope="module")
def histories() -> Iterator[dict[int, Engine]]:
    engines = {entries: a_history(open_database("sqlite://"), entries) for entries in (SHORT, LONG)}
    yield engines
    for engine in engines.values():
        engine.dispose()


def steps(engine: Engine, from_s: int, to_s: int) -> int:
    """Count the steps of SQLite's machine that a statement takes, in tens: the same on every computer."""
    count = 0

    def step() -> int:
        nonlocal count
        count += 1
        return 0

    with engine.connect() as connection:
        driver = connection.connection.driver_connection
    assert driver is not None
    driver.set_progress_handler(step, STEPS_AT_ONCE)
    try:
        statement = read_statement(engine, ALICE, from_us=from_s * 1_000_000, to_us=to_s * 1_000_000)
    finally:
        driver.set_progress_handler(None, STEPS_AT_ONCE)
    moved = {each.account.kind: len(each.movements) for each in statement.accounts}
    assert moved == {AccountKind.FREE: to_s - from_s, AccountKind.ORDER_HOLD: to_s - from_s}
    return count


@pytest.mark.parametrize("where", [0.01, 0.5, 0.98])
def test_ten_batches_cost_as_much_in_a_history_of_any_length(
    histories: dict[int, Engine], where: float
) -> None:
    taken = {}
    for entries, engine in histories.items():
        first = int(where * entries / 2)
        taken[entries] = steps(engine, first, first + 10)
    assert taken[LONG] < 1.5 * taken[SHORT]  # five times as many looks to find the batch, and that is all


def test_a_longer_period_costs_what_moved_in_it(histories: dict[int, Engine]) -> None:
    ten, thousand = (steps(histories[LONG], 5_000, 5_000 + batches) for batches in (10, 1_000))
    assert 10 * ten < thousand < 100 * ten


def test_a_question_that_is_asked_often_is_planned_for_what_is_asked(cluster: Cluster) -> None:
    """PostgreSQL would make one plan for all accounts of a statement, after the first ten, and be wrong about most."""
    engine = a_history(open_database(cluster.emptied()), 20)
    with reading(engine) as connection:
        for _ in range(12):
            statements._movements(connection, 1, 1, 3, at_most=None)
        asked = "SELECT statement, generic_plans, custom_plans FROM pg_prepared_statements"
        found = list(connection.exec_driver_sql(asked))
    assert max(row.generic_plans for row in found) == 0
    assert max(row.custom_plans for row in found) > 5
    engine.dispose()


@pytest.mark.soak
def test_a_statement_of_ten_batches_among_a_million_entries(tmp_path: Path, tally: Tally) -> None:
    engine = a_history(open_database(f"sqlite:///{tmp_path}/long.db"), SOAK)
    for where in (0.01, 0.5, 0.98):
        first = int(where * SOAK / 2)
        start = time.perf_counter()
        read_statement(engine, ALICE, from_us=first * 1_000_000, to_us=(first + 10) * 1_000_000)
        took_ms = 1_000 * (time.perf_counter() - start)
        tally.line(f"statement of 10 batches at {where:.0%} of {SOAK:,} entries: {took_ms:.1f} ms")
        assert took_ms < 1_000
    engine.dispose()
