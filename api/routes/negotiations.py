"""Negotiate a long-term contract: ask, seal a reservation price, reveal it, sign what was agreed.

Only its two parties see a negotiation, and neither is told the other's reservation price. A step that is sent again is
answered with the negotiation as it stands.
"""

import asyncio
from contextlib import suppress
from http import HTTPStatus
from itertools import islice
from typing import Annotated

from fastapi import APIRouter, Header, Path, Query

from api.auth import parse_address, parse_hex
from api.house import House
from api.negotiating import conclusion
from api.problem import Problem
from api.problems import refused
from api.routes import HouseOf
from api.routes.negotiation_form import negotiation_out, request_of
from api.routes.negotiation_wire import AgreementSignature, NegotiationOut, NewNegotiation, Reveal, Seal
from api.routes.order_form import read_micros
from api.routes.wire import ProblemOut
from api.sequencer import QueueFull
from contracts.agreement import LongTermTerms
from market.events import Event, Refused
from market.negotiations import Negotiation, NegotiationState
from market.orders import Address, Command
from market.proposals import NegotiationOpened, RevealReservation, SealReservation, SignAgreement
from market.refusals import EXPLANATIONS, Refusal

router = APIRouter(prefix="/v1/negotiations", tags=["negotiations"])

Number = Annotated[int, Path(ge=1, lt=1 << 63)]
Authorization = Annotated[str | None, Header()]


@router.post("", responses={409: {"model": ProblemOut}, 401: {"model": ProblemOut}})
async def request(asked: NewNegotiation, house: HouseOf) -> NegotiationOut:
    """Open a negotiation with the other side of a proposal. Anyone may be asked; nobody has to answer."""
    command = request_of(asked)
    house.door.check_proposal(command)
    (number,) = (
        event.number if isinstance(event, NegotiationOpened) else event.reference
        for event in await _answer(house, command)
        if isinstance(event, NegotiationOpened | Refused)
    )
    return _shown(house, number, command.participant)


@router.get("", responses={401: {"model": ProblemOut}})
async def negotiations(
    house: HouseOf,
    authorization: Authorization = None,
    after: Annotated[int, Query(ge=0, lt=1 << 63)] = 0,
    limit: Annotated[int, Query(ge=1, le=100)] = 100,
) -> list[NegotiationOut]:
    """List your negotiations by number, those after `after` first (log in first)."""
    participant = house.door.participant_of(authorization, house.sequencer.now_s())
    yours = (each for each in house.venue.exchange.negotiations(participant) if each.number > after)
    told = list(islice(yours, limit))
    # a year has thousands of quantities: to word a hundred such would keep everybody's orders waiting
    return await asyncio.to_thread(lambda: [negotiation_out(each) for each in told])


@router.get("/{number}", responses={404: {"model": ProblemOut}, 401: {"model": ProblemOut}})
async def negotiation(number: Number, house: HouseOf, authorization: Authorization = None) -> NegotiationOut:
    """Show a negotiation of yours and, once agreed, its terms and their hash (log in first)."""
    return _shown(house, number, house.door.participant_of(authorization, house.sequencer.now_s()))


@router.post("/{number}/seal", responses={409: {"model": ProblemOut}, 401: {"model": ProblemOut}})
async def seal(number: Number, given: Seal, house: HouseOf) -> NegotiationOut:
    """Bind yourself to a reservation price that nobody sees before both sides are bound."""
    command = SealReservation(
        participant=parse_address(given.participant),
        number=number,
        seal=parse_hex(given.seal, length=32, what="seal"),
        signature=parse_hex(given.signature, length=65, what="signature"),
    )
    house.door.check_seal(command)
    await _answer(house, command)
    return _shown(house, number, command.participant)


@router.post("/{number}/reveal", responses={409: {"model": ProblemOut}, 401: {"model": ProblemOut}})
async def reveal(
    number: Number, given: Reveal, house: HouseOf, authorization: Authorization = None
) -> NegotiationOut:
    """Open your seal to the market (log in first). The second side's reveal is answered with the price, or none."""
    participant = house.door.participant_of(authorization, house.sequencer.now_s())
    salt = parse_hex(given.salt, length=32, what="salt")
    await _answer(house, RevealReservation(participant, number, read_micros(given.price, "price"), salt))
    found = _found(house, number, participant)
    if found.state is NegotiationState.REVEALED:
        with suppress(QueueFull):  # the reveal is recorded: the price comes a second later (api/app.py)
            await house.sequencer.submit(conclusion(house.venue.exchange, found))
    return _shown(house, number, participant)


@router.post("/{number}/signature", responses={409: {"model": ProblemOut}, 401: {"model": ProblemOut}})
async def sign(number: Number, given: AgreementSignature, house: HouseOf) -> NegotiationOut:
    """Sign the agreed terms. The second signature concludes the contract."""
    command = SignAgreement(
        participant=parse_address(given.participant),
        number=number,
        signature=parse_hex(given.signature, length=65, what="signature"),
    )
    found = _found(house, number, command.participant)
    if found.price_micros is None:  # there is nothing yet that the signature could be checked against
        refusal = Refusal.NEGOTIATION_NOT_IN_THAT_STATE
        raise Problem(
            HTTPStatus.CONFLICT, refusal.value, f"{EXPLANATIONS[refusal]} (found {found.state.name})"
        )
    house.door.check_agreement(LongTermTerms.of(found), command)
    await _answer(house, command)
    return _shown(house, number, command.participant)


def _found(house: House, number: int, participant: Address) -> Negotiation:
    """Return a negotiation to one of its parties; anybody else is told that there is none."""
    found = house.venue.exchange.negotiation(number)
    if found is None or found.side_of(participant) is None:
        detail = f"found no negotiation {number} of 0x{participant.hex()}"
        raise Problem(HTTPStatus.NOT_FOUND, "unknown_negotiation", detail)
    return found


def _shown(house: House, number: int, participant: Address) -> NegotiationOut:
    return negotiation_out(_found(house, number, participant))


async def _answer(house: House, command: Command) -> tuple[Event, ...]:
    """Have a step taken, unless it was taken before. Raises Problem if it is refused."""
    events = (await house.sequencer.submit(command)).events
    for event in events:
        if isinstance(event, Refused) and event.refusal is not Refusal.ALREADY_APPLIED:
            raise refused(event)
    return events
