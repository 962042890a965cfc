"""Power is lost on a disk that drops, tears and flips what was not synced: what was acknowledged is there, and whole."""

import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.campaigns import Tally
from tests.ledger.beside_the_record import PromiseBroken
from tests.ledger.power_losses import (
    SMALL_LOG_PAGES,
    Acknowledged,
    campaign,
    lose_power,
    record_a_run,
)
from tests.ledger.watched_sqlite import library

CRASHES, CRASHES_SOAK = 20_000, 1_000_000
ENOUGH_FOR_A_BUG = 500

pytestmark = pytest.mark.skipif(
    library() is None and "CI" not in os.environ,
    reason="this Python has SQLite built in, where its writes cannot be watched",
)


@pytest.mark.timeout(900)  # a campaign: minutes, where the machine is busy
def test_what_was_acknowledged_survives_a_loss_of_power(tmp_path: Path, tally: Tally) -> None:
    counts = campaign(CRASHES, tmp_path, tally)
    assert counts["crashes"] == CRASHES
    assert counts["rows found"] >= counts["rows acknowledged"] > CRASHES
    assert min(counts["transactions acknowledged"], counts["blocks acknowledged"]) > CRASHES
    for fault in ("dropped sectors", "flipped sectors", "reordered", "deleted files back"):
        assert counts[fault] > 0, fault


@pytest.mark.soak
def test_what_was_acknowledged_survives_a_million_losses_of_power(tmp_path: Path, tally: Tally) -> None:
    campaign(CRASHES_SOAK, tmp_path, tally, first_seed=1_000)


def before_commit(number: int, append: Callable[[], bytes], tell: Callable[[Acknowledged], None]) -> None:
    tell(Acknowledged(number))
    append()


def test_a_market_that_acknowledges_before_it_commits_is_caught(tmp_path: Path) -> None:
    run = record_a_run(tmp_path, 1, log_pages=SMALL_LOG_PAGES, acknowledge=before_commit)
    with pytest.raises(PromiseBroken, match=r"expected the \d+ acknowledged ones"):
        lose_power(run, ENOUGH_FOR_A_BUG, tmp_path, counts=Counter())


@pytest.mark.parametrize("pragma", ["synchronous = NORMAL", "synchronous = OFF"])
def test_a_market_that_does_not_wait_for_the_disk_is_caught(tmp_path: Path, pragma: str) -> None:
    run = record_a_run(tmp_path, 1, log_pages=SMALL_LOG_PAGES, pragma=pragma)
    with pytest.raises(PromiseBroken):
        lose_power(run, ENOUGH_FOR_A_BUG, tmp_path, counts=Counter())
