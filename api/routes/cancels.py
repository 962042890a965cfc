"""Taking orders off the books: one, many at once, or all of somebody who falls silent."""

import asyncio
from typing import Annotated, TypedDict

from fastapi import APIRouter, Header, Query

from api.auth import parse_address, parse_hex
from api.house import House
from api.order_outcome import read_symbol
from api.problem import Problem
from api.problems import refused
from api.routes import HouseOf
from api.routes.order_wire import Cancel, CancelAll, CancelledAllOut, CancelledOut, Once, Timer, TimerOut
from api.routes.reading import listed_as
from api.routes.wire import OrderId, ProblemOut
from market.events import Event, OrderCancelled, Refused
from market.instruments import Instrument, parse_symbol
from market.open_orders import OpenOrder
from market.orders import Address, CancelOrder, MassCancel, SetDeadManTimer, Side
from market.sessions import MICROS_PER_SECOND
from market.units import format_decimal

router = APIRouter(prefix="/v1/orders", tags=["orders"])


@router.post("/{order_id}/cancel", responses={409: {"model": ProblemOut}, 401: {"model": ProblemOut}})
async def cancel(order_id: OrderId, request: Cancel, house: HouseOf) -> CancelledOut:
    """Take an order off the book; what it held is free again from the next batch."""
    participant = parse_address(request.participant)
    signature = parse_hex(request.signature, length=65, what="signature")
    command = CancelOrder(participant, order_id, request.deadline, signature)
    house.door.check_cancel(command, now_s=house.sequencer.now_s())
    order = house.venue.exchange.order(order_id)
    for event in await _answer(house, command):
        if isinstance(event, OrderCancelled):
            commodity = (await _instrument_of(house, order_id, order)).commodity
            remaining = format_decimal(event.remaining_lots, scale=commodity.lots_per_unit)
            return CancelledOut(order_id=str(order_id), remaining=remaining)
    raise Problem(500, "no_answer", "the cancel got no answer")


async def _instrument_of(house: House, order_id: int, order: OpenOrder | None) -> Instrument:
    """Return the instrument of an order that was open before its cancel, or came in and went with the same batch."""
    if order is not None:
        return house.venue.exchange.listing(order.terms.instrument_id).instrument
    await asyncio.to_thread(house.sequencer.catch_up)
    return parse_symbol(await asyncio.to_thread(read_symbol, house.engine, order_id))


@router.delete("", responses={404: {"model": ProblemOut}, 401: {"model": ProblemOut}})
async def cancel_all(request: Annotated[CancelAll, Query()], house: HouseOf) -> CancelledAllOut:
    """Take all open orders of a participant off the books, waiting stops too; of an instrument or side if named."""
    command = MassCancel(
        participant=parse_address(request.participant),
        instrument_id=None if request.instrument is None else listed_as(house, request.instrument).id,
        side=None if request.side is None else Side[request.side.upper()],
        **_signed(request),
    )
    events = await _answer_once(house, command)
    cancelled = [event.order_id for event in events if isinstance(event, OrderCancelled)]
    return CancelledAllOut(order_ids=[str(order_id) for order_id in cancelled])


@router.put("/timer", responses={409: {"model": ProblemOut}, 401: {"model": ProblemOut}})
async def set_timer(request: Timer, house: HouseOf) -> TimerOut:
    """Cancel all orders of a participant unless this comes again in time; 0 seconds disarm the timer."""
    participant = parse_address(request.participant)
    command = SetDeadManTimer(participant, request.timeout_s, **_signed(request))
    await _answer_once(house, command)
    return _timer_out(house, participant)


@router.get("/timer", responses={401: {"model": ProblemOut}})
async def timer(house: HouseOf, authorization: Annotated[str | None, Header()] = None) -> TimerOut:
    """Tell when your orders will be cancelled (log in first)."""
    return _timer_out(house, house.door.participant_of(authorization, house.sequencer.now_s()))


def _timer_out(house: House, participant: Address) -> TimerOut:
    expires_us = house.venue.exchange.dead_man_expires_us(participant)
    return TimerOut(expires=None if expires_us is None else expires_us // MICROS_PER_SECOND)


class _Signed(TypedDict):
    """What a participant signs with every such request, and the signature."""

    nonce: int
    deadline_s: int
    signature: bytes


def _signed(request: Once) -> _Signed:
    signature = parse_hex(request.signature, length=65, what="signature")
    return _Signed(nonce=int(request.nonce), deadline_s=request.deadline, signature=signature)


async def _answer_once(house: House, command: MassCancel | SetDeadManTimer) -> tuple[Event, ...]:
    with house.door.once(command, now_s=house.sequencer.now_s()):
        return await _answer(house, command)


async def _answer(house: House, command: CancelOrder | MassCancel | SetDeadManTimer) -> tuple[Event, ...]:
    events = (await house.sequencer.submit(command)).events
    for event in events:
        if isinstance(event, Refused):
            raise refused(event)
    return events
