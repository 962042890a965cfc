"""A stage that is set up once: a node with the contracts of one market, and that market when its trades were agreed."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from random import Random

from sqlalchemy import Engine

from api.outgoing import Outgoing
from contracts.chain import Chain
from contracts.deployment import Deployment, deploy
from contracts.guarantee import Rules
from contracts.json_rpc import JsonRpc
from contracts.nodes import running_node
from contracts.opening import DEV_SIGNERS, open_chain
from contracts.posting import Loopback, Posting
from contracts.signing import Signer, sign_order
from ledger.database import MEMORY_URL, open_database
from ledger.genesis import Genesis
from market.instruments import parse_symbol
from market.listing import ListInstrument, RegisterMeter, Schedule, TradePriceRule
from market.orders import OrderTerms, PlaceOrder, Side, TimeInForce
from market.trades import TradeState
from market.units import Lots, Micros, Ppm, Ticks
from tests.api.adversity.day import Day
from tests.api.adversity.terms import (
    BUYERS,
    CHALLENGE_S,
    CONFIRMATIONS,
    FUNDS,
    PEOPLE,
    READING_S,
    SELLER,
    SLOT_S,
    START_S,
    SYMBOLS,
    UNMETERED,
    meter_of,
)

TRADES = 7


@dataclass
class Stage:
    """A node, the contracts on it, and the database of their market, each of which goes back to where every day starts."""

    chain: Chain
    post: Loopback
    deployment: Deployment
    genesis: Genesis
    engine: Engine
    agreed: sqlite3.Connection
    snapshot: str

    @contextmanager
    def day(self, seed: int, *, outgoing: Callable[..., Outgoing] = Outgoing) -> Iterator[Day]:
        """Open the market as it was when its trades were agreed, on the chain of that moment. One day at a time."""
        self.chain.request("evm_revert", self.snapshot)
        self.snapshot = self.chain.request("evm_snapshot")
        # no two days have equal blocks: Anvil keeps 500 states by their blocks' hashes, and what it puts away for an earlier
        # day's block it would miss, on a reorganisation, for this day's with the same hash
        self.chain.request("anvil_setCoinbase", f"0x{int(self.snapshot, 16):040x}")
        with closing(self.engine.raw_connection()) as connection:
            self.agreed.backup(connection.driver_connection)
        market = self.chain, self.post, self.deployment, self.genesis, self.engine
        day = Day(Random(seed), *market, outgoing=outgoing)
        day.mine(CONFIRMATIONS)  # so that no reorganisation reaches below the snapshot
        try:
            yield day
        finally:
            day.close()


@contextmanager
def open_stage() -> Iterator[Stage]:
    """Start a node, deploy and fund; let seven trades be agreed: two fees, so two batches, and one that will be skipped."""
    with (
        running_node("anvil", start_time_s=START_S, operator=DEV_SIGNERS[0], keep_states=True) as url,
        open_chain(url, start_time_s=START_S) as there,
        closing(Loopback(url)) as post,
        closing(sqlite3.connect(":memory:")) as agreed,
    ):
        chain = replace(there, node=JsonRpc(there.name, Posting(post)))  # a campaign makes a million requests
        chain.request("anvil_setBlockTimestampInterval", 1)
        rules = Rules(challenge_window_s=CHALLENGE_S)
        deployment = deploy(chain, notice_period_s=3_600, reading_window_s=READING_S, rules=rules)
        genesis = Genesis("adversity", 3_600, 24, chain.chain_id, deployment.settlement.address)
        engine = open_database(MEMORY_URL)
        day = Day(Random(0), chain, post, deployment, genesis, engine)
        _agree(day)
        day.close()
        chain.request("evm_setAutomine", False)
        with closing(engine.raw_connection()) as connection:
            connection.driver_connection.backup(agreed)
        yield Stage(chain, post, deployment, genesis, engine, agreed, chain.request("evm_snapshot"))
        engine.dispose()


def _agree(day: Day) -> None:
    """Bring the money in and the orders together."""
    day.settler.fund(dict.fromkeys(PEOPLE, FUNDS))
    meters = [_meter(seller, symbol) for seller in (SELLER, UNMETERED) for symbol in SYMBOLS]
    day.settler.register_meters(meters[: len(SYMBOLS)])
    day.mine(CONFIRMATIONS)
    day.settler.watch()
    listings = [_listing(symbol, fee_bps) for symbol, fee_bps in zip(SYMBOLS, (10, 20), strict=True)]
    day.sequencer.process([*listings, *meters, *_orders(day.deployment)])
    assert day.states() == [TradeState.AGREED] * TRADES


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
