"""The seal of a record row: what its hash is taken of, and why one order can be proven without showing the others.

    hash = sha256(msgpack([previous, number, time_us, version, commands, events, state_hash]))

From encoding version 6 on, `commands` and `events` stand here for the roots of two Merkle trees over the single encoded
commands and events; before, for their bytes. The version is among what is hashed, so neither kind can pass for the other.
"""

from dataclasses import dataclass
from hashlib import sha256
from typing import Annotated, TypeAlias

import msgspec

from ledger.merkle import root_of
from ledger.singles import split

TREES_SINCE = 6
"""The first encoding version whose rows are sealed over trees."""

Stored: TypeAlias = Annotated[int, msgspec.Meta(ge=-(1 << 63), le=(1 << 63) - 1)]
"""What a database has a number for: who reads a file takes no other."""


@dataclass(frozen=True, slots=True)
class Header:
    """What the hash of a row is taken of. With trees it is short, and tells nothing of commands and events."""

    previous: bytes
    number: Stored
    time_us: Stored
    version: Stored
    commands: bytes
    events: bytes
    state_hash: bytes

    @property
    def has_trees(self) -> bool:
        """Whether `commands` and `events` are roots, out of which a single one can be proven."""
        return self.version >= TREES_SINCE

    @property
    def hash(self) -> bytes:
        """The seal of the row."""
        content = (
            self.previous,
            self.number,
            self.time_us,
            self.version,
            self.commands,
            self.events,
            self.state_hash,
        )
        return sha256(msgspec.msgpack.encode(content)).digest()


def header_of(
    *,
    previous: bytes,
    number: int,
    time_us: int,
    version: int,
    commands: bytes,
    events: bytes,
    state_hash: bytes,
) -> Header:
    """Return the header of a row.

    Raises:
        BadEncoding: if commands or events are not a list of single ones, which a tree can be made of.
    """
    if version >= TREES_SINCE:
        commands, events = root_of(split(commands)), root_of(split(events))
    return Header(previous, number, time_us, version, commands, events, state_hash)
