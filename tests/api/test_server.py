"""`ccei serve` as an operator runs it: a process of its own, on a free loopback port, stopped by a signal."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner

from api.cli import app
from api.client import Client, MarketError
from contracts.signing import Signer

TOKEN = "let-me-in"
START_TIMEOUT_S = 60
SUPPLIER, METER, BUYER = (Signer.from_seed(5, name) for name in ("supplier", "meter", "buyer"))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def start(*arguments: str, **settings: str) -> subprocess.Popen[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("CCEI_")}
    return subprocess.Popen(
        [sys.executable, "-c", "from api.cli import main; main()", *arguments],
        env=clean | settings,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def visiting(url: str) -> httpx.Client:
    """Return a client without certificates: loopback needs none, and they take longer to read than a server to ask."""
    return httpx.Client(base_url=url, timeout=START_TIMEOUT_S, verify=False)


@contextmanager
def serving(*arguments: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """Serve on a free port, yield the address once it answers, and end the process if the test has not."""
    port = free_port()
    process = start("serve", "--port", str(port), "--chain", "tester", *arguments, CCEI_OPERATOR_TOKEN=TOKEN)
    url = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + START_TIMEOUT_S
        with visiting(url) as http:
            while True:
                try:
                    if http.get("/health").json()["instruments"]:
                        break
                except httpx.TransportError:
                    assert process.poll() is None, process.communicate()
                assert time.monotonic() < deadline, "the server does not answer"
                time.sleep(0.05)
        yield url, process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


@pytest.fixture
def own_signals() -> Iterator[None]:
    """Put back the signal handler that serving in this process replaces."""
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


def stop(process: subprocess.Popen[str], number: int) -> tuple[int, str, str]:
    """Send a signal; return exit status, standard output and standard error."""
    process.send_signal(number)
    out, err = process.communicate(timeout=20)
    return process.returncode, out, err


def test_an_order_is_placed_over_http_and_an_interrupt_ends_the_service_well() -> None:
    with serving() as (url, process):
        supplier, buyer = Client(url, SUPPLIER), Client(url, BUYER)
        symbol = next(each.symbol for each in supplier.instruments() if each.symbol.startswith("ENE.SOLAR@"))
        price = supplier.instrument(symbol).reference_price
        operator = {"Authorization": f"Bearer {TOKEN}"}
        for path, content in (
            ("deposits", {"participant": supplier.participant, "amount": "1000"}),
            ("deposits", {"participant": buyer.participant, "amount": "1000"}),
            (
                "meters",
                {
                    "participant": supplier.participant,
                    "meter": f"0x{METER.address.hex()}",
                    "instrument": symbol,
                    "capacity": "1000",
                },
            ),
        ):
            httpx.post(
                f"{url}/v1/operator/{path}", json=content, headers=operator, timeout=30
            ).raise_for_status()
        assert supplier.sell(symbol, price=price, quantity="10").status == "open"
        taken = buyer.buy(symbol, price=price, quantity="4", time_in_force="ioc")
        assert [(fill.price, fill.quantity) for fill in taken.fills] == [(price, "4")]
        assert [(trade.price, trade.quantity) for trade in buyer.trades()] == [(price, "4")]
        with pytest.raises(MarketError, match="insufficient_funds"):
            buyer.buy(symbol, price=price, quantity="90000")
        began = time.monotonic()
        status, out, err = stop(process, signal.SIGINT)
        assert (status, out) == (0, "")
        assert "this market ends with the process" in err
        assert "Traceback" not in err
        assert time.monotonic() - began < 10


def test_a_request_to_end_closes_the_record_in_order(tmp_path: Path) -> None:
    database = tmp_path / "market.db"
    with serving("--database", f"sqlite:///{database}") as (_, process):
        status, _, err = stop(process, signal.SIGTERM)
        assert status == 0, err
    assert f"New market: found no record in {database}\n" in err
    assert "\nStopping: what has begun is finished first. Once more ends at once; nothing is lost.\n" in err
    # SQLite folds its write-ahead log into the database when the last connection is closed
    assert sorted(path.name for path in tmp_path.iterdir()) == ["market.db", "market.db.lock"]


@pytest.mark.parametrize(
    ("arguments", "settings", "told"),
    [
        ((), {"CCEI_FEE_BPS": "9999"}, "CCEI_FEE_BPS: found '9999', expected less than or equal to 1000"),
        ((), {"CCEI_CONFIRMATIONS": "900"}, "confirmations x block_time_s + settlement_latency_s is 11100 s"),
        ((), {"CCEI_CATALOGUE": "absent.toml"}, "absent.toml, opening it: found no such file or directory"),
        ((), {"CCEI_OPERATOR_KEY": "hush"}, "CCEI_OPERATOR_KEY: found something else, expected 0x and 64"),
        ((), {"CCEI_CHAIN_ID": "1"}, "tester: found chain id 131277322940537, expected 1"),
        (("--database", "mysql://x"), {}, "database: found mysql, expected sqlite:///"),
        (("--host", "192.0.2.1"), {}, "found cannot assign requested address, expected a free address"),
        (
            ("--chain", "http://user:s3cret@127.0.0.1:1/v3/KEY"),
            {},
            "ccei: http://127.0.0.1:1 outlives this process: name the record with --database sqlite:///FILE",
        ),
        (
            ("--chain", "bitcoin", "--database", "sqlite://"),
            {},
            "chain: found 'bitcoin', expected one of auto",
        ),
    ],
)
def test_what_does_not_fit_is_named_before_anything_is_served(
    own_signals: None,
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    settings: dict[str, str],
    told: str,
) -> None:
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    result = CliRunner().invoke(app, ["serve", "--chain", "tester", "--port", str(free_port()), *arguments])
    assert (result.exit_code, result.stdout) == (2, "")
    assert told in result.stderr
    (line,) = (line for line in result.stderr.splitlines() if line)
    assert line.startswith("ccei: ")


def test_a_port_in_use_is_told_at_once(own_signals: None) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = CliRunner().invoke(app, ["serve", "--chain", "tester", "--port", str(port)])
    assert result.exit_code == 2
    assert result.stderr == (
        f"ccei: --host 127.0.0.1 --port {port}: found address already in use, "
        "expected a free address of this machine\n"
    )
