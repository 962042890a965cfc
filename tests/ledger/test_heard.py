"""The bookmark of what was heard is kept over a restart, and says where to read on."""

from ledger.database import open_database
from ledger.heard import Block, Heard


def block(number: int) -> Block:
    return Block(number, bytes([number]) * 32)


def test_the_last_block_heard_is_kept_and_read_on_from(url: str) -> None:
    engine = open_database(url)
    assert (Heard(engine).last(), Heard(engine).whole_to()) == (None, None)
    Heard(engine).note(block(7), after=0, whole=True)
    Heard(engine).note(block(9), after=7, whole=True)
    assert (Heard(engine).last(), Heard(engine).whole_to()) == (block(9), 9)
    engine.dispose()


def test_what_was_not_taken_is_read_again_until_it_is(url: str) -> None:
    engine = open_database(url)
    heard = Heard(engine)
    heard.note(block(7), after=0, whole=True)
    heard.note(block(9), after=7, whole=False)
    heard.note(block(12), after=9, whole=False)
    heard.note(block(15), after=12, whole=True)
    assert (Heard(engine).last(), Heard(engine).whole_to()) == (block(15), 7)
    heard.note(block(16), after=7, whole=True)  # the next start read from there, and all was taken
    assert (Heard(engine).last(), Heard(engine).whole_to()) == (block(16), 16)
    engine.dispose()


def test_reading_again_from_the_beginning_outlasts_the_process(url: str) -> None:
    engine = open_database(url)
    Heard(engine).note(block(9), after=0, whole=True)
    Heard(engine).again(after=3)
    assert (Heard(engine).last(), Heard(engine).whole_to()) == (block(9), 3)
    engine.dispose()
