"""Gas per trade and per step on the in-process chain, with the contracts that are deployed, beside a trusting design.

Steady state: everybody traded before in the same hour. Whole transactions as receipts tell them, divided by trades; the
lock is in `settle`, meters' readings are in `deliver`. A participant's client order ids go up one by one, so that it opens a
new word of four fill counters with every fourth order. The naive design moves each trade's payment and collateral with
`transferFrom` and checks nothing; it knows no trouble, so the steps of a short trade stand beside its one delivery.
"""

import argparse
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from itertools import count

from contracts.batches import BatchOutcome, SignedOrder, SignedTrade, check_outcome, plan_batch
from contracts.chain import Chain, Receipt
from contracts.opening import open_chain
from contracts.settlement import Reading
from contracts.signing import Signer
from market.instruments import Instrument
from market.orders import Side
from tests.benchmarks.guarantee_gas import Step, measure_steps
from tests.benchmarks.naive_transfers import Naive
from tests.contracts.conftest import DAY_S, FEE_BPS, Stage, deployed

SIZES = (1, 10, 100)

JSON_HELP = """the JSON object, all gas as integers:
  first_trade  gas of the first trade ever of a buyer, a seller and a delivery hour
  per_trade    a list of {pattern, trades, settle, deliver, naive_settle, naive_deliver}: a batch of so many trades,
               gas divided by trades
  per_step     a list of {contract, step, gas, most, naive_deliver}: of several that go together, gas divided by their
               number; `most` is the limit of the step or null; `naive_deliver` is what the naive design takes to
               deliver the same trades, or null where it has no such step
"""


@dataclass(frozen=True)
class Pattern:
    """Who trades with whom: so many buyers and sellers at most, and whether each trade has a bid and an offer of its own."""

    title: str
    buyers: int
    sellers: int
    new_bids: bool
    new_offers: bool


PATTERNS = (
    Pattern("20 traders, an order each per trade", 10, 10, True, True),
    Pattern("all traders distinct", 100, 100, True, True),
    Pattern("one standing bid, ten standing offers", 1, 10, False, False),
    Pattern("one standing bid, nineteen standing offers", 1, 19, False, False),
    Pattern("one standing bid, a new offer per trade", 1, 10, False, True),
)


@dataclass(frozen=True)
class Figure:
    """Gas per trade of one pattern at one size."""

    pattern: str
    trades: int
    settle: int
    deliver: int
    naive_settle: int
    naive_deliver: int


class Market:
    """One pattern on a deployed market: its people have traded once before what is measured."""

    def __init__(self, stage: Stage, pattern: Pattern, trades: int) -> None:
        self.stage, self.pattern, self.trades = stage, pattern, trades
        self.instrument: Instrument = stage.instrument()
        self.buyers = [stage.trader() for _ in range(min(pattern.buyers, trades))]
        self.sellers = [stage.trader() for _ in range(min(pattern.sellers, trades))]
        self.meters = [stage.meter(seller, self.instrument) for seller in self.sellers]
        self._ids = {trader.address: count(1 if pattern.buyers == 100 else 3) for trader in self.people}
        self._standing: dict[tuple[bytes, Side], SignedOrder] = {}

    @property
    def people(self) -> list[Signer]:
        return self.buyers + self.sellers

    def order(self, trader: Signer, side: Side, *, new: bool) -> SignedOrder:
        """Return a new order, or the one that stands."""
        known = self._standing.get((trader.address, side))
        if known is not None and not new:
            return known
        order = self.stage.order(
            trader, self.instrument, side, client_order_id=next(self._ids[trader.address])
        )
        return self._standing.setdefault((trader.address, side), order) if not new else order

    def batch(self, trades: int) -> tuple[BatchOutcome, Receipt]:
        """Settle a batch in which buyers and sellers take turns."""
        pattern = self.pattern
        signed: list[SignedTrade] = []
        for turn in range(trades):
            bid = self.order(self.buyers[turn % len(self.buyers)], Side.BUY, new=pattern.new_bids)
            offer = self.order(self.sellers[turn % len(self.sellers)], Side.SELL, new=pattern.new_offers)
            signed.append(self.stage.trade(bid, offer, quantity=1000))
        settlement, chain = self.stage.market.settlement, self.stage.chain
        number = settlement.last_batch(chain) + 1
        plan = plan_batch(batch_number=number, record_hash=b"\x11" * 32, fee_bps=FEE_BPS, trades=signed)
        receipt = self.stage.send(settlement.settle_batch(plan))
        outcome = settlement.outcome(receipt, batch_number=number)
        if outcome is None or outcome.skipped:
            raise RuntimeError(f"batch {number}: expected {trades} trades to lock")
        check_outcome(plan, outcome)
        return outcome, receipt

    def deliver(self, outcome: BatchOutcome) -> Receipt:
        """Deliver all of a batch, whose hour is over."""
        hour = self.instrument.start_hour
        sellers = {leaf.seller for leaf in outcome.locked}
        readings: Sequence[Reading] = [
            self.stage.reading(meter, hour, 10**9)
            for seller, meter in zip(self.sellers, self.meters, strict=True)
            if seller.address in sellers
        ]
        return self.stage.send(
            self.stage.market.settlement.deliver_batch(
                outcome.batch_number, outcome.locked, range(len(outcome.locked)), readings
            )
        )


