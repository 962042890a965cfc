"""What can go wrong between a market and a chain, on a real node: a stage that is set up once, and days of trouble on it.

Everything the settler does is a request to the node or a commit to the database; before each of them the process can be
killed, and after each request the answer can be lost.
"""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from http.client import HTTPConnection
from random import Random
from typing import Any
from urllib.parse import urlsplit

from requests import Timeout
from sqlalchemy import Engine, event

from api.clock import DrivenClock
from api.outgoing import Outgoing
from api.sequencer import Sequencer
from api.settler import SettlementFailed, Settler
from contracts.abi import artifact
from contracts.chain import Chain, ChainUnavailable, GasPrice, Transaction
from contracts.deployment import Deployment, deploy
from contracts.guarantee import Rules
from contracts.nodes import running_node
from contracts.opening import DEV_SIGNERS, open_chain
from contracts.settlement import sign_reading
from contracts.signing import Signer, sign_order
from ledger.audit import audit
from ledger.database import open_database
from ledger.heard import Heard
from ledger.outbox import Outbox
from ledger.projections import Projector
from ledger.rebuild import recover
from ledger.record import Genesis, Record, RecordReader
from market.instruments import parse_symbol
from market.orders import (
    ListInstrument,
    OrderTerms,
    PlaceOrder,
    RegisterMeter,
    Schedule,
    Side,
    SubmitReading,
    TimeInForce,
    TradePriceRule,
)
from market.trade_register import OVER
from market.trades import TradeState
from market.units import Lots, Micros, Ppm, Ticks

START_S = 1_647_046_800  # 2022-03-12T01:00Z
SLOT_S = START_S + 7_200
OVER_S = SLOT_S + 3_600
READING_S, CHALLENGE_S = 1_800, 600
SYMBOLS = ("ENE.SOLAR@CISO/2022-03-12T03Z/1h#Q1", "ENE.WIND@CISO/2022-03-12T03Z/1h#Q1")
BUYERS = tuple(Signer.from_seed(6, f"buyer {number}") for number in range(2))
SELLER = Signer.from_seed(6, "seller")
UNMETERED = Signer.from_seed(6, "seller whose meter the contract does not know")
FUNDS = Micros(1_000_000_000)
CONFIRMATIONS = 2


class Killed(BaseException):
    """The process ended here."""


@dataclass
class Faults:
    """When the process is killed and when an answer is lost, in operations from now."""

    kill_in: int = 0
    lose_in: int = 0

    def before(self) -> None:
        """Count an operation that is about to happen."""
        if self.kill_in:
            self.kill_in -= 1
            if not self.kill_in:
                raise Killed

    def after(self) -> None:
        """Count a request that the node has carried out."""
        if self.lose_in:
            self.lose_in -= 1
            if not self.lose_in:
                raise Timeout("the answer was lost")


@dataclass(frozen=True)
class FaultyChain(Chain):
    """A chain whose requests count as operations."""

    faults: Faults = field(default_factory=Faults)

    @contextmanager
    def _reaching(self) -> Iterator[None]:
        self.faults.before()
        with super()._reaching():
            yield
            self.faults.after()


class Wire:
    """One kept connection to a node of our own: a campaign makes a million requests, which the usual way takes long for."""

    def __init__(self, url: str) -> None:
        self._connection = HTTPConnection(urlsplit(url).netloc)

    def post(self, _url: str, data: bytes, **_: object) -> bytes:
        self._connection.request("POST", "/", data, {"Content-Type": "application/json"})
        return self._connection.getresponse().read()


def meter_of(seller: Signer, symbol: str) -> Signer:
    return Signer.from_seed(6, f"meter {seller.address.hex()} {symbol}")


@dataclass
class Stage:
    """A node with the contracts of one market, and the database of that market when its trades were agreed."""

    chain: Chain
    deployment: Deployment
    genesis: Genesis
    agreed: sqlite3.Connection
    snapshot: str

    def back(self) -> None:
        """Take the chain back to where every day starts."""
        self.chain.request("evm_revert", self.snapshot)
        self.snapshot = self.chain.request("evm_snapshot")
        for _ in range(CONFIRMATIONS):  # so that no reorganisation reaches below the snapshot
            self.chain.request("evm_mine")

    @property
    def participants(self) -> list[bytes]:
        return [signer.address for signer in (*BUYERS, SELLER, UNMETERED)]


