"""A transaction, what it is for and its next signing are stored whole or not at all; so is how far the chain was heard."""

from collections.abc import Iterator

import pytest
from sqlalchemy.exc import DBAPIError

from ledger.database import open_database
from ledger.heard import Block, Heard
from ledger.outbox import Outbox
from ledger.tables import HeardRow, table
from ledger.writer import WritersPlace, take_writers_place
from tests.ledger.aborting import refused


@pytest.fixture
def place(url: str) -> Iterator[WritersPlace]:
    engine = open_database(url)
    place = take_writers_place(engine)
    yield place
    place.close()
    engine.dispose()


def test_a_transaction_is_not_stored_without_its_trades(place: WritersPlace) -> None:
    outbox = Outbox(place)
    settle = {"kind": "settle", "reference": "batch 1", "raw": b"raw", "hash_": b"1" * 32, "nonce": 3}
    with (
        refused(place.engine, "outbox_trades", column="trade_number", value=9),
        pytest.raises(DBAPIError, match="disk is full"),
    ):
        outbox.add(**settle, trades=(4, 9))
    assert outbox.pending() == ()
    assert (outbox.at_nonce(3), outbox.next_nonce(0)) == (None, 0)
    entry = outbox.add(**settle, trades=(4, 9))
    assert Outbox(place).pending() == (entry,)
    assert entry.trades == (4, 9)


def test_a_signing_that_was_not_stored_leaves_the_one_before(place: WritersPlace) -> None:
    outbox = Outbox(place)
    entry = outbox.add(kind="settle", reference="batch 1", raw=b"raw", hash_=b"1" * 32, nonce=3, trades=(4,))
    with refused(place.engine, "outbox_replacements"), pytest.raises(DBAPIError, match="disk is full"):
        outbox.replace(entry.sequence, raw=b"dearer", hash_=b"2" * 32)
    assert outbox.pending() == (entry,)


def test_a_block_that_was_not_noted_leaves_the_one_before(place: WritersPlace) -> None:
    heard = Heard(place)
    heard.note(Block(7, b"7" * 32), after=0, whole=True)
    with refused(place.engine, table(HeardRow).name), pytest.raises(DBAPIError, match="disk is full"):
        heard.note(Block(8, b"8" * 32), after=7, whole=True)
    assert heard.last() == Block(7, b"7" * 32)
