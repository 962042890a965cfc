"""The negotiation of a long-term contract, step by step: what the parties, the operator and time cause.

The reservation prices of both sides are sealed before either is revealed, so neither can answer the other's. The price
follows from what was revealed, from the weight and from what each side could gain in the order books, in integers: a
replay computes it again. What a side revealed is in the record and in no answer to the other side.
"""

from market.events import Event, Refused
from market.instruments import SECONDS_PER_HOUR
from market.negotiations import Negotiation, NegotiationState, Pair, nash_price
from market.proposals import (
    AgreementSigned,
    ConcludeNegotiation,
    NegotiationAgreed,
    NegotiationFailed,
    NegotiationLapsed,
    NegotiationOpened,
    Proposal,
    RequestNegotiation,
    ReservationRevealed,
    ReservationSealed,
    RevealReservation,
    SealReservation,
    SignAgreement,
    fault_in_proposal,
)
from market.refusals import No, Refusal
from market.refusing import refuse
from market.sessions import MICROS_PER_SECOND
from market.state import State
from market.units import PPM_ONE, QUANTITY_MAX

WAITING_MAX = 100
"""How many negotiations that are not over may have been asked for by one participant."""

Given = SealReservation | RevealReservation | SignAgreement
"""A command by which a side gives, once, what a state waits for."""


def request(state: State, command: RequestNegotiation) -> list[Event]:
    """Open a negotiation, with the next number. The same proposal again is told the number that it has."""
    earlier = state.negotiations.with_salt(command.proposal.salt)
    if earlier is not None:
        return [_refuse_again(command, earlier)]
    no = _no_request(state, command)
    if no is not None:
        return [refuse(command, no)]
    number = state.negotiations.last_number + 1
    return [state.happen(NegotiationOpened(number, command.participant, command.proposal, command.signature))]


def seal(state: State, command: SealReservation) -> list[Event]:
    """Bind a side to its reservation price; its first seal stands."""
    found = _step(state, command, NegotiationState.OPEN)
    if not isinstance(found, Negotiation):
        return [refuse(command, found)]
    sealed = ReservationSealed(command.number, command.participant, command.seal, command.signature)
    return [state.happen(sealed)]


def reveal(state: State, command: RevealReservation) -> list[Event]:
    """Open a side's seal, once both are given."""
    found = _step(state, command, NegotiationState.SEALED)
    if not isinstance(found, Negotiation):
        return [refuse(command, found)]
    if not 1 <= command.price_micros <= QUANTITY_MAX:
        expected = f"found a reservation of {command.price_micros} micros, expected 1 to {QUANTITY_MAX}"
        return [refuse(command, (Refusal.INCONSISTENT_NEGOTIATION, expected))]
    if not found.opens(command.participant, command.price_micros, command.salt):
        detail = f"found another price or salt, expected what was sealed for negotiation {command.number}"
        return [refuse(command, (Refusal.SEAL_DIFFERS, detail))]
    return [
        state.happen(
            ReservationRevealed(command.number, command.participant, command.price_micros, command.salt)
        )
    ]


def conclude(state: State, command: ConcludeNegotiation) -> list[Event]:
    """Price a negotiation, or find that no price leaves both sides as well off as the order books do."""
    number = command.number
    no = _no_conclusion(state, command)
    if no is not None:
        return [refuse(command, no, number)]
    buyer, seller = command.outside_buyer_micros, command.outside_seller_micros
    low, high = state.negotiations.get(number).zone(outside_buyer_micros=buyer, outside_seller_micros=seller)
    price = nash_price(low_micros=low, high_micros=high, weight_ppm=command.weight_ppm)
    if price is None:
        return [state.happen(NegotiationFailed(number, buyer, seller))]
    return [state.happen(NegotiationAgreed(number, price, command.weight_ppm, buyer, seller))]


def sign(state: State, command: SignAgreement) -> list[Event]:
    """Take a side's signature under the agreed terms; the second one sells the capacity of every hour."""
    found = _step(state, command, NegotiationState.AGREED)
    if not isinstance(found, Negotiation):
        return [refuse(command, found)]
    no = _no_capacity(state, command, found.proposal)
    if no is not None:
        return [refuse(command, no)]
    return [state.happen(AgreementSigned(command.number, command.participant, command.signature))]


def lapse(state: State) -> list[Event]:
    """End the negotiations that a side has kept waiting past their moment, by that moment and number."""
    events: list[Event] = []
    while (due := state.deadlines.take(state.time_us)) is not None:
        _, number = due
        lapses_us = state.negotiations.get(number).lapses_us
        if lapses_us is not None and lapses_us <= state.time_us:
            events.append(state.happen(NegotiationLapsed(number)))
    return events


