"""What a chain is asked, in the words of JSON-RPC, and the node that answers over HTTP.

Written out rather than taken from a library: a market day asks some thousands of times, and all that comes back is words,
numbers and bytes in hex.
"""

import json
from collections.abc import Callable, Sequence
from http.client import HTTPException
from itertools import count
from typing import Any, Final, Protocol

from contracts.chain_errors import ChainUnavailable, NodeSilent, RequestRefused, data_of
from contracts.posting import BadStatus

AT_ONCE: Final = 100
"""Requests in one round trip: many nodes take no more."""

Ask = tuple[str, Sequence[Any]]
"""A method, and its parameters as JSON has them."""

Post = Callable[[bytes], bytes]
"""Takes a body to a node, and returns the body of its answer; raises OSError or HTTPException if none comes."""


class Node(Protocol):
    """What answers for a chain, one request at a time or several together."""

    def ask(self, method: str, *parameters: Any) -> Any:
        """Make a request, and return its result as JSON has it.

        Raises:
            RequestRefused: if the node answers with an error.
            NodeSilent: if it does not answer.
        """

    def ask_all(self, asks: Sequence[Ask]) -> list[Any]:
        """Make several requests, and return their results in the same sequence.

        Where one of them fails, they are made one after the other, and raise what they then raise: so only requests that
        change nothing belong here.
        """


class JsonRpc:
    """A node behind whatever posts to it. Takes up to `AT_ONCE` requests in a round trip, or single ones if it must."""

    def __init__(self, name: str, post: Post) -> None:
        self._name = name
        self.post = post
        self._numbers = count(1)

    def ask(self, method: str, *parameters: Any) -> Any:
        """See `Node`."""
        request = self._request(method, parameters)
        answer = self._posted(request)
        if isinstance(answer, dict) and (refusal := answer.get("error")) is not None:
            said = refusal.get("message", refusal) if isinstance(refusal, dict) else refusal
            raise RequestRefused(str(said), data_of(refusal))
        if not _answers(answer, request):
            raise ChainUnavailable(f"{self._name}: found {answer!r:.200}, expected an answer to {method}")
        return answer["result"]

    def ask_all(self, asks: Sequence[Ask]) -> list[Any]:
        """See `Node`."""
        results: list[Any] = []
        for start in range(0, len(asks), AT_ONCE):
            chunk = asks[start : start + AT_ONCE]
            together = self._together(chunk) if len(chunk) > 1 else None
            results += together or [self.ask(method, *parameters) for method, parameters in chunk]
        return results

    def _together(self, asks: Sequence[Ask]) -> list[Any] | None:
        """Make requests in one round trip; None if it did not answer every one of them."""
        requests = [self._request(method, parameters) for method, parameters in asks]
        try:
            answers = self._posted(requests)
        except NodeSilent as silent:
            if isinstance(silent.__cause__, BadStatus):
                return None
            raise
        if not isinstance(answers, list):
            return None
        by_number = {answer.get("id"): answer for answer in answers if isinstance(answer, dict)}
        in_sequence = [by_number.get(request["id"]) for request in requests]
        if not all(map(_answers, in_sequence, requests)):
            return None
        return [answer["result"] for answer in in_sequence if answer]

    def _request(self, method: str, parameters: Sequence[Any]) -> dict[str, Any]:
        return {"jsonrpc": "2.0", "id": next(self._numbers), "method": method, "params": parameters}

    def _posted(self, content: Any) -> Any:
        try:
            return json.loads(self.post(json.dumps(content).encode("ascii")))
        except (OSError, HTTPException, ValueError) as error:
            # without its address: that may be secret
            raise NodeSilent(f"{self._name} does not answer ({type(error).__name__})") from error


def _answers(answer: Any, request: dict[str, Any]) -> bool:
    return isinstance(answer, dict) and "result" in answer and answer.get("id") == request["id"]
