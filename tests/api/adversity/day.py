"""A day of one market on the stage: it can be killed and started again, and must end with everything settled once."""

from collections.abc import Callable
from random import Random
from typing import NoReturn

from sqlalchemy import Engine, event

from api.clock import DrivenClock
from api.outgoing import Outgoing
from api.sequencer import Sequencer
from api.settler import SettlementFailed, Settler
from contracts.chain import Chain, ChainUnavailable
from contracts.deployment import Deployment
from contracts.posting import Post
from contracts.settlement import sign_reading
from ledger.audit import audit
from ledger.genesis import Genesis
from ledger.heard import Heard
from ledger.outbox import Outbox
from ledger.projections import Projector
from ledger.rebuild import recover
from ledger.record import Record, RecordReader
from market.settlement import SubmitReading
from market.trade_register import OVER
from market.trades import TradeState
from market.units import Lots
from tests.api.adversity.faults import Faults, Killed, faulty
from tests.api.adversity.terms import (
    CHALLENGE_S,
    CONFIRMATIONS,
    FUNDS,
    OVER_S,
    PEOPLE,
    READING_S,
    SELLER,
    SLOT_S,
    START_S,
    SYMBOLS,
    meter_of,
)


class Day:
    """One market over one database. Its settler meets `faults` on the way to the node; `plain` is the chain without them."""

    def __init__(
        self,
        random: Random,
        chain: Chain,
        post: Post,
        deployment: Deployment,
        genesis: Genesis,
        engine: Engine,
        *,
        outgoing: Callable[..., Outgoing] = Outgoing,
    ) -> None:
        self.random = random
        self.faults = Faults()
        self.plain = chain
        self.chain = faulty(chain, post, self.faults)
        self.deployment = deployment
        self.engine = engine
        self.clock = DrivenClock(START_S)
        self._genesis = genesis
        self._outgoing = outgoing
        event.listen(engine, "commit", self._before_commit)
        self.open()

    def _before_commit(self, _: object) -> None:
        self.faults.before()

    def open(self) -> None:
        """Start: rebuild from the record, and take up what was left."""
        self.record = Record(self.engine, self._genesis)
        projector = Projector(self.engine)
        recovery = recover(self.record, projector=projector)
        self.venue = recovery.venue
        self.sequencer = Sequencer(
            self.venue, self.record, projector, recovery.tapes, self.clock, on_broken=_broken
        )
        self.outbox = Outbox(self.record.place)
        outgoing = self._outgoing(self.chain, self.outbox, confirmations=CONFIRMATIONS)
        heard = Heard(self.record.place)
        self.settler = Settler(
            self.sequencer, self.chain, self.deployment, outgoing, heard, confirmations=CONFIRMATIONS
        )
        if self.record.number:
            self.settler.recover()

    def close(self) -> None:
        """End it in order."""
        self.faults.end()
        event.remove(self.engine, "commit", self._before_commit)
        self.record.close()

    def step(self) -> None:
        """Let the settler do what is due; start it again if it is killed."""
        try:
            self.settler.step()
        except (SettlementFailed, ChainUnavailable):
            pass
        except Killed:
            self.restart()
        self.faults.end()

    def restart(self) -> None:
        """Forget all that was in memory, as a killed process does. A start can be killed, too, and its answers be lost."""
        self.record.close()
        self.faults.kill_in, self.faults.kill_again_in = self.faults.kill_again_in, 0
        try:
            self.open()
        except (Killed, ChainUnavailable):
            self.faults.end()
            self.restart()

    def move_to(self, time_s: int) -> None:
        """Let it be this time (Unix seconds), on the market's clock and on the chain's."""
        self.clock.move_to(time_s)
        self.plain.set_time(time_s)
        self.sequencer.tick()

    def mine(self, blocks: int = 1) -> None:
        """Let blocks come; the first takes what waits."""
        if blocks:
            self.plain.request("anvil_mine", hex(blocks))

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

    def settle_down(self) -> None:
        """Let nothing go wrong any more, and time pass until all is over."""
        for time_s in (OVER_S + READING_S + 60, OVER_S + READING_S + CHALLENGE_S + 120):
            self.move_to(max(time_s, self.sequencer.now_s()))
            for _ in range(30):
                self.step()
                self.mine(CONFIRMATIONS + 1)
                if self.is_over():
                    return
        waiting = [str(entry) for entry in self.outbox.pending()]
        raise AssertionError(f"trades {self.states()} are not over; waiting: {waiting}")

    def is_over(self) -> bool:
        """Whether every trade has ended and nothing waits."""
        return all(state in OVER for state in self.states()) and not self.outbox.pending()

    def states(self) -> list[TradeState]:
        """Return how far each trade has come, by number."""
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
        values = self.settler.chain_values(PEOPLE)
        report = audit(RecordReader(self.engine), chain=values)
        assert report.findings == (), report.findings
        assert report.chain_difference_micros == 0
        total = sum(each.free_micros + each.locked_micros for each in values.balances.values())
        assert total == FUNDS * len(PEOPLE)


def _broken(error: Exception) -> NoReturn:
    raise error
