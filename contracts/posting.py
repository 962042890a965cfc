"""The way to a node of our own: a kept connection, and requests in JSON over it.

An address is reached through web3. A node of our own stands behind no proxy and takes no password, and a market day asks
it some thousands of times: a kept connection takes 0.15 ms of the processor for a request, that way 1.1 ms.
"""

import json
import select
from collections.abc import Callable, Sequence
from http import HTTPStatus
from http.client import HTTPConnection
from itertools import count
from threading import Lock
from typing import Any, Final
from urllib.parse import urlsplit

TIMEOUT_S: Final = 20.0
"""How long a node may take for one request: whoever asks, asks again by himself, and knows how long he waits."""

Post = Callable[[bytes], bytes]
"""Takes a body to a node, and returns the body of its answer; raises OSError or HTTPException if none comes."""

_HEADERS: Final = {"Content-Type": "application/json"}


class BadStatus(OSError):
    """A node answered with a page about an error, and not with JSON."""


class WrongAnswer(ValueError):
    """A node answered another request than it was asked."""


class Loopback:
    """A connection to a node of our own, which stands behind no proxy: kept, and opened again after the node closed it."""

    def __init__(self, url: str) -> None:
        self.url = url
        place = urlsplit(url)
        self._connection = HTTPConnection(place.hostname or "", place.port, timeout=TIMEOUT_S)
        self._one_at_a_time = Lock()

    def __call__(self, body: bytes) -> bytes:
        """Post, and return what comes back.

        Raises:
            OSError, HTTPException: if nothing does.
        """
        with self._one_at_a_time:
            if self._is_dropped():
                self._connection.close()
            try:
                self._connection.request("POST", "/", body, _HEADERS)
                answer = self._connection.getresponse()
                content = answer.read()
            except BaseException:
                self._connection.close()  # half an answer must not be taken for the next one
                raise
        if answer.status != HTTPStatus.OK:
            raise BadStatus(f"status {answer.status}")
        return content

    def close(self) -> None:
        """Hang up."""
        self._connection.close()

    def _is_dropped(self) -> bool:
        """Return whether the node has hung up: nothing else can be heard of it before it is asked."""
        if self._connection.sock is None:
            return False
        heard = select.poll()  # which takes a socket of any number, as a server with many clients has
        heard.register(self._connection.sock, select.POLLIN)
        return bool(heard.poll(0))


class Posting:
    """Requests in JSON, numbered, over whatever posts them: a `contracts.json_rpc.Provider`."""

    def __init__(self, post: Post) -> None:
        self.post = post
        self._numbers = count(1)

    def make_request(self, method: str, params: Sequence[Any], /) -> Any:
        """Make a request, and return the answer.

        Raises:
            ValueError: if it is no JSON, or the answer to another request.
        """
        request = self._request(method, params)
        answer = self._posted(request)
        if isinstance(answer, dict) and "result" in answer and answer.get("id") != request["id"]:
            raise WrongAnswer(f"found the answer to request {answer.get('id')!r}, expected {request['id']}")
        return answer

    def make_batch_request(self, requests: Sequence[tuple[str, Sequence[Any]]], /) -> Any:
        """Make several, and return their answers in the same sequence; or what else came.

        Raises:
            ValueError: if that is no JSON.
        """
        answers = self._posted([self._request(method, params) for method, params in requests])
        return sorted(answers, key=lambda answer: answer["id"]) if isinstance(answers, list) else answers

    def _request(self, method: str, params: Sequence[Any]) -> dict[str, Any]:
        return {"jsonrpc": "2.0", "id": next(self._numbers), "method": method, "params": params}

    def _posted(self, content: Any) -> Any:
        return json.loads(self.post(json.dumps(content).encode("ascii")))
