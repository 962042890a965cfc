"""`ccei serve` is killed again and again while people trade and withdraw: what was acknowledged is in the record, once."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from random import Random

import httpx
import pytest

from api.client import Client
from contracts.deployment import attach
from contracts.nodes import running_node
from contracts.opening import DEV_SIGNERS, open_chain
from contracts.sending import send_all
from contracts.signing import Signer
from ledger.audit import audit
from ledger.database import open_database
from ledger.record import RecordReader
from market.orders import Address
from market.units import MICROS_PER_TOKEN, Micros
from tests.api.test_server import TOKEN, free_port
from tests.api.traders import Terms, Trader
from tests.api.witness import Witness
from tests.contracts.conftest import need_node_modules

KILLS, KILLS_SOAK = 25, 1_000
START_TIMEOUT_S = 60.0
KILLED_IN_START_ONE_IN = 5
SELLER, METER = Signer.from_seed(6, "seller"), Signer.from_seed(6, "meter")
BUYERS = (Signer.from_seed(6, "buyer"), Signer.from_seed(6, "another buyer"))


@dataclass
class Servers:
    """Starts `ccei serve` on one database, chain and port, from a warm process."""

    warm: "subprocess.Popen[str]"
    arguments: list[str]
    url: str
    log: Path

    def _ask(self, what: object) -> int:
        assert self.warm.stdin is not None
        assert self.warm.stdout is not None
        print(json.dumps(what), file=self.warm.stdin, flush=True)
        return int(self.warm.stdout.readline())

    def start(self) -> int:
        """Start one and return its process id."""
        return self._ask(self.arguments)

    def wait(self, process: int) -> int:
        """Return the status with which a process ended."""
        return self._ask(process)

    def until_it_answers(self) -> None:
        """Wait for the market to be open."""
        deadline = time.monotonic() + START_TIMEOUT_S
        with httpx.Client(base_url=self.url, timeout=START_TIMEOUT_S) as http:
            while True:
                try:
                    if http.get("/health").json()["instruments"]:
                        return
                except httpx.TransportError:
                    assert time.monotonic() < deadline, self.log.read_text()
                time.sleep(0.02)


@contextmanager
def servers(
    folder: Path, chain: str, *, log: Path, database: str = "", planted: Sequence[str] = ()
) -> Iterator[Servers]:
    """Yield servers of a market in a folder, or in another database, on a chain that stays when they end.

    They have the bugs that are `planted`.
    """
    port = free_port()
    command = [sys.executable, "-m", "tests.api.warm_server", str(log), chain, *planted]
    clean = {name: value for name, value in os.environ.items() if not name.startswith("CCEI_")}
    with subprocess.Popen(
        command,
        cwd=Path(__file__).parents[2],
        env={**clean, "CCEI_OPERATOR_TOKEN": TOKEN},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as warm:
        kept = database or f"sqlite:///{folder / 'market.db'}"
        serve = ["serve", "--port", str(port), "--chain", chain, "--database", kept]
        try:
            yield Servers(warm, serve, f"http://127.0.0.1:{port}", log)
        finally:
            assert warm.stdin is not None
            warm.stdin.close()


def until(happened: Callable[[], bool], otherwise: str) -> None:
    """Wait for something."""
    deadline = time.monotonic() + START_TIMEOUT_S
    while not happened():
        assert time.monotonic() < deadline, otherwise
        time.sleep(0.05)


def admitted(url: str, node: str) -> Terms:
    """Admit a meter for the last hour that is listed, and have everybody's deposits made on chain and credited."""
    client = Client(url, SELLER)
    listed = [each for each in client.instruments(limit=1000) if each.symbol.startswith("ENE.SOLAR@")]
    instrument = max(listed, key=lambda each: each.delivery_starts)
    meter = {
        "participant": client.participant,
        "meter": f"0x{METER.address.hex()}",
        "instrument": instrument.symbol,
        "capacity": "1000000",
    }
    headers = {"Authorization": f"Bearer {TOKEN}"}
    answer = httpx.post(f"{url}/v1/operator/meters", json=meter, headers=headers, timeout=30)
    assert answer.status_code == 200, answer.text
    market = client.market()
    with open_chain(node, start_time_s=None) as chain:
        deployment = attach(chain, Address(bytes.fromhex(market.settlement[2:])))
        amount = Micros(10_000 * MICROS_PER_TOKEN)
        everybody = (SELLER, *BUYERS)
        sending = [
            deployment.token.mint(chain.operator.address, Micros(amount * len(everybody))),
            deployment.token.approve(deployment.settlement.address, Micros(amount * len(everybody))),
            *(deployment.settlement.deposit_for(each.address, amount) for each in everybody),
        ]
        send_all(chain, [(chain.operator, transaction) for transaction in sending])
    until(
        lambda: all(Decimal(Client(url, each).balances().free) for each in everybody),
        "the deposits are not credited",
    )
    return Terms(url, market, instrument)


