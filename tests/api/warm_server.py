"""Fork servers from a process that has had a market open: a start then costs what the market costs, not what Python does.

`python -m tests.api.warm_server LOG CHAIN [early]` reads lines from standard input. A JSON list of arguments of `ccei`
starts one in a process of its own and answers with its process id; a process id waits until that process ends, and
answers with its status. `early` plants a bug in those that it starts: they answer before they commit.
"""

import json
import os
import signal
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import uvicorn
from fastapi.testclient import TestClient

from api import server  # noqa: F401  what `ccei serve` imports when it is called
from api.app import create_app
from api.catalogue import BUILT_IN, Lister, read_catalogue
from api.cli import main
from api.clock import SystemClock
from api.house import open_house
from api.settings import Settings
from ledger.record import Record
from market.events import Event
from market.orders import Batch
from tests.ledger.days import a_whole_day

EARLY_BY_S = 2.0


def answer_early() -> None:
    """Plant a bug: a batch is committed some time after its answers are out."""
    append, committing = Record.append, ThreadPoolExecutor(1)

    def appended_later(record: Record, batch: Batch, events: tuple[Event, ...]) -> bytes:
        def commit() -> None:
            time.sleep(EARLY_BY_S)
            append(record, batch, events)

        committing.submit(commit)
        return record.hash

    # for good: this process has no other purpose
    pytest.MonkeyPatch().setattr(Record, "append", appended_later)


def warm_up(chain: str) -> None:
    """Do once what every start does: import, compile, load the matching kernel. All threads have ended on return."""
    a_whole_day()
    settings = Settings(chain=chain, database_url="sqlite://")
    with open_house(settings, SystemClock()) as house:
        lister = Lister(read_catalogue(Path(BUILT_IN)), settings)
        house.sequencer.process(lister.due(house.sequencer.now_s(), house.venue.exchange))
        house.settler.step()
        app = create_app(house)
        with TestClient(app) as http:
            http.get("/health").raise_for_status()
        uvicorn.Config(app).load()


def serve_lines(log: Path, *, early: bool) -> None:
    """Answer until standard input ends, and then end what still runs."""
    running: set[int] = set()
    for line in sys.stdin:
        asked = json.loads(line)
        if isinstance(asked, int):
            print(os.waitstatus_to_exitcode(os.waitpid(asked, 0)[1]), flush=True)
            running.discard(asked)
            continue
        process = os.fork()
        if process == 0:
            if early:
                answer_early()
            _become(asked, log)
        running.add(process)
        print(process, flush=True)
    for process in running:
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)


def _become(arguments: list[str], log: Path) -> None:
    """Be `ccei` from here on."""
    nothing, out = os.open(os.devnull, os.O_RDONLY), os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for source, target in ((nothing, 0), (out, 1), (out, 2)):
        os.dup2(source, target)
    sys.argv = ["ccei", *arguments]
    status = 1
    try:
        main()
    except SystemExit as ended:
        status = int(ended.code or 0)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)  # the interpreter's own end is the parent's


if __name__ == "__main__":
    warm_up(sys.argv[2])
    serve_lines(Path(sys.argv[1]), early=sys.argv[3:] == ["early"])
