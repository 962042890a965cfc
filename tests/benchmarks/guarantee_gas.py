"""Gas of each step of a guarantee's life, and of the other contracts that lock money, as `tests.benchmarks.gas` prints it.

Each step is a transaction as the Python twins send it. Everybody who is paid, the venue too, has money in the market. The
short trade is one of a hundred of its batch, so that its proof has seven siblings, and another of them was opened before.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from contracts.agreement import LongTermTerms
from contracts.chain import Transaction
from contracts.leaves import Leaf
from contracts.long_term_terms import Activation, ExecutionTerms, Statement
from contracts.signing import Signer
from contracts.standby import StandbyTerms
from market.orders import Side
from market.units import Commodity, Lots, Micros
from tests.benchmarks.naive_transfers import Naive
from tests.contracts import test_long_term, test_pay_as_you_go, test_standby
from tests.contracts.conftest import CHALLENGE_S, RULES, TOKEN, Stage

LEAVES: Final = 100
TOGETHER: Final = 10
OPEN_MOST: Final = 200_000
"""What opening one trade into a guarantee may cost."""


@dataclass(frozen=True)
class Step:
    """Gas of one step, for each trade if several go together; the columns `most` and `naive_deliver` may be empty."""

    contract: str
    step: str
    gas: int
    most: int | None = None
    naive_deliver: int | None = None


class ShortTrades:
    """A batch of a hundred trades in silver energy between two new traders, of which a third was not delivered.

    1.5 kWh each, sold at 0.05 per kWh with a reference price of 0.06.
    """

    def __init__(self, stage: Stage) -> None:
        self.stage, self.guarantee = stage, stage.market.guarantee
        self.buyer, self.seller = stage.trader(ether=True), stage.trader(ether=True)
        self.instrument = stage.instrument(tier=2)
        self._meter = stage.meter(self.seller, self.instrument)
        bid = stage.order(self.buyer, self.instrument, Side.BUY, reference=60_000)
        offer = stage.order(self.seller, self.instrument, Side.SELL, reference=60_000)
        self.outcome = stage.settle(*(stage.trade(bid, offer, quantity=1500) for _ in range(LEAVES)))
        self.leaves: Sequence[Leaf] = self.outcome.locked

    def fall_short(self) -> None:
        """Let the hour end, report what came, and open the last trade: the batch's bitmap is there from then on."""
        hour = self.instrument.start_hour
        self.stage.after(hour)
        reading = self.stage.reading(self._meter, hour, LEAVES * 1000)
        self.stage.send(self.stage.market.settlement.report([reading]))
        self.open(LEAVES - 1)

    def open(self, *positions: int) -> int:
        """Open trades together; return the gas of each."""
        opening = self.guarantee.open_many(self.outcome.batch_number, self.leaves, positions)
        return self.gas(opening) // len(positions)

    def pay_out(self, leaves: Sequence[Leaf]) -> int:
        """Pay out trades together; return the gas of each."""
        return self.gas(self.guarantee.pay_out_many(leaves)) // len(leaves)

    def end_challenges(self) -> None:
        """Let the challenge windows of all that is open end."""
        self.stage.chain.set_time(self.stage.chain.now_s() + CHALLENGE_S)

    def gas(self, transaction: Transaction, *, by: Signer | None = None) -> int:
        """Send it; return the gas."""
        return self.stage.send(transaction, by=by).gas_used


def quiet_steps(stage: Stage) -> Iterator[Step]:
    """Open short trades and pay them out, without a claim; beside it, what the naive design takes to deliver them."""
    short, naive = ShortTrades(stage), Naive(stage)
    one, ten = short.leaves[:1], short.leaves[1 : 1 + TOGETHER]
    naive.enrol([short.buyer, short.seller])
    naive.send("settle", short.leaves)
    naive_one, naive_ten = naive.send("deliver", one), naive.send("deliver", ten) // TOGETHER
    short.fall_short()
    yield Step("guarantee", "open", short.open(0), most=OPEN_MOST)
    together = short.open(*range(1, 1 + TOGETHER))
    yield Step("guarantee", "open, ten together, each", together, most=OPEN_MOST)
    short.end_challenges()
    yield Step("guarantee", "pay out", short.pay_out(one), naive_deliver=naive_one)
    together = short.pay_out(ten)
    yield Step("guarantee", "pay out, ten together, each", together, naive_deliver=naive_ten)


