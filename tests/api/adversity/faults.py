"""What fails between a settler and its node: the process ends before an operation, an answer does not arrive as it was.

Everything the settler does is a request to the node or a commit to the database: these are the operations. Requests that
go out together are one, and what befalls its answer befalls them all.
"""

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Final

from contracts.chain import Chain
from contracts.json_rpc import JsonRpc
from contracts.posting import BadStatus, Post, Posting

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
    raise TimeoutError("the answer was lost")


def _limited(_: Any, ask: Ask) -> bytes:
    raise BadStatus("status 429")


def _failed(_: Any, ask: Ask) -> bytes:
    ask()
    raise BadStatus("status 502")


def _cut(_: Any, ask: Ask) -> bytes:
    answer = ask()
    return answer[: len(answer) // 2]


def _error(asked: Any, ask: Ask) -> bytes:
    ask()
    error = {"code": -32000, "message": "header not found"}
    return _to_each(asked, {"error": error})


def _null(asked: Any, ask: Ask) -> bytes | None:
    """Answer null to what can be: of several requests to those for receipts, where there are any."""
    if not isinstance(asked, list):
        return _to_each(asked, {"result": None}) if asked["method"] in _NULLABLE else None
    spoilt = {each["id"] for each in asked if each["method"] == "eth_getTransactionReceipt"}
    if not spoilt:
        return None
    answers = json.loads(ask())
    return json.dumps(
        [each | {"result": None} if each["id"] in spoilt else each for each in answers]
    ).encode()


def _to_each(asked: Any, answer: dict[str, Any]) -> bytes:
    """Return the same answer to a request, or to each of several."""
    if isinstance(asked, list):
        answers: Any = [{"jsonrpc": "2.0", "id": each["id"], **answer} for each in asked]
    else:
        answers = {"jsonrpc": "2.0", "id": asked["id"], **answer}
    return json.dumps(answers).encode()


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

    def before(self) -> None:
        """Count an operation that is about to happen."""
        if self.kill_in:
            self.kill_in -= 1
            if not self.kill_in:
                self.struck["crash"] += 1
                raise Killed

    def carry(self, post: Post, body: bytes) -> bytes:
        """Post a body as far as the faults let it be, and return the answer as they leave it."""
        self.before()
        if self.spoil_in:
            self.spoil_in -= 1
            if not self.spoil_in:
                return self._spoilt(json.loads(body), partial(post, body))
        return post(body)

    def _spoilt(self, asked: Any, ask: Ask) -> bytes:
        self.struck[self.spoil_how] += 1
        spoilt = SPOILT[self.spoil_how](asked, ask)
        if spoilt is not None:
            return spoilt
        self.struck[self.spoil_how] -= 1
        self.spoil_in = 1  # the next request, then
        return ask()

    def end(self) -> None:
        """Let what has not struck yet never strike."""
        self.kill_in = self.kill_again_in = self.spoil_in = 0


def faulty(chain: Chain, post: Post, faults: Faults) -> Chain:
    """Return the same chain, with faults on the way to its node."""
    return replace(chain, node=JsonRpc(chain.name, Posting(partial(faults.carry, post))))
