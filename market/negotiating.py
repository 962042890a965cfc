"""The negotiation of a long-term contract, step by step: what the parties, the operator and time cause.

The reservation prices of both sides are sealed before either is revealed, so neither can answer the other's. The price
follows from what was revealed, from the weight and from what each side could gain in the order books, in integers: a
replay computes it again. What a side revealed is in the record and in no answer to the other side.
"""

from market.address import Address
from market.events import (
    AgreementSigned,
    Event,
    NegotiationAgreed,
    NegotiationFailed,
    NegotiationLapsed,
    NegotiationOpened,
    ReservationRevealed,
    ReservationSealed,
)
from market.instruments import SECONDS_PER_HOUR, Instrument
from market.negotiations import Negotiation, NegotiationState, Pair, nash_price
from market.proposals import (
    HOURS_MAX,
    SALT_BYTES,
    ConcludeNegotiation,
    Proposal,
    RequestNegotiation,
    RevealReservation,
    SealReservation,
    SignAgreement,
)
from market.refusals import No, Refusal
from market.refusing import refuse
from market.sessions import MICROS_PER_SECOND
from market.state import State
from market.units import PPM_ONE, QUANTITY_MAX, Malformed

Given = SealReservation | RevealReservation | SignAgreement
"""A command by which a side gives, once, what a state waits for."""


def request(state: State, command: RequestNegotiation) -> list[Event]:
    """Open a negotiation, with the next number."""
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
    no = _no_capacity(state, found.proposal)
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
    given = _given(found, command)[side]
    if given is not None:
        return Refusal.ALREADY_APPLIED, f"found that this side of negotiation {command.number} has done it"
    if found.state is not expected:
        detail = f"found negotiation {command.number} {found.state.name}, expected {expected.name}"
        return Refusal.NEGOTIATION_NOT_IN_THAT_STATE, detail
    return found


def _given(negotiation: Negotiation, command: Given) -> Pair[bytes] | Pair[int]:
    match command:
        case SealReservation():
            return negotiation.seals
        case RevealReservation():
            return negotiation.reservations
        case SignAgreement():
            return negotiation.signatures


def _no_request(state: State, command: RequestNegotiation) -> No | None:
    earlier = state.negotiations.asked_before(command.participant, command.proposal.salt)
    if earlier is not None:
        return Refusal.ALREADY_APPLIED, f"found negotiation {earlier} opened with this salt"
    try:
        instrument = command.proposal.instrument
    except Malformed as malformed:
        return Refusal.INCONSISTENT_NEGOTIATION, str(malformed)
    fault = _fault(state, command.participant, command.proposal, instrument)
    if fault is not None:
        return Refusal.INCONSISTENT_NEGOTIATION, f"{instrument}: {fault}"
    return _no_capacity(state, command.proposal)


def _fault(state: State, participant: Address, proposal: Proposal, instrument: Instrument) -> str | None:
    """Return what does not fit together in a proposal, None if all does."""
    quantities = proposal.quantity_lots
    if participant not in (proposal.buyer, proposal.seller) or proposal.buyer == proposal.seller:
        asked = f"found 0x{participant.hex()} asking for buyer 0x{proposal.buyer.hex()} and seller "
        return f"{asked}0x{proposal.seller.hex()}, expected one of two different parties to ask"
    if not 1 <= instrument.hours <= HOURS_MAX or len(quantities) != instrument.hours:
        return f"found {len(quantities)} quantities, expected one for each hour, of at most {HOURS_MAX}"
    if not all(0 <= lots <= QUANTITY_MAX for lots in quantities) or not any(quantities):
        found = f"found {min(quantities)} to {max(quantities)} lots an hour"
        return f"{found}, expected 0 to {QUANTITY_MAX}, and more than 0 in one of them"
    if not state.time_us < proposal.answer_by_s * MICROS_PER_SECOND <= instrument.start_s * MICROS_PER_SECOND:
        return (
            f"answer_by: found {proposal.answer_by_s} s, expected later than now, {state.time_us} µs, "
            f"and no later than the start of delivery, {instrument.start_s} s"
        )
    if not 0 <= proposal.notice_s <= QUANTITY_MAX or len(proposal.salt) != SALT_BYTES:
        found = f"found a notice of {proposal.notice_s} s and a salt of {len(proposal.salt)} bytes"
        return f"{found}, expected 0 s or more and {SALT_BYTES} bytes"
    return None


def _no_capacity(state: State, proposal: Proposal) -> No | None:
    """Return why the seller's meter does not vouch for the quantities beside what is offered and sold, None if it does."""
    seller, instrument = proposal.seller, proposal.instrument
    meter = state.capacity.registration(seller, instrument.resource)
    if meter is None:
        return Refusal.NO_REGISTERED_METER, f"found no meter of 0x{seller.hex()} for {instrument}"
    for hour, lots in proposal.slots:
        left = meter.capacity_lots - state.capacity.committed_lots(seller, instrument.resource, hour)
        if lots > left:
            start_s = hour * SECONDS_PER_HOUR
            detail = f"found {lots} lots in the hour that starts at {start_s} s, expected at most {left}"
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
