"""One flipped byte anywhere in the record is found, and its place named: 1,000 positions, or every byte in the soak."""

import random
from pathlib import Path

import pytest

from ledger import record as record_module
from ledger.database import open_database
from ledger.portable import write_record
from ledger.record import RecordReader
from tests.campaigns import Tally
from tests.ledger.builders import ALICE, a_bid
from tests.ledger.days import GENESIS, SmallDay, a_whole_day
from tests.ledger.flips import flip_database, flip_file, flip_rows
from tests.ledger.recorded import recorded

SEED = 6
POSITIONS = 1_000
SOAK_EVENTS = 10_000
SOAK_FILE_STRIDE = 97


@pytest.fixture
def path(tmp_path: Path) -> Path:
    recorded(a_whole_day(), url=f"sqlite:///{tmp_path / 'day.db'}").dispose()
    return tmp_path / "day.db"


def exported(database: Path) -> Path:
    engine = open_database(f"sqlite:///{database}")
    with database.with_suffix(".ccei").open("wb") as out:
        write_record(RecordReader(engine), out)
    engine.dispose()
    return database.with_suffix(".ccei")


def test_a_flipped_byte_of_the_database_is_found_and_named(path: Path, tally: Tally) -> None:
    done, misses = flip_database(path, positions=POSITIONS // 2, seed=SEED)
    tally.line(f"flipped bytes of a database: {done:,}, not found or wrongly named {len(misses)}")
    assert misses == []


def test_a_flipped_byte_of_an_exported_file_is_found_and_named(path: Path, tally: Tally) -> None:
    file = exported(path)
    positions = random.Random(SEED).sample(range(file.stat().st_size), POSITIONS // 2)
    done, misses = flip_file(file, positions, seed=SEED)
    tally.line(f"flipped bytes of an exported file: {done:,}, not found or wrongly named {len(misses)}")
    assert misses == []


def test_the_campaign_catches_a_reader_that_checks_no_hash(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = exported(path)
    monkeypatch.setattr(record_module, "sealed_header", lambda row: None)
    _, misses = flip_database(path, positions=100, seed=SEED)
    assert len(misses) > 50
    positions = random.Random(SEED).sample(range(file.stat().st_size), 100)
    _, misses = flip_file(file, positions, seed=SEED)
    assert len(misses) > 50


def test_the_campaign_catches_a_seal_that_leaves_something_out(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(record_module.RecordedBatch, "header", _without_time)
    engine = recorded(a_whole_day())
    _, misses = flip_rows(RecordReader(engine).rows(), GENESIS.hash, seed=SEED)
    assert {miss.what.split(", ")[1] for miss in misses} == {"time_us"}


def _without_time(row: record_module.RecordedBatch) -> record_module.Header:
    return record_module.header_of(
        previous=row.previous,
        number=row.number,
        time_us=0,
        version=row.version,
        commands=row.commands,
        events=row.events,
        state_hash=row.state_hash,
    )


@pytest.mark.soak
@pytest.mark.timeout(14_400)
def test_every_byte_of_a_long_record(tmp_path: Path, tally: Tally) -> None:
    database = tmp_path / "long.db"
    events = _a_long_record(database)
    engine = open_database(f"sqlite:///{database}")
    record = RecordReader(engine)
    done, misses = flip_rows(tally.through(list(record.rows())), GENESIS.hash, seed=SEED)
    engine.dispose()
    tally.line(f"flipped bytes of a record of {events:,} events: {done:,}, not found {len(misses)}")
    assert misses == []
    file = exported(database)
    positions = range(0, file.stat().st_size, SOAK_FILE_STRIDE)
    done, misses = flip_file(file, tally.through(positions), seed=SEED)
    tally.line(f"flipped bytes of its exported file: {done:,}, not found or wrongly named {len(misses)}")
    assert misses == []


def _a_long_record(database: Path) -> int:
    """Record a day in which somebody bids for hours, ten orders a batch."""
    day, told = SmallDay(), 0
    orders = iter(range(1, 10**6))
    while told < SOAK_EVENTS:
        bids = [a_bid(ALICE, price=1, quantity=1, client_order_id=next(orders)) for _ in range(10)]
        told += len(day.run(day.venue.time_us // 1_000_000, *bids).events)
    recorded(day, url=f"sqlite:///{database}").dispose()
    return sum(len(decision.events) for _, decision in day.history)
