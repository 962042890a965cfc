"""What is heard from the chain of batches and their trades: leaves, and what a final receipt says, as commands."""

from collections.abc import Collection

from api.chain_commands import ChainCommands
from api.locking import plan_of
from api.sequencer import Sequencer
from contracts.batches import BatchOutcome, check_outcome
from contracts.certificate import Certificate
from contracts.chain import Chain, Receipt
from contracts.deployment import Deployment
from contracts.history import history, read_history
from contracts.leaves import Leaf
from ledger.outbox import Outbox, OutboxEntry
from market.orders import Command
from market.settlement import ConfirmLocks
from market.trade_steps import StepCommand
from market.trades import Trade, TradeState
from market.units import InvariantBroken


class NotSettled(Exception):
    """A transaction that was to settle a batch succeeded without doing so. Says why."""


class Hearing:
    """Hears what the contracts did with the trades of one venue, from what is final alone."""

    def __init__(self, sequencer: Sequencer, chain: Chain, deployment: Deployment, outbox: Outbox) -> None:
        self._venue = sequencer.venue
        self._quiet = sequencer.quiet
        self.commands = ChainCommands(self._venue, deployment.fee_recipient, self.leaves_of, self._quiet)
        self._chain = chain
        self._deployment = deployment
        self._outbox = outbox
        self._leaves: dict[int, tuple[Leaf, ...]] = {}

    def leaves_of(self, batch_number: int) -> tuple[Leaf, ...]:
        """Return the leaves of a settled batch, by position.

        What is not in memory, as after a restart, is in the receipt of the transaction that settled it.

        Raises:
            InvariantBroken: if the chain knows no such batch.
        """
        if batch_number not in self._leaves:
            outcome = self._outcome(batch_number)
            if outcome is None:
                raise InvariantBroken(
                    f"batch {batch_number}: found no events of it on chain, expected a settled batch"
                )
            self._leaves[batch_number] = outcome.locked
        return self._leaves[batch_number]

    def _outcome(self, batch_number: int) -> BatchOutcome | None:
        """Ask for the receipt of a transaction of ours that settled a batch; search the chain where there is none."""
        settlement = self._deployment.settlement
        for entry in self._outbox.signed("settle", reference=f"{batch_number}:"):
            for signing in entry.signings:
                receipt = self._chain.receipt(signing.hash)
                outcome = receipt and settlement.outcome(receipt, batch_number=batch_number)
                if outcome:
                    return outcome
        return settlement.find_outcome(
            self._chain, batch_number=batch_number, from_block=self._deployment.block_number
        )

    def keep(self, batch_numbers: Collection[int]) -> None:
        """Let go of the leaves of all other batches."""
        for number in self._leaves.keys() - set(batch_numbers):
            del self._leaves[number]

    def leaf_of(self, trade: Trade) -> Leaf:
        """Return the leaf of a locked trade.

        Raises:
            InvariantBroken: if its batch has none for it.
        """
        for leaf in self.leaves_of(trade.batch_number):
            if leaf.trade_number == trade.agreed.trade_number:
                return leaf
        raise InvariantBroken(
            f"trade {trade.agreed.trade_number}: found no leaf in batch {trade.batch_number}"
        )

    def locks(self, entry: OutboxEntry, receipt: Receipt) -> list[Command]:
        """Return the command that tells the venue what became of a batch of ours, if it does not know.

        Raises:
            NotSettled: if the batch's number had been used, by a transaction that is not ours.
            InvariantBroken: if the contract did not do what the batch asked for.
        """
        number = batch_of(entry)
        outcome = self._deployment.settlement.outcome(receipt, batch_number=number)
        if outcome is None:
            raise NotSettled(f"batch {number} was settled before, by a transaction that is not in the outbox")
        locked = tuple(leaf.trade_number for leaf in outcome.locked)
        skipped = tuple((trade_number, int(code)) for trade_number, code in outcome.skipped)
        numbers = entry.trades or (*locked, *(trade_number for trade_number, _ in skipped))
        with self._quiet:
            trades = [self._venue.exchange.trade(each) for each in numbers]
            is_told = all(trade.state is not TradeState.AGREED for trade in trades)
            plan = None if is_told else plan_of(self._venue, trades, number=number, record_hash=bytes(32))
        if plan is not None:
            check_outcome(plan, outcome)
        self._leaves[number] = outcome.locked
        return [] if is_told else [ConfirmLocks(number, receipt.transaction, locked, skipped)]

    def of_blocks(self, first: int, last: int) -> list[Command]:
        """Return what happened in these blocks, of certificates at the contract that the books follow, as commands.

        What the venue knows is left out.
        """
        followed = self._venue.certificates.contract
        certificate = None if followed is None else Certificate(followed)
        happened = history(
            self._deployment, self._chain, from_block=first, to_block=last, certificate=certificate
        )
        return self.commands.of(happened)

    def steps(self, receipt: Receipt) -> list[Command]:
        """Return the steps of trades that a transaction tells, as far as the venue does not know them.

        Money of modules waits for its place in the sequence of the chain.
        """
        happened = read_history(self._deployment, receipt.logs)
        return [each for each in self.commands.of(happened) if isinstance(each, StepCommand)]


def batch_of(entry: OutboxEntry) -> int:
    """Return the batch that a reference such as 12:345#1 names."""
    return int(entry.reference.split(":")[0])
