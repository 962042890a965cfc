"""The last block that was heard is kept over a restart."""

from ledger.database import open_database
from ledger.heard import Block, Heard


def test_the_last_block_heard_is_kept(url: str) -> None:
    engine = open_database(url)
    assert Heard(engine).last() is None
    Heard(engine).note(Block(7, b"7" * 32))
    Heard(engine).note(Block(9, b"9" * 32))
    assert Heard(engine).last() == Block(9, b"9" * 32)
    Heard(engine).forget()
    assert Heard(engine).last() is None
    engine.dispose()
