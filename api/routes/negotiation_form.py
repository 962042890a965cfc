"""From the wire to what is proposed and signed in a negotiation, and back to what its parties may see."""

from typing import get_args

from api.auth import parse_address, parse_hex
from api.routes.negotiation_wire import (
    AgreementOut,
    NegotiationOut,
    NegotiationStateName,
    NewNegotiation,
    Proposed,
    RungOut,
)
from api.routes.order_form import read_lots, read_micros
from api.routes.wire import SideName
from contracts.agreement import LongTermTerms
from market.instruments import parse_symbol
from market.negotiations import Negotiation, NegotiationState, Pair
from market.proposals import Proposal, RequestNegotiation
from market.units import MICROS_PER_TOKEN, PPM_ONE, Malformed, Ppm, format_decimal, parse_decimal

STATE_NAMES: dict[NegotiationState, NegotiationStateName] = dict(
    zip(NegotiationState, get_args(NegotiationStateName), strict=True)
)
_SIDES: tuple[SideName, SideName] = ("buy", "sell")


def proposal_of(proposed: Proposed) -> Proposal:
    """Read what is proposed.

    Raises:
        Malformed: if a field cannot be read.
    """
    instrument = parse_symbol(proposed.instrument)
    return Proposal(
        buyer=parse_address(proposed.buyer, what="buyer"),
        seller=parse_address(proposed.seller, what="seller"),
        instrument_id=instrument.id,
        quantity_lots=tuple(read_lots(each, instrument, "quantities") for each in proposed.quantities),
        notice_s=proposed.notice_s,
        answer_by_s=proposed.answer_by,
        salt=parse_hex(proposed.salt, length=32, what="salt"),
    )


def request_of(asked: NewNegotiation) -> RequestNegotiation:
    """Read a signed request to negotiate.

    Raises:
        Malformed: if a field cannot be read.
    """
    return RequestNegotiation(
        participant=parse_address(asked.participant),
        proposal=proposal_of(asked),
        signature=parse_hex(asked.signature, length=65, what="signature"),
    )


def terms_of(told: NegotiationOut) -> LongTermTerms:
    """Read the agreed terms of a negotiation, in order to sign them.

    Raises:
        Malformed: if no price is agreed, or a field cannot be read.
    """
    if told.agreement is None:
        raise Malformed(f"negotiation {told.number}: found it {told.state}, expected an agreed price")
    proposal, agreement = proposal_of(told), told.agreement

    def share(text: str, what: str) -> Ppm:
        return Ppm(parse_decimal(text, scale=PPM_ONE, what=what))

    return LongTermTerms(
        buyer=proposal.buyer,
        seller=proposal.seller,
        instrument_id=proposal.instrument_id,
        quantity_lots=proposal.quantity_lots,
        price_micros=read_micros(agreement.price, "price"),
        availability_ppm=share(agreement.availability, "availability"),
        ladder=tuple((share(each.below, "below"), share(each.credit, "credit")) for each in agreement.ladder),
        collateral_ppm=share(agreement.collateral_rate, "collateral_rate"),
        notice_s=proposal.notice_s,
        salt=proposal.salt,
    )


def negotiation_out(negotiation: Negotiation) -> NegotiationOut:
    """Word a negotiation for its parties."""
    proposal = negotiation.proposal
    instrument = proposal.instrument

    def who(pair: Pair[bytes] | Pair[int]) -> list[SideName]:
        return [side for side, given in zip(_SIDES, pair, strict=True) if given is not None]

    return NegotiationOut(
        number=str(negotiation.number),
        state=STATE_NAMES[negotiation.state],
        buyer=f"0x{proposal.buyer.hex()}",
        seller=f"0x{proposal.seller.hex()}",
        instrument=instrument.symbol,
        quantities=[
            format_decimal(lots, scale=instrument.commodity.lots_per_unit) for lots in proposal.quantity_lots
        ],
        notice_s=proposal.notice_s,
        answer_by=proposal.answer_by_s,
        salt=f"0x{proposal.salt.hex()}",
        sealed=who(negotiation.seals),
        revealed=who(negotiation.reservations),
        signed=who(negotiation.signatures),
        agreement=None if negotiation.price_micros is None else _agreement_out(LongTermTerms.of(negotiation)),
    )


def _agreement_out(terms: LongTermTerms) -> AgreementOut:
    def share(ppm: Ppm) -> str:
        return format_decimal(ppm, scale=PPM_ONE)

    return AgreementOut(
        price=format_decimal(terms.price_micros, scale=MICROS_PER_TOKEN),
        availability=share(terms.availability_ppm),
        ladder=[RungOut(below=share(below), credit=share(credit)) for below, credit in terms.ladder],
        collateral_rate=share(terms.collateral_ppm),
        hash=f"0x{terms.hash.hex()}",
    )
