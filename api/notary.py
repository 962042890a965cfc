"""What an audit cannot know by itself: whose key signed a thing, and what signed transactions say."""

from api.outgoing import FILL
from contracts.agreement import LongTermTerms, agreement_digest
from contracts.calls import Call, read_call
from contracts.signed_transactions import read_signed
from contracts.signing import (
    Domain,
    cancel_digest,
    dead_man_timer_digest,
    mass_cancel_digest,
    order_digest,
    proposal_digest,
    reading_digest,
    recover,
    seal_digest,
)
from contracts.transactions import transaction_hash
from ledger.dispatches import Dispatch
from ledger.genesis import Genesis
from ledger.signatures import Signed, SignedCancel, SignedEvent
from ledger.venue import Venue
from market.events import OrderAccepted, OrderReplaced
from market.orders import Address, CancelOrder, MassCancel, SetDeadManTimer
from market.proposals import (
    AgreementSigned,
    NegotiationOpened,
    RequestNegotiation,
    ReservationSealed,
    SealReservation,
)
from market.settlement import ReadingReceived
from market.units import Malformed

_KINDS = {
    "settleBatch": "settle",
    "deliverBatch": "deliver",
    "openMany": "open",
    "report": "report",
    "payOutMany": "pay",
}
"""What the settler calls its transactions, by the function that they call."""


class Notary:
    """Knows how everything is hashed that is signed for the contract of one market."""

    def __init__(self, genesis: Genesis) -> None:
        self._genesis = genesis
        self._domain = Domain(genesis.chain_id, genesis.settlement)

    def signer_of(self, signed: Signed, venue: Venue) -> Address:
        """Return whose key signed something, given the venue after its batch.

        Raises:
            Malformed: if nobody's can have.
        """
        if isinstance(signed, SignedEvent):
            return recover(self._digest(signed, venue), signed.signature)
        return recover(self._digest_of_cancel(signed), signed.signature)

    def hash_of(self, raw: bytes) -> bytes:
        """Return the hash by which the chain knows signed bytes."""
        return transaction_hash(raw)

    def dispatch_of(self, raw: bytes) -> Dispatch:
        """Return what the signed bytes of a transaction say.

        Raises:
            Malformed: if they are no transaction, or none that the settler makes.
        """
        signed = read_signed(raw)
        if not signed.data:
            purpose, call = (FILL, str(signed.nonce)), Call("", ())
        else:
            call = read_call(signed.data)
            purpose = (_KINDS[call.function], _reference(call))
        return Dispatch(
            chain_id=signed.chain_id,
            nonce=signed.nonce,
            sender=signed.sender,
            purpose=purpose,
            trades=call.trades,
            settlement=signed.to if call.function in ("settleBatch", "deliverBatch") else None,
            record_hash=call.record_hash,
        )

    def _digest(self, event: SignedEvent, venue: Venue) -> bytes:
        """Return the 32 bytes that were signed."""
        domain = self._domain
        match event:
            case OrderAccepted() | OrderReplaced():
                return order_digest(event.terms, domain)
            case ReadingReceived(meter, start_hour, lots):
                return reading_digest(meter=meter, start_hour=start_hour, units_lots=lots, domain=domain)
            case NegotiationOpened(_, participant, proposal, signature):
                return proposal_digest(RequestNegotiation(participant, proposal, signature), domain)
            case ReservationSealed(number, participant, seal, signature):
                return seal_digest(SealReservation(participant, number, seal, signature), domain)
            case AgreementSigned(number):
                negotiation = venue.exchange.negotiation(number)
                if negotiation is None or negotiation.price_micros is None:
                    raise Malformed("found no agreed terms, expected those that were signed")
                return agreement_digest(LongTermTerms.of(negotiation), domain)

    def _digest_of_cancel(self, cancel: SignedCancel) -> bytes:
        """Return the 32 bytes that were signed."""
        domain, deadline_s = self._domain, cancel.deadline_s
        match cancel:
            case CancelOrder(participant, order_id):
                return cancel_digest(
                    participant=participant, order_id=order_id, deadline_s=deadline_s, domain=domain
                )
            case MassCancel():
                return mass_cancel_digest(cancel, nonce=cancel.nonce, deadline_s=deadline_s, domain=domain)
            case SetDeadManTimer():
                return dead_man_timer_digest(cancel, nonce=cancel.nonce, deadline_s=deadline_s, domain=domain)


def _reference(call: Call) -> str:
    """Return what the settler's reference for a call begins with."""
    match call.function:
        case "settleBatch":
            return f"{call.batch_number}:{min(call.trades, default=0)}#"
        case "deliverBatch" | "openMany":
            return f"{call.batch_number}:"
        case _:
            return f"{call.trades[0]}#"
