from dataclasses import replace
from hashlib import sha256

import msgspec
import pytest
from sqlalchemy import Engine, insert

from ledger import codec
from ledger.database import open_database
from ledger.layout import BadEncoding
from ledger.merkle import root_of
from ledger.record import BrokenChain, Record, RecordedBatch, RecordReader
from ledger.singles import join, split
from ledger.tables import RecordRow, table
from market.orders import Batch
from tests.ledger.builders import a_bid, a_deposit, an_offer, deposited
from tests.ledger.days import GENESIS

COMMANDS = (a_deposit(log_index=1), a_bid(), an_offer())
EVENTS = (deposited(log_index=1),)


def a_row(version: int, *, previous: bytes = GENESIS.hash, number: int = 1) -> RecordedBatch:
    """A row as a version sealed it, by the words of `ledger.seal`."""
    commands, events = codec.encode_commands(COMMANDS), codec.encode_events(EVENTS)
    content = (
        [commands, events]
        if version < 6
        else [
            root_of([split(codec.encode_commands((each,)))[0] for each in COMMANDS]),
            root_of([split(codec.encode_events((each,)))[0] for each in EVENTS]),
        ]
    )
    sealed = sha256(msgspec.msgpack.encode([previous, number, 7, version, *content, b""])).digest()
    return RecordedBatch(number, 7, version, commands, events, b"", previous, sealed)


def stored(*rows: RecordedBatch) -> Engine:
    engine = open_database("sqlite://")
    Record(engine, GENESIS).close()
    names = RecordedBatch.__slots__
    with engine.begin() as connection:
        connection.execute(
            insert(table(RecordRow)), [{name: getattr(row, name) for name in names} for row in rows]
        )
    return engine


def test_rows_of_every_version_follow_each_other() -> None:
    rows, previous = [], GENESIS.hash
    for number, version in enumerate((1, 2, 3, 4, 5, 6), start=1):
        rows.append(a_row(version, previous=previous, number=number))
        previous = rows[-1].hash
    assert RecordReader(stored(*rows)).verify() == 6


def test_what_is_written_now_is_sealed_command_by_command() -> None:
    record = Record(open_database("sqlite://"), GENESIS)
    record.append(Batch(1, 7, COMMANDS), EVENTS)
    (row,) = record.rows()
    assert row == a_row(codec.VERSION)
    assert row.header().has_trees


@pytest.mark.parametrize("version", [5, 6])
def test_a_row_cannot_pass_for_one_of_another_version(version: int) -> None:
    forged = replace(a_row(version), version=11 - version)
    with pytest.raises(BrokenChain, match="record row 1: found hash"):
        RecordReader(stored(forged)).verify()


def test_commands_cannot_move_to_the_events() -> None:
    row = a_row(6)
    forged = replace(row, commands=row.events, events=row.commands)
    with pytest.raises(BrokenChain, match="record row 1: found hash"):
        RecordReader(stored(forged)).verify()


@pytest.mark.parametrize(
    ("blob", "message"),
    [
        (b"\xdc\x00\x01\x91\x01", "found the head dc00019101 of a list of 1, expected it shorter"),
        (b"\x92\x91\x01", "truncated"),
        (b"\x91\x91\x01\x91", "trailing characters"),
        (b"\x01", "expected a list of single rows"),
    ],
)
def test_what_is_no_list_of_single_rows_has_no_seal(blob: bytes, message: str) -> None:
    with pytest.raises(BadEncoding, match=message):
        split(blob)
    with pytest.raises(BrokenChain, match="record row 1: its content has no hash"):
        RecordReader(stored(replace(a_row(6), events=blob))).verify()


@pytest.mark.parametrize("length", [0, 1, 15, 16, 65_535, 65_536])
def test_lists_of_any_length_are_split_and_joined(length: int) -> None:
    blob = msgspec.msgpack.encode([[each] for each in range(length)])
    assert join(map(bytes, split(blob))) == blob
