"""The benchmarks of the ledger run, measure what they say, and leave a market that is whole."""

import gc
from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger.database import open_database
from ledger.record import RecordReader
from tests.benchmarks import durable_orders, event_costs, recovery


@pytest.fixture(autouse=True)
def collector() -> Iterator[None]:
    """Put Python's garbage collector back as it was."""
    threshold = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*threshold)


def test_every_step_has_a_cost() -> None:
    events, taken = event_costs.measure(300)
    assert events > 300
    assert all(took > 0 for took in taken.values())


def test_orders_are_durable_and_written_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(durable_orders, "TURNS", 2)
    url = f"sqlite:///{tmp_path}/market.db"
    turns = durable_orders.measure(url, tmp_path, per_batch=10, batches=3)
    assert len(turns.ours) == len(turns.bare) == 2
    rows = list(RecordReader(open_database(url)).verified_rows())
    placed = sum(len(row.batch().commands) for row in rows[2:])
    assert placed == 2 * 3 * 10
    written = sum(len(row.commands) + len(row.events) + len(row.previous) + len(row.hash) for row in rows[2:])
    assert (tmp_path / "bare").stat().st_size == written


def test_a_restart_is_measured_from_a_snapshot(capsys: pytest.CaptureFixture[str]) -> None:
    recovery.measure(600, 100, 0.5)
    told = capsys.readouterr().out
    assert "snapshot taken in" in told
    assert "ratio to the bare decode: 0." in told
