"""A market on the in-process chain whose clock the test drives, served over HTTP."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from fastapi.testclient import TestClient

from api.app import create_app
from api.client import Client
from api.clock import DrivenClock
from api.house import House, house_on
from api.settings import Settings
from contracts.chain import Chain
from contracts.deployment import Deployment
from contracts.signing import Signer
from market.instruments import Instrument, parse_symbol
from market.listing import ListInstrument, Schedule, TradePriceRule, TradingRules
from market.orders import Command
from market.units import Lots, Ppm, Ticks
from tests.api.deployed import a_copy_of, a_deployed_market

START_S = 1_647_046_800  # 2022-03-12T01:00Z
HOUR_S = 3600
SOLAR = "ENE.SOLAR@CISO/2022-03-12T03Z/1h#Q1"
GPU = "CMP.H100@SFO/2022-03-12T03Z/1h#Q3.G2"
OPERATOR_TOKEN = "let-me-in"
PLAIN_RULES = TradingRules()

SUPPLIER = Signer.from_seed(1, "supplier")
METER = Signer.from_seed(1, "meter of the supplier")
BUYER = Signer.from_seed(1, "buyer")


def listing(
    symbol: str,
    *,
    reference_ticks: int = 500,
    rule: TradePriceRule = TradePriceRule.MAKER,
    continuous_opens_s: int = START_S,
    rules: TradingRules = PLAIN_RULES,
) -> ListInstrument:
    """List an instrument whose continuous trading is open and whose gate closes 15 minutes before delivery."""
    instrument: Instrument = parse_symbol(symbol)
    return ListInstrument(
        instrument_id=instrument.id,
        schedule=Schedule(START_S, continuous_opens_s, instrument.start_s - 900),
        rule=rule,
        reference_ticks=Ticks(reference_ticks),
        band_low_ticks=Ticks(reference_ticks // 4),
        band_high_ticks=Ticks(reference_ticks * 4),
        weight_ppm=Ppm(500_000),
        quantity_cap_lots=Lots(10_000_000),
        fee_bps=10,
        rules=rules,
    )


@dataclass
class Market:
    """An open house, its HTTP door, and the clock."""

    house: House
    http: TestClient
    clock: DrivenClock

    def client(self, signer: Signer) -> Client:
        """Return a client that signs as somebody."""
        return Client("http://testserver", signer, http=self.http)

    def process(self, *commands: Command) -> None:
        """Have commands of the operator's done, in one batch, while the app serves."""
        self.http.portal.call(self.house.sequencer.process, list(commands))

    def move_to(self, time_s: int) -> None:
        """Move the market's clock and the chain's, let due sessions change, and let the settler do what is due."""
        self.clock.move_to(time_s)
        self.house.chain.set_time(time_s)
        self.http.portal.call(self.house.sequencer.tick)
        self.house.settler.step()

    def operator(self, path: str, content: dict[str, str]) -> None:
        """Call an operator route."""
        answer = self.http.post(
            f"/v1/operator/{path}", json=content, headers={"Authorization": f"Bearer {OPERATOR_TOKEN}"}
        )
        assert answer.status_code == 200, answer.text


def settings(folder: Path, **others: object) -> Settings:
    """Return settings for a market in a folder, on the in-process chain."""
    return Settings.model_validate(
        {
            "chain": "tester",
            "database_url": f"sqlite:///{folder / 'market.db'}",
            "operator_token": OPERATOR_TOKEN,
            "reading_window_s": 1_800,
            "challenge_window_s": 600,
            **others,
        }
    )


@pytest.fixture
def market(tmp_path: Path) -> Iterator[Market]:
    """A market of its own for each test."""
    with an_open_market(tmp_path) as market:
        yield market


@pytest.fixture(scope="module")
def one_market(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Market]:
    """A market for what leaves it as it was, such as all that stops at its door."""
    with an_open_market(tmp_path_factory.mktemp("market")) as market:
        yield market


@contextmanager
def an_open_market(folder: Path) -> Iterator[Market]:
    """Open a market with a solar and a GPU instrument, a metered supplier and a funded buyer.

    It is made once, and started again on a copy of its record and its chain for each that is opened.
    """
    chain, deployment, record = _made()
    (folder / "market.db").write_bytes(record)
    with _serving(folder, a_copy_of(chain), deployment) as market:
        yield market


@cache
def _made() -> tuple[Chain, Deployment, bytes]:
    """Make the market, and return its chain, its contracts and the database that it left."""
    with TemporaryDirectory() as folder:
        chosen = settings(Path(folder))
        chain, deployment = a_deployed_market(
            start_time_s=START_S,
            notice_period_s=chosen.notice_period_s,
            reading_window_s=chosen.reading_window_s,
            challenge_window_s=chosen.challenge_window_s,
        )
        with _serving(Path(folder), chain, deployment) as market:
            market.process(listing(SOLAR), listing(GPU, reference_ticks=2_000, rule=TradePriceRule.NASH))
            for symbol, capacity in ((SOLAR, "1000"), (GPU, "100")):
                market.operator(
                    "meters",
                    {
                        "participant": f"0x{SUPPLIER.address.hex()}",
                        "meter": f"0x{meter_of(symbol).address.hex()}",
                        "instrument": symbol,
                        "capacity": capacity,
                    },
                )
            for signer in (SUPPLIER, BUYER):
                market.operator("deposits", {"participant": f"0x{signer.address.hex()}", "amount": "1000"})
        return chain, deployment, (Path(folder) / "market.db").read_bytes()


@contextmanager
def _serving(folder: Path, chain: Chain, deployment: Deployment) -> Iterator[Market]:
    """Serve the market of a folder; its first request, which takes the longest, has been."""
    clock = DrivenClock(START_S)
    with (
        house_on(chain, settings(folder), clock, deployment=deployment) as house,
        TestClient(create_app(house)) as http,
    ):
        http.get("/health").raise_for_status()
        yield Market(house, http, clock)


def meter_of(symbol: str) -> Signer:
    """Return the key of the supplier's meter for a product."""
    return METER if symbol == SOLAR else Signer.from_seed(1, "meter of the supplier's GPUs")
