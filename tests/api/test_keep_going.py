"""The task that keeps the market going: it outlives a node that is down, and ends the machine when a promise breaks."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest

from api.app import create_app
from api.clock import DrivenClock
from api.house import open_house
from contracts.chain import ChainUnavailable
from market.units import InvariantBroken
from tests.api.conftest import START_S, settings


class Halted(Exception):
    """Stands for the end of the process."""


def serve(folder: Path, step: Callable[[], None], *, until: Callable[[], bool]) -> None:
    """Serve, with this step of the settler, until something happened."""

    async def serving() -> None:
        async with asyncio.timeout(20):
            app = create_app(house, due=lambda: ())
            async with app.router.lifespan_context(app):
                while not until():
                    await asyncio.sleep(0.01)

    with open_house(settings(folder), DrivenClock(START_S), start_time_s=START_S) as house:
        house.settler.step = step
        asyncio.run(serving())


def test_a_broken_promise_of_the_settler_ends_the_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended: list[str] = []

    def halt(error: Exception) -> NoReturn:
        ended.append(str(error))
        raise Halted

    def step() -> None:
        raise InvariantBroken("the chain was reorganised deeper")

    monkeypatch.setattr("api.app.halt", halt)
    with pytest.raises(Halted):
        serve(tmp_path, step, until=lambda: bool(ended))
    assert ended == ["the chain was reorganised deeper"]


def test_a_node_that_is_down_is_asked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    steps: list[int] = []

    def step() -> None:
        steps.append(1)
        raise ChainUnavailable("node does not answer")

    monkeypatch.setattr("api.app.STEP_EVERY_S", 0.01)
    serve(tmp_path, step, until=lambda: len(steps) >= 3)
    assert "settlement waits: node does not answer" in caplog.text
