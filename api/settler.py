"""The settler: takes what was agreed to the chain, and brings back what the chain says, as commands to the sequencer.

    money in and out   -> CreditDeposit, …         slot about to start -> settleBatch   -> ConfirmLocks
    exits and cancels  -> NoteExit, …              readings are in     -> deliverBatch  -> ConfirmDelivery
    money of modules   -> ConfirmSecured, …        fell short          -> Guarantee.open -> ConfirmOpening
    certificates       -> MoveCertificates, …      window over         -> payOut        -> ConfirmPayout
    never locked       -> VoidTrade

What is decided stands in `locking.py` and `delivering.py`, what is sent in `outgoing.py`, what is heard in `hearing.py` and
`watching.py`.
A trade is in flight from the signing of its transaction until the record knows its final outcome: nothing else is done
about it.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import partial
from itertools import count

from api.delivering import Delivering, chunks
from api.hearing import Hearing, NotSettled, batch_of
from api.holdings import read_holdings
from api.locking import due_batches, late, plan_of
from api.outgoing import FILL, Outgoing
from api.sequencer import Sequencer
from api.turn import Turn
from api.watching import Apply, Watching
from contracts.certificate import Certificate
from contracts.chain import Chain, ChainUnavailable, Receipt, Reverted, Transaction
from contracts.deployment import Deployment
from contracts.leaves import Leaf
from contracts.sending import send_all
from contracts.settlement import sign_withdrawal
from ledger.heard import Heard
from ledger.outbox import OutboxEntry, OutboxStatus
from ledger.reconciliation import ChainBalance, ChainValues
from ledger.venue import Venue
from market.certificates import AdoptCertificates
from market.listing import RegisterMeter
from market.orders import Address, Command
from market.trades import Trade, TradeState
from market.units import InvariantBroken, Micros

ATTEMPTS_MAX = 3
"""How often a transaction that the chain reverts is signed anew at once; after that, only when it would succeed."""
BURST_MAX = 50
"""Transactions that are sent before the first is awaited: nodes keep no more than 64 waiting for one account."""
TURN_WITHIN_S = 10.0
"""How long whoever asks for something on chain waits for another to be done with it."""


class SettlementFailed(Exception):
    """A transaction of ours was refused by the chain as a whole. Says which."""


class Settler:
    """Settles for one venue on one chain. `step` does all that is due; nothing is due twice.

    With confirmations, a step sends and does not wait: a later one hears what has become final. Without, what is in a
    block is final, and a step waits for that block. Either takes long, so a service lets the settler work in a thread of
    its own. One thread at a time uses the chain: whoever waits for that too long, but in `step` and `recover`, gets
    `TurnTaken`. What the chain told goes to the sequencer through `apply`, which a service points at its queue.
    """

    def __init__(
        self,
        sequencer: Sequencer,
        chain: Chain,
        deployment: Deployment,
        outgoing: Outgoing,
        heard: Heard,
        *,
        confirmations: int = 0,
    ) -> None:
        self._sequencer = sequencer
        self._chain = chain
        self._deployment = deployment
        self._settlement = deployment.settlement
        self._outgoing = outgoing
        self._outbox = outgoing.outbox
        self._confirmations = confirmations
        self._hearing = Hearing(sequencer, chain, deployment, outgoing.outbox)
        self._watching = Watching(chain, deployment, self._hearing, heard, confirmations=confirmations)
        self._delivering = Delivering(sequencer, chain, deployment, self._hearing, self._send)
        self._failures: list[str] = []
        self._turn = Turn()
        self.apply: Apply = sequencer.process
        self.on_final: Callable[[OutboxEntry, Receipt], None] = lambda _, __: None
        """Told of each transaction that became final, and of what it cost."""

    @property
    def _venue(self) -> Venue:
        return self._sequencer.venue

    def step(self) -> None:
        """Do all that is due now, in the order of a trade's life, after what an earlier step had to leave unfinished.

        What the chain refuses does not hold up the rest.

        Raises:
            SettlementFailed: in the end, with all that the chain refused and all that an operator should look at.
            InvariantBroken: if the chain was reorganised deeper than its confirmations.
            PlaceLost: if the writer's place is lost.
        """
        with self._turn.taken("settling what is due"):
            self._failures.clear()
            self._hear_back()
            self._watching.watch(self.apply)
            self._void()
            self._lock()
            self._deliver()
            self._pay_out()
            self._forget()
            if failures := [*self._outgoing.troubles, *self._failures]:
                raise SettlementFailed("; ".join(failures))

    def recover(self) -> None:
        """Take up where an earlier process stopped: hear what became of all that it sent."""
        with self._turn.taken("hearing what became of what was sent"):
            self._hear_back()

    def watch(self) -> None:
        """Tell what happened on chain, whoever set it off, as far as it has enough blocks on top: see `chain_commands`.

        What we sent comes first: what is locked on chain must be known as locked.
        """
        with self._asked_for("hearing what happened on chain"):
            self._hear_back()
            self._watching.watch(self.apply)

    def read_again(self) -> None:
        """Let the next step, of this process or of the next one, read the chain again from the beginning."""
        with self._asked_for("marking the chain as unread"):
            self._watching.again()

    def adopt(self, certificate: Certificate) -> None:
        """Let the books follow a contract of certificates, from its first event on and for good.

        Raises:
            ChainUnavailable: if they follow another one.
        """
        with self._asked_for("adopting a contract of certificates"):
            followed = self._venue.certificates.contract
            if followed is None:
                self._watching.again()  # what it told before was passed over: hear it, also after a crash right here
                self.apply([AdoptCertificates(certificate.address)])
            elif followed != certificate.address:
                found = f"found 0x{certificate.address.hex()}, expected 0x{followed.hex()}"
                told = "which the books of this record follow for good: name that one, or start a new record"
                raise ChainUnavailable(f"certificates: {found}, {told}")

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
        for chunk in chunks(sending, BURST_MAX):
            self._send_burst("minting and depositing test tokens", chunk)
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
        for chunk in chunks(tuple(registrations), BURST_MAX):
            with self._asked_for("asking for meters"):
                known = self._settlement.meters_of(
                    self._chain, [(each.participant, each.resource) for each in chunk]
                )
            self._send_burst(
                "registering meters",
                [
                    self._settlement.register_meter(each.participant, each.resource, each.meter)
                    for each, meter in zip(chunk, known, strict=True)
                    if meter != each.meter
                ],
            )
            done += len(chunk)
            progress(done)

    def _send_burst(self, what: str, transactions: Sequence[Transaction]) -> None:
        """Send transactions of the operator that need no place in the outbox: who asks for them can ask again."""
        operator = self._chain.operator
        with self._asked_for(what):
            self._hear_back()  # what waits for its broadcast takes its nonce first
            self._outgoing.expect_level()
            send_all(self._chain, [(operator, transaction) for transaction in transactions])

    def _asked_for(self, what: str) -> AbstractContextManager[None]:
        """Take the turn for somebody who waits for the answer: not for as long as a node may hang."""
        return self._turn.taken(what, within_s=TURN_WITHIN_S)

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
            read_holdings=partial(read_holdings, self._chain, self._deployment),
        )

    @property
    def unfinished(self) -> int:
        """Trades that are locked or opened and not over."""
        return len(self._trades(TradeState.LOCKED)) + len(self._trades(TradeState.OPENED))

    def _trades(self, state: TradeState) -> list[Trade]:
        """Return the trades in a state, those in flight too."""
        with self._sequencer.quiet:
            return list(self._venue.exchange.trades(state))

    def _idle(self, state: TradeState) -> list[Trade]:
        """Return the trades in a state that no transaction is under way for."""
        trades = self._trades(state)
        in_flight = self._in_flight() if trades else frozenset()
        return [trade for trade in trades if trade.agreed.trade_number not in in_flight]

    def _in_flight(self) -> frozenset[int]:
        return frozenset(number for entry in self._outbox.pending() for number in entry.trades)

    # --- decided ------------------------------------------------------------------------------------------------

    def _void(self) -> None:
        agreed = self._trades(TradeState.AGREED)
        if not agreed:
            return
        in_flight, chain_now_s = self._in_flight(), self._chain.now_s()
        with self._sequencer.quiet:
            now_s = self._sequencer.now_s()
            commands = late(self._venue, agreed, in_flight=in_flight, now_s=now_s, chain_now_s=chain_now_s)
        if commands:
            self.apply(commands)

    def _lock(self) -> None:
        agreed = self._idle(TradeState.AGREED)
        if not agreed:
            return
        with self._sequencer.quiet:
            due = list(due_batches(self._venue, agreed, now_s=self._sequencer.now_s()))
        for trades in due:
            number = self._free_batch_number()
            with self._sequencer.quiet:
                record_hash = self._sequencer.record.hash
                plan = plan_of(self._venue, trades, number=number, record_hash=record_hash)
            numbers = [trade.agreed.trade_number for trade in trades]
            self._dispatch("settle", f"{number}:{numbers[0]}", self._settlement.settle_batch(plan), numbers)

    def _free_batch_number(self) -> int:
        """Return the number of the next batch: the first that is neither settled nor under way.

        The contract takes batches one after the other. One that was lost leaves a gap before those that are under way, and
        nothing else is settled until it is filled.
        """
        under_way = {batch_of(entry) for entry in self._outbox.pending() if entry.kind == "settle"}
        first = self._settlement.last_batch(self._chain) + 1
        return next(number for number in count(first) if number not in under_way)

    def _deliver(self) -> None:
        if locked := self._idle(TradeState.LOCKED):
            self._delivering.deliver(locked, now_s=min(self._sequencer.now_s(), self._chain.now_s()))

    def _pay_out(self) -> None:
        if opened := self._idle(TradeState.OPENED):
            self._delivering.pay_out(opened, now_s=self._chain.now_s())

    def _forget(self) -> None:
        """Let go of what was learnt about trades that are over: memory is for what is still to be done."""
        unfinished = [*self._trades(TradeState.LOCKED), *self._trades(TradeState.OPENED)]
        self._hearing.keep({trade.batch_number for trade in unfinished})
        self._delivering.keep({trade.agreed.trade_number for trade in unfinished})

    # --- sent ---------------------------------------------------------------------------------------------------

    def _send(self, kind: str, reference: str, transaction: Transaction, leaves: Iterable[Leaf]) -> bool:
        return self._dispatch(kind, reference, transaction, [leaf.trade_number for leaf in leaves])

    def _dispatch(self, kind: str, reference: str, transaction: Transaction, trades: Iterable[int]) -> bool:
        """Send what was not sent yet for this purpose; return whether it is done, and final.

        What was overtaken is sent anew as often as it is, what was reverted as long as `_refusal` has nothing against it.
        """
        reverts: list[OutboxEntry] = []
        for attempt in count(1):
            numbered = f"{reference}#{attempt}"
            entry = self._outbox.find(kind=kind, reference=numbered)
            if entry is None:
                break
            if entry.status is OutboxStatus.CONFIRMED:
                return True
            if not entry.status.is_final:
                return False
            if entry.status is OutboxStatus.REVERTED:
                reverts.append(entry)
        if refusal := self._refusal(transaction, reverts):
            self._failures.append(f"{kind} {reference}: reverted {len(reverts)} times, {refusal}")
            return False
        return self._hear_at_once(self._outgoing.send(kind, numbered, transaction, trades=tuple(trades)))

    def _refusal(self, transaction: Transaction, reverts: Sequence[OutboxEntry]) -> str:
        """Say why a transaction is not sent anew now; nothing if it is.

        The first attempts follow at once. After that each waits for twice as many blocks as the one before, and for the
        contract to take it in a call, which costs nothing: so it goes on by itself when its cause is gone, and however long
        that takes, it costs the gas of few attempts.
        """
        if len(reverts) < ATTEMPTS_MAX:
            return ""
        receipt = self._outgoing.receipt(reverts[-1])
        pause = 2 ** (len(reverts) - ATTEMPTS_MAX)
        if receipt is not None and self._chain.block_number() < receipt.block_number + pause:
            return f"not sent again before block {receipt.block_number + pause}"
        try:
            self._outgoing.rehearse(transaction)
        except Reverted as error:
            return f"and would be again: {error}. It is sent when the contract takes it"
        return ""

    # --- heard --------------------------------------------------------------------------------------------------

    def _hear_at_once(self, entry: OutboxEntry) -> bool:
        """Hear what became of a transaction just sent, if a block makes it final; return whether it had its effect."""
        if self._confirmations:
            return False
        receipt = self._outgoing.wait(entry)
        return receipt is not None and self._hear(entry, receipt)

    def _hear_back(self) -> None:
        """Hear what became of all that was sent, as far as it is final.

        Raises:
            InvariantBroken: if the chain was reorganised below what the record has heard.
        """
        heard = self._watching.check()
        for entry, receipt in self._outgoing.final(heard=heard):
            self._hear(entry, receipt)

    def _hear(self, entry: OutboxEntry, receipt: Receipt) -> bool:
        """Tell the venue what a transaction did, then mark it; return whether it had its effect."""
        try:
            commands = self._told(entry, receipt)
        except NotSettled as error:
            self._failures.append(f"{entry}: {error}")
            self._outbox.mark(entry.sequence, OutboxStatus.REVERTED)
            return False
        if commands:
            self.apply(commands)
        status = OutboxStatus.CONFIRMED if receipt.succeeded else OutboxStatus.REVERTED
        self._outbox.mark(entry.sequence, status)
        self.on_final(entry, receipt)
        return receipt.succeeded

    def _told(self, entry: OutboxEntry, receipt: Receipt) -> list[Command]:
        """Turn what a transaction of ours emitted into commands."""
        if not receipt.succeeded:
            self._failures.append(f"{entry} was reverted in block {receipt.block_number}")
            return []
        match entry.kind:
            case "settle":
                return self._hearing.locks(entry, receipt)
            case "deliver" | "open" | "report" | "pay":
                return self._hearing.steps(receipt)
            case kind if kind == FILL:
                return []
            case _:
                raise InvariantBroken(
                    f"outbox: found a transaction of kind {entry.kind!r}, expected one of ours"
                )
