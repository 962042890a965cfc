"""Negotiations of long-term contracts: how far each has come, and the price that follows from what both revealed.

    OPEN → SEALED → REVEALED → AGREED → SIGNED
                            ↘ FAILED

Each of the first four may end as LAPSED instead.
"""

from dataclasses import dataclass, replace
from enum import IntEnum
from typing import TypeVar

from market.address import Address
from market.orders import Side
from market.proposals import (
    AgreementSigned,
    NegotiationAgreed,
    NegotiationFailed,
    NegotiationLapsed,
    Proposal,
    ReservationRevealed,
    ReservationSealed,
    seal_of,
)
from market.sessions import MICROS_PER_SECOND
from market.units import PPM_ONE, QUANTITY_MAX, InvariantBroken, Micros, Ppm

NegotiationEvent = (
    ReservationSealed
    | ReservationRevealed
    | NegotiationAgreed
    | NegotiationFailed
    | NegotiationLapsed
    | AgreementSigned
)
Value = TypeVar("Value")
Pair = tuple[Value | None, Value | None]
"""What each side has given so far, by `Side`."""


class NegotiationState(IntEnum):
    """Where a negotiation is. OPEN awaits seals, SEALED what opens them, REVEALED a price, AGREED signatures."""

    OPEN = 0
    SEALED = 1
    REVEALED = 2
    AGREED = 3
    SIGNED = 4
    FAILED = 5
    LAPSED = 6


OVER = frozenset({NegotiationState.SIGNED, NegotiationState.FAILED, NegotiationState.LAPSED})
"""The states that nothing follows."""


