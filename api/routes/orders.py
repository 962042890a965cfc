"""Order entry: place, place many, replace, look up."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Header, Query
from pydantic import Field

from api.house import House
from api.order_outcome import Outcome, outcome_of, read_outcome
from api.problem import Problem
from api.problems import body, refused
from api.routes import HouseOf
from api.routes.order_form import place_order, signed_terms
from api.routes.order_wire import BatchItemOut, FillOut, NewOrder, OpenOrderOut, OrderOut, SignedOrder
from api.routes.wire import OrderId, OrderTypeName, ProblemOut, SelfTradeName, SideName, TimeInForceName
from api.sequencer import Answer
from market.events import Refused
from market.instruments import Instrument, parse_symbol
from market.open_orders import OpenOrder
from market.orders import OrderType, PlaceOrder, ReplaceOrder, SelfTrade, Side, TimeInForce
from market.sessions import MICROS_PER_SECOND
from market.units import MICROS_PER_TOKEN, Malformed, format_decimal

router = APIRouter(prefix="/v1/orders", tags=["orders"])

BATCH_MAX = 1_000
CHECKED_AT_ONCE = 16
"""Signatures of a batch that are checked before the writer has its turn: a few milliseconds' worth."""
Orders = Annotated[list[NewOrder], Field(min_length=1, max_length=BATCH_MAX)]
SIDE_NAMES: dict[Side, SideName] = {Side.BUY: "buy", Side.SELL: "sell"}
TYPE_NAMES: dict[OrderType, OrderTypeName] = {OrderType.LIMIT: "limit", OrderType.MARKET: "market"}
TIME_IN_FORCE_NAMES: dict[TimeInForce, TimeInForceName] = {
    TimeInForce.GTC: "gtc",
    TimeInForce.IOC: "ioc",
    TimeInForce.FOK: "fok",
    TimeInForce.DAY: "day",
    TimeInForce.GTD: "gtd",
}
SELF_TRADE_NAMES: dict[SelfTrade, SelfTradeName] = {
    SelfTrade.CANCEL_NEWEST: "cancel_newest",
    SelfTrade.CANCEL_OLDEST: "cancel_oldest",
    SelfTrade.CANCEL_BOTH: "cancel_both",
    SelfTrade.DECREMENT: "decrement",
}


def _place_command(house: House, order: NewOrder) -> PlaceOrder:
    command = place_order(order)
    house.door.check_order(command.terms, command.signature)
    return command


async def _order_out(
    house: House, instrument: Instrument, client_order_id: int, answer: Answer, *, was_waiting: bool = False
) -> OrderOut:
    for event in answer.events:
        if isinstance(event, Refused):
            raise refused(event)
    earlier = answer.earlier_order_id
    if earlier is None:
        tick_micros = instrument.commodity.tick_micros
        outcome = outcome_of(answer.events, tick_micros=tick_micros, was_waiting=was_waiting)
    else:
        await asyncio.to_thread(house.sequencer.catch_up)
        outcome = await asyncio.to_thread(read_outcome, house.engine, earlier)
    return _outcome_out(outcome, instrument, client_order_id, repeated=earlier is not None)


def _outcome_out(
    outcome: Outcome, instrument: Instrument, client_order_id: int, *, repeated: bool
) -> OrderOut:
    lots_per_unit = instrument.commodity.lots_per_unit
    return OrderOut(
        order_id=str(outcome.order_id),
        client_order_id=str(client_order_id),
        status=outcome.status,
        remaining=format_decimal(outcome.remaining_lots, scale=lots_per_unit),
        fills=[
            FillOut(
                trade_number=str(fill.trade_number),
                price=format_decimal(fill.price_micros, scale=MICROS_PER_TOKEN),
                quantity=format_decimal(fill.quantity_lots, scale=lots_per_unit),
            )
            for fill in outcome.fills
        ],
        waiting=outcome.waiting,
        repeated=repeated,
    )


@router.post("", responses={409: {"model": ProblemOut}, 401: {"model": ProblemOut}})
async def place(order: NewOrder, house: HouseOf) -> OrderOut:
    """Place a signed order. It is answered when it is durable; a refusal is a 409 with its name."""
    command = _place_command(house, order)
    answer = await house.sequencer.submit(command)
    return await _order_out(house, parse_symbol(order.instrument), command.terms.client_order_id, answer)