@contextmanager
def opened() -> Iterator[tuple[Chain, Stage]]:
    """Open the in-process chain with a market on it."""
    with open_chain("tester", start_time_s=DAY_S) as chain:
        yield chain, deployed(chain)


def measure(pattern: Pattern, trades: int) -> Figure:
    """Measure one pattern at one size, on a chain of its own."""
    with opened() as (_, stage):
        market, naive = Market(stage, pattern, trades), Naive(stage)
        naive.enrol(market.people)
        market.batch(max(len(market.buyers), len(market.sellers)))
        outcome, settled = market.batch(trades)
        naive.send("settle", outcome.locked)
        naive_settled = naive.send("settle", outcome.locked)
        stage.after(market.instrument.start_hour)
        delivered = market.deliver(outcome)
        naive_delivered = naive.send("deliver", outcome.locked)
    per_trade = [
        gas // trades for gas in (settled.gas_used, delivered.gas_used, naive_settled, naive_delivered)
    ]
    return Figure(pattern.title, trades, *per_trade)


def first_trade() -> int:
    """Return the gas of a batch of one between two who only ever deposited, in an hour of which nothing was sold."""
    with opened() as (_, stage):
        market = Market(stage, PATTERNS[1], 1)
        return market.batch(1)[1].gas_used


def steps() -> list[Step]:
    """Measure every step of a guarantee, an option, a long-term and a pay-as-you-go agreement, on a chain of its own."""
    with opened() as (_, stage):
        return measure_steps(stage)


def as_json(figures: Sequence[Figure], first: int, per_step: Sequence[Step]) -> str:
    """Return what was measured as JSON; `--help` says what it holds."""
    return json.dumps(
        {
            "first_trade": first,
            "per_trade": [asdict(each) for each in figures],
            "per_step": [asdict(each) for each in per_step],
        },
        indent=2,
    )


def as_table(figures: Sequence[Figure], first: int, per_step: Sequence[Step]) -> str:
    """Return what was measured as two tables."""
    lines = [
        f"{'gas per trade':<44}{'trades':>7}{'settle':>9}{'deliver':>9}{'naive settle':>14}{'naive deliver':>15}"
    ]
    lines += [
        f"{each.pattern:<44}{each.trades:>7}{each.settle:>9,}{each.deliver:>9,}{each.naive_settle:>14,}"
        f"{each.naive_deliver:>15,}"
        for each in figures
    ]
    lines += [f"first trade ever of buyer, seller and hour: {first:,}", ""]
    lines += [f"{'gas per step':<15}{'':<36}{'gas':>9}{'at most':>9}{'naive deliver':>15}"]
    lines += [
        f"{each.contract:<15}{each.step:<36}{each.gas:>9,}{_or_blank(each.most):>9}{_or_blank(each.naive_deliver):>15}"
        for each in per_step
    ]
    return "\n".join(lines)


def _or_blank(gas: int | None) -> str:
    return "" if gas is None else f"{gas:,}"


def main() -> None:
    """Print the tables, or the same as JSON."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.gas",
        description=__doc__,
        epilog=JSON_HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of tables")
    options = parser.parse_args()
    figures = [measure(pattern, trades) for pattern in PATTERNS for trades in SIZES]
    show = as_json if options.json else as_table
    print(show(figures, first_trade(), steps()))


if __name__ == "__main__":
    main()
