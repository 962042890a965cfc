"""Send a request until it is answered: the same bytes again, since whatever comes twice counts once.

A lost answer says nothing about what became of a request. Every request of `api/client.py` may be sent again: an order
carries its client order id, a withdrawal its nonce, a negotiation its salt, and what counts once is refused by name the
second time. So the same request goes out again when the connection failed, and when the market says 503.
"""

import time
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Final

import httpx
from pydantic import ValidationError

from api.routes.wire import ProblemOut

ATTEMPTS_MAX: Final = 5
FIRST_PAUSE_S: Final = 0.1
"""Pause after the first attempt; each later one is twice as long, unless the market names another."""
PAUSE_MAX_S: Final = 30
"""The longest pause that the market may ask for: what must wait longer is the caller's to decide."""
_TOLD_MAX = 200
"""Characters that an error repeats of an answer that is no problem+json."""


class MarketError(Exception):
    """The server said no. `name` is the refusal's or error's name, `status` the HTTP status."""

    def __init__(self, problem: ProblemOut) -> None:
        super().__init__(f"{problem.title}: {problem.detail}")
        self.name, self.status, self.detail = problem.title, problem.status, problem.detail


class NoAnswer(Exception):
    """Nobody answered, however often we asked: whether the request was taken in is not known.

    `client_order_id` is that of the order which was sent, None if it was none: with it, the same call asks again.
    """

    def __init__(self, found: str, client_order_id: int | None) -> None:
        again = (
            "; it may have been taken in. Make the same call again: nothing counts twice"
            if client_order_id is None
            else f"; it may have been taken in. Make the same call again with client_order_id={client_order_id}: "
            "that places no second order"
        )
        super().__init__(found + again)
        self.client_order_id = client_order_id


def ask(
    http: httpx.Client, method: str, path: str, *, pause: Callable[[float], object] = time.sleep, **how: Any
) -> httpx.Response:
    """Send a request, the same again while nobody answers or the market has no room, and return the answer.

    `pause` waits for so many seconds between two attempts.

    Raises:
        MarketError: if the answer is an error; after the last attempt also a 503.
        NoAnswer: if the last attempt got none.
    """
    attempt = 0
    while True:
        attempt += 1
        pause_s = FIRST_PAUSE_S * 2 ** (attempt - 1)
        try:
            answer = http.request(method, path, **how)
        except httpx.TransportError as error:
            if attempt == ATTEMPTS_MAX:
                found = f"{method} {path}: found no answer in {attempt} attempts ({type(error).__name__})"
                raise NoAnswer(found, _client_order_id(how)) from error
        else:
            if not answer.is_error:
                return answer
            asked_s = _asked_to_wait_s(answer, otherwise_s=pause_s)
            if asked_s is None or attempt == ATTEMPTS_MAX:
                raise MarketError(problem_of(answer))
            pause_s = asked_s
        pause(pause_s)


def problem_of(answer: httpx.Response) -> ProblemOut:
    """Return the problem that an answer tells; of one that is none, such as a proxy's page, its status and beginning."""
    try:
        return ProblemOut.model_validate_json(answer.content)
    except ValidationError:
        phrase = answer.reason_phrase or "no reason given"
        detail = (
            f"found {answer.text[:_TOLD_MAX]!r}, expected problem+json: whatever answered is not the market"
        )
        name = phrase.lower().replace(" ", "_")
        return ProblemOut(type="about:blank", title=name, status=answer.status_code, detail=detail)


def _asked_to_wait_s(answer: httpx.Response, *, otherwise_s: float) -> float | None:
    """Return how long to wait before the next attempt, seconds; None if there should be none."""
    if answer.status_code != HTTPStatus.SERVICE_UNAVAILABLE:
        return None
    asked = answer.headers.get("Retry-After", "")
    if not asked.isdecimal():  # the other form is a date, by a clock that need not be ours
        return otherwise_s
    return int(asked) if int(asked) <= PAUSE_MAX_S else None


def _client_order_id(how: dict[str, Any]) -> int | None:
    content = how.get("json")
    found = content.get("client_order_id") if isinstance(content, dict) else None
    return None if found is None else int(found)
