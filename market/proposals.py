"""What two sides and the operator ask in the negotiation of a long-term contract.

    RequestNegotiation → SealReservation (both) → RevealReservation (both) → ConcludeNegotiation → SignAgreement (both)

`negotiations.py` tells how far each negotiation has come, `negotiating.py` decides its next step.
"""

from dataclasses import dataclass
from hashlib import sha256

from market.address import Address
from market.instruments import Instrument, from_id
from market.units import Lots, Micros, Ppm

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


def seal_of(*, number: int, participant: Address, price_micros: Micros, salt: bytes) -> bytes:
    """Return the seal of a reservation price: 32 bytes that bind to it, and without the salt tell nothing about it.

    SHA-256 of the negotiation's number, the participant and the price as 32-byte big-endian words, then the salt.

    >>> seal_of(number=1, participant=Address(bytes(20)), price_micros=Micros(45_000), salt=bytes(32)).hex()[:16]
    '24f3524a3024aec6'
    """
    words = (number.to_bytes(32, "big"), participant.rjust(32, b"\0"), price_micros.to_bytes(32, "big"))
    return sha256(b"".join(words) + salt).digest()