def dispute_steps(stage: Stage) -> Iterator[Step]:
    """Claim, and let the arbiter rule on it; or let the arbiter be silent."""
    short = ShortTrades(stage)
    guarantee, (challenged, pleaded, unheard) = short.guarantee, short.leaves[:3]
    short.fall_short()
    short.open(0, 1, 2)
    claimed = short.gas(guarantee.challenge(challenged, Lots(500)), by=short.buyer)
    yield Step("guarantee", "challenge", claimed)
    yield Step("guarantee", "plead", short.gas(guarantee.plead(pleaded), by=short.seller))
    short.gas(guarantee.challenge(unheard, Lots(500)), by=short.buyer)
    short.end_challenges()
    ruled = short.gas(guarantee.rule(challenged, delivered_lots=Lots(600), excused_lots=Lots(0)))
    yield Step("guarantee", "rule on a challenge", ruled)
    ruled = short.gas(guarantee.rule(pleaded, delivered_lots=Lots(1000), excused_lots=Lots(400)))
    yield Step("guarantee", "rule on a plea", ruled)
    yield Step("guarantee", "pay out after a ruling", short.pay_out([challenged]))
    stage.chain.set_time(stage.chain.now_s() + RULES.ruling_window_s)
    yield Step("guarantee", "pay out after silence", short.pay_out([unheard]))


def rescue_steps(stage: Stage) -> Iterator[Step]:
    """Call the first fallback of the seller's plan, who declines, and the second, who delivers."""
    short, guarantee, standby = ShortTrades(stage), stage.market.guarantee, stage.market.standby
    leaf, hour = short.leaves[0], short.instrument.start_hour + 2
    suppliers = [stage.trader(ether=True) for _ in range(2)]
    meters = [stage.meter(supplier, short.instrument) for supplier in suppliers]
    plan = [_fallback(short, supplier, hour) for supplier in suppliers]
    for terms, supplier in zip(plan, suppliers, strict=True):
        stage.send(test_standby.opening(stage, terms, short.seller, supplier))
    stage.send(standby.join_plan(plan), by=short.seller)
    short.fall_short()
    short.open(0)
    short.end_challenges()

    called = short.gas(guarantee.call_fallback(leaf, plan[0]), by=short.buyer)
    yield Step("guarantee", "call a fallback", called)
    call_id = guarantee.call_of(stage.chain, leaf)
    stage.send(standby.decline(call_id, plan[0]), by=suppliers[0])
    concluded = short.gas(guarantee.conclude_fallback(leaf, plan[0]))
    yield Step("guarantee", "conclude, declined", concluded)

    stage.send(guarantee.call_fallback(leaf, plan[1]), by=short.buyer)
    call_id = guarantee.call_of(stage.chain, leaf)
    accepted = short.gas(standby.accept(call_id, plan[1], start_hour=hour), by=suppliers[1])
    yield Step("guarantee", "the fallback accepts", accepted)
    stage.after(hour)
    stage.send(stage.market.settlement.report([stage.reading(meters[1], hour, 500)]))
    receipt = stage.send(guarantee.conclude_fallback(leaf, plan[1]))
    (paid,) = guarantee.payouts(receipt)
    if not paid.paid_to_fallback:
        raise RuntimeError("the fallback delivered, and was not paid")
    yield Step("guarantee", "conclude, delivered, with the payout", receipt.gas_used)


def _fallback(short: ShortTrades, supplier: Signer, hour: int) -> StandbyTerms:
    return replace(
        test_standby.terms_of(short.stage, short.seller, supplier),
        resource=short.instrument.resource,
        tier=short.instrument.tier,
        first_hour=hour,
        last_hour=hour + 1,
        strike_micros=Micros(55_000),
    )


