"""One's own statement: what moved on each of one's accounts, day by day."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Query

from api.problem import Problem
from api.routes import HouseOf
from api.routes.accounts import Authorization
from api.routes.statement_wire import StatementOut, statement_out
from api.routes.wire import ProblemOut
from api.stating import parse_period
from ledger.statements import TablesBehind, read_statement

router = APIRouter(prefix="/v1/accounts", tags=["accounts"])

MOVEMENTS_MAX = 10_000


@router.get("/me/statement", responses={401: {"model": ProblemOut}, 503: {"model": ProblemOut}})
async def my_statement(
    house: HouseOf,
    first: Annotated[str, Query(alias="from", description="First day, YYYY-MM-DD (UTC).")],
    last: Annotated[str, Query(alias="to", description="Last day, included.")],
    authorization: Authorization = None,
) -> StatementOut:
    """State what moved on your accounts on these days, in tokens and Wh (log in first)."""
    participant = house.door.participant_of(authorization, house.sequencer.now_s())
    period = parse_period(first, last)
    try:
        found = await asyncio.to_thread(
            read_statement,
            house.engine,
            participant,
            from_us=period.from_us,
            to_us=period.to_us,
            movements_max=MOVEMENTS_MAX,
        )
    except TablesBehind as error:
        raise Problem(503, "books_behind", str(error), {"Retry-After": "1"}) from None
    return statement_out(found)
