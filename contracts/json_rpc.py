"""What a chain is asked, in the words of JSON-RPC: all that comes back is words, numbers and bytes in hex."""

from collections.abc import Callable, Sequence
from http.client import HTTPException
from typing import Any, Final, Protocol

from contracts.chain_errors import ChainUnavailable, NodeSilent, RequestRefused, data_of
from contracts.posting import BadStatus

AT_ONCE: Final = 100
"""Requests in one round trip: many nodes take no more."""

Ask = tuple[str, Sequence[Any]]
"""A method, and its parameters as JSON has them."""


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

    def ask_together(self, asks: Sequence[Ask]) -> list[Any]:
        """Make a few requests in one round trip, and return their results in the same sequence.

        Behind one address there may be several machines, of which some lag behind: what one decision rests on is asked of
        one of them. Only an address that takes no several requests at once is asked one after the other.

        Raises:
            RequestRefused: if the node answers one of them with an error.
            NodeSilent: if it does not answer.
        """


class Provider(Protocol):
    """What takes requests to a node and brings back its answers: web3's `HTTPProvider`, or our own `Posting`.

    Raises OSError, HTTPException or ValueError if there are none.
    """

    def make_request(self, method: Any, params: Any, /) -> Any:
        """Make a request, and return the answer."""

    def make_batch_request(self, requests: Any, /) -> Any:
        """Make several, numbered one after the other, and return their answers by number; or what else came."""


class JsonRpc:
    """A node that a provider leads to. Takes up to `AT_ONCE` requests in a round trip, or single ones if it must."""

    def __init__(self, name: str, provider: Provider) -> None:
        self._name = name
        self.provider = provider

    def ask(self, method: str, *parameters: Any) -> Any:
        """See `Node`."""
        return self._result(method, self._reached(lambda: self.provider.make_request(method, parameters)))

    def ask_all(self, asks: Sequence[Ask]) -> list[Any]:
        """See `Node`."""
        results: list[Any] = []
        for start in range(0, len(asks), AT_ONCE):
            chunk = asks[start : start + AT_ONCE]
            answers = self._together(chunk) if len(chunk) > 1 else None
            if answers is not None and all(map(_has_result, answers)):
                results += [answer["result"] for answer in answers]
            else:
                results += self._one_by_one(chunk)
        return results

    def ask_together(self, asks: Sequence[Ask]) -> list[Any]:
        """See `Node`."""
        answers = self._together(asks)
        if answers is None:
            return self._one_by_one(asks)
        return [self._result(method, answer) for (method, _), answer in zip(asks, answers, strict=True)]

    def _one_by_one(self, asks: Sequence[Ask]) -> list[Any]:
        return [self.ask(method, *parameters) for method, parameters in asks]

    def _together(self, asks: Sequence[Ask]) -> list[Any] | None:
        """Make requests in one round trip, and return an answer to each; None if some of them got none."""
        try:
            answers = self._reached(lambda: self.provider.make_batch_request(list(asks)))
        except NodeSilent as silent:
            if _is_page(silent.__context__):
                return None
            raise
        except (AttributeError, KeyError, TypeError):  # it was sorted by its numbers, and has none
            return None
        if not isinstance(answers, list) or not answers:
            return None
        numbers = [answer.get("id") if isinstance(answer, dict) else None for answer in answers]
        first = numbers[0]
        are_all = isinstance(first, int) and numbers == list(range(first, first + len(asks)))
        return answers if are_all else None

    def _result(self, method: str, answer: Any) -> Any:
        if isinstance(answer, dict) and (refusal := answer.get("error")) is not None:
            said = refusal.get("message", refusal) if isinstance(refusal, dict) else refusal
            raise RequestRefused(str(said), data_of(refusal))
        if not _has_result(answer):
            raise ChainUnavailable(f"{self._name}: found {answer!r:.200}, expected an answer to {method}")
        return answer["result"]

    def _reached(self, make: Callable[[], Any]) -> Any:
        try:
            return make()
        except (OSError, HTTPException, ValueError) as error:
            # without what it says: that has the address in it, which may be secret
            raise NodeSilent(f"{self._name} does not answer ({type(error).__name__})") from None


def _has_result(answer: Any) -> bool:
    return isinstance(answer, dict) and "result" in answer


def _is_page(error: BaseException | None) -> bool:
    """Return whether a node answered with a page about an error, and not with JSON."""
    from requests import HTTPError

    return isinstance(error, BadStatus | HTTPError)
