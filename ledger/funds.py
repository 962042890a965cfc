"""Money in and out: deposits seen on chain, and withdrawals that the operator counter-signs.

`decide` and `begin` say what should happen and change nothing; `absorb` applies it, live and in a rebuild alike.
"""

import heapq

import msgspec

from ledger.accounts import CUSTODY
from ledger.bookkeeping import Books, tokens
from market.agenda import NEVER
from market.events import Event, Refused
from market.keeping import Kept
from market.orders import Address
from market.refusals import Refusal
from market.transfers import (
    ConfirmWithdrawal,
    CreditDeposit,
    Deposited,
    RequestWithdrawal,
    WithdrawalApproved,
    WithdrawalExpired,
    Withdrawn,
)
from market.units import MONEY_MAX, Micros

FundsCommand = CreditDeposit | RequestWithdrawal | ConfirmWithdrawal
FundsEvent = Deposited | WithdrawalApproved | WithdrawalExpired | Withdrawn


class Funds(Kept):
    """What keeps money commands from working twice: deposits credited, nonces used, withdrawals still open."""

    _deposits: set[tuple[bytes, int]]
    _nonces: set[tuple[Address, int]]
    _paid: set[tuple[Address, int]]
    _open: dict[tuple[Address, int], WithdrawalApproved]
    _deadlines: list[tuple[int, Address, int]]

    def __init__(self, books: Books, *, withdrawal_margin_s: int) -> None:
        """Watch over `books`. Funds of an unused withdrawal stay held until its deadline plus the margin.

        The margin (seconds) must cover the confirmations after which the chain's word is final: by then a
        withdrawal used at the last moment has been confirmed.
        """
        self._books = books
        self._margin_s = withdrawal_margin_s
        self._deposits = set()
        self._nonces = set()
        self._paid = set()
        self._open = {}
        self._deadlines = []

    def is_credited(self, transaction: bytes, log_index: int) -> bool:
        """Return whether a deposit was credited."""
        return (transaction, log_index) in self._deposits

    def open_withdrawal(self, participant: Address, nonce: int) -> WithdrawalApproved | None:
        """Return a withdrawal that is approved and neither used nor expired, None if there is none."""
        return self._open.get((participant, nonce))

    def next_due_us(self) -> int:
        """Return when the next withdrawal may expire, Unix microseconds."""
        return (self._deadlines[0][0] + self._margin_s) * 1_000_000 + 1 if self._deadlines else NEVER

    def begin(self, time_us: int) -> list[Event]:
        """Return the withdrawals that time alone has ended, by deadline, then participant, then nonce."""
        expired: list[Event] = []
        while self._deadlines:
            deadline_s, participant, nonce = self._deadlines[0]
            if (deadline_s + self._margin_s) * 1_000_000 >= time_us:
                break
            heapq.heappop(self._deadlines)
            if (participant, nonce) in self._open:
                expired.append(WithdrawalExpired(participant, nonce))
        return expired

    def decide(self, command: FundsCommand, *, time_us: int) -> Event:
        """Return what a command causes at this time (Unix microseconds): its event, or a refusal."""
        match command:
            case CreditDeposit():
                return self._credit(command)
            case RequestWithdrawal():
                return self._approve(command, time_us=time_us)
            case ConfirmWithdrawal():
                return self._confirm(command)

    def absorb(self, event: Event) -> None:
        """Apply an event; those that concern neither deposits nor withdrawals change nothing."""
        match event:
            case Deposited():
                self._deposits.add((event.transaction, event.log_index))
            case WithdrawalApproved():
                key = (event.participant, event.nonce)
                self._nonces.add(key)
                self._open[key] = event
                heapq.heappush(self._deadlines, (event.deadline_s, *key))
            case WithdrawalExpired():
                del self._open[event.participant, event.nonce]
            case Withdrawn():
                del self._open[event.participant, event.nonce]
                self._paid.add((event.participant, event.nonce))
            case _:
                pass

    def state_bytes(self) -> bytes:
        """Return what has been applied and what is open as canonical bytes."""
        return msgspec.msgpack.encode(
            (
                sorted(self._deposits),
                sorted(self._nonces),
                sorted(self._paid),
                sorted((*key, event.amount_micros, event.deadline_s) for key, event in self._open.items()),
            )
        )

    def _credit(self, command: CreditDeposit) -> Event:
        if (command.transaction, command.log_index) in self._deposits:
            return _refused(
                command,
                command.log_index,
                Refusal.ALREADY_APPLIED,
                f"log {command.log_index} of transaction 0x{command.transaction.hex()} was credited before",
            )
        if command.amount_micros <= 0:
            return _not_positive(command, command.log_index, command.amount_micros)
        held = -self._books.balances.on(CUSTODY)
        if command.amount_micros > MONEY_MAX - held:
            return _refused(
                command,
                command.log_index,
                Refusal.TOO_MUCH_MONEY,
                f"found {tokens(command.amount_micros)}, expected at most {tokens(Micros(MONEY_MAX - held))}",
            )
        return Deposited(command.participant, command.amount_micros, command.transaction, command.log_index)

    def _approve(self, command: RequestWithdrawal, *, time_us: int) -> Event:
        if (command.participant, command.nonce) in self._nonces:
            return _refused(
                command, command.nonce, Refusal.ALREADY_APPLIED, f"nonce {command.nonce} was used before"
            )
        if command.amount_micros <= 0:
            return _not_positive(command, command.nonce, command.amount_micros)
        if command.deadline_s * 1_000_000 <= time_us:
            return _refused(
                command,
                command.nonce,
                Refusal.DEADLINE_PASSED,
                f"found the deadline {command.deadline_s}, expected one after {time_us // 1_000_000}",
            )
        found = self._books.spendable(command.participant)
        if command.amount_micros > found:
            return _refused(
                command,
                command.nonce,
                Refusal.INSUFFICIENT_FUNDS,
                f"found {tokens(found)} spendable, needed {tokens(command.amount_micros)} to withdraw",
            )
        return WithdrawalApproved(
            command.participant, command.amount_micros, command.nonce, command.deadline_s
        )

    def _confirm(self, command: ConfirmWithdrawal) -> Event:
        key = (command.participant, command.nonce)
        if key in self._open:
            return Withdrawn(command.participant, command.nonce, command.transaction)
        if key in self._paid:
            return _refused(
                command,
                command.nonce,
                Refusal.ALREADY_APPLIED,
                f"the withdrawal with nonce {command.nonce} was booked before",
            )
        found = "one that has expired" if key in self._nonces else "none"
        return _refused(
            command,
            command.nonce,
            Refusal.UNKNOWN_WITHDRAWAL,
            f"found {found}, expected an open withdrawal with nonce {command.nonce}",
        )


def _not_positive(command: FundsCommand, reference: int, amount_micros: int) -> Refused:
    return _refused(
        command,
        reference,
        Refusal.AMOUNT_NOT_POSITIVE,
        f"found {tokens(amount_micros)}, expected more than 0",
    )


def _refused(command: FundsCommand, reference: int, refusal: Refusal, detail: str) -> Refused:
    return Refused(command.participant, type(command).__name__, reference, refusal, detail)
