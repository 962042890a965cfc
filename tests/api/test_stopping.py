"""A stop in the middle of the rush: who is in gets an answer, what was answered is in the record, the database is closed."""

import asyncio
import signal
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest
import uvicorn
from fastapi import FastAPI
from rich.console import Console

from api.app import SAY_EVERY, Said, create_app
from api.clock import DrivenClock
from api.house import House, open_house
from api.recovery import Recovered
from api.server import _Server
from ledger.audit import audit
from ledger.database import open_database
from ledger.record import RecordReader
from market.orders import Address, Command
from market.transfers import CreditDeposit
from market.units import InvariantBroken, Micros
from tests.api.conftest import START_S, settings

WAITING = 500


def a_deposit(index: int) -> CreditDeposit:
    return CreditDeposit(Address(b"\x0a" * 20), Micros(1), index.to_bytes(32, "big"), 0)


async def rush_and_stop(app: FastAPI, house: House) -> list[object]:
    """Leave the app's lifespan while commands wait."""
    async with app.router.lifespan_context(app):
        asked = [asyncio.create_task(house.sequencer.submit(a_deposit(at))) for at in range(WAITING)]
        await asyncio.sleep(0)
        assert house.sequencer.waiting == WAITING
    return await asyncio.gather(*asked, return_exceptions=True)


def test_what_waits_is_answered_and_recorded_and_the_log_is_folded_in(tmp_path: Path) -> None:
    with open_house(settings(tmp_path), DrivenClock(START_S), start_time_s=START_S) as house:
        answers = asyncio.run(rush_and_stop(create_app(house, due=lambda: ()), house))
    assert [answer for answer in answers if isinstance(answer, Exception)] == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["market.db", "market.db.lock"]
    engine = open_database(f"sqlite:///{tmp_path}/market.db")
    record = RecordReader(engine)
    assert sum(len(row.batch().commands) for row in record.rows()) == WAITING
    assert audit(record, tables=engine).findings == ()
    engine.dispose()


def test_a_full_queue_of_many_batches_is_answered_to_the_last_before_the_end(tmp_path: Path) -> None:
    small = settings(tmp_path, queue_limit=WAITING, batch_limit=10)
    with open_house(small, DrivenClock(START_S), start_time_s=START_S) as house:
        answers = asyncio.run(rush_and_stop(create_app(house, due=lambda: ()), house))
        assert [answer for answer in answers if isinstance(answer, BaseException)] == []
        assert house.record.number == WAITING / 10


def test_a_step_of_the_settler_that_waits_for_the_record_does_not_hold_up_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_house(settings(tmp_path), DrivenClock(START_S), start_time_s=START_S) as house:
        stepping, stopping = threading.Event(), threading.Event()

        def step() -> None:
            stepping.set()
            stopping.wait(timeout=10)
            commands: Sequence[Command] = [a_deposit(1)]
            house.settler.apply(commands)

        monkeypatch.setattr(house.settler, "step", step)

        async def serve() -> None:
            app = create_app(house, due=lambda: ())
            async with app.router.lifespan_context(app):
                await asyncio.to_thread(stepping.wait)
                asyncio.get_running_loop().call_later(0.1, stopping.set)

        asyncio.run(asyncio.wait_for(serve(), timeout=20))
        assert house.record.number == 1


def test_a_start_says_what_it_found() -> None:
    assert Recovered(0, 0, b"", "", 0, 0, None).lines() == []
    assert Recovered(1_284, 1_773_306_847_500_000, b"\x9c" * 32, "replayed", 1, 2, 70_421).lines() == [
        f"Recovered 1,284 batches, the last of 2026-03-12 09:14:07 UTC, head 0x{'9c' * 32}",
        "Memory: replayed",
        "Readable tables: 1 batches behind, brought forward",
        "Chain: heard up to block 70,421, read on from there",
        "Outbox: 2 transactions pending, sent again",
    ]
    assert Recovered(1, 1, b"\x9c" * 32, "", 0, 0, None).lines()[2:] == ["Readable tables: up to date"]


def test_the_same_failure_is_said_once_a_minute() -> None:
    said = Said()
    assert [said.is_news("node down") for _ in range(SAY_EVERY + 2)].count(True) == 2
    assert said.is_news("another failure")


def test_a_second_signal_ends_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    ended: list[int] = []
    monkeypatch.setattr("api.server.os._exit", ended.append)
    server = _Server(uvicorn.Config(FastAPI()), Console(quiet=True))
    server.handle_exit(signal.SIGTERM, None)
    assert (ended, server.should_exit) == ([], True)
    server.handle_exit(signal.SIGTERM, None)
    assert ended == [128 + signal.SIGTERM]


def test_a_broken_invariant_of_the_settler_stops_the_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    halted: list[Exception] = []
    monkeypatch.setattr("api.app.halt", halted.append)

    def broken() -> None:
        raise InvariantBroken("the chain was reorganised deeper than that")

    with open_house(settings(tmp_path), DrivenClock(START_S), start_time_s=START_S) as house:
        monkeypatch.setattr(house.settler, "step", broken)

        async def serve() -> None:
            async with create_app(house, due=lambda: ()).router.lifespan_context(FastAPI()):
                while not halted:
                    await asyncio.sleep(0.01)

        asyncio.run(asyncio.wait_for(serve(), timeout=20))
        assert [str(error) for error in halted] == ["the chain was reorganised deeper than that"]
        with pytest.raises(ConnectionError, match="the market is closing"):
            house.settler.apply([a_deposit(1)])
