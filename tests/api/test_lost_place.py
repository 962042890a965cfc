"""A market to which nothing happens finds out within a second or two that the writer's place is not its own any more."""

import asyncio
from pathlib import Path
from typing import NoReturn

import pytest

from api.clock import DrivenClock
from api.house import open_house
from api.sequencer import Sequencer
from ledger.database import RecordInUse, open_database
from ledger.projections import Projector
from ledger.rebuild import open_venue
from ledger.record import Record, RecordFailed
from ledger.writer import take_writers_place
from market.tape import Tapes
from tests.api.conftest import START_S, settings
from tests.ledger.days import GENESIS


class Ended(BaseException):
    """What the end of the process would be."""


def test_a_market_without_orders_ends_when_its_lock_is_gone(tmp_path: Path) -> None:
    record = Record(open_database(f"sqlite:///{tmp_path}/market.db"), GENESIS)
    causes: list[Exception] = []

    def end(error: Exception) -> NoReturn:
        causes.append(error)
        raise Ended

    sequencer = Sequencer(
        open_venue(GENESIS),
        record,
        Projector(record.engine),
        Tapes(),
        DrivenClock(START_S),
        on_broken=end,
    )

    async def serve_without_the_lock() -> None:
        (tmp_path / "market.db.lock").unlink()
        with pytest.raises(Ended):
            await asyncio.wait_for(sequencer.run(), timeout=20)

    asyncio.run(serve_without_the_lock())
    assert [type(cause) for cause in causes] == [RecordFailed]
    assert "found another lock file, or none" in str(causes[0])
    record.close()


def test_of_two_markets_that_begin_on_one_database_one_deploys(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Contracts cost gas on a chain that is not our own."""
    monkeypatch.setattr("api.house.deploy", lambda *_, **__: pytest.fail("contracts were deployed"))
    first = take_writers_place(open_database(f"sqlite:///{tmp_path}/market.db"))
    with (
        pytest.raises(RecordInUse, match="another writer holds it"),
        open_house(settings(tmp_path), DrivenClock(START_S)),
    ):
        pytest.fail("it opened")
    first.close()
