"""The campaign of the simulated disk notices what is stored in two commits where it belongs into one."""

import os
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, update

from ledger.outbox import Outbox, OutboxEntry
from ledger.projections import Projector
from ledger.tables import OutboxTradeRow, ProjectedRow, table
from tests.ledger.beside_the_record import PromiseBroken
from tests.ledger.power_losses import SMALL_LOG_PAGES, lose_power, record_a_run
from tests.ledger.watched_sqlite import library

ENOUGH_FOR_A_BUG = 2_000

pytestmark = pytest.mark.skipif(
    library() is None and "CI" not in os.environ,
    reason="this Python has SQLite built in, where its writes cannot be watched",
)


def lose_power_with_the_bug(folder: Path, message: str) -> None:
    run = record_a_run(folder, 1, log_pages=SMALL_LOG_PAGES)
    with pytest.raises(PromiseBroken, match=message):
        lose_power(run, ENOUGH_FOR_A_BUG, folder, counts=Counter())


def test_trades_stored_after_their_transaction_are_caught(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = Outbox.add

    def in_two_commits(outbox: Outbox, *, trades: tuple[int, ...], **what: Any) -> OutboxEntry:
        entry = whole(outbox, **what)
        with outbox._engine.begin() as connection:
            rows = [{"sequence": entry.sequence, "trade_number": number} for number in trades]
            connection.execute(insert(table(OutboxTradeRow)), rows)
        return entry

    monkeypatch.setattr(Outbox, "add", in_two_commits)
    lose_power_with_the_bug(tmp_path, r"outbox: found .*, expected transaction \d+ with its trades")


def test_a_position_written_before_its_rows_is_caught(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = Projector.flush

    def in_two_commits(projector: Projector) -> None:
        with projector._engine.begin() as connection:
            connection.execute(update(table(ProjectedRow)).values(batch_number=projector.noted))
        whole(projector)

    monkeypatch.setattr(Projector, "flush", in_two_commits)
    lose_power_with_the_bug(tmp_path, r"found \d+ entries in tables up to batch \d+, expected \d+")


def test_a_transaction_that_is_told_before_it_is_stored_is_caught(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = Outbox.add
    waiting: list[dict[str, Any]] = []

    def one_late(outbox: Outbox, **what: Any) -> None:
        waiting.append(what)
        if len(waiting) > 1:
            whole(outbox, **waiting.pop(0))

    monkeypatch.setattr(Outbox, "add", one_late)
    lose_power_with_the_bug(tmp_path, r"found \d+ transactions, expected the \d+ acknowledged ones")