@router.post("/batch")
async def place_batch(orders: Orders, house: HouseOf) -> list[BatchItemOut]:
    """Place up to 1,000 signed orders; each is taken in or refused by itself, in this order."""
    outs: list[BatchItemOut | None] = []
    waiting = []
    for at, order in enumerate(orders):
        if at % CHECKED_AT_ONCE == 0:
            await asyncio.sleep(0)  # this thread is the writer's too: others' orders come in between
        try:
            command = _place_command(house, order)
        except Problem as problem:
            outs.append(BatchItemOut(problem=_problem_out(problem)))
        except Malformed as error:
            outs.append(BatchItemOut(problem=_problem_out(Problem(422, "malformed", str(error)))))
        else:
            outs.append(None)
            waiting.append(command)
    answers = iter(await house.sequencer.submit_many(waiting))
    commands = iter(waiting)
    for index, out in enumerate(outs):
        if out is None:
            outs[index] = await _batch_item(house, next(commands), next(answers), orders[index].instrument)
    return [out for out in outs if out is not None]


async def _batch_item(house: House, command: PlaceOrder, answer: Answer, symbol: str) -> BatchItemOut:
    try:
        return BatchItemOut(
            order=await _order_out(house, parse_symbol(symbol), command.terms.client_order_id, answer)
        )
    except Problem as problem:
        return BatchItemOut(problem=_problem_out(problem))


def _problem_out(problem: Problem) -> ProblemOut:
    return ProblemOut.model_validate(body(problem.status, problem.name, problem.detail))


@router.put("/{order_id}", responses={409: {"model": ProblemOut}, 401: {"model": ProblemOut}})
async def replace(order_id: OrderId, order: SignedOrder, house: HouseOf) -> OrderOut:
    """Put newly signed terms in place of an open order's, which keeps how it trades.

    It keeps its priority only if nothing but the quantity shrinks.
    """
    instrument, terms, signature = signed_terms(order)
    house.door.check_order(terms, signature)
    before = house.venue.exchange.order(order_id)
    answer = await house.sequencer.submit(ReplaceOrder(order_id, terms, signature))
    was_waiting = before is not None and before.waiting
    return await _order_out(house, instrument, terms.client_order_id, answer, was_waiting=was_waiting)


@router.get("")
async def open_orders(
    house: HouseOf,
    authorization: Annotated[str | None, Header()] = None,
    limit: Annotated[int, Query(ge=1, le=1_000)] = 100,
) -> list[OpenOrderOut]:
    """List your open orders, oldest first, with what each asked for (log in first)."""
    participant = house.door.participant_of(authorization, house.sequencer.now_s())
    exchange = house.venue.exchange
    return [
        _open_order_out(order, exchange.listing(order.terms.instrument_id).instrument)
        for order in exchange.open_orders(participant)[:limit]
    ]


def _open_order_out(order: OpenOrder, instrument: Instrument) -> OpenOrderOut:
    terms, conditions = order.terms, order.conditions

    def units(lots: int | None) -> str | None:
        return None if lots is None else format_decimal(lots, scale=instrument.commodity.lots_per_unit)

    def tokens(micros: int | None) -> str | None:
        return None if micros is None else format_decimal(micros, scale=MICROS_PER_TOKEN)

    return OpenOrderOut(
        order_id=str(order.order_id),
        client_order_id=str(terms.client_order_id),
        instrument=instrument.symbol,
        side=SIDE_NAMES[terms.side],
        price=format_decimal(terms.price_micros, scale=MICROS_PER_TOKEN),
        remaining=format_decimal(order.remaining_lots, scale=instrument.commodity.lots_per_unit),
        good_until=order.until_us // MICROS_PER_SECOND,
        waiting=order.waiting,
        type=TYPE_NAMES[order.order_type],
        time_in_force=TIME_IN_FORCE_NAMES[order.time_in_force],
        post_only=order.post_only,
        all_or_none=conditions.all_or_none,
        minimum_quantity=units(conditions.minimum_lots or None),
        display_quantity=units(conditions.display_lots),
        stop_price=tokens(conditions.stop_micros),
        budget=tokens(conditions.budget_micros),
        self_trade=SELF_TRADE_NAMES[conditions.self_trade],
    )