@contextmanager
def open_stage() -> Iterator[Stage]:
    """Start a node, deploy and fund; let seven trades be agreed: two fees, so two batches, and one that will be skipped."""
    with (
        running_node("anvil", start_time_s=START_S, operator=DEV_SIGNERS[0], keep_states=True) as url,
        open_chain(url, start_time_s=START_S) as chain,
    ):
        chain.w3.provider._request_session_manager.make_post_request = Wire(url).post
        chain.request("anvil_setBlockTimestampInterval", 1)
        rules = Rules(challenge_window_s=CHALLENGE_S)
        deployment = deploy(chain, notice_period_s=3_600, reading_window_s=READING_S, rules=rules)
        genesis = Genesis("adversity", 3_600, 24, chain.chain_id, deployment.settlement.address)
        engine = open_database("sqlite://")
        house = Day(Random(0), chain, deployment, genesis, engine)
        house.settler.fund({signer.address: FUNDS for signer in (*BUYERS, SELLER, UNMETERED)})
        meters = [_meter(seller, symbol) for seller in (SELLER, UNMETERED) for symbol in SYMBOLS]
        house.settler.register_meters(meters[: len(SYMBOLS)])
        for _ in range(CONFIRMATIONS):
            chain.request("evm_mine")
        house.settler.watch()
        listings = [_listing(symbol, fee_bps) for symbol, fee_bps in zip(SYMBOLS, (10, 20), strict=True)]
        house.sequencer.process([*listings, *meters, *_orders(deployment)])
        assert len(list(house.venue.exchange.trades(TradeState.AGREED))) == 7
        house.record.close()
        chain.request("evm_setAutomine", False)
        database = engine.raw_connection().driver_connection
        yield Stage(chain, deployment, genesis, database, chain.request("evm_snapshot"))


def _meter(seller: Signer, symbol: str) -> RegisterMeter:
    resource = parse_symbol(symbol).resource
    return RegisterMeter(seller.address, meter_of(seller, symbol).address, resource, Lots(10_000_000))


def _listing(symbol: str, fee_bps: int) -> ListInstrument:
    return ListInstrument(
        instrument_id=parse_symbol(symbol).id,
        schedule=Schedule(START_S, START_S, SLOT_S - 900),
        rule=TradePriceRule.MAKER,
        reference_ticks=Ticks(500),
        band_low_ticks=Ticks(100),
        band_high_ticks=Ticks(2_000),
        weight_ppm=Ppm(500_000),
        quantity_cap_lots=Lots(10_000_000),
        fee_bps=fee_bps,
    )


def _orders(deployment: Deployment) -> Iterator[PlaceOrder]:
    number = 0
    for symbol, sellers in ((SYMBOLS[0], (SELLER, SELLER, UNMETERED, SELLER)), (SYMBOLS[1], (SELLER,) * 3)):
        for index, seller in enumerate(sellers):
            for signer, side in ((seller, Side.SELL), (BUYERS[index % 2], Side.BUY)):
                number += 1
                terms = OrderTerms(
                    participant=signer.address,
                    instrument_id=parse_symbol(symbol).id,
                    side=side,
                    price_micros=Micros(50_000),
                    quantity_lots=Lots(10_000 * (index + 1)),
                    good_until_s=SLOT_S - 900,
                    settle_until_s=SLOT_S + 3_000,
                    fee_cap_bps=20,
                    reference_micros=Micros(50_000),
                    client_order_id=number,
                )
                signature = sign_order(terms, signer, deployment.domain)
                in_force = TimeInForce.GTC if side is Side.SELL else TimeInForce.IOC
                yield PlaceOrder(terms, signature, time_in_force=in_force)


