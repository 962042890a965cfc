"""Several requests to a node in one round trip, for nodes that take them so."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from web3 import Web3

AT_ONCE: Final = 100
"""Requests in one round trip: many nodes take no more."""


def together(w3: "Web3", asks: Iterable[Callable[[], Any]]) -> list[Any]:
    """Make the requests that `asks` are, each a call of a web3 method, and return their answers in the same sequence.

    In one round trip for each `AT_ONCE`. Where one of them fails, or the chain takes single requests only, they are made
    one after the other, and raise what they then raise: so only requests that change nothing belong here.
    """
    from web3.providers.base import JSONBaseProvider

    rest = iter(asks)
    answers: list[Any] = []
    while chunk := list(islice(rest, AT_ONCE)):
        is_batch = len(chunk) > 1 and isinstance(w3.provider, JSONBaseProvider)
        answers += _batch(w3, chunk) if is_batch else _singles(chunk)
    return answers


def _batch(w3: "Web3", asks: Sequence[Callable[[], Any]]) -> Iterable[Any]:
    from requests import HTTPError
    from web3.exceptions import Web3Exception

    try:
        with w3.batch_requests() as batch:
            for ask in asks:
                batch.add(ask())  # within a batch, web3's methods return what they would ask
            return batch.execute()
    except (Web3Exception, HTTPError):
        return _singles(asks)


def _singles(asks: Sequence[Callable[[], Any]]) -> Iterator[Any]:
    return (ask() for ask in asks)
