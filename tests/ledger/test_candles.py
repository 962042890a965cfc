"""The table of candles is the tape's, and goes on after a restart."""

import pytest
from sqlalchemy import Engine, select

from ledger.database import open_database
from ledger.projections import Projector
from ledger.projections.candles import CANDLES
from market.tape import Tapes
from tests.ledger.builders import SOLAR
from tests.ledger.days import SmallDay, a_whole_day


@pytest.fixture(scope="module")
def day() -> SmallDay:
    return a_whole_day()


def projected(day: SmallDay, *, restart_after: int = 0) -> Engine:
    engine = open_database("sqlite://")
    projector = Projector(engine)
    for batch, decision in day.history:
        if batch.number == restart_after + 1:
            projector = Projector(engine)
        projector.apply(batch, decision.events, decision.postings)
    return engine


def rows(engine: Engine) -> list[tuple[int, ...]]:
    with engine.connect() as connection:
        return [tuple(row)[1:] for row in connection.execute(select(CANDLES).order_by(*CANDLES.primary_key))]


def test_the_table_has_the_candles_of_the_tape(day: SmallDay) -> None:
    engine = projected(day)
    tick = SOLAR.commodity.tick_micros
    tapes = Tapes()
    for batch, decision in day.history:
        tapes.note(decision.events, time_us=batch.time_us)
    expected = [
        (candle.start_s, *(price * tick for price in candle[1:5]), candle.volume_lots, candle.trades)
        for candle in tapes.of(SOLAR.id).candles(60)
    ]
    found = rows(engine)
    assert len(found) > 1
    assert [(*row[:6], row[7]) for row in found] == expected


def test_the_payments_of_the_candles_are_those_of_the_trades(day: SmallDay) -> None:
    engine = projected(day)
    with engine.connect() as connection:
        paid = connection.exec_driver_sql("SELECT sum(payment_micros) FROM trades").scalar_one()
    assert sum(row[6] for row in rows(engine)) == paid > 0


def test_a_candle_goes_on_after_a_restart(day: SmallDay) -> None:
    whole = rows(projected(day))
    for number in range(1, len(day.history)):
        assert rows(projected(day, restart_after=number)) == whole
