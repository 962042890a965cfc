"""What happened on chain, as commands in the same sequence: money, notices, money of modules, steps of trades, certificates.

What the venue knows already is left out, so reading the same blocks again, as after a restart, changes nothing.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

from contracts.history import (
    CancelRequest,
    Delivered,
    Deposit,
    ExitPaid,
    ExitRequest,
    Happening,
    Opened,
    PaidOut,
    Part,
    Secured,
    Shared,
    Withdrawal,
)
from contracts.leaves import Leaf
from ledger.accounts import VENUE
from ledger.venue import Venue
from market.certificates import (
    CertificateHappening,
    LockCertificates,
    MoveCertificates,
    RetireCertificates,
    UnlockCertificates,
)
from market.escrow import ConfirmSecured, ConfirmShared, Share
from market.notices import ConfirmExit, NoteCancel, NoteCancelBelow, NoteExit
from market.orders import Address, Command
from market.settlement import ConfirmDelivery, ConfirmOpening, ConfirmPayout
from market.trades import TradeState
from market.transfers import ConfirmWithdrawal, CreditDeposit

COMMANDS_AT_ONCE = 500
"""Commands handed in at a time, so that no flood of notices fills the sequencer's queue."""

_Named = ExitRequest | ExitPaid | CancelRequest | Secured | Shared
"""What the venue knows again by its transaction and its log."""


@dataclass(frozen=True, slots=True)
class ChainCommands:
    """Makes commands for a venue out of what happened.

    What the contract gives to `fee_recipient` is the venue's fee. `leaves_of` finds the leaves of a settlement batch.
    `quiet` is held while the venue is read: another thread changes it.
    """

    venue: Venue
    fee_recipient: Address
    leaves_of: Callable[[int], Sequence[Leaf]]
    quiet: AbstractContextManager[object]

    def of(self, happened: Iterable[Happening]) -> list[Command]:
        """Return the commands for what the venue does not know yet."""
        told = tuple(happened)
        delivered = {each.batch_number for each in told if isinstance(each, Delivered) and each.positions}
        leaves = {number: self.leaves_of(number) for number in delivered}  # the chain may be asked for them
        with self.quiet:
            return [command for each in told if (command := self._of_one(each, leaves)) is not None]

    def _of_one(self, happened: Happening, leaves: Mapping[int, Sequence[Leaf]]) -> Command | None:
        match happened:
            case Deposit() | Withdrawal():
                return self._transfer(happened)
            case Delivered() | Opened() | PaidOut():
                return self._step(happened, leaves)
            case MoveCertificates() | LockCertificates() | UnlockCertificates() | RetireCertificates():
                return None if self._is_booked(happened) else happened
            case _:
                return None if self._is_noted(happened) else self._named(happened)

    def _transfer(self, happened: Deposit | Withdrawal) -> Command | None:
        funds = self.venue.funds
        match happened:
            case Deposit(participant, amount, transaction, log_index):
                known = funds.is_credited(transaction, log_index)
                return None if known else CreditDeposit(participant, amount, transaction, log_index)
            case Withdrawal(participant, _, nonce, transaction):
                open_here = funds.open_withdrawal(participant, nonce) is not None
                return ConfirmWithdrawal(participant, nonce, transaction) if open_here else None

    def _step(
        self, happened: Delivered | Opened | PaidOut, leaves: Mapping[int, Sequence[Leaf]]
    ) -> Command | None:
        match happened:
            case Delivered(batch_number, positions, transaction):
                released = (leaves[batch_number][position].trade_number for position in positions)
                numbers = tuple(each for each in released if self._is_in(each, TradeState.LOCKED))
                return ConfirmDelivery(batch_number, transaction, numbers) if numbers else None
            case Opened(_, trade_number, delivered_lots, transaction):
                locked = self._is_in(trade_number, TradeState.LOCKED)
                return ConfirmOpening(trade_number, transaction, delivered_lots) if locked else None
            case PaidOut():
                # what was opened in the blocks just read is still locked here
                waits = self._is_in(happened.payout.trade_number, TradeState.LOCKED, TradeState.OPENED)
                return self._payout(happened) if waits else None

    def _is_in(self, trade_number: int, *states: TradeState) -> bool:
        return self.venue.exchange.trade(trade_number).state in states

    def _is_booked(self, happened: CertificateHappening) -> bool:
        return self.venue.certificates.is_noted(happened.transaction, happened.log_index)

    def _is_noted(self, happened: _Named) -> bool:
        where = happened.transaction, happened.log_index
        return self.venue.exchange.is_noted(*where) or self.venue.escrows.is_noted(*where)

    def _named(self, happened: _Named) -> Command:
        where = happened.transaction, happened.log_index
        match happened:
            case ExitRequest(participant, amount, effective_at_s):
                return NoteExit(participant, amount, effective_at_s, *where)
            case ExitPaid(participant, amount):
                return ConfirmExit(participant, amount, *where)
            case CancelRequest(participant, client_order_id, effective_at_s):
                note = NoteCancelBelow if happened.below else NoteCancel
                return note(participant, client_order_id, effective_at_s, *where)
            case Secured(module, key, participant, amount):
                return ConfirmSecured(module, key, participant, amount, *where)
            case Shared(module, key, parts):
                return ConfirmShared(module, key, self._shares(parts), *where)

    def _payout(self, paid_out: PaidOut) -> ConfirmPayout:
        payout = paid_out.payout
        return ConfirmPayout(
            trade_number=payout.trade_number,
            transaction=paid_out.transaction,
            delivered_lots=payout.delivered_lots,
            paid_to_seller=payout.paid_to_seller,
            fee=payout.fee,
            returned_to_buyer=payout.returned_to_buyer,
            compensation=payout.compensation,
            paid_to_fallback=payout.paid_to_fallback,
            gap=payout.gap,
            shares=self._shares(paid_out.parts),
        )

    def _shares(self, parts: Iterable[Part]) -> tuple[Share, ...]:
        """Return the shares as they are booked: what the venue's recipient is given is the venue's fee."""
        shares = []
        for part in parts:
            if part.participant != self.fee_recipient or part.unlocked_micros:
                shares.append(Share(part.participant, part.unlocked_micros, part.earned_micros))
            elif part.earned_micros:
                shares.append(Share(VENUE, part.unlocked_micros, part.earned_micros))
        return tuple(shares)
