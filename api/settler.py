"""The settler: takes what was agreed to the chain, and brings back what the chain says, as commands to the sequencer.

    money in and out   -> CreditDeposit, …         slot about to start -> settleBatch   -> ConfirmLocks
    exits and cancels  -> NoteExit, …              readings are in     -> deliverBatch  -> ConfirmDelivery
    money of modules   -> ConfirmSecured, …        fell short          -> Guarantee.open -> ConfirmOpening
    never locked       -> VoidTrade                window over         -> payOut        -> ConfirmPayout

Every transaction is signed and stored in the outbox before it is broadcast, and is done with only when the record knows its
outcome; after a crash the same bytes go out again, and what was applied before is refused by name.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby, islice
from threading import RLock
from typing import TypeVar

from api.chain_commands import COMMANDS_AT_ONCE, ChainCommands
from api.endangered import is_cancelled, is_endangered
from api.sequencer import Sequencer
from contracts.batches import TRADES_MAX, SignedOrder, SignedTrade, bitmap_of, check_outcome, plan_batch
from contracts.chain import Chain, Receipt, Reverted, Transaction, transaction_hash
from contracts.deployment import Deployment
from contracts.guarantee import LEAVES_MAX
from contracts.history import history, read_history
from contracts.leaves import Leaf
from contracts.settlement import Reading, sign_withdrawal
from ledger.audit import ChainBalance, ChainValues
from ledger.outbox import Outbox, OutboxEntry, OutboxStatus
from ledger.venue import Venue
from market.events import ReadingReceived
from market.instruments import SECONDS_PER_HOUR
from market.orders import (
    Address,
    Command,
    ConfirmLocks,
    RegisterMeter,
    VoidTrade,
)
from market.trade_steps import StepCommand
from market.trades import Trade, TradeState
from market.units import InvariantBroken, Lots, Micros

ATTEMPTS_MAX = 3
"""How often a transaction that the chain reverted is signed anew; its trades are void when their slot starts."""
NOT_LOCKED_IN_TIME = "not locked on chain by the start of its slot"

SoldHour = tuple[Address, int, int]
"""Of which the contract counts what was sold and measured: a seller, a resource, an hour."""

Item = TypeVar("Item")


class SettlementFailed(Exception):
    """A transaction of ours was refused by the chain as a whole. Says which."""


@dataclass(slots=True)
class SettledBatch:
    """What a settlement batch cost: trades locked and skipped, gas to lock and to deliver them."""

    number: int
    start_hour: int
    locked: int
    skipped: int
    settle_gas: int
    deliver_gas: int = 0


class Settler:
    """Settles for one venue on one chain. `step` does all that is due; nothing is due twice.

    Waiting for blocks takes long, so a service lets the settler work in a thread of its own: one thread at a time uses
    the chain, and what the chain told goes to the sequencer through `apply`, which a service points at its queue.
    """

    def __init__(
        self,
        sequencer: Sequencer,
        chain: Chain,
        deployment: Deployment,
        outbox: Outbox,
        *,
        confirmations: int = 0,
    ) -> None:
        self.batches: dict[int, SettledBatch] = {}
        self._sequencer = sequencer
        self._chain = chain
        self._deployment = deployment
        self._settlement = deployment.settlement
        self._guarantee = deployment.guarantee
        self._outbox = outbox
        self._confirmations = confirmations
        self._seen_block = deployment.block_number - 1
        self._chain_commands = ChainCommands(sequencer.venue, deployment.fee_recipient, self._leaves_of)
        self._leaves: dict[int, tuple[Leaf, ...]] = {}
        # what the contract counts as sold of a seller's hour: the end of the last leaf
        self._sold: defaultdict[SoldHour, Lots] = defaultdict(lambda: Lots(0))
        self._meters: dict[SoldHour, Address] = {}  # fixed for good when the first of the hour was sold
        self._window_ends_s: dict[int, int] = {}
        self._failures: list[str] = []
        self._turn = RLock()
        self.apply: Callable[[Sequence[Command]], object] = sequencer.process

    @property
    def _venue(self) -> Venue:
        return self._sequencer.venue

    def step(self) -> None:
        """Do all that is due now, in the order of a trade's life, after what an earlier step had to leave unfinished.

        What the chain refuses does not hold up the rest.

        Raises:
            SettlementFailed: in the end, with all that the chain refused.
        """
        with self._turn:
            self._failures.clear()
            self.watch()
            self._void()
            self._lock()
            self._deliver()
            self._pay_out()
            if self._failures:
                raise SettlementFailed("; ".join(self._failures))

    @contextmanager
    def _apart(self) -> Iterator[None]:
        """Let a refusal by the chain be told at the end of the step."""
        try:
            yield
        except SettlementFailed as error:
            self._failures.append(str(error))

    def recover(self) -> None:
        """Take up where an earlier process stopped: learn the leaves from the chain, finish what was signed."""
        for number in range(1, self._settlement.last_batch(self._chain) + 1):
            self._learn(number)
        self._finish_pending()

    def watch(self) -> None:
        """Tell what happened on chain, whoever set it off, as far as it has enough blocks on top: see `chain_commands`.

        What an earlier step had to leave unfinished comes first: what is locked on chain must be known as locked.
        """
        with self._turn:
            self._finish_pending()
            self._watch()

    def _watch(self) -> None:
        last = self._chain.block_number() - self._confirmations
        if last <= self._seen_block:
            return
        happened = history(self._deployment, self._chain, from_block=self._seen_block + 1, to_block=last)
        for commands in _chunks(self._chain_commands.of(happened), COMMANDS_AT_ONCE):
            self.apply(commands)
        self._seen_block = last

    def fund(
        self, amounts: Mapping[Address, Micros], *, progress: Callable[[int], None] = lambda _: None
    ) -> None:
        """Mint test tokens and deposit them for participants (amounts in micros); `watch` credits them."""
        token, operator = self._deployment.token, self._chain.operator
        total = Micros(sum(amounts.values()))
        with self._turn:
            self._chain.send(operator, token.mint(operator.address, total))
            self._chain.send(operator, token.approve(self._settlement.address, total))
            for count, (participant, amount) in enumerate(amounts.items(), start=1):
                self._chain.send(operator, self._settlement.deposit_for(participant, amount))
                progress(count)

    def register_meters(
        self, registrations: Iterable[RegisterMeter], *, progress: Callable[[int], None] = lambda _: None
    ) -> None:
        """Register meters with the contract, those that are not yet.

        Raises:
            Reverted: if the contract knows a meter for another supplier or resource.
        """
        for count, each in enumerate(registrations, start=1):
            with self._turn:
                if self._settlement.meter_of(self._chain, each.participant, each.resource) != each.meter:
                    self._chain.send(
                        self._chain.operator,
                        self._settlement.register_meter(each.participant, each.resource, each.meter),
                    )
            progress(count)

    def counter_sign(self, participant: Address, amount_micros: Micros, nonce: int, deadline_s: int) -> bytes:
        """Return the operator's signature under an approved withdrawal."""
        return sign_withdrawal(
            self._chain.operator,
            participant=participant,
            amount_micros=amount_micros,
            nonce=nonce,
            deadline_s=deadline_s,
            domain=self._deployment.domain,
        )

    def chain_values(self, participants: Iterable[Address]) -> ChainValues:
        """Read what the contract holds for these participants, for the audit."""
        balances = {}
        for participant in {*participants, self._deployment.fee_recipient}:
            account = self._settlement.account_of(self._chain, participant)
            balances[participant] = ChainBalance(account.free_micros, account.locked_micros)
        return ChainValues(
            balances=balances,
            fee_recipient=self._deployment.fee_recipient,
            record_hashes=self._settlement.record_hashes(
                self._chain, from_block=self._deployment.block_number
            ),
        )

    @property
    def unfinished(self) -> int:
        """Trades that are locked or opened and not over."""
        return len(self._trades(TradeState.LOCKED)) + len(self._trades(TradeState.OPENED))

    def _trades(self, state: TradeState) -> list[Trade]:
        with self._sequencer.quiet:
            return list(self._venue.exchange.trades(state))

    # --- lock ---------------------------------------------------------------------------------------------------

    def _lock(self) -> None:
        """Lock the trades of each slot whose gate has closed, and before it those that a notice on chain endangers."""
        now_s = self._sequencer.now_s()
        due = [
            trade
            for trade in self._trades(TradeState.AGREED)
            if self._gate_closed(trade, now_s) or is_endangered(self._venue, trade)
        ]
        due.sort(key=lambda trade: (*self._group(trade), trade.agreed.trade_number))
        for (start_hour, fee_bps), trades in groupby(due, key=self._group):
            if start_hour * SECONDS_PER_HOUR > now_s:
                while chunk := list(islice(trades, TRADES_MAX)):
                    with self._apart():
                        self._settle(chunk, start_hour=start_hour, fee_bps=fee_bps)

    def _gate_closed(self, trade: Trade, now_s: int) -> bool:
        listed = self._venue.exchange.listing(trade.agreed.instrument_id)
        return listed.listing.schedule.gate_closes_s <= now_s

    def _group(self, trade: Trade) -> tuple[int, int]:
        listed = self._venue.exchange.listing(trade.agreed.instrument_id)
        return listed.instrument.start_hour, listed.listing.fee_bps

    def _settle(self, trades: Sequence[Trade], *, start_hour: int, fee_bps: int) -> None:
        number = self._settlement.last_batch(self._chain) + 1
        plan = plan_batch(
            batch_number=number,
            record_hash=self._sequencer.record.hash,
            fee_bps=fee_bps,
            trades=[self._signed(trade) for trade in trades],
        )
        reference = f"{number}:{plan.fills[0].trade_number}"
        receipt = self._send("settle", reference, self._settlement.settle_batch(plan))
        outcome = self._settlement.outcome(receipt, batch_number=number)
        if outcome is None:
            raise InvariantBroken(
                f"batch {number} was sent as the next one, but the contract had settled it before"
            )
        check_outcome(plan, outcome)
        self.batches[number] = SettledBatch(
            number, start_hour, len(outcome.locked), len(outcome.skipped), receipt.gas_used
        )

    def _signed(self, trade: Trade) -> SignedTrade:
        signed = self._venue.exchange.signed_orders(trade.agreed.trade_number)
        if signed is None:
            raise InvariantBroken(
                f"trade {trade.agreed.trade_number} is agreed, but its signed orders are gone"
            )
        bid, offer = signed
        return SignedTrade(
            trade.agreed, SignedOrder(bid.terms, bid.signature), SignedOrder(offer.terms, offer.signature)
        )

    def _void(self) -> None:
        """Undo what can no longer be locked; the exchange says who is at fault, if a party is."""
        now_s = self._sequencer.now_s()
        both_s = min(now_s, self._chain.now_s())
        late: list[Command] = [
            VoidTrade(trade.agreed.trade_number, NOT_LOCKED_IN_TIME)
            for trade in self._trades(TradeState.AGREED)
            if self._group(trade)[0] * SECONDS_PER_HOUR <= now_s
            or is_cancelled(self._venue, trade, now_s=both_s)
        ]
        if late:
            self.apply(late)

    # --- deliver ------------------------------------------------------------------------------------------------

    def _deliver(self) -> None:
        locked = defaultdict(list)
        for trade in self._trades(TradeState.LOCKED):
            locked[trade.batch_number].append(trade)
        now_s = min(self._sequencer.now_s(), self._chain.now_s())
        for number, trades in sorted(locked.items()):
            start_hour = self._group(trades[0])[0]
            if (start_hour + 1) * SECONDS_PER_HOUR <= now_s:
                with self._apart():
                    self._deliver_batch(number, trades, start_hour=start_hour, chain_now_s=now_s)

    def _deliver_batch(
        self, number: int, trades: Sequence[Trade], *, start_hour: int, chain_now_s: int
    ) -> None:
        """Release what was delivered in full, open what fell short or was never metered; the rest waits for its reading."""
        leaves = self._leaves[number]
        numbers = {trade.agreed.trade_number for trade in trades}
        waiting = [leaf for leaf in leaves if leaf.trade_number in numbers]
        readings = {
            leaf.position: reading for leaf in waiting if (reading := self._reading(leaf)) is not None
        }
        in_time = chain_now_s <= (start_hour + 1) * SECONDS_PER_HOUR + self._deployment.reading_window_s
        due = [leaf for leaf in waiting if leaf.position in readings] if in_time else waiting
        whole = [leaf.position for leaf in due if self._is_whole(leaf, readings.get(leaf.position))]
        short = [leaf.position for leaf in due if leaf.position not in whole]
        if readings or whole:
            told = {reading.meter: _as_told(reading) for reading in readings.values()}
            transaction = self._settlement.deliver_batch(
                number, leaves, whole, [told[meter] for meter in sorted(told)]
            )
            handled = bitmap_of(leaf.position for leaf in due)
            receipt = self._send("deliver", f"{number}:{handled:x}", transaction)
            if number in self.batches:
                self.batches[number].deliver_gas += receipt.gas_used
            short += [leaf.position for leaf in due if leaf.position in whole and self._is_left(leaf)]
        for chunk in _chunks(short, LEAVES_MAX):
            transaction = self._guarantee.open_many(number, leaves, chunk)
            self._send("open", f"{number}:{bitmap_of(chunk):x}", transaction)

    def _reading(self, leaf: Leaf) -> ReadingReceived | None:
        """Return what the meter told that counts for a leaf's hour, if the record has it.

        The contract knows which meter that is. It would refuse a batch that brings the reading of another.
        """
        sold = _sold_hour(leaf)
        if sold not in self._meters:
            self._meters[sold] = self._settlement.meter_at(self._chain, leaf.seller, leaf.instrument_id)
        return self._venue.exchange.reading(self._meters[sold], leaf.start_hour)

    def _is_whole(self, leaf: Leaf, reading: ReadingReceived | None) -> bool:
        """Return whether a reading covers a leaf. If the contract has one that the record has not, that one counts there."""
        if reading is not None:
            sold_lots = self._sold[_sold_hour(leaf)]
            delivered = leaf.delivered_lots(units_lots=reading.delivered_lots, sold_lots=sold_lots)
            if delivered == leaf.quantity_lots:
                return True
        return self._settlement.delivered_of(self._chain, leaf) == leaf.quantity_lots

    def _is_left(self, leaf: Leaf) -> bool:
        """Return whether a leaf was to be released and is not: the contract had been brought a smaller reading."""
        still_locked = self._venue.exchange.trade(leaf.trade_number).state is TradeState.LOCKED
        return still_locked and self._settlement.delivered_of(self._chain, leaf) != leaf.quantity_lots

    # --- pay out ------------------------------------------------------------------------------------------------

    def _pay_out(self) -> None:
        """Bring readings that came after the opening, and pay what has waited out its window."""
        now_s = self._chain.now_s()
        due = []
        for trade in self._trades(TradeState.OPENED):
            leaf = self._leaf(trade)
            if self._is_payable(leaf, now_s):
                due.append(leaf)
                continue
            reading = self._reading(leaf)
            if reading is not None and self._settlement.delivered_of(self._chain, leaf) is None:
                with self._apart():
                    self._send(
                        "report", str(leaf.trade_number), self._guarantee.report(leaf, _as_told(reading))
                    )
        for chunk in _chunks(due, LEAVES_MAX):
            with self._apart():
                self._send("pay", str(chunk[0].trade_number), self._guarantee.pay_out_many(chunk))

    def _is_payable(self, leaf: Leaf, now_s: int) -> bool:
        """Return whether a guarantee can be paid out now: a dispute or a fallback puts it off, which the contract knows."""
        if self._window_end_s(leaf) > now_s:
            return False
        try:
            from_s = self._guarantee.payable_from_s(self._chain, leaf)
        except Reverted:  # somebody else has had it paid out; the next `watch` tells
            return False
        return from_s is not None and from_s <= now_s

    def _window_end_s(self, leaf: Leaf) -> int:
        """Return when an open guarantee's challenge window ends, Unix seconds: the chain need not be asked before."""
        if leaf.trade_number not in self._window_ends_s:
            opened_at_s = self._guarantee.state_of(self._chain, leaf).opened_at_s
            self._window_ends_s[leaf.trade_number] = opened_at_s + self._deployment.challenge_window_s
        return self._window_ends_s[leaf.trade_number]

    def _leaves_of(self, batch_number: int) -> tuple[Leaf, ...]:
        if batch_number not in self._leaves:
            self._learn(batch_number)
        return self._leaves[batch_number]

    def _leaf(self, trade: Trade) -> Leaf:
        for leaf in self._leaves[trade.batch_number]:
            if leaf.trade_number == trade.agreed.trade_number:
                return leaf
        raise InvariantBroken(
            f"trade {trade.agreed.trade_number}: found no leaf in batch {trade.batch_number}"
        )

    # --- send and hear back -------------------------------------------------------------------------------------

    def _send(self, kind: str, reference: str, transaction: Transaction) -> Receipt:
        """Sign, store, broadcast, wait, record the outcome; only then is the transaction done with.

        What was done for the same purpose before is not done again; a reverted transaction is tried anew a few times.

        Raises:
            SettlementFailed: if the chain refuses it.
        """
        for attempt in range(1, ATTEMPTS_MAX + 1):
            numbered = f"{reference}#{attempt}"
            earlier = self._outbox.find(kind=kind, reference=numbered)
            if earlier is None:
                return self._finish(self._sign(kind, numbered, transaction))
            if earlier.status is not OutboxStatus.REVERTED:
                return self._chain.wait(earlier.hash)
        raise SettlementFailed(f"{kind} {reference}: reverted {ATTEMPTS_MAX} times, not sent again")

    def _sign(self, kind: str, reference: str, transaction: Transaction) -> OutboxEntry:
        operator = self._chain.operator
        nonce = self._outbox.next_nonce(self._chain.nonce(operator.address))
        raw = self._chain.sign(operator, transaction, nonce=nonce)
        return self._outbox.add(
            kind=kind, reference=reference, raw=raw, hash_=transaction_hash(raw), nonce=nonce
        )

    def _finish_pending(self) -> None:
        for entry in self._outbox.pending():
            self._finish(entry)

    def _finish(self, entry: OutboxEntry) -> Receipt:
        self._chain.broadcast(entry.raw)
        self._outbox.mark(entry.sequence, OutboxStatus.SENT)
        receipt = self._chain.wait(entry.hash)
        if not receipt.succeeded:
            self._outbox.mark(entry.sequence, OutboxStatus.REVERTED)
            raise SettlementFailed(
                f"{entry.kind} {entry.reference}: transaction 0x{entry.hash.hex()} was reverted"
            )
        commands = self._told(entry, receipt)
        if commands:
            self.apply(commands)
        self._outbox.mark(entry.sequence, OutboxStatus.CONFIRMED)
        return receipt

    def _told(self, entry: OutboxEntry, receipt: Receipt) -> list[Command]:
        """Turn what a transaction of ours emitted into commands."""
        match entry.kind:
            case "settle":
                number = _batch_of(entry)
                locked, skipped = self._learn(number, receipt)
                return [ConfirmLocks(number, receipt.transaction, locked, skipped)]
            case "deliver" | "open" | "report" | "pay":
                happened = read_history(self._deployment, receipt.logs)
                # money of modules waits for its place in the sequence of the chain
                return [each for each in self._chain_commands.of(happened) if isinstance(each, StepCommand)]
            case _:
                raise InvariantBroken(
                    f"outbox: found a transaction of kind {entry.kind!r}, expected one of ours"
                )

    def _learn(
        self, number: int, receipt: Receipt | None = None
    ) -> tuple[tuple[int, ...], tuple[tuple[int, int], ...]]:
        """Remember the leaves of a settled batch; return the trades locked, and those skipped with their codes."""
        outcome = self._settlement.outcome(receipt, batch_number=number) if receipt is not None else None
        if outcome is None:
            outcome = self._settlement.find_outcome(
                self._chain, batch_number=number, from_block=self._deployment.block_number
            )
        if outcome is None:
            raise InvariantBroken(
                f"batch {number}: the contract counts it as settled, but its events are gone"
            )
        self._leaves[number] = outcome.locked
        for leaf in outcome.locked:
            sold = _sold_hour(leaf)
            self._sold[sold] = Lots(max(self._sold[sold], leaf.sold_before_lots + leaf.quantity_lots))
        return (
            tuple(leaf.trade_number for leaf in outcome.locked),
            tuple((trade_number, int(code)) for trade_number, code in outcome.skipped),
        )


def _batch_of(entry: OutboxEntry) -> int:
    """Return the batch that a reference such as 12:345#1 names."""
    return int(entry.reference.split(":")[0])


def _sold_hour(leaf: Leaf) -> SoldHour:
    return leaf.seller, leaf.resource, leaf.start_hour


def _as_told(reading: ReadingReceived) -> Reading:
    return Reading(reading.meter, reading.start_hour, reading.delivered_lots, reading.signature)


def _chunks(items: Sequence[Item], size: int) -> Iterator[Sequence[Item]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
