"""No request is larger than the largest that makes sense: refused at the door, before anybody holds or reads it."""

from http import HTTPStatus
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.problem import Problem
from api.problems import response

BODY_BYTES_MAX: Final = 2_000_000
"""A batch of 1,000 orders with every field filled has 1.2 MB."""


class BodyLimit:
    """Collects a request's body for the app behind it; of one that is too large, no more than shows that it is."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        announced = dict(scope["headers"]).get(b"content-length", b"0")
        found = int(announced) if announced.isdigit() else 0
        chunks: list[bytes] = []
        arrived, more_to_come = 0, True
        while found <= BODY_BYTES_MAX and more_to_come:
            message = await receive()
            if message["type"] != "http.request":  # the client has gone
                return
            chunks.append(message.get("body", b""))
            more_to_come = message.get("more_body", False)
            arrived += len(chunks[-1])
            found = max(found, arrived)
        if found > BODY_BYTES_MAX:
            detail = f"found a body of {found:,} bytes or more, expected at most {BODY_BYTES_MAX:,}"
            await response(_too_large(detail))(scope, receive, send)
            return
        collected: list[Message] = [{"type": "http.request", "body": b"".join(chunks), "more_body": False}]

        async def receive_collected() -> Message:
            return collected.pop() if collected else await receive()

        await self._app(scope, receive_collected, send)


def _too_large(detail: str) -> Problem:
    return Problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "body_too_large", detail, {"Connection": "close"})
