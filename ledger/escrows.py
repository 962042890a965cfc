"""Money behind the keys of modules: what each participant has locked where, and what was told before.

`decide` says what should happen and changes nothing; `absorb` applies it, live and in a rebuild alike.
"""

from collections import Counter

import msgspec

from ledger.bookkeeping import Books, tokens
from market.escrow import ConfirmSecured, ConfirmShared, EscrowCommand, EscrowSecured, EscrowShared
from market.events import Event, Refused
from market.keeping import Kept
from market.orders import Address
from market.refusals import Refusal
from market.units import InvariantBroken, Micros

EscrowEvent = EscrowSecured | EscrowShared


class Escrows(Kept):
    """What the modules keep: by module, key and participant, as `IEscrow` does."""

    _held: dict[tuple[Address, bytes, Address], int]
    _noted: set[tuple[bytes, int]]

    def __init__(self, books: Books) -> None:
        self._books = books
        self._held = {}
        self._noted = set()

    def is_noted(self, transaction: bytes, log_index: int) -> bool:
        """Return whether this was told before."""
        return (transaction, log_index) in self._noted

    def held(self, module: Address, key: bytes, participant: Address) -> Micros:
        """Return what a participant has locked behind a module's key, in micros."""
        return Micros(self._held.get((module, key, participant), 0))

    def decide(self, command: EscrowCommand) -> Event:
        """Return what a command causes: its event, or a refusal."""
        if self.is_noted(command.transaction, command.log_index):
            found = f"log {command.log_index} of transaction 0x{command.transaction.hex()} was booked before"
            return _refused(command, Refusal.ALREADY_APPLIED, found)
        match command:
            case ConfirmSecured():
                return self._secure(command)
            case ConfirmShared():
                return self._share(command)

    def absorb(self, event: Event) -> None:
        """Apply an event; those of no module change nothing.

        Raises:
            InvariantBroken: if more is shared out of a key than somebody has locked behind it.
        """
        match event:
            case EscrowSecured():
                self._noted.add((event.transaction, event.log_index))
                self._move(event.module, event.key, event.participant, event.amount_micros)
            case EscrowShared():
                self._noted.add((event.transaction, event.log_index))
                for share in event.shares:
                    self._move(event.module, event.key, share.participant, -share.unlocked_micros)
            case _:
                pass

    def state_bytes(self) -> bytes:
        """Return what is locked and what was told as canonical bytes; none as long as no module moved anything."""
        if not self._noted:
            return b""
        return msgspec.msgpack.encode(
            (sorted((*key, amount) for key, amount in self._held.items()), sorted(self._noted))
        )

    def _secure(self, command: ConfirmSecured) -> Event:
        if command.amount_micros <= 0:
            found = f"found {tokens(command.amount_micros)}, expected more than 0"
            return _refused(command, Refusal.AMOUNT_NOT_POSITIVE, found)
        unlocked = self._books.unlocked(command.participant)
        if command.amount_micros > unlocked:
            found = f"found {tokens(unlocked)} not locked, and {tokens(command.amount_micros)} were locked on chain"
            return _refused(command, Refusal.INSUFFICIENT_FUNDS, found)
        return EscrowSecured(
            command.module,
            command.key,
            command.participant,
            command.amount_micros,
            command.transaction,
            command.log_index,
        )

    def _share(self, command: ConfirmShared) -> Event:
        """Share out what is known to be locked; it is not where the locking had to be refused."""
        module, key = command.module, command.key
        unlocked: Counter[Address] = Counter()
        for share in command.shares:
            unlocked[share.participant] += share.unlocked_micros
        for participant, wanted in unlocked.items():
            held = self.held(module, key, participant)
            if wanted > held:
                found = f"found {tokens(held)} of 0x{participant.hex()} behind key 0x{key.hex()}"
                detail = f"{found}, and {tokens(wanted)} were shared out on chain"
                return _refused(command, Refusal.INSUFFICIENT_FUNDS, detail)
        return EscrowShared(module, key, command.shares, command.transaction, command.log_index)

    def _move(self, module: Address, key: bytes, participant: Address, amount_micros: int) -> None:
        place = (module, key, participant)
        held = self._held.pop(place, 0)
        if held + amount_micros < 0:
            raise InvariantBroken(
                f"module 0x{module.hex()}, key 0x{key.hex()}: found {held} micros of 0x{participant.hex()}, "
                f"expected at least the {-amount_micros} that were shared out"
            )
        if held + amount_micros:
            self._held[place] = held + amount_micros


def _refused(command: EscrowCommand, refusal: Refusal, detail: str) -> Refused:
    whose = command.participant if isinstance(command, ConfirmSecured) else command.module
    return Refused(whose, type(command).__name__, command.log_index, refusal, detail)
