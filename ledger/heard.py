"""How far the chain has been heard: the last block whose events the record has, by its number and its hash.

What the record heard, it cannot take back. So whoever listens on asks first whether that block is still there.
"""

from dataclasses import dataclass
from typing import Final

from sqlalchemy import Engine, delete, insert, select

from ledger.tables import HeardRow, table

_HEARD: Final = table(HeardRow)


@dataclass(frozen=True, slots=True)
class Block:
    """A block as the chain told of it when it was final."""

    number: int
    hash: bytes


class Heard:
    """The last block that was heard, kept beside the record."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def last(self) -> Block | None:
        """Return the last block that was heard, None before the first."""
        with self._engine.connect() as connection:
            row = connection.execute(select(_HEARD)).one_or_none()
        return None if row is None else Block(row.block_number, row.block_hash)

    def note(self, block: Block) -> None:
        """Remember a block whose events, and those before it, the record has."""
        with self._engine.begin() as connection:
            connection.execute(delete(_HEARD))
            row = {"id": 1, "block_number": block.number, "block_hash": block.hash}
            connection.execute(insert(_HEARD), row)

    def forget(self) -> None:
        """Listen from the first block on again, as for a contract that was not listened to."""
        with self._engine.begin() as connection:
            connection.execute(delete(_HEARD))
