"""What a start found and brought back, for whoever started it."""

from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass(frozen=True, slots=True)
class Recovered:
    """What stood in the database before the market opened. `last_time_us` is 0 for a new record.

    `memory` says how it was made again: from which snapshot, and what was replayed. `heard_block` is the last block of the
    chain that the record took all of, None where it is read from the beginning.
    """

    batches: int
    last_time_us: int
    head: bytes
    memory: str
    tables_behind: int
    transactions_pending: int
    heard_block: int | None

    def lines(self) -> list[str]:
        """Say it, a sentence a line; nothing of a new record."""
        if not self.batches:
            return []
        moment = datetime.fromtimestamp(self.last_time_us / 1_000_000, UTC)
        told = [
            f"Recovered {self.batches:,} batches, the last of {moment:%Y-%m-%d %H:%M:%S} UTC, head 0x{self.head.hex()}",
            f"Memory: {self.memory}",
            "Readable tables: up to date"
            if not self.tables_behind
            else f"Readable tables: {self.tables_behind:,} batches behind, brought forward",
        ]
        if self.heard_block is not None:
            told.append(f"Chain: heard up to block {self.heard_block:,}, read on from there")
        if self.transactions_pending:
            told.append(f"Outbox: {self.transactions_pending:,} transactions pending, sent again")
        return told
