"""Servers that are started, ended and started again on what the last one left, and people who trade there meanwhile."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import httpx

from api.client import Client
from contracts.deployment import attach
from contracts.opening import open_chain
from contracts.sending import send_all
from contracts.signing import Signer
from market.orders import Address
from market.units import MICROS_PER_TOKEN, Micros
from tests.api.test_server import TOKEN, free_port, visiting
from tests.api.traders import Terms, Trader
from tests.api.witness import OrderName, Said

START_TIMEOUT_S = 60.0
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
        with visiting(self.url) as http:
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
    clients = [Client(url, each) for each in everybody]
    until(
        lambda: all(Decimal(each.balances().free) for each in clients),
        "the deposits are not credited",
    )
    return Terms(url, market, instrument)


@contextmanager
def trading(terms: Terms, *, seed: int) -> Iterator[list[Trader]]:
    """Let the seller and the buyers trade in the meantime."""
    people = [Trader(terms, SELLER, "sell", seed)]
    people += [Trader(terms, buyer, "buy", seed + at) for at, buyer in enumerate(BUYERS, start=1)]
    for trader in people:
        trader.start()
    try:
        yield people
    finally:
        for trader in people:
            trader.end()


def all_told(traders: Iterable[Trader]) -> dict[OrderName | Said, Said]:
    """Return what they all were told so far."""
    return {name: said for trader in traders for name, said in dict(trader.told).items()}
