"""Order entry: place, place many, replace, cancel, look up."""

from typing import Annotated

from fastapi import APIRouter, Header, Query

from api.auth import parse_address, parse_hex
from api.house import House
from api.problems import Problem, body, refused
from api.routes import HouseOf
from api.routes.wire import (
    BatchItemOut,
    Cancel,
    CancelledOut,
    FillOut,
    NewOrder,
    OrderOut,
    ProblemOut,
    SignedOrder,
    StatusName,
)
from api.sequencer import Answer
from market.events import OrderAccepted, OrderCancelled, OrderReplaced, Refused, TradeAgreed
from market.instruments import Instrument, parse_symbol
from market.orders import (
    CancelOrder,
    OrderTerms,
    OrderType,
    PlaceOrder,
    ReplaceOrder,
    Side,
    TimeInForce,
)
from market.units import MICROS_PER_TOKEN, Lots, Malformed, Micros, format_decimal, parse_decimal

router = APIRouter(prefix="/v1/orders", tags=["orders"])

BATCH_MAX = 1_000


def signed_terms(order: SignedOrder) -> tuple[Instrument, OrderTerms, bytes]:
    """Read the wire's order into what was signed.

    Raises:
        Malformed: if a field cannot be read.
    """
    instrument = parse_symbol(order.instrument)
    lots_per_unit = instrument.commodity.lots_per_unit
    terms = OrderTerms(
        participant=parse_address(order.participant),
        instrument_id=instrument.id,
        side=Side[order.side.upper()],
        price_micros=Micros(
            _uint64(parse_decimal(order.price, scale=MICROS_PER_TOKEN, what="price"), "price")
        ),
        quantity_lots=Lots(
            _uint64(parse_decimal(order.quantity, scale=lots_per_unit, what="quantity"), "quantity")
        ),
        good_until_s=order.good_until,
        settle_until_s=order.settle_until,
        fee_cap_bps=order.fee_cap_bps,
        reference_micros=Micros(
            _uint64(
                parse_decimal(order.reference_price, scale=MICROS_PER_TOKEN, what="reference_price"),
                "reference_price",
            )
        ),
        client_order_id=_uint64(int(order.client_order_id), "client_order_id"),
    )
    return instrument, terms, parse_hex(order.signature, length=65, what="signature")


def _uint64(value: int, what: str) -> int:
    if value >= 1 << 63:
        raise Malformed(f"{what}: found {value} in its smallest unit, expected less than 2^63")
    return value


def _place_command(house: House, order: NewOrder) -> PlaceOrder:
    _, terms, signature = signed_terms(order)
    house.door.check_order(terms, signature)
    return PlaceOrder(
        terms=terms,
        signature=signature,
        order_type=OrderType[order.type.upper()],
        time_in_force=TimeInForce[order.time_in_force.upper()],
        post_only=order.post_only,
    )


def _order_out(house: House, instrument: Instrument, client_order_id: int, answer: Answer) -> OrderOut:
    lots_per_unit = instrument.commodity.lots_per_unit
    tick = instrument.commodity.tick_micros
    order_id = answer.earlier_order_id
    fills, cancelled = [], False
    for event in answer.events:
        match event:
            case OrderAccepted() | OrderReplaced():
                order_id = event.order_id
            case OrderCancelled():
                cancelled = event.order_id == order_id
            case TradeAgreed():
                fills.append(
                    FillOut(
                        trade_number=str(event.trade_number),
                        price=format_decimal(event.price_ticks * tick, scale=MICROS_PER_TOKEN),
                        quantity=format_decimal(event.quantity_lots, scale=lots_per_unit),
                    )
                )
            case Refused():
                raise refused(event)
            case _:
                pass
    if order_id is None:
        raise Problem(500, "no_answer", "the order got no answer")
    order = house.venue.exchange.order(order_id)
    status: StatusName
    if order is not None:
        status = "open"
    elif answer.earlier_order_id is not None:
        status = "closed"
    elif cancelled:
        status = "partly_filled_and_cancelled" if fills else "cancelled"
    else:
        status = "filled"
    return OrderOut(
        order_id=str(order_id),
        client_order_id=str(client_order_id),
        status=status,
        remaining=format_decimal(order.remaining_lots if order else 0, scale=lots_per_unit),
        fills=fills,
        repeated=answer.earlier_order_id is not None,
    )


