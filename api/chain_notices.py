"""What participants did on chain behind the operator's back, as commands; and which trades that endangers.

What was taken in before is left out, so reading the same blocks again, as after a restart, changes nothing.
"""

from collections.abc import Iterable

from contracts.account_events import AccountEvent, CancelRequest, ExitPaid, ExitRequest
from contracts.settlement import Deposit, Withdrawal
from ledger.venue import Venue
from market.notices import ConfirmExit, NoteCancel, NoteCancelBelow, NoteExit
from market.orders import Command, ConfirmWithdrawal, CreditDeposit
from market.trades import Trade

COMMANDS_AT_ONCE = 500
"""Commands handed in at a time, so that no flood of notices fills the sequencer's queue."""


def commands_for(happened: Iterable[AccountEvent], venue: Venue) -> list[Command]:
    """Return the commands for what the venue does not know yet, in the same sequence."""
    return [command for each in happened if (command := _command_for(each, venue)) is not None]


def is_endangered(venue: Venue, trade: Trade) -> bool:
    """Return whether an agreed trade may fail on chain if it waits: a party cancelled its order, or is taking the money.

    An exit that is covered by what was set aside leaves the trade its money.
    """
    agreed = trade.agreed
    if venue.exchange.cancelled_from_s(agreed.trade_number) is not None:
        return True
    return not all(venue.books.is_exit_covered(who) for who in (agreed.buyer, agreed.seller))


def is_cancelled(venue: Venue, trade: Trade, *, now_s: int) -> bool:
    """Return whether a cancellation on chain of an agreed trade's order is in effect: the contract refuses the trade."""
    from_s = venue.exchange.cancelled_from_s(trade.agreed.trade_number)
    return from_s is not None and from_s <= now_s


def _command_for(happened: AccountEvent, venue: Venue) -> Command | None:
    match happened:
        case Deposit(participant, amount, transaction, log_index):
            if venue.funds.is_credited(transaction, log_index):
                return None
            return CreditDeposit(participant, amount, transaction, log_index)
        case Withdrawal(participant, _, nonce, transaction):
            open_here = venue.funds.is_open(participant, nonce)
            return ConfirmWithdrawal(participant, nonce, transaction) if open_here else None
        case ExitRequest() | ExitPaid() | CancelRequest():
            known = venue.exchange.is_noted(happened.transaction, happened.log_index)
            return None if known else _notice(happened)


def _notice(happened: ExitRequest | ExitPaid | CancelRequest) -> Command:
    where = happened.transaction, happened.log_index
    match happened:
        case ExitRequest(participant, amount, effective_at_s):
            return NoteExit(participant, amount, effective_at_s, *where)
        case ExitPaid(participant, amount):
            return ConfirmExit(participant, amount, *where)
        case CancelRequest(participant, client_order_id, effective_at_s):
            note = NoteCancelBelow if happened.below else NoteCancel
            return note(participant, client_order_id, effective_at_s, *where)