class Day:
    """One market over one database; it can be killed and started again on what is left."""

    def __init__(
        self,
        random: Random,
        chain: Chain,
        deployment: Deployment,
        genesis: Genesis,
        engine: Engine,
        *,
        outgoing: Callable[..., Outgoing] = Outgoing,
    ) -> None:
        self.random = random
        self.faults = Faults()
        self.plain = chain
        values = {each.name: getattr(chain, each.name) for each in fields(Chain)}
        self.chain = FaultyChain(**values, faults=self.faults)
        self.deployment = deployment
        self.engine = engine
        self.clock = DrivenClock(START_S)
        self.kills = 0
        self._genesis = genesis
        self._outgoing = outgoing
        event.listen(engine, "commit", lambda _: self.faults.before())
        self.open()

    def open(self) -> None:
        """Start: rebuild from the record, and take up what was left."""
        self.record = Record(self.engine, self._genesis)
        projector = Projector(self.engine)
        recovery = recover(self.record, projector=projector)
        self.venue = recovery.venue
        self.sequencer = Sequencer(
            self.venue, self.record, projector, recovery.tapes, self.clock, on_broken=_broken
        )
        outgoing = self._outgoing(self.chain, Outbox(self.engine), confirmations=CONFIRMATIONS)
        self.settler = Settler(
            self.sequencer,
            self.chain,
            self.deployment,
            outgoing,
            Heard(self.engine),
            confirmations=CONFIRMATIONS,
        )
        if self.record.number:
            self.settler.recover()

    def step(self) -> None:
        """Let the settler do what is due; start it again if it is killed."""
        try:
            self.settler.step()
        except (SettlementFailed, ChainUnavailable):
            pass
        except Killed:
            self.kills += 1
            self.restart()
        self.faults.kill_in = self.faults.lose_in = 0

    def restart(self) -> None:
        """Forget all that was in memory, as a killed process does."""
        self.faults.kill_in = self.faults.lose_in = 0
        self.record.close()
        self.open()

    def move_to(self, time_s: int) -> None:
        self.clock.move_to(time_s)
        self.plain.set_time(time_s)
        self.sequencer.tick()

    def mine(self, blocks: int = 1) -> None:
        for _ in range(blocks):
            self.plain.request("evm_mine")

    def read_meters(self) -> None:
        """Let every meter tell what it measured: all that was sold, or half."""
        readings = []
        for symbol in SYMBOLS:
            lots = Lots(self.random.choice((70_000, 70_000, 35_000)))
            meter = meter_of(SELLER, symbol)
            told = sign_reading(
                meter, start_hour=SLOT_S // 3_600, delivered_lots=lots, domain=self.deployment.domain
            )
            readings.append(SubmitReading(meter.address, told.start_hour, lots, told.signature))
        self.sequencer.process(readings)

    # --- what goes wrong ----------------------------------------------------------------------------------------

    def kill(self) -> None:
        """End the process before one of its next operations."""
        self.faults.kill_in = self.random.randint(1, 30)

    def lose_an_answer(self) -> None:
        """Let the node carry out a request whose answer does not arrive."""
        self.faults.lose_in = self.random.randint(1, 20)

    def drop(self) -> None:
        """Let the node forget what waits."""
        for entry in Outbox(self.engine).pending():
            for signing in entry.signings:
                self.plain.request("anvil_dropTransaction", "0x" + signing.hash.hex())

    def reorganise(self) -> None:
        """Replace the last blocks, at most as many as the confirmations, by empty ones."""
        self.plain.request("anvil_reorg", self.random.randint(1, CONFIRMATIONS), [])

    def raise_the_price(self) -> None:
        """Let the base fee rise above what was offered."""
        base_fee = self.plain.gas_price().now_wei
        self.plain.request("anvil_setNextBlockBaseFeePerGas", hex(self.random.randint(2, 5) * base_fee))

    def use_our_nonce(self) -> None:
        """Let another program spend the nonce that our first waiting transaction has."""
        self.drop()
        self._foreign(self.plain.mined_nonce(self.plain.operator.address))
        self.mine()

    def skip_a_nonce(self) -> None:
        """Let another program take the next nonce, and then withdraw its transaction."""
        taken = self._foreign(self.plain.nonce(self.plain.operator.address))
        self.step()
        self.plain.request("anvil_dropTransaction", "0x" + taken.hex())

    def pause(self) -> None:
        """Let the contract refuse a whole batch, or take batches again."""
        self.operator_calls(self.random.choice(("pauseBatches", "resumeBatches")))

    def _foreign(self, nonce: int) -> bytes:
        operator, price = self.plain.operator, self.plain.gas_price()
        ample = GasPrice(price.now_wei, 4 * price.most_wei, price.tip_wei)
        raw = self.plain.sign(operator, Transaction(operator.address, b"", 21_000), nonce=nonce, price=ample)
        return self._broadcast(raw)

    def operator_calls(self, function: str) -> None:
        """Call the settlement with the guardian's key, which on this stage is the operator's: another program, too."""
        call = artifact("Settlement").functions[function].encode()
        transaction = Transaction(self.deployment.settlement.address, call, 100_000)
        operator, price = self.plain.operator, self.plain.gas_price()
        ample = GasPrice(price.now_wei, 8 * price.most_wei, price.tip_wei)
        nonce = self.plain.nonce(operator.address)
        self._broadcast(self.plain.sign(operator, transaction, nonce=nonce, price=ample))
        self.mine()

    def _broadcast(self, raw: bytes) -> bytes:
        try:
            return self.plain.broadcast(raw)
        except ChainUnavailable:  # the node prefers what it has
            return bytes(32)

    # --- how it ends --------------------------------------------------------------------------------------------

    def settle_down(self) -> None:
        """Let nothing go wrong any more, and time pass until all is over."""
        for time_s in (OVER_S + READING_S + 60, OVER_S + READING_S + CHALLENGE_S + 120):
            self.move_to(max(time_s, self.sequencer.now_s()))
            for _ in range(30):
                self.step()
                self.mine(CONFIRMATIONS + 1)
                if self.is_over():
                    return
        waiting = [str(entry) for entry in Outbox(self.engine).pending()]
        raise AssertionError(f"trades {self._states()} are not over; waiting: {waiting}")

    def is_over(self) -> bool:
        """Whether every trade has ended and nothing waits."""
        return all(state in OVER for state in self._states()) and not Outbox(self.engine).pending()

    def _states(self) -> list[TradeState]:
        return [trade.state for trade in self.venue.exchange.trades(None)]

    def check(self) -> None:
        """Prove that contract, books and record agree, and that each trade was locked once, or is void for a reason."""
        self.settler.watch()
        outcomes = self.deployment.settlement.outcomes(
            self.plain, from_block=self.deployment.block_number, to_block=self.plain.block_number()
        )
        locked = sorted(leaf.trade_number for outcome in outcomes for leaf in outcome.locked)
        told = []
        for trade in self.venue.exchange.trades(None):
            number = trade.agreed.trade_number
            if trade.state is not TradeState.VOID:
                told.append(number)
            assert trade.state is not TradeState.VOID or self.venue.exchange.void_reason(number)
        assert locked == told, f"the contract locked {locked}, the record knows of {told}"
        people = [signer.address for signer in (*BUYERS, SELLER, UNMETERED)]
        values = self.settler.chain_values(people)
        report = audit(RecordReader(self.engine), chain=values)
        assert report.findings == (), report.findings
        assert report.chain_difference_micros == 0
        total = sum(each.free_micros + each.locked_micros for each in values.balances.values())
        assert total == FUNDS * len(people)


