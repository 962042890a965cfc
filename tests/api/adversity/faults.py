"""What fails between a settler and its node: the process ends before an operation, an answer is lost after a request.

Everything the settler does is a request to the node or a commit to the database: these are the operations.
"""

import socket
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from urllib.parse import urlsplit

from requests import Timeout

from contracts.chain import Chain


class Killed(BaseException):
    """The process ended here."""


@dataclass
class Faults:
    """When the process is killed and when an answer is lost, in operations from now.

    `kill_again_in` is for the start after that: in how many operations it is killed, too. `struck` counts what happened.
    """

    kill_in: int = 0
    kill_again_in: int = 0
    lose_in: int = 0
    struck: Counter[str] = field(default_factory=Counter)

    def before(self) -> None:
        """Count an operation that is about to happen."""
        if self.kill_in:
            self.kill_in -= 1
            if not self.kill_in:
                self.struck["crash"] += 1
                raise Killed

    def after(self) -> None:
        """Count a request that the node has carried out."""
        if self.lose_in:
            self.lose_in -= 1
            if not self.lose_in:
                self.struck["time-out"] += 1
                raise Timeout("the answer was lost")

    def end(self) -> None:
        """Let what has not struck yet never strike."""
        self.kill_in = self.kill_again_in = self.lose_in = 0


@dataclass(frozen=True)
class FaultyChain(Chain):
    """A chain whose requests count as operations."""

    faults: Faults = field(default_factory=Faults)

    @classmethod
    def over(cls, chain: Chain, faults: Faults) -> "FaultyChain":
        """Return the same chain, with faults."""
        return cls(**{each.name: getattr(chain, each.name) for each in fields(Chain)}, faults=faults)

    @contextmanager
    def _reaching(self) -> Iterator[None]:
        self.faults.before()
        with super()._reaching():
            yield
            self.faults.after()


class Wire:
    """One kept connection to a node of our own: a campaign makes a million requests, which the usual way takes long for."""

    def __init__(self, url: str) -> None:
        place = urlsplit(url)
        self._socket = socket.create_connection((place.hostname, place.port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._answers = self._socket.makefile("rb")

    def post(self, _url: str, data: bytes, **_: object) -> bytes:
        """Ask, and return the answer: what `web3` hands to `requests`."""
        head = f"POST / HTTP/1.1\r\nHost: node\r\nContent-Type: application/json\r\nContent-Length: {len(data)}\r\n\r\n"
        self._socket.sendall(head.encode() + data)
        length = 0
        while (line := self._answers.readline()) != b"\r\n":
            if not line:
                raise ConnectionError("the node hung up")
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        return self._answers.read(length)

    def close(self) -> None:
        """Hang up."""
        self._answers.close()
        self._socket.close()
