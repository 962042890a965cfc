"""How a command is told no: an event with the name of the reason, and whom and what it concerns."""

from market.events import Refused
from market.instruments import from_id
from market.notices import ConfirmExit, NoteCancel, NoteCancelBelow, NoteExit
from market.orders import (
    Address,
    CancelOrder,
    Command,
    PlaceOrder,
    ReplaceOrder,
    SetDeadManTimer,
)
from market.proposals import RequestNegotiation, RevealReservation, SealReservation, SignAgreement
from market.refusals import No, Refusal
from market.units import Malformed

OPERATOR = Address(bytes(20))
"""The participant of a refusal that answers the operator."""


def refuse(command: Command, no: No, reference: int = 0) -> Refused:
    """Return the event that answers a command with no. `reference` is for the operator's commands."""
    refusal, detail = no
    participant = OPERATOR
    match command:
        case PlaceOrder(terms):
            participant, reference = terms.participant, terms.client_order_id
        case ReplaceOrder(order_id, terms):
            participant, reference = terms.participant, order_id
        case CancelOrder(participant, order_id):
            reference = order_id
        case SetDeadManTimer(participant) | RequestNegotiation(participant):
            pass
        case SealReservation() | RevealReservation() | SignAgreement():
            participant, reference = command.participant, command.number
        case NoteExit() | ConfirmExit() | NoteCancel() | NoteCancelBelow():
            participant, reference = command.participant, command.log_index
    return Refused(participant, type(command).__name__, reference, refusal, detail)


def unknown_instrument(instrument_id: int) -> No:
    """Return the reason that an instrument is not listed, with its symbol where the id has one."""
    try:
        found = str(from_id(instrument_id))
    except Malformed:
        found = f"{instrument_id:#x}"
    return Refusal.UNKNOWN_INSTRUMENT, f"found {found}, expected a listed instrument"
