"""What people signed: each order, reading, cancel and step of a negotiation in a record, checked signature by signature.

The events tell what entered the books, with the signature under it; a cancel has its own in the command. How a thing is
hashed before it is signed is the contracts' business, so whoever knows that hands it in as `SignerOf`.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator

from ledger.finding import Finding
from ledger.venue import Venue
from market.events import Event, OrderAccepted, OrderReplaced
from market.orders import Address, Batch, CancelOrder, MassCancel, SetDeadManTimer
from market.proposals import AgreementSigned, NegotiationOpened, ReservationSealed
from market.settlement import ReadingReceived
from market.units import Malformed

SignedEvent = (
    OrderAccepted | OrderReplaced | ReadingReceived | NegotiationOpened | ReservationSealed | AgreementSigned
)
SignedCancel = CancelOrder | MassCancel | SetDeadManTimer
Signed = SignedEvent | SignedCancel

SignerOf = Callable[[Signed, Venue], Address]
"""Returns whose key signed something; raises Malformed if nobody's can have. The venue stands after its batch."""

FINDINGS_MAX = 20
"""Signatures that are named one by one; the rest is counted: a record of another contract has not a single good one."""


class Signatures:
    """The signatures of a record, batch by batch."""

    def __init__(self, signer_of: SignerOf) -> None:
        self.checked: Counter[str] = Counter()
        """How many signatures are those of the participants or meters that the record names, by what they are under."""
        self.unsigned_cancels = 0
        """Cancels recorded without a signature: those of early versions, and of simulations."""
        self._signer_of = signer_of
        self._failed = 0

    def judge(self, batch: Batch, events: Iterable[Event], venue: Venue) -> Iterator[Finding]:
        """Check what was signed in a batch, given the venue as it stands after it; yield what is not as told."""
        for event in events:
            if isinstance(event, SignedEvent):
                yield from self._check(batch, event, venue)
        for command in batch.commands:
            if isinstance(command, SignedCancel):
                if command.signature:
                    yield from self._check(batch, command, venue)
                else:
                    self.unsigned_cancels += 1

    def rest(self) -> Iterator[Finding]:
        """Yield what is left to say in the end."""
        if self._failed > FINDINGS_MAX:
            detail = f"found {self._failed - FINDINGS_MAX:,} more, expected none: is this the record of another contract?"
            yield Finding("signatures", "all batches", detail)

    def _check(self, batch: Batch, signed: Signed, venue: Venue) -> Iterator[Finding]:
        kind, which, expected = _named(signed)
        try:
            signer = self._signer_of(signed, venue)
        except Malformed as error:
            found = str(error)
        else:
            if signer == expected:
                self.checked[kind] += 1
                return
            found = f"found the signature of 0x{signer.hex()} if of anybody's"
        self._failed += 1
        if self._failed <= FINDINGS_MAX:
            detail = f"{found}, expected that of 0x{expected.hex()}: nobody signed this as it is recorded"
            yield Finding("signatures", f"batch {batch.number}, {which}", detail)


def _named(signed: Signed) -> tuple[str, str, Address]:
    """Return what kind of thing it is, which one, and whose signature is expected under it."""
    match signed:
        case OrderAccepted(order_id) | OrderReplaced(order_id):
            return "orders", f"order {order_id}", signed.terms.participant
        case ReadingReceived(meter, start_hour):
            return "readings", f"reading of 0x{meter.hex()} for hour {start_hour}", meter
        case NegotiationOpened(number) | ReservationSealed(number) | AgreementSigned(number):
            return "negotiations", f"negotiation {number}", signed.participant
        case CancelOrder(participant, order_id):
            return "cancels", f"cancel of order {order_id}", participant
        case MassCancel(participant):
            return "cancels", f"mass cancel of 0x{participant.hex()}", participant
        case SetDeadManTimer(participant):
            return "cancels", f"dead-man timer of 0x{participant.hex()}", participant