def _step(state: State, command: Given, expected: NegotiationState) -> Negotiation | No:
    """Return the negotiation that a side may take a step in, or why it may not."""
    found = state.negotiations.find(command.number)
    side = None if found is None else found.side_of(command.participant)
    if found is None or side is None:
        detail = f"found negotiation {command.number}, expected one of 0x{command.participant.hex()}"
        return Refusal.UNKNOWN_NEGOTIATION, detail
    pair, value = _given(found, command)
    if pair[side] is not None:
        return _no_again(command.number, same=pair[side] == value)
    if found.state is not expected:
        detail = f"found negotiation {command.number} {found.state.name}, expected {expected.name}"
        return Refusal.NEGOTIATION_NOT_IN_THAT_STATE, detail
    return found


def _given(negotiation: Negotiation, command: Given) -> tuple[Pair[bytes] | Pair[int], bytes | int]:
    """Return what the sides have given so far of what a command gives, and what it gives."""
    match command:
        case SealReservation():
            return negotiation.seals, command.seal
        case RevealReservation():
            return negotiation.reservations, command.price_micros
        case SignAgreement():
            return negotiation.signatures, command.signature


def _refuse_again(command: RequestNegotiation, earlier: Negotiation) -> Refused:
    """Answer a proposal whose salt came before. Who is no party is not told in which negotiation."""
    if earlier.proposal == command.proposal and earlier.side_of(command.participant) is not None:
        return refuse(command, _no_again(earlier.number, same=True), earlier.number)
    return refuse(command, (Refusal.FIRST_ONE_STANDS, "found this salt in another proposal"))


def _no_again(number: int, *, same: bool) -> No:
    """Return why what was given once is not taken a second time: a repetition is harmless, anything else is not meant."""
    if same:
        return Refusal.ALREADY_APPLIED, f"found the same in negotiation {number}"
    return Refusal.FIRST_ONE_STANDS, f"found another one in negotiation {number}"


def _no_request(state: State, command: RequestNegotiation) -> No | None:
    participant, proposal = command.participant, command.proposal
    fault = fault_in_proposal(proposal)
    if fault is None and participant not in (proposal.buyer, proposal.seller):
        fault = f"found 0x{participant.hex()} asking, expected the buyer or the seller"
    if fault is None and proposal.answer_by_s * MICROS_PER_SECOND <= state.time_us:
        fault = f"answer_by: found {proposal.answer_by_s} s, expected later than now, {state.time_us} µs"
    if fault is not None:
        return Refusal.INCONSISTENT_NEGOTIATION, fault
    waiting = state.negotiations.waiting(participant)
    if waiting >= WAITING_MAX:
        detail = f"found {waiting} that are not over, expected at most {WAITING_MAX - 1} before another"
        return Refusal.TOO_MANY_NEGOTIATIONS, detail
    return _no_capacity(state, command, proposal)


def _no_capacity(state: State, command: RequestNegotiation | SignAgreement, proposal: Proposal) -> No | None:
    """Return why the seller's meter does not vouch for the quantities, None if it does.

    What else the seller offers and has sold counts too, but not where a buyer only asks: whoever asks for one quantity after
    the other would find out what the books hide. For the same reason the seller alone is told a figure.
    """
    seller, instrument = proposal.seller, proposal.instrument
    resource, by_seller = instrument.resource, command.participant == seller
    meter = state.capacity.registration(seller, resource)
    if meter is None:
        return Refusal.NO_REGISTERED_METER, f"found no meter of 0x{seller.hex()} for {instrument}"
    only_asked = isinstance(command, RequestNegotiation) and not by_seller
    for hour, lots in proposal.slots:
        committed = 0 if only_asked else state.capacity.committed_lots(seller, resource, hour)
        if lots + committed > meter.capacity_lots:
            most = (
                f"at most {meter.capacity_lots - committed}" if by_seller else "no more than the seller has"
            )
            start_s = hour * SECONDS_PER_HOUR
            detail = f"found {lots} lots in the hour that starts at {start_s} s, expected {most}"
            return Refusal.OVER_REGISTERED_CAPACITY, detail
    return None


def _no_conclusion(state: State, command: ConcludeNegotiation) -> No | None:
    found = state.negotiations.find(command.number)
    if found is None:
        return (
            Refusal.UNKNOWN_NEGOTIATION,
            f"found {command.number}, expected 1 to {state.negotiations.last_number}",
        )
    if found.state is not NegotiationState.REVEALED:
        detail = f"found negotiation {command.number} {found.state.name}, expected REVEALED"
        return Refusal.NEGOTIATION_NOT_IN_THAT_STATE, detail
    figures = (command.weight_ppm, command.outside_buyer_micros, command.outside_seller_micros)
    if not 0 <= command.weight_ppm <= PPM_ONE or min(figures) < 0:
        detail = f"found weight and gains {figures}, expected a weight of 0 to {PPM_ONE} ppm and gains of 0 or more"
        return Refusal.INCONSISTENT_NEGOTIATION, detail
    return None
