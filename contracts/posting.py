"""Two ways of taking a request to a node: a kept connection to one of our own, and whatever leads to an address."""

import select
from http import HTTPStatus
from http.client import HTTPConnection
from threading import Lock
from typing import Final
from urllib.parse import urlsplit

TIMEOUT_S: Final = 20.0
"""How long a node may take for one request: whoever asks, asks again by himself, and knows how long he waits."""

_HEADERS: Final = {"Content-Type": "application/json"}


class BadStatus(OSError):
    """A node answered with a page about an error, and not with JSON."""


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
        _expect_ok(answer.status)
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


class Web:
    """The way to an address: by proxies, passwords and encryption, as the environment and the address say."""

    def __init__(self, url: str) -> None:
        from requests import Session

        self.url = url
        self._session = Session()

    def __call__(self, body: bytes) -> bytes:
        """Post once, and return what comes back. Who gets nothing asks again by himself.

        Raises:
            OSError: if nothing does.
        """
        answer = self._session.post(self.url, data=body, headers=_HEADERS, timeout=TIMEOUT_S)
        _expect_ok(answer.status_code)
        return answer.content


def _expect_ok(status: int) -> None:
    if status != HTTPStatus.OK:
        raise BadStatus(f"status {status}")
