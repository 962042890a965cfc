"""Exports have every row of the tables, in order, with the types that they promise."""

import pandas
import pytest
from sqlalchemy import Engine, select

from ledger import exports
from ledger.exports import NAMES, columns, count, read_frames
from ledger.projections import ENTRIES, ORDERS
from ledger.reading import reading
from market.units import Malformed
from tests.ledger.builders import CALL_S, at
from tests.ledger.days import SmallDay, a_whole_day
from tests.ledger.kept import kept


@pytest.fixture(scope="module")
def day() -> SmallDay:
    return a_whole_day()


@pytest.fixture(scope="module")
def engine(day: SmallDay, tmp_path_factory: pytest.TempPathFactory) -> Engine:
    return kept(day, tmp_path_factory.mktemp("exports"))


def whole(engine: Engine, name: str, rows_at_once: int = exports.ROWS_AT_ONCE) -> pandas.DataFrame:
    with reading(engine) as connection:
        frames = list(read_frames(connection, name, rows_at_once=rows_at_once))
        assert sum(map(len, frames)) == count(connection, name)
    return pandas.concat(frames, ignore_index=True)


@pytest.mark.parametrize("name", NAMES)
def test_every_column_has_its_type_in_every_chunk(engine: Engine, name: str) -> None:
    expected = dict(columns(name))
    with reading(engine) as connection:
        for frame in read_frames(connection, name, rows_at_once=2):
            assert {column: str(kind) for column, kind in frame.dtypes.items()} == expected


@pytest.mark.parametrize("name", NAMES)
def test_chunks_are_the_whole(engine: Engine, name: str) -> None:
    pandas.testing.assert_frame_equal(whole(engine, name, 3), whole(engine, name))


def test_a_day_fills_every_export_but_one(engine: Engine) -> None:
    empty = {name for name in NAMES if whole(engine, name).empty}
    assert empty == set()


def test_an_empty_table_still_has_its_columns(tmp_path_factory: pytest.TempPathFactory) -> None:
    from ledger.database import open_database

    frame = whole(open_database("sqlite://"), "trades")
    assert {column: str(kind) for column, kind in frame.dtypes.items()} == dict(columns("trades"))
    assert frame.empty


def test_entries_are_the_journal_with_times(engine: Engine, day: SmallDay) -> None:
    frame = whole(engine, "entries")
    with engine.connect() as connection:
        in_order = (ENTRIES.c.batch_number, ENTRIES.c.event_position, ENTRIES.c.line)
        rows = list(connection.execute(select(ENTRIES).order_by(*in_order)))
    assert frame["amount"].tolist() == [row.amount for row in rows]
    times = {batch.number: batch.time_us for batch, _ in day.history}
    assert frame["time_utc"].tolist() == [
        pandas.Timestamp(times[row.batch_number], unit="us", tz="UTC") for row in rows
    ]
    assert frame.groupby(["batch_number", "event_position", "asset"])["amount"].sum().eq(0).all()


def test_what_never_was_is_missing_and_what_was_signed_stays_whole(engine: Engine) -> None:
    frame = whole(engine, "orders")
    with engine.connect() as connection:
        rows = list(connection.execute(select(ORDERS).order_by(*ORDERS.primary_key)))
    assert frame["triggered_utc"].isna().all()
    assert frame["stop_micros"].isna().all()
    assert frame["good_until_s"].tolist() == [row.good_until_s for row in rows]
    assert frame["accepted_utc"].iloc[0] == pandas.Timestamp(at(CALL_S), unit="us", tz="UTC")


def test_a_reading_does_not_see_what_is_written_after_it(day: SmallDay, url: str, tmp_path) -> None:
    engine = kept(day, tmp_path, url=url)
    with reading(engine) as connection:
        before = count(connection, "entries")
        with engine.begin() as writer:
            writer.exec_driver_sql("DELETE FROM entries")
            writer.exec_driver_sql("DELETE FROM balances")
        assert count(connection, "entries") == before > 0
        assert count(connection, "balances") > 0
    with reading(engine) as connection:
        assert count(connection, "entries") == 0
    engine.dispose()


@pytest.mark.parametrize("name", NAMES)
def test_either_database_exports_the_same(
    engine: Engine, day: SmallDay, url: str, name: str, tmp_path
) -> None:
    again = kept(day, tmp_path, url=url)
    pandas.testing.assert_frame_equal(whole(again, name, 3), whole(engine, name))
    again.dispose()


def test_an_unknown_export_is_refused() -> None:
    with pytest.raises(Malformed, match="found 'order', expected one of instruments, clearings, orders"):
        columns("order")
