"""What fails between a settler and its node: the process ends before an operation, an answer does not arrive as it was.

Everything the settler does is a request to the node or a commit to the database: these are the operations.
"""

import json
import socket
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from functools import partial
from typing import Any, Final
from urllib.parse import urlsplit

from requests import HTTPError, Timeout

from contracts.chain import Chain

Ask = Callable[[], bytes]
"""Has a request carried out, and returns the answer."""

_NULLABLE: Final = frozenset(
    {"eth_getBlockByNumber", "eth_getTransactionReceipt", "eth_getTransactionByHash"}
)
"""What a node may answer with null: a node that lags behind does, of what another of them has told already."""


class Killed(BaseException):
    """The process ended here."""


def _lost(_: Any, ask: Ask) -> bytes:
    ask()
    raise Timeout("the answer was lost")


def _limited(_: Any, ask: Ask) -> bytes:
    raise HTTPError("429 Client Error: Too Many Requests")


def _failed(_: Any, ask: Ask) -> bytes:
    ask()
    raise HTTPError("502 Server Error: Bad Gateway")


def _cut(_: Any, ask: Ask) -> bytes:
    answer = ask()
    return answer[: len(answer) // 2]


def _error(asked: Any, ask: Ask) -> bytes:
    ask()
    number = asked["id"] if isinstance(asked, dict) else None
    error = {"code": -32000, "message": "header not found"}
    return json.dumps({"jsonrpc": "2.0", "id": number, "error": error}).encode()


def _null(asked: Any, ask: Ask) -> bytes | None:
    if not isinstance(asked, dict) or asked["method"] not in _NULLABLE:
        return None
    return json.dumps({"jsonrpc": "2.0", "id": asked["id"], "result": None}).encode()


SPOILT: Final[dict[str, Callable[[Any, Ask], bytes | None]]] = {
    "time-out": _lost,
    "too many requests": _limited,
    "bad gateway": _failed,
    "cut answer": _cut,
    "error answer": _error,
    "null": _null,
}
"""How an answer is spoilt, by name; None where that cannot befall this request."""


@dataclass
class Faults:
    """When the process is killed and when an answer is spoilt, and how, in operations from now.

    `kill_again_in` is for the start after that: in how many operations it is killed, too. `struck` counts what happened.
    """

    kill_in: int = 0
    kill_again_in: int = 0
    spoil_in: int = 0
    spoil_how: str = "time-out"
    struck: Counter[str] = field(default_factory=Counter)
    _met: bool = False

    def before(self) -> None:
        """Count an operation that is about to happen."""
        if self.kill_in:
            self.kill_in -= 1
            if not self.kill_in:
                self.struck["crash"] += 1
                raise Killed

    @contextmanager
    def meeting(self) -> Iterator[None]:
        """Let what is asked of the node meet the faults."""
        before, self._met = self._met, True
        try:
            yield
        finally:
            self._met = before

    def carried(self, data: bytes, ask: Ask) -> bytes:
        """Have a request carried out, as far as the faults let it be."""
        if not self._met:
            return ask()
        self.before()
        if self.spoil_in:
            self.spoil_in -= 1
            if not self.spoil_in:
                return self._spoilt(data, ask)
        return ask()

    def _spoilt(self, data: bytes, ask: Ask) -> bytes:
        self.struck[self.spoil_how] += 1
        spoilt = SPOILT[self.spoil_how](json.loads(data), ask)
        if spoilt is not None:
            return spoilt
        self.struck[self.spoil_how] -= 1
        self.spoil_in = 1  # the next request, then
        return ask()

    def end(self) -> None:
        """Let what has not struck yet never strike."""
        self.kill_in = self.kill_again_in = self.spoil_in = 0


@dataclass(frozen=True)
class FaultyChain(Chain):
    """A chain whose requests meet faults, where a `Wire` carries them."""

    faults: Faults = field(default_factory=Faults)

    @classmethod
    def over(cls, chain: Chain, faults: Faults) -> "FaultyChain":
        """Return the same chain, with faults."""
        return cls(**{each.name: getattr(chain, each.name) for each in fields(Chain)}, faults=faults)

    @contextmanager
    def _reaching(self) -> Iterator[None]:
        with self.faults.meeting(), super()._reaching():
            yield


class Wire:
    """One kept connection to a node of our own: a campaign makes a million requests, which the usual way takes long for.

    Whoever asks over it in a `Faults.meeting` meets its `faults`.
    """

    def __init__(self, url: str) -> None:
        self.faults = Faults()
        place = urlsplit(url)
        self._socket = socket.create_connection((place.hostname, place.port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._answers = self._socket.makefile("rb")

    def post(self, _url: str, data: bytes, **_: object) -> bytes:
        """Ask, and return the answer: what `web3` hands to `requests`."""
        return self.faults.carried(data, partial(self._ask, data))

    def _ask(self, data: bytes) -> bytes:
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
