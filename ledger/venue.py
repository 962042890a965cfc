"""The venue: exchange and books as one deterministic machine. A batch of commands goes in, its events come out.

`decide` is how it runs; `absorb` is how it is rebuilt, from events alone. After the same batches both stand the same:
`state_hash` says so. Nothing here reads a clock, a disk or the chain.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args

from ledger.accounts import AccountKind
from ledger.bookkeeping import Books, tokens
from ledger.certificates import Certificates
from ledger.entries import Posting
from ledger.escrows import EscrowEvent, Escrows
from ledger.funds import Funds, FundsEvent
from market.certificates import (
    AdoptCertificates,
    CertificateCommand,
    CertificateEvent,
    LockCertificates,
    MoveCertificates,
    RetireCertificates,
    UnlockCertificates,
)
from market.escrow import ConfirmSecured, ConfirmShared
from market.events import Event, Refused
from market.exchange import Exchange
from market.fault import EXIT, LOCK
from market.keeping import Kept
from market.notices import ConfirmExit, NoteExit
from market.orders import Batch, Command, PlaceOrder, ReplaceOrder
from market.refusals import Refusal
from market.transfers import ConfirmWithdrawal, CreditDeposit, RequestWithdrawal, Withdrawn
from market.units import InvariantBroken, Micros

_ENTERING = (PlaceOrder, ReplaceOrder)
"""What brings an order to its book, and may be a repetition."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What a batch caused: by time alone (`opening`), then by each command in turn (`answers`), and its postings.

    `events` is all of it in the order in which it happened: what the record keeps. A repeated `PlaceOrder` or
    `ReplaceOrder` causes nothing: its answer is empty, and `earlier` tells, by its place in the batch, which order it
    repeats.
    """

    opening: tuple[Event, ...]
    answers: tuple[tuple[Event, ...], ...]
    events: tuple[Event, ...]
    postings: tuple[Posting, ...]
    earlier: Mapping[int, int]


class Venue(Kept):
    """Everything that the record determines: order books, trades, balances, holds, and what was applied already."""

    exchange: Exchange
    books: Books
    funds: Funds
    escrows: Escrows
    certificates: Certificates
    number: int
    time_us: int

    def __init__(self, *, notice_period_s: int, withdrawal_margin_s: int) -> None:
        """Start empty. Both settings (seconds) are part of the market's genesis: replay depends on them."""
        self.exchange = Exchange(notice_period_s=notice_period_s)
        self.books = Books()
        self.funds = Funds(self.books, withdrawal_margin_s=withdrawal_margin_s)
        self.escrows = Escrows(self.books)
        self.certificates = Certificates()
        self.registers: dict[type, Callable[[Any], None]] = {
            **dict.fromkeys(get_args(FundsEvent), self.funds.absorb),
            **dict.fromkeys(get_args(EscrowEvent), self.escrows.absorb),
            **dict.fromkeys(get_args(CertificateEvent), self.certificates.absorb),
        }
        """What notes, by type of event, that something was applied."""
        self.number = 0
        self.time_us = 0

    def next_due_us(self) -> int:
        """Return when time alone may next cause something, Unix microseconds."""
        return min(self.exchange.next_due_us(), self.funds.next_due_us())

    def decide(self, batch: Batch) -> Decision:
        """Run a batch: first what its time causes, then its commands in order.

        What time alone frees is spendable at once; what the commands free counts from the next batch.

        Raises:
            InvariantBroken: if the batch is not the next, or a promise does not hold. The venue is then unusable.
        """
        self._turn_to(batch)
        journal = _Journal(self, batch.number)
        opening = [*self.exchange.begin(batch.time_us), *self.funds.begin(batch.time_us)]
        journal.book(opening)
        self.books.begin_batch()
        answers: list[tuple[Event, ...]] = []
        earlier: dict[int, int] = {}
        for position, command in enumerate(batch.commands):
            repeated = self.exchange.earlier(command) if isinstance(command, _ENTERING) else None
            if repeated is not None:
                earlier[position] = repeated
                answers.append(())
                continue
            answer = self._answer(command)
            journal.book(answer)
            answers.append(tuple(answer))
        return Decision(
            tuple(opening), tuple(answers), tuple(journal.events), tuple(journal.postings), earlier
        )

    def absorb(self, batch: Batch, events: tuple[Event, ...]) -> tuple[Posting, ...]:
        """Apply what the record says a batch caused, without matching, and return the postings.

        Raises:
            InvariantBroken: if the batch is not the next, or the events cannot have happened.
        """
        self._turn_to(batch)
        journal = _Journal(self, batch.number)
        self.exchange.advance(batch.time_us)
        for event in events:
            self.exchange.absorb(event)
        journal.book(events)
        return tuple(journal.postings)

    def state_hash(self) -> bytes:
        """Return the hash of all state. Equal histories give equal hashes, on any machine, rebuilt or not."""
        digest = hashlib.sha256(self.exchange.state_hash())
        digest.update(self.number.to_bytes(8, "big"))
        # a part that never was used says nothing, as before there was any
        for part in (self.books, self.funds, self.escrows, self.certificates):
            if state := part.state_bytes():
                digest.update(hashlib.sha256(state).digest())
        return digest.digest()

    def _turn_to(self, batch: Batch) -> None:
        if batch.number != self.number + 1 or batch.time_us < self.time_us:
            raise InvariantBroken(
                f"found batch {batch.number} at {batch.time_us} us, expected batch {self.number + 1} "
                f"at {self.time_us} us or later"
            )
        self.number, self.time_us = batch.number, batch.time_us

    def _answer(self, command: Command) -> list[Event]:
        """Return what one command causes. Orders must pass the exchange's checks, then the books'."""
        match command:
            case PlaceOrder() | ReplaceOrder():
                return self.exchange.enter(command, self.books.check)
            case NoteExit(participant):
                return self.exchange.request_exit(command, free_micros=self.books.removable(participant))
            case ConfirmExit() | ConfirmWithdrawal() | ConfirmSecured():
                return self._let_go(command)
            case CreditDeposit() | RequestWithdrawal():
                return [self.funds.decide(command, time_us=self.time_us)]
            case (
                ConfirmShared()
                | AdoptCertificates()
                | MoveCertificates()
                | LockCertificates()
                | UnlockCertificates()
                | RetireCertificates()
            ):
                return [self._told(command)]
            case _:
                return self.exchange.execute(command)

    def _told(self, command: ConfirmShared | CertificateCommand) -> Event:
        """Return what is caused by what the chain told and no order has to give way to."""
        if isinstance(command, ConfirmShared):
            return self.escrows.decide(command)
        return self.certificates.decide(command)

    def _let_go(self, command: ConfirmExit | ConfirmWithdrawal | ConfirmSecured) -> list[Event]:
        """Return what is caused by money that the chain has paid or locked already."""
        match command:
            case ConfirmExit(participant):
                return self.exchange.confirm_exit(
                    command,
                    free_micros=self.books.removable(participant),
                    withdrawals_micros=self.books.balances.of(AccountKind.WITHDRAWAL_HOLD, participant),
                )
            case ConfirmWithdrawal():
                return self._withdraw(command)
            case ConfirmSecured():
                return self._secure(command)

    def _secure(self, command: ConfirmSecured) -> list[Event]:
        """Return what money causes that a module locked. Where it was more than is free, what is set aside makes room."""
        event = self.escrows.decide(command)
        if isinstance(event, Refused):
            return [event]
        who, balances = command.participant, self.books.balances
        missing = command.amount_micros - balances.of(AccountKind.FREE, who)
        between = balances.of(AccountKind.EXIT_HOLD, who) + balances.of(AccountKind.WITHDRAWAL_HOLD, who)
        return [*self.exchange.make_room(who, missing, between_micros=between, taking=LOCK), event]

    def _withdraw(self, command: ConfirmWithdrawal) -> list[Event]:
        """Return what a withdrawal causes that the chain paid. Where an exit had taken of its hold, others make room."""
        event = self.funds.decide(command, time_us=self.time_us)
        participant = command.participant
        taken = self.books.taken_of(participant, command.nonce)
        if not taken or not isinstance(event, Withdrawn):
            return [event]
        found = self.books.unlocked(participant) - self.books.withdrawal_hold(participant, command.nonce)
        if taken > found:
            detail = f"found {tokens(found)} besides its hold, needed {tokens(taken)} that an exit took of it"
            return [
                Refused(participant, "ConfirmWithdrawal", command.nonce, Refusal.INSUFFICIENT_FUNDS, detail)
            ]
        others = self.books.balances.of(AccountKind.WITHDRAWAL_HOLD, participant)
        others = Micros(others - self.books.withdrawal_hold(participant, command.nonce))
        needed = taken - self.books.removable(participant)
        return [
            *self.exchange.make_room(participant, needed, between_micros=others, taking=EXIT),
            event,
        ]


class _Journal:
    """Books the events of one batch as they come, and numbers them."""

    def __init__(self, venue: Venue, batch_number: int) -> None:
        self.events: list[Event] = []
        self.postings: list[Posting] = []
        self._post = venue.books.post
        self._registers = venue.registers
        self._batch_number = batch_number

    def book(self, events: Sequence[Event]) -> None:
        for position, event in enumerate(events, start=len(self.events)):
            register = self._registers.get(type(event))
            if register is not None:
                register(event)
            posting = self._post(event, batch_number=self._batch_number, event_position=position)
            if posting is not None:
                self.postings.append(posting)
        self.events += events
