"""The Python of the how-tos and of the tutorial runs as it stands, against a service on an in-process chain."""

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import uvicorn

from api.app import create_app
from api.catalogue import BUILT_IN, Lister, read_catalogue
from api.clock import DrivenClock
from api.house import House, open_house
from api.settings import Settings
from ledger.inclusion import read_proof, verify
from market.instruments import parse_symbol
from market.trades import TradeState
from tests.house.pages import DOCS, blocks

START_S = 1_647_082_800  # 2022-03-12T11Z
TRADE = DOCS / "how-to" / "trade-over-http.md"
NEGOTIATE = DOCS / "how-to" / "negotiate-a-long-term-contract.md"
TUTORIAL = DOCS / "tutorials" / "first-market-day.md"
URL = "http://127.0.0.1:8000"


@dataclass
class Service:
    house: House
    clock: DrivenClock
    url: str

    def run(self, code: str, names: dict[str, object]) -> None:
        assert "127.0.0.1" not in code or URL in code
        exec(compile(code.replace(URL, self.url), "page", "exec"), names)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("service")
    settings = Settings(
        chain="tester", database_url=f"sqlite:///{folder}/market.db", operator_token="a-secret-of-yours"
    )
    clock = DrivenClock(START_S)
    with open_house(settings, clock, start_time_s=START_S) as house:
        lister = Lister(read_catalogue(Path(BUILT_IN)), settings)
        house.sequencer.process(lister.due(START_S, house.venue.exchange))
        server = uvicorn.Server(uvicorn.Config(create_app(house), port=0, log_level="warning"))
        thread = threading.Thread(target=server.run)
        thread.start()
        try:
            deadline = time.monotonic() + 20
            while not server.started:
                assert time.monotonic() < deadline, "the service did not start"
                time.sleep(0.01)
            port = server.servers[0].sockets[0].getsockname()[1]
            yield Service(house, clock, f"http://127.0.0.1:{port}")
        finally:
            server.should_exit = True
            thread.join()


def test_the_negotiated_price_moves_as_the_book_does(service, capsys):
    names: dict[str, object] = {}
    for code in blocks(NEGOTIATE, "python"):
        service.run(code, names)
    printed = capsys.readouterr().out
    shown = blocks(NEGOTIATE, "text")
    assert len(shown) == 3
    assert all(each in printed for each in shown)
    assert "failed" in printed
    assert "signed ['buy', 'sell']" in printed
    assert names["opened"] == names["terms_of"](names["contract"])
    prices = names["prices"]
    assert len(prices) == 4
    assert prices == sorted(set(prices))
    window = names["hours"]
    load = service.house.venue.exchange.load(parse_symbol(window[0].symbol).resource, hour_of(window[0]))
    assert load == (200_000, 1_000_000)


def test_every_block_of_the_how_to_runs(service, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    for code in blocks(TRADE, "python"):
        if "report_reading" in code:
            service.clock.move_to(names["solar"].delivery_starts + 3600)
        service.run(code, names)
    printed = capsys.readouterr().out
    assert "filled [FillOut(trade_number='1'" in printed
    assert "409 insufficient_funds" in printed
    proven = verify(read_proof((tmp_path / "order.json").read_bytes()), bytes.fromhex(names["noted"][2:]))
    assert str(proven.event.order_id) == names["bid"].order_id
    assert "50000000" in printed
    (trade,) = service.house.venue.exchange.trades()
    assert (trade.agreed.quantity_lots, trade.state) == (100_000, TradeState.AGREED)
    assert (
        service.house.venue.exchange.reading(names["meter_key"].address, hour_of(names["solar"])) is not None
    )
    assert names["supplier"].balances().held_for_withdrawals == "50"


def hour_of(instrument):
    return instrument.delivery_starts // 3600


def test_the_first_order_of_the_tutorial_is_taken_in(service, capsys):
    (code,) = blocks(TUTORIAL, "python")
    service.run(code, {})
    assert "open" in capsys.readouterr().out
