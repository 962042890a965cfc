"""Three chains, one deployment on each, and a stage on which tests play traders."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cache
from itertools import count
from pathlib import Path

import pytest

from contracts.batches import BatchOutcome, SignedOrder, SignedTrade, check_outcome, plan_batch
from contracts.chain import Chain, Receipt, Transaction
from contracts.deployment import Deployment, deploy
from contracts.guarantee import Rules
from contracts.leaves import Leaf, locked_amounts
from contracts.opening import open_chain
from contracts.settlement import Reading, sign_reading
from contracts.signing import Signer, sign_order
from market.events import TradeAgreed
from market.instruments import Instrument
from market.orders import OrderTerms, Side
from market.units import Commodity, Lots, Micros, Ppm, Ticks

NODE_MODULES = Path(__file__).parents[2] / "contracts" / "node_modules"
DAY_S = 1_646_956_800  # 2022-03-11T00Z
NOTICE_S = 3600
READING_S = 7200
CHALLENGE_S = 1800
RULES = Rules(challenge_window_s=CHALLENGE_S, bond_rate=Ppm(10_000), excuse_most=Ppm(800_000))
FEE_BPS = 10
TOKEN = 1_000_000


def need_node_modules() -> None:
    """Skip where the chain tools are not installed; on CI that is a failure."""
    if not NODE_MODULES.is_dir():
        reason = "contracts/node_modules is absent: run `npm ci` in contracts/"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)


@pytest.fixture(scope="session")
def open_once() -> Iterator[Callable[[str], Chain]]:
    """Open each kind of chain when it is first asked for; its clock starts on the market day.

    pytest would end a chain at the last test of its kind in a file, and open it again for the next file.
    """
    with ExitStack() as chains:
        yield cache(lambda spec: chains.enter_context(open_chain(spec, start_time_s=DAY_S)))


@pytest.fixture(scope="session")
def deploy_once() -> Callable[[Chain], "Stage"]:
    """Deploy a market on a chain when it is first asked for."""
    return cache(deployed)


@pytest.fixture(scope="session", params=["tester", "anvil", "ganache"])
def chain(request: pytest.FixtureRequest, open_once: Callable[[str], Chain]) -> Chain:
    """Each kind of chain."""
    if request.param != "tester":
        need_node_modules()
    return open_once(request.param)


@dataclass
class Stage:
    """A deployed market on one chain. Each test takes new traders and a new hour, so that none disturbs another."""

    chain: Chain
    market: Deployment
    fee_recipient: Signer
    _serial: Iterator[int] = field(default_factory=lambda: count(1))

    def trader(self, *, deposit: int = 1000 * TOKEN, ether: bool = False) -> Signer:
        """Return a new participant with money in the contract, and with coin for gas if it sends things itself."""
        signer = Signer.from_seed(2022, f"trader {next(self._serial)}")
        if deposit:
            self.send(self.market.settlement.deposit_for(signer.address, Micros(deposit)))
        if ether:
            self.send(Transaction(signer.address, b"", 21_000, value_wei=10**18))
        return signer

    def hour(self) -> int:
        """Return a delivery hour that has not begun."""
        return self.chain.now_s() // 3600 + 2

    def instrument(
        self, *, tier: int = 2, start_hour: int = 0, commodity: Commodity = Commodity.ENE
    ) -> Instrument:
        """Return an instrument to trade: by default energy of the next free hour."""
        start_hour = start_hour or self.hour()
        if commodity is Commodity.NET:
            return Instrument(commodity, "GOLD", "SFO", start_hour, tier=tier, place_to="NYC")
        product = "SOLAR" if commodity is Commodity.ENE else "H100"
        return Instrument(commodity, product, "CISO", start_hour, tier=tier)

    def meter(self, seller: Signer, instrument: Instrument) -> Signer:
        """Register a new meter for what the seller offers."""
        meter = Signer.from_seed(2022, f"meter {next(self._serial)}")
        self.send(self.market.settlement.register_meter(seller.address, instrument.resource, meter.address))
        return meter

    def order(
        self,
        trader: Signer,
        instrument: Instrument,
        side: Side,
        *,
        price: int = 50_000,
        quantity: int = 1_000_000,
        reference: int = 50_000,
        fee_cap_bps: int = FEE_BPS,
        settle_until_s: int = 1 << 40,
        client_order_id: int | None = None,
        signer: Signer | None = None,
    ) -> SignedOrder:
        """Return a signed order; prices in micros per unit, quantities in lots."""
        terms = OrderTerms(
            participant=trader.address,
            instrument_id=instrument.id,
            side=side,
            price_micros=Micros(price),
            quantity_lots=Lots(quantity),
            good_until_s=settle_until_s - NOTICE_S,
            settle_until_s=settle_until_s,
            fee_cap_bps=fee_cap_bps,
            reference_micros=Micros(reference),
            client_order_id=next(self._serial) if client_order_id is None else client_order_id,
        )
        return SignedOrder(terms, sign_order(terms, signer or trader, self.market.domain))

    def trade(
        self,
        bid: SignedOrder,
        offer: SignedOrder,
        *,
        quantity: int = 100_000,
        price: int = 50_000,
        fee_bps: int = FEE_BPS,
    ) -> SignedTrade:
        """Return a trade of the two orders, with the money that the books hold for it."""
        terms = offer.terms
        instrument = Commodity(terms.instrument_id >> 240 & 0xFF)
        locked = locked_amounts(
            instrument_id=terms.instrument_id,
            price_micros=Micros(price),
            quantity_lots=Lots(quantity),
            reference_micros=terms.reference_micros,
            fee_bps=fee_bps,
        )
        agreed = TradeAgreed(
            trade_number=next(self._serial),
            instrument_id=terms.instrument_id,
            buy_order_id=1,
            sell_order_id=2,
            buyer=bid.terms.participant,
            seller=terms.participant,
            taker=None,
            price_ticks=Ticks(price // instrument.tick_micros),
            bid_ticks=Ticks(bid.terms.price_micros // instrument.tick_micros),
            ask_ticks=Ticks(terms.price_micros // instrument.tick_micros),
            quantity_lots=Lots(quantity),
            payment_micros=locked.payment_micros,
            fee_micros=locked.fee_micros,
            collateral_micros=locked.collateral_micros,
            buy_hold_micros=Micros(0),
            sell_hold_micros=Micros(0),
        )
        return SignedTrade(agreed, bid, offer)

    def settle(self, *trades: SignedTrade, fee_bps: int = FEE_BPS) -> BatchOutcome:
        """Settle trades as the next batch and return what became of them."""
        number = self.market.settlement.last_batch(self.chain) + 1
        plan = plan_batch(batch_number=number, record_hash=bytes(32), fee_bps=fee_bps, trades=trades)
        receipt = self.send(self.market.settlement.settle_batch(plan))
        outcome = self.market.settlement.outcome(receipt, batch_number=number)
        assert outcome is not None
        check_outcome(plan, outcome)
        return outcome

    def deliver(self, outcome: BatchOutcome, *readings: Reading) -> tuple[int, ...]:
        """Deliver a whole batch and return the positions that were released."""
        positions = range(len(outcome.locked))
        receipt = self.send(
            self.market.settlement.deliver_batch(outcome.batch_number, outcome.locked, positions, readings)
        )
        return self.market.settlement.released(receipt, batch_number=outcome.batch_number)

    def reading(self, meter: Signer, start_hour: int, delivered: int) -> Reading:
        """Return what the meter says, signed."""
        return sign_reading(
            meter, start_hour=start_hour, delivered_lots=Lots(delivered), domain=self.market.domain
        )

    def after(self, leaf_or_hour: Leaf | int, *, seconds: int = 0) -> None:
        """Let the delivery hour end, and some seconds more."""
        hour = leaf_or_hour.start_hour if isinstance(leaf_or_hour, Leaf) else leaf_or_hour
        assert self.chain.set_time((hour + 1) * 3600 + seconds)

    def money(self, trader: Signer) -> tuple[int, int]:
        """Return what the trader has free and locked, in micros."""
        account = self.market.settlement.account_of(self.chain, trader.address)
        return account.free_micros, account.locked_micros

    def send(self, transaction: Transaction, *, by: Signer | None = None) -> Receipt:
        """Send as the operator, or as somebody else."""
        return self.chain.send(by or self.chain.operator, transaction)


def deployed(chain: Chain) -> Stage:
    """Deploy a market and give the operator tokens to hand out."""
    fee_recipient = Signer.from_seed(2022, "fees")
    market = deploy(
        chain,
        notice_period_s=NOTICE_S,
        reading_window_s=READING_S,
        rules=RULES,
        fee_recipient=fee_recipient.address,
    )
    treasury = Micros(10**15)
    chain.send(chain.operator, market.token.mint(chain.operator.address, treasury))
    chain.send(chain.operator, market.token.approve(market.settlement.address, treasury))
    return Stage(chain, market, fee_recipient)


@pytest.fixture(scope="session")
def stage(chain: Chain, deploy_once: Callable[[Chain], Stage]) -> Stage:
    """A market on each of the three chains."""
    return deploy_once(chain)


@pytest.fixture(scope="session")
def one_stage(open_once: Callable[[str], Chain], deploy_once: Callable[[Chain], Stage]) -> Stage:
    """A market on the quickest chain at hand only, for what no other chain would do differently."""
    return deploy_once(open_once("auto"))
