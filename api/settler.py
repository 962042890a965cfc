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
from contracts.sending import send_all
from contracts.settlement import Reading, sign_withdrawal
from ledger.outbox import Outbox, OutboxEntry, OutboxStatus
from ledger.reconciliation import ChainBalance, ChainValues
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
BURST_MAX = 50
"""Transactions that are sent before the first is awaited: nodes keep no more than 64 waiting for one account."""
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
        sending = [
            token.mint(operator.address, total),
            token.approve(self._settlement.address, total),
            *(self._settlement.deposit_for(participant, amount) for participant, amount in amounts.items()),
        ]
        done = -2  # what comes before the deposits is no progress
        for chunk in _chunks(sending, BURST_MAX):
            self._send_burst(chunk)
            done += len(chunk)
            progress(done)

    def register_meters(
        self, registrations: Iterable[RegisterMeter], *, progress: Callable[[int], None] = lambda _: None
    ) -> None:
        """Register meters with the contract, those that are not yet.

        Raises:
            Reverted: if the contract knows a meter for another supplier or resource.
        """
        done = 0
        for chunk in _chunks(tuple(registrations), BURST_MAX):
            with self._turn:
                known = self._settlement.meters_of(
                    self._chain, [(each.participant, each.resource) for each in chunk]
                )
            self._send_burst(
                [
                    self._settlement.register_meter(each.participant, each.resource, each.meter)
                    for each, meter in zip(chunk, known, strict=True)
                    if meter != each.meter
                ]
            )
            done += len(chunk)
            progress(done)

    def _send_burst(self, transactions: Sequence[Transaction]) -> None:
        """Send transactions of the operator that need no place in the outbox: who asks for them can ask again."""
        operator = self._chain.operator
        with self._turn:
            send_all(self._chain, [(operator, transaction) for transaction in transactions])

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
        wanted = tuple({*participants, self._deployment.fee_recipient})
        accounts = self._settlement.accounts_of(self._chain, wanted)
        return ChainValues(
            balances={
                participant: ChainBalance(account.free_micros, account.locked_micros)
                for participant, account in zip(wanted, accounts, strict=True)
            },
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
        readings = self._readings(waiting)
        in_time = chain_now_s <= (start_hour + 1) * SECONDS_PER_HOUR + self._deployment.reading_window_s
        due = [leaf for leaf in waiting if leaf.position in readings] if in_time else waiting
        whole = self._whole(due, readings)
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
            short += self._left(leaf for leaf in due if leaf.position in whole)
        for chunk in _chunks(short, LEAVES_MAX):
            transaction = self._guarantee.open_many(number, leaves, chunk)
            self._send("open", f"{number}:{bitmap_of(chunk):x}", transaction)

    def _readings(self, leaves: Sequence[Leaf]) -> dict[int, ReadingReceived]:
        """Return what the meters told that count for the leaves' hours, by position, of those that the record has.

        The contract knows which meters these are. It would refuse a batch that brings the reading of another.
        """
        hours = {_sold_hour(leaf): (leaf.seller, leaf.instrument_id) for leaf in leaves}
        new = [hour for hour in hours if hour not in self._meters]
        meters = self._settlement.meters_at(self._chain, [hours[hour] for hour in new])
        self._meters.update(zip(new, meters, strict=True))
        found = {
            leaf.position: self._venue.exchange.reading(self._meters[_sold_hour(leaf)], leaf.start_hour)
            for leaf in leaves
        }
        return {position: reading for position, reading in found.items() if reading is not None}

    def _whole(self, leaves: Sequence[Leaf], readings: Mapping[int, ReadingReceived]) -> list[int]:
        """Return which leaves their readings cover. If the contract has another reading, that one counts there."""
        covered = [self._is_covered(leaf, readings.get(leaf.position)) for leaf in leaves]
        short = [leaf for leaf, is_covered in zip(leaves, covered, strict=True) if not is_covered]
        on_chain = self._settlement.deliveries_of(self._chain, short)
        whole_there = {
            leaf.position
            for leaf, delivered in zip(short, on_chain, strict=True)
            if delivered == leaf.quantity_lots
        }
        return [
            leaf.position
            for leaf, is_covered in zip(leaves, covered, strict=True)
            if is_covered or leaf.position in whole_there
        ]

    def _is_covered(self, leaf: Leaf, reading: ReadingReceived | None) -> bool:
        if reading is None:
            return False
        sold_lots = self._sold[_sold_hour(leaf)]
        delivered = leaf.delivered_lots(units_lots=reading.delivered_lots, sold_lots=sold_lots)
        return delivered == leaf.quantity_lots

    def _left(self, leaves: Iterable[Leaf]) -> list[int]:
        """Return which leaves were to be released and are not: the contract had been brought a smaller reading."""
        trade = self._venue.exchange.trade
        still_locked = [leaf for leaf in leaves if trade(leaf.trade_number).state is TradeState.LOCKED]
        on_chain = self._settlement.deliveries_of(self._chain, still_locked)
        return [
            leaf.position
            for leaf, delivered in zip(still_locked, on_chain, strict=True)
            if delivered != leaf.quantity_lots
        ]

    # --- pay out ------------------------------------------------------------------------------------------------

    def _pay_out(self) -> None:
        """Bring readings that came after the opening, and pay what has waited out its window."""
        now_s = self._chain.now_s()
        opened = [self._leaf(trade) for trade in self._trades(TradeState.OPENED)]
        due = self._payable(opened, now_s)
        self._report_late([leaf for leaf in opened if leaf not in due])
        for chunk in _chunks(due, LEAVES_MAX):
            with self._apart():
                self._send("pay", str(chunk[0].trade_number), self._guarantee.pay_out_many(chunk))

    def _report_late(self, leaves: Sequence[Leaf]) -> None:
        """Bring the readings of opened leaves to the contract, those that it has not."""
        read = [(leaf, reading) for leaf in leaves for reading in self._readings([leaf]).values()]
        on_chain = self._settlement.deliveries_of(self._chain, [leaf for leaf, _ in read])
        for (leaf, reading), delivered in zip(read, on_chain, strict=True):
            if delivered is None:
                with self._apart():
                    transaction = self._guarantee.report(leaf, _as_told(reading))
                    self._send("report", str(leaf.trade_number), transaction)

    def _payable(self, opened: Sequence[Leaf], now_s: int) -> list[Leaf]:
        """Return what can be paid out now: a dispute or a fallback puts it off, which the contract knows."""
        self._learn_windows(opened)
        over = [leaf for leaf in opened if self._window_ends_s[leaf.trade_number] <= now_s]
        try:
            payable_from_s = self._guarantee.payables_from_s(self._chain, over)
        except Reverted:  # somebody else has had one of them paid out; the next `watch` tells
            payable_from_s = tuple(map(self._payable_from_s, over))
        return [
            leaf
            for leaf, from_s in zip(over, payable_from_s, strict=True)
            if from_s is not None and from_s <= now_s
        ]

    def _payable_from_s(self, leaf: Leaf) -> int | None:
        try:
            return self._guarantee.payable_from_s(self._chain, leaf)
        except Reverted:
            return None

    def _learn_windows(self, opened: Sequence[Leaf]) -> None:
        """Remember when challenge windows end, Unix seconds: the chain need not be asked before."""
        new = [leaf for leaf in opened if leaf.trade_number not in self._window_ends_s]
        for leaf, state in zip(new, self._guarantee.states_of(self._chain, new), strict=True):
            ends_s = state.opened_at_s + self._deployment.challenge_window_s
            self._window_ends_s[leaf.trade_number] = ends_s

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
