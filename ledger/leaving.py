"""Leaving: withdrawals that the operator counter-signs, exits asked for on chain, and what modules lock.

The chain may pay or lock money that is set aside here: then what is set aside gives way, withdrawals last and by nonce.
"""

from typing import Any

from ledger.accounts import CUSTODY, Account, AccountKind, Balances
from ledger.assets import TOKEN
from ledger.entries import Entry, move
from ledger.holds import Hold, take
from market.events import Event
from market.keeping import Kept
from market.notices import Exited, ExitRequested
from market.orders import Address
from market.transfers import WithdrawalApproved, WithdrawalExpired, Withdrawn
from market.units import InvariantBroken, Micros

_FREE = AccountKind.FREE
_WITHDRAWAL_HOLD = AccountKind.WITHDRAWAL_HOLD
_EXIT_HOLD = AccountKind.EXIT_HOLD


class Leaving(Kept):
    """What is set aside for money on its way out. Each change says which entries go with it."""

    _holds: dict[tuple[Address, int], Hold]
    # Of withdrawals still open: what an exit, a module or another withdrawal took of their holds.
    _taken: dict[tuple[Address, int], int]
    _exits: dict[Address, int]

    def __init__(self, balances: Balances) -> None:
        """Look up in `balances` what is there; nothing is booked here."""
        self._balances = balances
        self._holds = {}
        self._taken = {}
        self._exits = {}

    @property
    def exits_wait(self) -> bool:
        """Whether anybody waits for an exit."""
        return bool(self._exits)

    def is_exit_covered(self, participant: Address) -> bool:
        """Return whether all that a participant wants to take out is set aside, or it wants nothing."""
        return self._balances.of(_EXIT_HOLD, participant) >= self._exits.get(participant, 0)

    def withdrawal_hold(self, participant: Address, nonce: int) -> Micros:
        """Return what an open withdrawal holds, in micros."""
        hold = self._holds.get((participant, nonce))
        return Micros(hold.amount_micros if hold is not None else 0)

    def taken_of(self, participant: Address, nonce: int) -> Micros:
        """Return what was taken of an open withdrawal's hold, in micros."""
        return Micros(self._taken.get((participant, nonce), 0))

    def holds_state(self) -> list[tuple[Address, int, int]]:
        """Return the holds of open withdrawals in canonical order: participant, nonce, micros."""
        return sorted((*key, hold.amount_micros) for key, hold in self._holds.items())

    def later_state(self) -> tuple[list[Any], ...]:
        """Return what exits and modules brought, in canonical order; nothing where there never was any."""
        # an amount that is asked for may need more than 64 bits, which msgpack has not
        exits = sorted((participant, str(wanted)) for participant, wanted in self._exits.items())
        return (sorted(self._taken.items()), exits) if self._taken or exits else ()

    def withdrawal_approved(self, event: WithdrawalApproved) -> list[Entry]:
        """Set aside what the operator counter-signed."""
        key = (event.participant, event.nonce)
        if key in self._holds:
            raise InvariantBroken(f"withdrawal {event.nonce} of 0x{event.participant.hex()}: approved twice")
        self._holds[key] = Hold(event.participant, event.amount_micros)
        return move(
            Account(_FREE, event.participant),
            Account(_WITHDRAWAL_HOLD, event.participant),
            event.amount_micros,
        )

    def withdrawal_expired(self, event: WithdrawalExpired) -> list[Entry]:
        """Free what is left of a withdrawal that was not used in time."""
        hold = take(self._holds, (event.participant, event.nonce), event)
        self._taken.pop((event.participant, event.nonce), None)
        return move(
            Account(_WITHDRAWAL_HOLD, hold.participant), Account(_FREE, hold.participant), hold.amount_micros
        )

    def withdrawn(self, event: Withdrawn) -> list[Entry]:
        """Let a paid withdrawal go: its hold, then what had been taken of it."""
        hold = take(self._holds, (event.participant, event.nonce), event)
        taken = self._taken.pop((event.participant, event.nonce), 0)
        return [
            *move(Account(_WITHDRAWAL_HOLD, hold.participant), CUSTODY, hold.amount_micros),
            *self.take_from(event.participant, taken, event, to=CUSTODY, first=(_EXIT_HOLD, _FREE)),
        ]

    def exit_requested(self, event: ExitRequested) -> list[Entry]:
        """Set aside what an exit asks for, as far as it is free."""
        who = event.participant
        self._exits.pop(who, None)
        if event.amount_micros:
            self._exits[who] = event.amount_micros
        held = self._balances.of(_EXIT_HOLD, who)
        more = min(event.amount_micros, self._balances.of(_FREE, who) + held) - held
        return move(Account(_FREE, who), Account(_EXIT_HOLD, who), more)

    def exited(self, event: Exited) -> list[Entry]:
        """Let a paid exit go, and free what it did not need."""
        who = event.participant
        self._exits.pop(who, None)
        left_over = max(self._balances.of(_EXIT_HOLD, who) - event.amount_micros, 0)
        return [
            *self.take_from(who, event.amount_micros, event, to=CUSTODY, first=(_EXIT_HOLD, _FREE)),
            *move(Account(_EXIT_HOLD, who), Account(_FREE, who), left_over),
        ]

    def take_from(
        self,
        participant: Address,
        amount_micros: int,
        event: Event,
        *,
        to: Account,
        first: tuple[AccountKind, ...],
    ) -> list[Entry]:
        """Let money go from these kinds of accounts `first`, then from withdrawal holds by nonce.

        Raises:
            InvariantBroken: if that is not enough: the exchange has to make room first.
        """
        missing = amount_micros
        entries: list[Entry] = []
        for kind in first:
            found = min(self._balances.of(kind, participant), missing)
            entries += move(Account(kind, participant), to, found)
            missing -= found
        for key in sorted(key for key in self._holds if key[0] == participant) if missing else ():
            hold = self._holds[key].amount_micros
            found = min(hold, missing)
            self._holds[key] = Hold(participant, hold - found)
            self._taken[key] = self._taken.get(key, 0) + found
            entries += move(Account(_WITHDRAWAL_HOLD, participant), to, found)
            missing -= found
        if missing:
            raise InvariantBroken(
                f"{type(event).__name__} of {amount_micros} micros by 0x{participant.hex()}: found {missing} too few"
            )
        return entries

    def to_exits(self, entries: list[Entry]) -> list[Entry]:
        """Return what sends on to waiting exits what these entries free, as far as the exits are not covered."""
        sent_on: list[Entry] = []
        for who in {account.participant: None for account, _ in entries if _is_free_money(account)}:
            wanted = self._exits.get(who, 0)
            free, held = (
                self._balances.of(kind, who)
                + sum(amount for account, amount in entries if account == Account(kind, who))
                for kind in (_FREE, _EXIT_HOLD)
            )
            sent_on += move(Account(_FREE, who), Account(_EXIT_HOLD, who), max(min(free, wanted - held), 0))
        return sent_on


def _is_free_money(account: Account) -> bool:
    return account.kind is _FREE and account.asset == TOKEN