def standby_steps(stage: Stage) -> Iterator[Step]:
    """Open an option, call it as its holder, and close it when its hours are over."""
    standby, holder, supplier = stage.market.standby, stage.trader(ether=True), stage.trader(ether=True)
    terms = test_standby.terms_of(stage, holder, supplier)
    instrument = stage.instrument(commodity=Commodity.CMP, start_hour=terms.first_hour, tier=terms.tier)
    meter = stage.meter(supplier, instrument)
    opened = stage.send(test_standby.opening(stage, terms, holder, supplier))
    yield Step("standby", "open", opened.gas_used)
    called = stage.send(standby.call(terms, Lots(1000), until_s=test_standby.ANYTIME_S), by=holder)
    yield Step("standby", "call", called.gas_used)
    (asked,) = standby.asked(called)
    stage.send(standby.accept(asked.call_id, terms, start_hour=terms.first_hour), by=supplier)
    stage.after(terms.first_hour)
    stage.send(stage.market.settlement.report([stage.reading(meter, terms.first_hour, 1000)]))
    stage.send(standby.conclude(asked.call_id, terms))
    stage.after(terms.last_hour)
    yield Step("standby", "close", stage.send(standby.close(terms)).gas_used)


def long_term_steps(stage: Stage) -> Iterator[Step]:
    """Keep an agreement of four periods: two quiet ones, of which the second is measured, and a short one.

    Both can fund what follows, so that each payout locks the stakes of the next period.
    """
    chain, contract = stage.chain, stage.market.long_term
    buyer, seller = stage.trader(), stage.trader()
    agreed: LongTermTerms = test_long_term.negotiated(stage, buyer, seller)
    chosen = test_long_term.execution(agreed)
    terms, activation = ExecutionTerms.of(agreed, chosen), Activation.of(agreed, chosen)
    agreement = activation.id(contract.domain)
    activated = stage.send(contract.activate(activation, buyer.sign(agreement), seller.sign(agreement)))
    yield Step("long term", "activate", activated.gas_used)

    gas = 0
    for period in range(2):
        chain.set_time(activation.ends_s(period))
        statement = Statement(period, Micros(5_000_000), Micros(0), test_long_term.LATER)
        digest = statement.digest(agreement, contract.domain)
        quiet = contract.settle_agreed(activation, statement, buyer.sign(digest), seller.sign(digest))
        gas = stage.send(quiet).gas_used
    yield Step("long term", "quiet period", gas)

    chain.set_time(activation.ends_s(2))
    units = 2 * test_long_term.DAY_LOTS
    readings = [
        contract.sign_reading(
            test_long_term.METER,
            activation,
            through_hour=activation.last_hour(period),
            units_lots=Lots(counted),
        )
        for period, counted in ((1, units), (2, units + test_long_term.DAY_LOTS - 2_000))
    ]
    reported = stage.send(contract.report_period(activation, terms, readings))
    yield Step("long term", "report a short period", reported.gas_used)
    chain.set_time(chain.now_s() + activation.challenge_s)
    yield Step("long term", "pay out", stage.send(contract.pay_out(activation, terms)).gas_used)


def pay_as_you_go_steps(stage: Stage) -> Iterator[Step]:
    """Open an agreement, draw once, stop it and close it."""
    agreement = test_pay_as_you_go.an_agreement(stage)
    module, terms = agreement.module, agreement.terms
    yield Step("pay as you go", "open", agreement.send(agreement.opening()))
    agreement.wait(3600)
    yield Step("pay as you go", "draw", agreement.send(module.draw(terms, agreement.reading(100_000))))
    agreement.send(module.stop(terms), by=agreement.buyer)
    agreement.wait(terms.notice_s + terms.reading_window_s + 1)
    yield Step("pay as you go", "close", agreement.send(module.close(terms)))


STORIES: Final = (
    quiet_steps,
    dispute_steps,
    rescue_steps,
    standby_steps,
    long_term_steps,
    pay_as_you_go_steps,
)


def measure_steps(stage: Stage) -> list[Step]:
    """Measure every step on a newly deployed market, each story with people of its own."""
    stage.send(stage.market.settlement.deposit_for(stage.fee_recipient.address, Micros(TOKEN)))
    return [step for story in STORIES for step in story(stage)]