@router.post("", responses={409: {"model": ProblemOut}, 401: {"model": ProblemOut}})
async def place(order: NewOrder, house: HouseOf) -> OrderOut:
    """Place a signed order. It is answered when it is durable; a refusal is a 409 with its name."""
    command = _place_command(house, order)
    answer = await house.sequencer.submit(command)
    return _order_out(house, parse_symbol(order.instrument), command.terms.client_order_id, answer)


@router.post("/batch")
async def place_batch(orders: list[NewOrder], house: HouseOf) -> list[BatchItemOut]:
    """Place up to 1,000 signed orders; each is taken in or refused by itself, in this order."""
    if not 1 <= len(orders) <= BATCH_MAX:
        raise Malformed(f"batch: found {len(orders)} orders, expected 1 to {BATCH_MAX}")
    outs: list[BatchItemOut | None] = []
    waiting = []
    for order in orders:
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
            outs[index] = _batch_item(house, next(commands), next(answers), orders[index].instrument)
    return [out for out in outs if out is not None]


def _batch_item(house: House, command: PlaceOrder, answer: Answer, symbol: str) -> BatchItemOut:
    try:
        return BatchItemOut(
            order=_order_out(house, parse_symbol(symbol), command.terms.client_order_id, answer)
        )
    except Problem as problem:
        return BatchItemOut(problem=_problem_out(problem))


def _problem_out(problem: Problem) -> ProblemOut:
    return ProblemOut.model_validate(body(problem.status, problem.name, problem.detail))


@router.put("/{order_id}", responses={409: {"model": ProblemOut}, 401: {"model": ProblemOut}})
async def replace(order_id: int, order: SignedOrder, house: HouseOf) -> OrderOut:
    """Put newly signed terms in place of a resting order's; priority is kept only if just the quantity shrinks."""
    instrument, terms, signature = signed_terms(order)
    house.door.check_order(terms, signature)
    answer = await house.sequencer.submit(ReplaceOrder(order_id, terms, signature))
    return _order_out(house, instrument, terms.client_order_id, answer)


@router.post("/{order_id}/cancel", responses={409: {"model": ProblemOut}, 401: {"model": ProblemOut}})
async def cancel(order_id: int, request: Cancel, house: HouseOf) -> CancelledOut:
    """Take an order off the book; what it held is free again from the next batch."""
    participant = parse_address(request.participant)
    house.door.check_cancel(
        participant,
        order_id,
        deadline_s=request.deadline,
        now_s=house.sequencer.now_s(),
        signature=parse_hex(request.signature, length=65, what="signature"),
    )
    order = house.venue.exchange.order(order_id)
    answer = await house.sequencer.submit(CancelOrder(participant, order_id))
    for event in answer.events:
        if isinstance(event, Refused):
            raise refused(event)
        if isinstance(event, OrderCancelled) and order is not None:
            lots_per_unit = house.venue.exchange.listing(
                order.terms.instrument_id
            ).instrument.commodity.lots_per_unit
            return CancelledOut(
                order_id=str(order_id), remaining=format_decimal(event.remaining_lots, scale=lots_per_unit)
            )
    raise Problem(500, "no_answer", "the cancel got no answer")


@router.get("")
async def open_orders(
    house: HouseOf,
    authorization: Annotated[str | None, Header()] = None,
    limit: Annotated[int, Query(ge=1, le=1_000)] = 100,
) -> list[OrderOut]:
    """List your open orders (log in first)."""
    participant = house.door.participant_of(authorization, house.sequencer.now_s())
    exchange = house.venue.exchange
    found = []
    for order in exchange.open_orders(participant):
        lots_per_unit = exchange.listing(order.terms.instrument_id).instrument.commodity.lots_per_unit
        found.append(
            OrderOut(
                order_id=str(order.order_id),
                client_order_id=str(order.terms.client_order_id),
                status="open",
                remaining=format_decimal(order.remaining_lots, scale=lots_per_unit),
                fills=[],
            )
        )
        if len(found) == limit:
            break
    return found
