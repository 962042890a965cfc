"""`ccei serve` on PostgreSQL: market killed, server crashed, session ended; what was acknowledged is there, and once."""

import os
import signal
import time
from collections import Counter
from pathlib import Path
from random import Random

import pytest

from contracts.nodes import running_node
from contracts.opening import DEV_SIGNERS
from ledger.audit import audit
from ledger.backup import back_up
from ledger.database import open_database
from ledger.record import RecordReader
from tests.api.servers import Servers, admitted, all_told, servers, trading
from tests.api.traders import Trader
from tests.api.witness import Witness
from tests.campaigns import Tally
from tests.contracts.conftest import need_node_modules
from tests.ledger.postgres import Cluster, running_cluster

HARMS = {"kills of the market": 2, "crashes of PostgreSQL": 2}
HARMS_SOAK = {"kills of the market": 200, "crashes of PostgreSQL": 100}


class House:
    """A market on PostgreSQL that traders use, and what can happen to it."""

    def __init__(self, cluster: Cluster, market: Servers) -> None:
        self.cluster, self.market, self.url = cluster, market, cluster.url("market")
        self.witness, self.traders = Witness(), list[Trader]()
        self.process = market.start()
        market.until_it_answers()

    def look(self) -> None:
        """Hold the record against all that the traders were told."""
        self.witness.look_at(all_told(self.traders), self.url)

    def suffer(self, harm: str) -> None:
        """Let one thing happen, look at what is left, and start again."""
        if harm == "kills of the market":
            os.kill(self.process, signal.SIGKILL)
            self._ended(-signal.SIGKILL)
        elif harm == "crashes of PostgreSQL":
            self.cluster.stop()
            self._ended(70)
            self.cluster.start()
        else:
            self.cluster.run(
                "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'", "market"
            )
            self._ended(70)
        self.look()
        self.process = self.market.start()
        self.market.until_it_answers()

    def stop(self) -> None:
        """End in order."""
        os.kill(self.process, signal.SIGTERM)
        self._ended(0)

    def _ended(self, status: int) -> None:
        assert self.market.wait(self.process) == status, self.market.log.read_text()


def harmed(folder: Path, harms: dict[str, int], tally: Tally, *, seed: int = 1) -> Counter[str]:
    """Do so much harm to a market under load, in a random sequence, and once while nothing happens; audit it."""
    chance = Random(seed)
    sequence = [name for name, times in harms.items() for _ in range(times)]
    chance.shuffle(sequence)
    log = folder / "server.log"
    with (
        running_cluster() as cluster,
        running_node("anvil", start_time_s=None, operator=DEV_SIGNERS[0]) as chain,
        servers(folder, chain, log=log, database=cluster.url("market")) as market,
    ):
        house = House(cluster, market)
        terms = admitted(market.url, chain)
        with trading(terms, seed=seed) as house.traders:
            for harm in tally.through(sequence):
                time.sleep(chance.uniform(0.1, 0.5))
                house.suffer(harm)
            copied = back_up(house.url, folder / "copy.db")
        house.suffer("the writer's session is ended while nothing happens")
        assert "expected the writer's session" in log.read_text()
        house.stop()
        house.look()
        assert [trader.failure for trader in house.traders if trader.failure] == []
        engine = open_database(house.url, must_exist=True)
        record = RecordReader(engine)
        row = record.row(copied.batches)
        assert (row and row.hash, audit(record, tables=engine).findings) == (copied.head, ())
        engine.dispose()
    counts = Counter(harms) + house.witness.counts
    for trader in house.traders:
        counts.update(trader.counts)
    tally.counts("house on PostgreSQL", counts)
    return counts


@pytest.mark.timeout(900)  # a campaign: minutes, where the machine is busy
def test_nothing_acknowledged_is_lost_or_doubled_whatever_ends_first(tmp_path: Path, tally: Tally) -> None:
    need_node_modules()
    counts = harmed(tmp_path, HARMS, tally)
    assert counts["orders acknowledged"] > 5 * sum(HARMS.values())


@pytest.mark.soak
def test_nothing_acknowledged_is_lost_in_hundreds_of_crashes(tmp_path: Path, tally: Tally) -> None:
    need_node_modules()
    harmed(tmp_path, HARMS_SOAK, tally, seed=1_000)
