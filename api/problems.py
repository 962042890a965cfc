"""Errors on the wire: problem+json (RFC 9457) everywhere, refusals with their names."""

from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from api.halting import halt
from api.problem import Problem
from api.sequencer import QueueFull
from api.settler import SettlementFailed
from api.turn import TurnTaken
from contracts.chain import ChainUnavailable
from ledger.writer import PlaceLost
from market.events import Refused
from market.refusals import EXPLANATIONS
from market.units import InvariantBroken, Malformed

MEDIA_TYPE = "application/problem+json"
CHAIN_RETRY_AFTER_S = 5
"""When to ask again for what the chain could not do just now, seconds."""
FOUND_MAX = 90
"""Characters of a wrong value that an error repeats."""


def refused(event: Refused) -> Problem:
    """Return the 409 for a refusal."""
    return Problem(
        HTTPStatus.CONFLICT, event.refusal.value, f"{EXPLANATIONS[event.refusal]} ({event.detail})"
    )


def body(status: int, name: str, detail: str) -> dict[str, object]:
    """Return a problem's body."""
    return {"type": f"urn:ccei:problem:{name}", "title": name, "status": status, "detail": detail}


def response(problem: Problem) -> JSONResponse:
    """Return a problem as an answer."""
    content = body(problem.status, problem.name, problem.detail)
    return JSONResponse(content, problem.status, problem.headers, MEDIA_TYPE)


def _found_and_expected(item: dict[str, Any]) -> str:
    """Word one thing that is wrong with a request: where, what was found, what was expected."""
    where = ".".join(str(part) for part in item["loc"])
    found = "nothing" if item["type"] == "missing" else repr(item["input"])[:FOUND_MAX]
    return f"{where}: found {found}; {item['msg']}"


def install(app: FastAPI) -> None:
    """Answer every kind of error of the app as a problem."""

    @app.exception_handler(Problem)
    async def _problem(_: Request, error: Problem) -> JSONResponse:
        return response(error)

    @app.exception_handler(Malformed)
    async def _malformed(_: Request, error: Malformed) -> JSONResponse:
        return response(Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "malformed", str(error)))

    @app.exception_handler(RequestValidationError)
    async def _invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        details = "; ".join(_found_and_expected(item) for item in error.errors())
        return response(Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "malformed", details))

    @app.exception_handler(QueueFull)
    async def _queue_full(_: Request, error: QueueFull) -> JSONResponse:
        return response(
            Problem(HTTPStatus.SERVICE_UNAVAILABLE, "queue_full", str(error), {"Retry-After": "1"})
        )

    @app.exception_handler(ChainUnavailable)
    @app.exception_handler(SettlementFailed)
    @app.exception_handler(TimeoutError)
    async def _chain_waits(_: Request, error: Exception) -> JSONResponse:
        detail = f"{error}; ask again later, but look first: a part may have been taken on chain all the same"
        headers = {"Retry-After": str(CHAIN_RETRY_AFTER_S)}
        return response(Problem(HTTPStatus.SERVICE_UNAVAILABLE, "chain_unavailable", detail, headers))

    @app.exception_handler(TurnTaken)
    async def _chain_taken(_: Request, error: TurnTaken) -> JSONResponse:
        headers = {"Retry-After": str(CHAIN_RETRY_AFTER_S)}
        return response(Problem(HTTPStatus.SERVICE_UNAVAILABLE, "chain_in_use", str(error), headers))

    @app.exception_handler(InvariantBroken)
    @app.exception_handler(PlaceLost)
    async def _broken(_: Request, error: Exception) -> JSONResponse:
        halt(error)

    @app.exception_handler(Exception)
    async def _unforeseen(_: Request, error: Exception) -> JSONResponse:
        # The server's log has the rest; a stranger is told no more than that it is not his fault.
        detail = f"found {type(error).__name__} where an answer was expected; this is a defect of the service"
        return response(Problem(HTTPStatus.INTERNAL_SERVER_ERROR, "internal_error", detail))

    @app.exception_handler(HTTPException)
    async def _http(_: Request, error: HTTPException) -> JSONResponse:
        name = HTTPStatus(error.status_code).name.lower()
        return response(Problem(error.status_code, name, str(error.detail), error.headers))
