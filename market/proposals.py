"""What two sides and the operator ask in the negotiation of a long-term contract, and what then happened.

    RequestNegotiation → SealReservation (both) → RevealReservation (both) → ConcludeNegotiation → SignAgreement (both)

`negotiations.py` tells how far each negotiation has come, `negotiating.py` decides its next step.
"""

from dataclasses import dataclass
from hashlib import sha256

from market.address import Address
from market.instruments import HOURS_END, Instrument, from_id
from market.units import QUANTITY_MAX, Lots, Malformed, Micros, Ppm

HOURS_MAX = 8_784
"""The longest window: a leap year."""
SALT_BYTES = 32


@dataclass(frozen=True, slots=True)
class Proposal:
    """What is negotiated, all but the price: `quantity_lots` has one quantity for each hour of the instrument's window.

    Both reservation prices are revealed before `answer_by_s` (Unix seconds), or the negotiation lapses. Either side may
    end the contract with `notice_s` seconds' notice. `salt`, 32 random bytes, makes the proposal one of its kind and keeps
    the hash of the terms from being guessed.
    """

    buyer: Address
    seller: Address
    instrument_id: int
    quantity_lots: tuple[Lots, ...]
    notice_s: int
    answer_by_s: int
    salt: bytes

    @property
    def instrument(self) -> Instrument:
        """What is to be delivered, over its whole window."""
        return from_id(self.instrument_id)

    @property
    def slots(self) -> tuple[tuple[int, Lots], ...]:
        """The hours (since 1970) in which something is to be delivered, each with its quantity."""
        hours = enumerate(self.quantity_lots, start=self.instrument.start_hour)
        return tuple((hour, lots) for hour, lots in hours if lots)


@dataclass(frozen=True, slots=True)
class RequestNegotiation:
    """Ask the other side of a proposal to negotiate its price. `participant` is the buyer or the seller, and signs."""

    participant: Address
    proposal: Proposal
    signature: bytes


@dataclass(frozen=True, slots=True)
class SealReservation:
    """Commit to a reservation price without telling it: `seal` is `seal_of` it."""

    participant: Address
    number: int
    seal: bytes
    signature: bytes


@dataclass(frozen=True, slots=True)
class RevealReservation:
    """Open a seal: the worst price, in micros per unit, at which the participant prefers the contract to none.

    Nothing is signed: knowing what opens the seal is proof enough.
    """

    participant: Address
    number: int
    price_micros: Micros
    salt: bytes


@dataclass(frozen=True, slots=True)
class ConcludeNegotiation:
    """Price a negotiation whose seals are open, with the supplier's weight and what each side could gain elsewhere."""

    number: int
    weight_ppm: Ppm
    outside_buyer_micros: Micros
    outside_seller_micros: Micros


@dataclass(frozen=True, slots=True)
class SignAgreement:
    """Put one's signature under the agreed terms; the second one concludes the contract."""

    participant: Address
    number: int
    signature: bytes


@dataclass(frozen=True, slots=True)
class NegotiationOpened:
    """A buyer and a supplier negotiate the price of a long-term contract; `participant` asked for it."""

    number: int
    participant: Address
    proposal: Proposal
    signature: bytes


@dataclass(frozen=True, slots=True)
class ReservationSealed:
    """A side bound itself to a reservation price that nobody else knows yet."""

    number: int
    participant: Address
    seal: bytes
    signature: bytes


@dataclass(frozen=True, slots=True)
class ReservationRevealed:
    """A side opened its seal. The record alone tells the price, in micros per unit; the other side is never told."""

    number: int
    participant: Address
    price_micros: Micros
    salt: bytes


@dataclass(frozen=True, slots=True)
class NegotiationAgreed:
    """The two reservation prices left room for both, and this is the price per unit, in micros.

    The supplier got `weight_ppm` of what the contract is worth beyond what each side could gain in the order books.
    """

    number: int
    price_micros: Micros
    weight_ppm: Ppm
    outside_buyer_micros: Micros
    outside_seller_micros: Micros


@dataclass(frozen=True, slots=True)
class NegotiationFailed:
    """No price would have left both sides as well off as the order books do."""

    number: int
    outside_buyer_micros: Micros
    outside_seller_micros: Micros


@dataclass(frozen=True, slots=True)
class NegotiationLapsed:
    """The moment by which a side had to seal, to reveal or to sign has passed. What had been revealed stays untold."""

    number: int


@dataclass(frozen=True, slots=True)
class AgreementSigned:
    """A side signed the agreed terms. With the second signature the contract is concluded, and its capacity sold."""

    number: int
    participant: Address
    signature: bytes


def fault_in_proposal(proposal: Proposal) -> str | None:
    """Return what does not fit together in a proposal, whoever asks and whenever; None if all does."""
    try:
        instrument = proposal.instrument
    except Malformed as malformed:
        return str(malformed)
    if proposal.buyer == proposal.seller:
        return f"found 0x{proposal.buyer.hex()} as buyer and as seller, expected two parties"
    if proposal.answer_by_s > instrument.start_s:
        found = f"answer_by: found {proposal.answer_by_s} s"
        return f"{found}, expected no later than the start of delivery, {instrument.start_s} s"
    if not 0 <= proposal.notice_s <= QUANTITY_MAX or len(proposal.salt) != SALT_BYTES:
        found = f"found a notice of {proposal.notice_s} s and a salt of {len(proposal.salt)} bytes"
        return f"{found}, expected 0 s or more and {SALT_BYTES} bytes"
    return _fault_in_window(instrument, proposal.quantity_lots)


def _fault_in_window(instrument: Instrument, quantities: tuple[Lots, ...]) -> str | None:
    if instrument.hours > HOURS_MAX or len(quantities) != instrument.hours:
        return f"found {len(quantities)} quantities, expected one for each hour, of at most {HOURS_MAX}"
    end_hour = instrument.start_hour + instrument.hours
    if end_hour > HOURS_END:  # each hour is an instrument, whose book is looked for
        return f"found hours up to {end_hour - 1} since 1970, expected at most {HOURS_END - 1}"
    if not all(0 <= lots <= QUANTITY_MAX for lots in quantities) or not any(quantities):
        found = f"found {min(quantities)} to {max(quantities)} lots an hour"
        return f"{found}, expected 0 to {QUANTITY_MAX}, and more than 0 in one of them"
    return None


def seal_of(*, number: int, participant: Address, price_micros: Micros, salt: bytes) -> bytes:
    """Return the seal of a reservation price: 32 bytes that bind to it, and without the salt tell nothing about it.

    SHA-256 of the negotiation's number, the participant and the price as 32-byte big-endian words, then the salt.

    >>> seal_of(number=1, participant=Address(bytes(20)), price_micros=Micros(45_000), salt=bytes(32)).hex()[:16]
    '24f3524a3024aec6'
    """
    words = (number.to_bytes(32, "big"), participant.rjust(32, b"\0"), price_micros.to_bytes(32, "big"))
    return sha256(b"".join(words) + salt).digest()