def killed(folder: Path, kills: int, *, seed: int = 1, planted: Sequence[str] = ()) -> Counter[str]:
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
        sides = ((SELLER, "sell"), *((buyer, "buy") for buyer in BUYERS))
        traders = [Trader(terms, signer, side, seed + at) for at, (signer, side) in enumerate(sides)]
        for trader in traders:
            trader.start()
        try:
            until(lambda: any(trader.told for trader in traders), "nobody is answered")
            for _ in range(kills):
                in_start = counts["kills"] > 0 and chance.randrange(KILLED_IN_START_ONE_IN) == 0
                if not in_start:
                    market.until_it_answers()
                time.sleep(chance.uniform(0.0, 0.4))
                os.kill(process, signal.SIGKILL)
                assert market.wait(process) == -signal.SIGKILL, market.log.read_text()
                counts["kills"] += 1
                counts["of them during a start"] += in_start
                told = {name: said for trader in traders for name, said in dict(trader.told).items()}
                witness.look(told, aside)
                process = market.start()
            market.until_it_answers()
        finally:
            for trader in traders:
                trader.end()
        os.kill(process, signal.SIGTERM)
        assert market.wait(process) == 0, market.log.read_text()
    assert [trader.failure for trader in traders if trader.failure] == []
    for trader in traders:
        counts.update(trader.counts)
    witness.look({name: said for trader in traders for name, said in trader.told.items()}, aside)
    engine = open_database(f"sqlite:///{folder / 'market.db'}", must_exist=True)
    assert audit(RecordReader(engine), tables=engine).findings == ()
    engine.dispose()
    counts.update(witness.counts)
    return counts


def told(counts: Counter[str]) -> None:
    print("\nkill -9: " + ", ".join(f"{name} {count:,}" for name, count in counts.items()))


@pytest.mark.timeout(900)  # a campaign: minutes, where the machine is busy
def test_nothing_acknowledged_is_lost_or_doubled_when_the_server_is_killed(tmp_path: Path) -> None:
    need_node_modules()
    counts = killed(tmp_path, KILLS)
    told(counts)
    assert counts["kills"] == KILLS
    assert counts["orders acknowledged"] > 5 * KILLS
    assert counts["requests cut off"] > 0
    assert counts["of them asked for again"] > 0
    for change in ("cancels", "replacements", "mass cancels", "batches", "withdrawals"):
        assert counts[f"{change} acknowledged"] > 0, change


@pytest.mark.soak
def test_no_acknowledged_order_is_lost_in_a_thousand_kills(tmp_path: Path) -> None:
    need_node_modules()
    told(killed(tmp_path, KILLS_SOAK, seed=1_000))


def test_a_market_that_answers_before_it_commits_is_caught(tmp_path: Path) -> None:
    need_node_modules()
    with pytest.raises(AssertionError, match="found nothing"):
        killed(tmp_path, 1, planted=["early"])
