"""A part of the readable tables: some tables, and what the events do to them. A new table is a new part."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

from sqlalchemy import Connection

from ledger.projections.sheet import Changes
from market.orders import Batch

Rule = Callable[[Any, Batch, int], None]
"""Takes an event, its batch and its position in it."""


class Part(Protocol):
    """What the projector asks of each part."""

    @property
    def rules(self) -> Mapping[type, Rule]:
        """What each type of event does; of two parts that know a type, the earlier in the projector's list goes first."""
        ...

    def load(self, connection: Connection) -> None:
        """Take into memory what stands in the tables and may still change."""
        ...

    def take(self) -> Iterable[Changes]:
        """Return what to write since the last time."""
        ...
