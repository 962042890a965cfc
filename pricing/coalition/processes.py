"""Workers in processes of their own: each process hosts a share of the members, and only messages pass."""

import multiprocessing
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import Any

from pricing.coalition.messages import Down, Up
from pricing.coalition.team import Deliver
from pricing.coalition.worker import Worker
from pricing.errors import PricingError

STOP_SECONDS = 5.0
"""How long a process may take to end by itself."""


@contextmanager
def apart(workers: Sequence[Worker], *, processes: int) -> Iterator[Deliver]:
    """Deliver to workers that live in so many processes, for as long as the context lasts.

    Processes are spawned: they inherit no memory, and a script that uses them needs its `if __name__ == "__main__":`.
    Answers are the same bits as from workers here. What a worker raises is raised here.

    Raises:
        PricingError: if the number of processes is no positive integer.
    """
    if isinstance(processes, bool) or not isinstance(processes, int) or processes < 1:
        raise PricingError(f"processes: found {processes!r}, expected an integer of at least 1")
    spawn = multiprocessing.get_context("spawn")
    count = min(processes, len(workers))
    pipes: list[Connection[Any, Any]] = []
    started = []
    try:
        for host in range(count):
            near, far = spawn.Pipe()
            pipes.append(near)
            process = spawn.Process(target=_host, args=(far, workers[host::count]), daemon=True)
            process.start()
            far.close()
            started.append(process)
        yield lambda message, members: _deliver(pipes, message, members)
    finally:
        for pipe in pipes:
            pipe.close()  # a host stops waiting when its pipe ends
        for process in started:
            process.join(STOP_SECONDS)
            if process.is_alive():
                process.terminate()


def _deliver(pipes: "Sequence[Connection[Any, Any]]", message: Down, members: Sequence[int]) -> list[Up]:
    shares: dict[int, list[int]] = {}
    for member in members:
        shares.setdefault(member % len(pipes), []).append(member)
    for host, share in shares.items():
        pipes[host].send((message, [member // len(pipes) for member in share]))
    answers: dict[int, Up | Exception] = {}
    for host, share in shares.items():
        answers |= zip(share, pipes[host].recv(), strict=True)
    return [_answered(answers[member]) for member in members]


def _answered(answer: Up | Exception) -> Up:
    if isinstance(answer, Exception):
        raise answer
    return answer


def _host(pipe: "Connection[Any, Any]", workers: Sequence[Worker]) -> None:
    while True:
        try:
            message, share = pipe.recv()
        except EOFError:
            return
        pipe.send([_tried(workers[place], message) for place in share])


def _tried(worker: Worker, message: Down) -> Up | Exception:
    try:
        return worker.answer(message)
    except Exception as failure:
        return failure
