"""Arrivals: the commands that wait for the writer, in the order in which they came, and who waits for their answers."""

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from market.orders import Command
from market.units import InvariantBroken

_Answer = TypeVar("_Answer")


@dataclass(slots=True, eq=False)
class _Submission(Generic[_Answer]):
    """Commands that came together: how many went into batches already, and the answers so far."""

    commands: Sequence[Command]
    answered: "asyncio.Future[list[_Answer]]"
    taken: int = 0
    answers: list[_Answer] = field(default_factory=list)


class Arrivals(Generic[_Answer]):
    """A queue of submissions that goes out in batches of commands, which may cut a submission in two.

    Whoever submits waits for one thing only, the last of his answers: they are many, and come by the batch.
    """

    def __init__(self) -> None:
        self._waiting: deque[_Submission[_Answer]] = deque()
        self._unanswered: list[tuple[_Submission[_Answer], int]] = []
        self._commands = 0
        self._somebody: asyncio.Future[None] | None = None

    def __len__(self) -> int:
        """Return how many commands wait for a batch."""
        return self._commands

    def put(self, commands: Sequence[Command]) -> "asyncio.Future[list[_Answer]]":
        """Take in commands, at least one, behind all others, and return what will be their answers, in their order."""
        answered: asyncio.Future[list[_Answer]] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Submission(commands, answered))
        self._commands += len(commands)
        if self._somebody is not None and not self._somebody.done():
            self._somebody.set_result(None)
        return answered

    async def next_batch(self, *, most: int, within_s: float) -> list[Command]:
        """Return the next commands, `most` at most; none if none come within so many seconds. `answer` has to follow.

        Those who are on their way in while the first one comes are waited for, as long as each turn of the loop brings more.
        """
        if not self._commands:
            self._somebody = asyncio.get_running_loop().create_future()
            await asyncio.wait([self._somebody], timeout=within_s)
        seen = 0
        while seen < self._commands < most:
            seen = self._commands
            await asyncio.sleep(0)
        return self._take(most)

    def answer(self, answers: Sequence[_Answer]) -> None:
        """Answer the commands that were taken, one each; those who went away meanwhile hear nothing.

        Raises:
            InvariantBroken: if there are more answers, or fewer: somebody would hear of another's command, or wait for ever.
        """
        taken = sum(count for _, count in self._unanswered)
        if len(answers) != taken:
            raise InvariantBroken(
                f"arrivals: found {len(answers)} answers, expected {taken}, one for each command"
            )
        start = 0
        for submission, count in self._unanswered:
            submission.answers += answers[start : start + count]
            start += count
            if len(submission.answers) == len(submission.commands) and not submission.answered.done():
                submission.answered.set_result(submission.answers)
        self._unanswered.clear()

    def cancel(self) -> None:
        """Let nobody wait any longer: nothing more is answered."""
        for submission in (*(each for each, _ in self._unanswered), *self._waiting):
            submission.answered.cancel()
        self._unanswered.clear()
        self._waiting.clear()
        self._commands = 0

    def _take(self, most: int) -> list[Command]:
        batch: list[Command] = []
        while self._waiting and len(batch) < most:
            first = self._waiting[0]
            part = first.commands[first.taken : first.taken + most - len(batch)]
            batch += part
            first.taken += len(part)
            self._unanswered.append((first, len(part)))
            if first.taken == len(first.commands):
                self._waiting.popleft()
        self._commands -= len(batch)
        return batch
