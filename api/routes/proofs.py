"""One's own order, proven to be in the record: what `ccei proof verify` checks, without showing anybody else's."""

import asyncio
import logging
from http import HTTPStatus
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from fastapi.responses import Response

from api.auth import parse_hex
from api.house import House
from api.problem import Problem
from api.routes import HouseOf
from api.routes.accounts import Authorization
from api.routes.wire import OrderId, ProblemOut
from ledger.inclusion import TakenIn, Unprovable, find_order
from ledger.layout import BadEncoding
from ledger.record import BrokenChain
from market.orders import Address

log = logging.getLogger(__name__)

router = APIRouter(prefix="/v1/orders", tags=["orders"])

PROBLEMS: dict[int | str, dict[str, Any]] = {status: {"model": ProblemOut} for status in (401, 404, 409, 503)}


@router.get("/{order_id}/proof", response_class=Response, responses=PROBLEMS)
async def proof(
    order_id: OrderId,
    house: HouseOf,
    to: Annotated[
        Literal["head", "anchor"] | Annotated[str, Query(pattern="^0x[0-9a-fA-F]{64}$")],
        Query(
            description="Where it ends: at the last row, the first that a settlement batch carried, or a hash."
        ),
    ] = "head",
    authorization: Authorization = None,
) -> Response:
    """Prove that your order was taken in (log in first): what `ccei proof make` writes."""
    participant = house.door.participant_of(authorization, house.sequencer.now_s())
    number = (await _find(house, order_id, participant)).number
    try:
        if to == "head":
            made = await house.proving.to_head(order_id, number=number)
        elif to == "anchor":
            made = await house.proving.to_anchor(order_id, number=number)
        else:
            known = parse_hex(to, length=32, what="to")
            made = await house.proving.to_hash(order_id, known, number=number)
    except Unprovable as error:
        raise Problem(HTTPStatus.CONFLICT, "unprovable", str(error)) from None
    except (BrokenChain, BadEncoding) as error:
        log.critical("order %d cannot be proven: %s. Look at the record with `ccei audit`", order_id, error)
        raise Problem(HTTPStatus.INTERNAL_SERVER_ERROR, "record_broken", str(error)) from None
    return Response(made, media_type="application/json")


async def _find(house: House, order_id: int, participant: Address) -> TakenIn:
    """Return which row took in an order of a participant; anybody else is told that there is none."""
    behind = house.sequencer.lag.batches
    found = await asyncio.to_thread(find_order, house.engine, order_id)
    if found is not None and found.participant == participant:
        return found
    if found is None and behind:
        detail = f"order {order_id}: found readable tables {behind} batches behind the record, expected all"
        raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, "books_behind", detail, {"Retry-After": "1"})
    detail = f"found no order {order_id} of 0x{participant.hex()}"
    raise Problem(HTTPStatus.NOT_FOUND, "unknown_order", detail)
