"""What is heard from the chain of batches and their trades: leaves, and what a final receipt says, as commands."""

from collections import defaultdict

from api.chain_commands import ChainCommands
from api.locking import plan_of
from contracts.batches import BatchOutcome, check_outcome
from contracts.certificate import Certificate
from contracts.chain import Chain, Receipt
from contracts.deployment import Deployment
from contracts.history import history, read_history
from contracts.leaves import Leaf
from ledger.outbox import OutboxEntry
from ledger.venue import Venue
from market.orders import Address, Command, ConfirmLocks
from market.trade_steps import StepCommand
from market.trades import Trade, TradeState
from market.units import InvariantBroken, Lots

SoldHour = tuple[Address, int, int]
"""Of which the contract counts what was sold and measured: a seller, a resource, an hour."""


class NotSettled(Exception):
    """A transaction that was to settle a batch succeeded without doing so. Says why."""


class Hearing:
    """Hears what the contracts did with the trades of one venue, from what is final alone."""

    def __init__(self, venue: Venue, chain: Chain, deployment: Deployment) -> None:
        self.commands = ChainCommands(venue, deployment.fee_recipient, self.leaves_of)
        self._venue = venue
        self._chain = chain
        self._deployment = deployment
        self._leaves: dict[int, tuple[Leaf, ...]] = {}
        # what the contract counts as sold of a seller's hour: the end of the last leaf
        self._sold: defaultdict[SoldHour, Lots] = defaultdict(lambda: Lots(0))

    def learn(self, *, to_block: int) -> None:
        """Learn the leaves of every batch that was settled up to a block, as after a restart."""
        first = self._deployment.block_number
        for outcome in self._deployment.settlement.outcomes(self._chain, from_block=first, to_block=to_block):
            self._take_in(outcome)

    def leaves_of(self, batch_number: int) -> tuple[Leaf, ...]:
        """Return the leaves of a settled batch, by position.

        Raises:
            InvariantBroken: if the chain knows no such batch.
        """
        if batch_number not in self._leaves:
            outcome = self._deployment.settlement.find_outcome(
                self._chain, batch_number=batch_number, from_block=self._deployment.block_number
            )
            if outcome is None:
                raise InvariantBroken(
                    f"batch {batch_number}: found no events of it on chain, expected a settled batch"
                )
            self._take_in(outcome)
        return self._leaves[batch_number]

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

    def sold_lots(self, leaf: Leaf) -> Lots:
        """Return what the contract counts as sold of the leaf's hour."""
        return self._sold[sold_hour(leaf)]

    def locks(self, entry: OutboxEntry, receipt: Receipt) -> tuple[BatchOutcome, list[Command]]:
        """Return what became of a batch of ours, and the command that tells the venue, if it does not know.

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
        trades = [self._venue.exchange.trade(each) for each in numbers]
        is_told = all(trade.state is not TradeState.AGREED for trade in trades)
        if not is_told:
            check_outcome(plan_of(self._venue, trades, number=number, record_hash=bytes(32)), outcome)
        self._take_in(outcome)
        told: list[Command] = [] if is_told else [ConfirmLocks(number, receipt.transaction, locked, skipped)]
        return outcome, told

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

    def _take_in(self, outcome: BatchOutcome) -> None:
        self._leaves[outcome.batch_number] = outcome.locked
        for leaf in outcome.locked:
            sold = sold_hour(leaf)
            self._sold[sold] = Lots(max(self._sold[sold], leaf.sold_before_lots + leaf.quantity_lots))


def batch_of(entry: OutboxEntry) -> int:
    """Return the batch that a reference such as 12:345#1 names."""
    return int(entry.reference.split(":")[0])


def sold_hour(leaf: Leaf) -> SoldHour:
    """Return the hour that a leaf sold of."""
    return leaf.seller, leaf.resource, leaf.start_hour
