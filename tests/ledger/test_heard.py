"""The bookmark of what was heard is kept over a restart, and says where to read on."""

from collections.abc import Iterator

import pytest

from ledger.database import open_database
from ledger.heard import Block, Heard
from ledger.writer import WritersPlace, take_writers_place


@pytest.fixture
def place(url: str) -> Iterator[WritersPlace]:
    engine = open_database(url)
    place = take_writers_place(engine)
    yield place
    place.close()
    engine.dispose()


def block(number: int) -> Block:
    return Block(number, bytes([number]) * 32)


def test_the_last_block_heard_is_kept_and_read_on_from(place: WritersPlace) -> None:
    assert (Heard(place).last(), Heard(place).whole_to()) == (None, None)
    Heard(place).note(block(7), after=0, whole=True)
    Heard(place).note(block(9), after=7, whole=True)
    assert (Heard(place).last(), Heard(place).whole_to()) == (block(9), 9)


def test_what_was_not_taken_is_read_again_until_it_is(place: WritersPlace) -> None:
    heard = Heard(place)
    heard.note(block(7), after=0, whole=True)
    heard.note(block(9), after=7, whole=False)
    heard.note(block(12), after=9, whole=False)
    heard.note(block(15), after=12, whole=True)
    assert (Heard(place).last(), Heard(place).whole_to()) == (block(15), 7)
    heard.note(block(16), after=7, whole=True)  # the next start read from there, and all was taken
    assert (Heard(place).last(), Heard(place).whole_to()) == (block(16), 16)


def test_reading_again_from_the_beginning_outlasts_the_process(place: WritersPlace) -> None:
    Heard(place).note(block(9), after=0, whole=True)
    Heard(place).again(after=3)
    assert (Heard(place).last(), Heard(place).whole_to()) == (block(9), 3)
