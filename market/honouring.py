"""How notices from the chain are honoured: orders leave the books at once, and money that is taken is let go.

Trades that are agreed already settle if they are locked before a notice takes effect; what an exit took they cannot have.
"""

from market.events import CancelReason, Event
from market.fault import EXIT, Taking
from market.notices import (
    CancelBelowRequested,
    CancelRequested,
    ConfirmExit,
    Exited,
    ExitRequested,
    NoteCancel,
    NoteCancelBelow,
    NoteExit,
    Notice,
)
from market.orders import Address
from market.refusals import No, Refusal
from market.refusing import refuse
from market.settlement import TradeVoided
from market.state import State
from market.timekeeping import cancel_all, change_sessions
from market.trades import Trade, TradeState


def cancel(state: State, command: NoteCancel) -> list[Event]:
    """Take an order off the book that was cancelled on chain; its client order id is not to be used any more."""
    no = _no_notice(state, command)
    if no is not None:
        return [refuse(command, no)]
    noted = CancelRequested(
        command.participant,
        command.client_order_id,
        command.effective_at_s,
        command.transaction,
        command.log_index,
    )
    return [state.happen(noted), *_cancel_forbidden(state, command.participant)]


def cancel_below(state: State, command: NoteCancelBelow) -> list[Event]:
    """Take all orders off the books that were cancelled at a stroke on chain."""
    no = _no_notice(state, command)
    if no is not None:
        return [refuse(command, no)]
    noted = CancelBelowRequested(
        command.participant,
        command.client_order_id,
        command.effective_at_s,
        command.transaction,
        command.log_index,
    )
    return [state.happen(noted), *_cancel_forbidden(state, command.participant)]


def request_exit(state: State, command: NoteExit, *, free_micros: int) -> list[Event]:
    """Note that a participant wants its money; orders whose hold it wants, too, leave the books, the newest first.

    `free_micros` is what it has that no order, trade or withdrawal needs.
    """
    no = _no_notice(state, command)
    if no is not None:
        return [refuse(command, no)]
    asked = ExitRequested(
        command.participant,
        command.amount_micros,
        command.effective_at_s,
        command.transaction,
        command.log_index,
    )
    noted = state.happen(asked)
    missing = command.amount_micros - free_micros
    return [noted, *_cancel_newest(state, command.participant, missing, EXIT.cancels)]


def confirm_exit(
    state: State, command: ConfirmExit, *, free_micros: int, withdrawals_micros: int
) -> list[Event]:
    """Note that money left. Where it was more than free, first orders make room, then unused withdrawals, then trades.

    `withdrawals_micros` is what is set aside for counter-signed withdrawals: the contract cannot pay them any more.
    """
    participant = command.participant
    held = sum(int(order.hold_micros) for order in state.orders.of(participant))
    in_trades = sum(_held_by(trade, participant) for trade in _agreed_of(state, participant))
    no = _no_notice(state, command)
    found = free_micros + held + withdrawals_micros + in_trades
    if no is None and command.amount_micros > found:
        detail = (
            f"found {found} micros of the participant that are not locked, and {command.amount_micros} left"
        )
        no = Refusal.INSUFFICIENT_FUNDS, detail
    if no is not None:
        return [refuse(command, no)]
    missing = command.amount_micros - free_micros
    events = make_room(state, participant, missing, between_micros=withdrawals_micros, taking=EXIT)
    left = Exited(participant, command.amount_micros, command.transaction, command.log_index)
    return [*events, state.happen(left)]


def make_room(
    state: State, participant: Address, needed_micros: int, *, between_micros: int, taking: Taking
) -> list[Event]:
    """Free this much of what a participant has set aside for orders, then for trades, the newest first.

    `between_micros` is what is to be taken after that of the orders and before that of the trades: it counts as found.
    """
    held = sum(int(order.hold_micros) for order in state.orders.of(participant))
    events = _cancel_newest(state, participant, needed_micros, taking.cancels)
    missing = needed_micros - held - between_micros
    return events + _void_newest(state, participant, missing, taking.voids)


def _no_notice(state: State, command: Notice) -> No | None:
    if state.notices.is_noted(command.transaction, command.log_index):
        found = f"log {command.log_index} of transaction 0x{command.transaction.hex()}"
        return Refusal.ALREADY_APPLIED, f"{found} was noted before"
    if isinstance(command, NoteExit | ConfirmExit):
        least = 1 if isinstance(command, ConfirmExit) else 0
        if command.amount_micros < least:
            detail = f"found {command.amount_micros} micros, expected at least {least}"
            return Refusal.AMOUNT_NOT_POSITIVE, detail
    return None


def _cancel_forbidden(state: State, participant: Address) -> list[Event]:
    """Cancel what a participant may not have in the books any more, oldest first."""
    forbidden = [
        order.order_id
        for order in state.orders.of(participant)
        if state.notices.cancelled_from_s(participant, order.terms.client_order_id) is not None
    ]
    return cancel_all(state, forbidden, CancelReason.CANCELLED_ON_CHAIN)


def _cancel_newest(
    state: State, participant: Address, needed_micros: int, reason: CancelReason
) -> list[Event]:
    """Cancel orders that hold money, the newest first, until they have held as much as is needed, or there are no more."""
    chosen = []
    for order in reversed(state.orders.of(participant)):
        if needed_micros <= 0:
            break
        if order.hold_micros:
            chosen.append(order.order_id)
            needed_micros -= order.hold_micros
    return cancel_all(state, chosen, reason)


def _void_newest(state: State, participant: Address, needed_micros: int, reason: str) -> list[Event]:
    """Void trades that hold money and are not locked, the newest first, until they have held as much as is needed."""
    events: list[Event] = []
    instrument_ids: set[int] = set()
    for trade in reversed(_agreed_of(state, participant)):
        if needed_micros <= 0:
            break
        held = _held_by(trade, participant)
        if held:
            events.append(state.happen(TradeVoided(trade.agreed.trade_number, reason, participant)))
            instrument_ids.add(trade.agreed.instrument_id)
            needed_micros -= held
    for instrument_id in sorted(instrument_ids):
        events += change_sessions(state, state.listed[instrument_id])
    return events


def _agreed_of(state: State, participant: Address) -> list[Trade]:
    """Return a participant's trades that are not locked yet, by number."""
    return [
        trade
        for trade in state.trades.select(state=TradeState.AGREED, start_hour=None)
        if participant in (trade.agreed.buyer, trade.agreed.seller)
    ]


def _held_by(trade: Trade, participant: Address) -> int:
    """Return what a trade that is not locked holds of one of its parties, in micros."""
    agreed = trade.agreed
    if participant == agreed.buyer:
        return agreed.payment_micros + agreed.fee_micros
    return int(agreed.collateral_micros)
