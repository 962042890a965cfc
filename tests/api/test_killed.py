"""`ccei serve` is killed again and again while people trade and withdraw: what was acknowledged is in the record, once."""

import os
import signal
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from random import Random

import pytest

from contracts.nodes import running_node
from contracts.opening import DEV_SIGNERS
from ledger.audit import audit
from ledger.database import open_database
from ledger.record import RecordReader
from tests.api.servers import admitted, all_told, servers, trading, until
from tests.api.witness import Witness
from tests.campaigns import Tally
from tests.contracts.conftest import need_node_modules

KILLS, KILLS_SOAK = 25, 1_000
KILLED_IN_START_ONE_IN = 5


def killed(
    folder: Path, kills: int, tally: Tally, *, seed: int = 1, planted: Sequence[str] = ()
) -> Counter[str]:
    """Kill the market so many times, looking each time at what is left, then end it in order and audit it."""
    chance, counts = Random(seed), Counter[str]()
    aside = folder / "aside"
    aside.mkdir()
    witness = Witness(folder / "market.db")
    with (
        running_node("anvil", start_time_s=None, operator=DEV_SIGNERS[0]) as chain,
        servers(folder, chain, log=folder / "server.log", planted=planted) as market,
    ):
        process = market.start()
        market.until_it_answers()
        terms = admitted(market.url, chain)
        with trading(terms, seed=seed) as traders:
            until(lambda: any(trader.told for trader in traders), "nobody is answered")
            for _ in tally.through(range(kills)):
                in_start = counts["kills"] > 0 and chance.randrange(KILLED_IN_START_ONE_IN) == 0
                if not in_start:
                    market.until_it_answers()
                time.sleep(chance.uniform(0.0, 0.4))
                os.kill(process, signal.SIGKILL)
                assert market.wait(process) == -signal.SIGKILL, market.log.read_text()
                counts["kills"] += 1
                counts["of them during a start"] += in_start
                witness.look(all_told(traders), aside)
                process = market.start()
            market.until_it_answers()
        os.kill(process, signal.SIGTERM)
        assert market.wait(process) == 0, market.log.read_text()
    assert [trader.failure for trader in traders if trader.failure] == []
    for trader in traders:
        counts.update(trader.counts)
    witness.look(all_told(traders), aside)
    engine = open_database(f"sqlite:///{folder / 'market.db'}", must_exist=True)
    assert audit(RecordReader(engine), tables=engine).findings == ()
    engine.dispose()
    counts.update(witness.counts)
    tally.counts("kill -9", counts)
    return counts


@pytest.mark.timeout(900)  # a campaign: minutes, where the machine is busy
def test_nothing_acknowledged_is_lost_or_doubled_when_the_server_is_killed(
    tmp_path: Path, tally: Tally
) -> None:
    need_node_modules()
    counts = killed(tmp_path, KILLS, tally)
    assert counts["kills"] == KILLS
    assert counts["orders acknowledged"] > 5 * KILLS
    assert counts["requests cut off"] > 0
    assert counts["withdrawals asked for again"] > 0
    for change in ("cancels", "replacements", "mass cancels", "batches", "withdrawals"):
        assert counts[f"{change} acknowledged"] > 0, change


@pytest.mark.soak
def test_no_acknowledged_order_is_lost_in_a_thousand_kills(tmp_path: Path, tally: Tally) -> None:
    need_node_modules()
    killed(tmp_path, KILLS_SOAK, tally, seed=1_000)


def test_a_market_that_answers_before_it_commits_is_caught(tmp_path: Path, tally: Tally) -> None:
    need_node_modules()
    with pytest.raises(AssertionError, match="found nothing"):
        killed(tmp_path, 1, tally, planted=["early"])