@dataclass(frozen=True, slots=True)
class Negotiation:
    """One negotiation. `reservations` (micros per unit) are for the record's reader and nobody else."""

    number: int
    proposal: Proposal
    state: NegotiationState = NegotiationState.OPEN
    seals: Pair[bytes] = (None, None)
    reservations: Pair[Micros] = (None, None)
    signatures: Pair[bytes] = (None, None)
    price_micros: Micros | None = None

    @property
    def lapses_us(self) -> int | None:
        """When it lapses unless it moves on, Unix microseconds; None once it is over."""
        if self.state in OVER:
            return None
        awaits_answers = self.state in (NegotiationState.OPEN, NegotiationState.SEALED)
        moment_s = self.proposal.answer_by_s if awaits_answers else self.proposal.instrument.start_s
        return moment_s * MICROS_PER_SECOND

    @property
    def parties(self) -> tuple[Address, Address]:
        """Buyer and seller, by `Side`."""
        return self.proposal.buyer, self.proposal.seller

    def side_of(self, participant: Address) -> Side | None:
        """Return which side a participant is on, None if it is a stranger."""
        return Side(self.parties.index(participant)) if participant in self.parties else None

    def opens(self, participant: Address, price_micros: Micros, salt: bytes) -> bool:
        """Return whether a price and salt open the seal of a party."""
        side = self.side_of(participant)
        if side is None or not 1 <= price_micros <= QUANTITY_MAX:
            return False
        seal = seal_of(number=self.number, participant=participant, price_micros=price_micros, salt=salt)
        return seal == self.seals[side]

    def zone(self, *, outside_buyer_micros: int, outside_seller_micros: int) -> tuple[Micros, Micros]:
        """Return the lowest and highest price, whole micros per unit, that leave both at least what they have elsewhere.

        With L lots, n lots to the unit, reservations V of the buyer and C of the supplier, and gains d elsewhere:

            low = C + ⌈n·d_seller / L⌉        high = V − ⌈n·d_buyer / L⌉

        Nothing lies between them if low > high.

        Raises:
            InvariantBroken: if a side has not revealed its reservation price, or would lose elsewhere.
        """
        value, cost = self.reservations
        if value is None or cost is None:
            raise InvariantBroken(
                f"negotiation {self.number}: found a side unrevealed, expected both revealed"
            )
        if min(outside_buyer_micros, outside_seller_micros) < 0:
            raise InvariantBroken(
                f"negotiation {self.number}: found gains elsewhere of {outside_buyer_micros} and {outside_seller_micros}, "
                "expected 0 or more"
            )
        lots, per_unit = sum(self.proposal.quantity_lots), self.proposal.instrument.commodity.lots_per_unit
        low = cost - (-outside_seller_micros * per_unit // lots)
        high = value + (-outside_buyer_micros * per_unit // lots)
        return Micros(low), Micros(high)


def nash_price(*, low_micros: Micros, high_micros: Micros, weight_ppm: Ppm) -> Micros | None:
    """Return the weighted Nash price in a zone of agreement, None where that is empty.

    The supplier's share rounds down, as under the `nash` rule of the order books: low + ⌊w·(high − low)⌋.

    >>> nash_price(low_micros=Micros(40_000), high_micros=Micros(50_001), weight_ppm=Ppm(500_000))
    45000
    """
    if low_micros > high_micros:
        return None
    return Micros(low_micros + weight_ppm * (high_micros - low_micros) // PPM_ONE)


_STARTS_FROM: dict[type, frozenset[NegotiationState]] = {
    ReservationSealed: frozenset({NegotiationState.OPEN}),
    ReservationRevealed: frozenset({NegotiationState.SEALED}),
    NegotiationAgreed: frozenset({NegotiationState.REVEALED}),
    NegotiationFailed: frozenset({NegotiationState.REVEALED}),
    AgreementSigned: frozenset({NegotiationState.AGREED}),
    NegotiationLapsed: frozenset(NegotiationState) - OVER,
}


def after(negotiation: Negotiation, event: NegotiationEvent) -> Negotiation:
    """Return the negotiation as it is after the event.

    Raises:
        InvariantBroken: if the event cannot happen to it: another state, a stranger or a side that has done this already, a
            seal that the price does not open, a price that does not follow from what was revealed.
    """
    state = negotiation.state
    if state not in _STARTS_FROM.get(type(event), ()):
        raise _broken(negotiation, event, "an event that this state allows")
    match event:
        case ReservationSealed():
            seals = _given(negotiation, event, negotiation.seals, event.seal)
            state = NegotiationState.SEALED if None not in seals else state
            return replace(negotiation, seals=seals, state=state)
        case ReservationRevealed():
            prices = _given(negotiation, event, negotiation.reservations, event.price_micros)
            if not negotiation.opens(event.participant, event.price_micros, event.salt):
                raise _broken(negotiation, event, "what opens the seal")
            state = NegotiationState.REVEALED if None not in prices else state
            return replace(negotiation, reservations=prices, state=state)
        case NegotiationAgreed() | NegotiationFailed():
            low, high = negotiation.zone(
                outside_buyer_micros=event.outside_buyer_micros,
                outside_seller_micros=event.outside_seller_micros,
            )
            if isinstance(event, NegotiationFailed):
                if low <= high:
                    raise _broken(negotiation, event, f"a price of {low} to {high}")
                return replace(negotiation, state=NegotiationState.FAILED)
            if not 0 <= event.weight_ppm <= PPM_ONE:
                raise _broken(negotiation, event, f"a weight of 0 to {PPM_ONE} ppm")
            price = nash_price(low_micros=low, high_micros=high, weight_ppm=event.weight_ppm)
            if event.price_micros != price:
                raise _broken(negotiation, event, f"the price {price}")
            return replace(negotiation, price_micros=price, state=NegotiationState.AGREED)
        case AgreementSigned():
            signatures = _given(negotiation, event, negotiation.signatures, event.signature)
            state = NegotiationState.SIGNED if None not in signatures else state
            return replace(negotiation, signatures=signatures, state=state)
        case _:
            return replace(negotiation, state=NegotiationState.LAPSED)


def _given(
    negotiation: Negotiation,
    event: ReservationSealed | ReservationRevealed | AgreementSigned,
    pair: Pair[Value],
    value: Value,
) -> Pair[Value]:
    """Return the pair with what a side has given."""
    side = negotiation.side_of(event.participant)
    if side is None or pair[side] is not None:
        raise _broken(negotiation, event, "a side that has not done this yet")
    return (value, pair[Side.SELL]) if side is Side.BUY else (pair[Side.BUY], value)


def _broken(negotiation: Negotiation, event: NegotiationEvent, expected: str) -> InvariantBroken:
    return InvariantBroken(
        f"negotiation {negotiation.number}, {negotiation.state.name}: found {type(event).__name__}, expected {expected}"
    )
