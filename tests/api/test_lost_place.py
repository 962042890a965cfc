"""A market to which nothing happens finds out within a second or two that the writer's place is not its own any more."""

import asyncio
from pathlib import Path
from typing import NoReturn

import pytest

from api.clock import DrivenClock
from api.sequencer import Sequencer
from ledger.database import open_database
from ledger.projections import Projector
from ledger.rebuild import open_venue
from ledger.record import Record, RecordFailed
from market.tape import Tapes
from tests.api.conftest import START_S
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
