"""What all kinds of bargaining problems have in common: keys of a JSON object, and a way to be solved."""

from abc import ABCMeta, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import msgspec

from api.bargain.answer import Answer
from pricing.coalition.admm import Residuals
from pricing.errors import PricingError

SOLUTIONS = ("nash", "kalai-smorodinsky", "egalitarian", "utilitarian")


@dataclass(frozen=True, slots=True)
class Asked:
    """What the command line asks for beside the problem.

    `solution` is one of `SOLUTIONS`, or None for all that there are. `private` asks for a negotiation in which members keep
    their figures, `progress` is called after each of its rounds.
    """

    solution: str | None = None
    private: bool = False
    progress: Callable[[int, Residuals], None] | None = None


class _Abstract(msgspec.StructMeta, ABCMeta):
    """A struct that cannot be made before all that it promises is there."""


class Kind(msgspec.Struct, metaclass=_Abstract, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A kind of problem: its fields are the keys of the file beside "kind", which is `kind`."""

    kind: ClassVar[str]

    def solutions(self) -> Sequence[str]:
        """Return the solutions that can be asked for; the first is that of the kind itself."""
        return ("nash",)

    @abstractmethod
    def solve(self, asked: Asked) -> Answer:
        """Return what is to be told.

        Raises:
            PricingError: if a figure is out of range, or there is no solution; begins with the key that it is about.
        """


def names_of(
    given: Sequence[str] | None, count: int, *, key: str = "parties", word: str = "party"
) -> list[str]:
    """Return a name for each: those given, or the word with a number from 1.

    >>> names_of(None, 2)
    ['party 1', 'party 2']

    Raises:
        PricingError: if there are not as many, one is empty, or two are the same.
    """
    if given is None:
        return [f"{word} {place}" for place in range(1, count + 1)]
    if len(given) != count:
        raise PricingError(f"{key}: found {len(given)} names, expected {count}")
    for place, name in enumerate(given):
        if not name.strip() or name in given[:place]:
            raise PricingError(f"{key}[{place}]: found {name!r}, expected a name, each once")
    return list(given)
