"""How far the chain has been heard: a bookmark beside the record, by the number and the hash of a block.

What the record heard, it cannot take back. So whoever listens on asks first whether that block is still there. Without a
bookmark the chain is read from the beginning, which changes nothing that the record has.
"""

from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, delete, insert, select

from ledger.tables import HeardRow, table
from ledger.writer import WritersPlace

_HEARD: Final = table(HeardRow)
_LAST: Final = 1
"""The row of the last block that was heard."""
_WHOLE: Final = 2
"""The row of an earlier block, if something after it must be read again by the next start."""


@dataclass(frozen=True, slots=True)
class Block:
    """A block as the chain told of it when it was final."""

    number: int
    hash: bytes


class Heard:
    """The last block that was heard, and the last one up to which the record took all that it was told.

    One thread at a time writes. Every change raises `PlaceLost` if the writer's place is lost.
    """

    def __init__(self, place: WritersPlace) -> None:
        self._engine = place.engine
        self._writing = place.beside

    def last(self) -> Block | None:
        """Return the last block that was heard, None before the first."""
        with self._engine.connect() as connection:
            return _find(connection, _LAST)

    def whole_to(self) -> int | None:
        """Return the block after which a start reads on, None if from the beginning."""
        with self._engine.connect() as connection:
            found = _find(connection, _WHOLE) or _find(connection, _LAST)
        return None if found is None else found.number

    def note(self, block: Block, *, after: int, whole: bool) -> None:
        """Remember that the blocks beyond `after` up to this one were heard, and whether the record took all of it."""
        with self._writing.begin() as connection:
            missed = _find(connection, _WHOLE)
            if not whole and (missed is None or after < missed.number):
                _put(connection, _WHOLE, Block(after, b""))
            elif whole and missed is not None and after <= missed.number:
                _drop(connection, _WHOLE)
            _put(connection, _LAST, block)

    def again(self, *, after: int) -> None:
        """Let the next start read on after this block, whatever was heard."""
        with self._writing.begin() as connection:
            _put(connection, _WHOLE, Block(after, b""))


def _find(connection: Connection, row: int) -> Block | None:
    found = connection.execute(select(_HEARD).where(_HEARD.c.id == row)).one_or_none()
    return None if found is None else Block(found.block_number, found.block_hash)


def _put(connection: Connection, row: int, block: Block) -> None:
    _drop(connection, row)
    values = {"id": row, "block_number": block.number, "block_hash": block.hash}
    connection.execute(insert(_HEARD), values)


def _drop(connection: Connection, row: int) -> None:
    connection.execute(delete(_HEARD).where(_HEARD.c.id == row))
