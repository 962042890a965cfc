"""Those who negotiate, as the coordinator reaches them: a message goes out to members, and each sends its answer."""

from collections.abc import Callable, Iterable, Sequence
from typing import TypeAlias, TypeVar

from market.units import InvariantBroken
from pricing.coalition.messages import Down, Passed, Up
from pricing.coalition.worker import Worker

Answer = TypeVar("Answer", bound=Up)

Deliver: TypeAlias = Callable[[Down, Sequence[int]], list[Up]]
"""Brings one message to the members at these places, and their answers back in that order."""


class Team:
    """The members by name, and the only way to them. What passes is appended to `trace` where one is given."""

    def __init__(self, names: Iterable[str], deliver: Deliver, trace: list[Passed] | None = None) -> None:
        self.names = tuple(names)
        self._deliver = deliver
        self._trace = trace

    def ask(self, message: Down, kind: type[Answer]) -> list[Answer]:
        """Send one message to all members, and return their answers in the members' order.

        Raises:
            InvariantBroken: if one answers with something else than a `kind`.
        """
        return self._ask(message, range(len(self.names)), kind)

    def ask_one(self, member: int, message: Down, kind: type[Answer]) -> Answer:
        """Send a message to the member at this place, and return its answer."""
        return self._ask(message, [member], kind)[0]

    def _ask(self, message: Down, members: Sequence[int], kind: type[Answer]) -> list[Answer]:
        answers = self._deliver(message, members)
        if self._trace is not None:
            for member, answer in zip(members, answers, strict=True):
                self._trace.append(Passed(self.names[member], up=False, message=message))
                self._trace.append(Passed(self.names[member], up=True, message=answer))
        understood: list[Answer] = [answer for answer in answers if isinstance(answer, kind)]
        if len(understood) != len(members):
            found = sorted({type(answer).__name__ for answer in answers if not isinstance(answer, kind)})
            raise InvariantBroken(
                f"{type(message).__name__}: found answers {found}, expected {kind.__name__}"
            )
        return understood


def here(workers: Sequence[Worker]) -> Deliver:
    """Deliver to workers in this very process, one after the other."""
    return lambda message, members: [workers[member].answer(message) for member in members]