def a_day(stage: Stage, seed: int, *, outgoing: Callable[..., Outgoing] = Outgoing) -> Day:
    """Open the market of the stage as it was when its trades were agreed."""
    stage.back()
    engine = open_database("sqlite://")
    stage.agreed.backup(engine.raw_connection().driver_connection)
    return Day(Random(seed), stage.chain, stage.deployment, stage.genesis, engine, outgoing=outgoing)


TROUBLES = (
    "kill",
    "kill",
    "kill",
    "lose_an_answer",
    "drop",
    "reorganise",
    "reorganise",
    "raise_the_price",
    "use_our_nonce",
    "skip_a_nonce",
    "pause",
)
ROUNDS = 2


def troubled(day: Day) -> list[str]:
    """Run a day with what goes wrong drawn by its seed; return what did."""
    happened = []
    for time_s in (SLOT_S - 800, OVER_S + 60, OVER_S + 60 + CHALLENGE_S + 60):
        day.move_to(time_s)
        if time_s == OVER_S + 60:
            day.read_meters()
        for _ in range(ROUNDS):
            trouble = day.random.choice(TROUBLES)
            happened.append(trouble)
            getattr(day, trouble)()
            day.step()
            day.mine(day.random.randint(0, 2))
    day.operator_calls("resumeBatches")
    day.settle_down()
    day.check()
    return happened


def _broken(error: Exception) -> Any:
    raise error
