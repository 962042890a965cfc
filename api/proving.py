"""Proofs of inclusion out of the record of an open market: one at a time, in a thread that the writer does not wait for."""

import asyncio
from collections.abc import Container
from concurrent.futures import ThreadPoolExecutor

from sqlalchemy import Engine

from api.sequencer import QueueFull
from contracts.calls import record_hash_of
from ledger.dispatches import confirmed_batches
from ledger.headers import Headers
from ledger.inclusion import prove, write_proof
from ledger.record import RecordReader

WAITING_MAX = 32
"""Most proofs that wait for their turn."""


class Proving:
    """Makes proofs, and keeps what the next one would have to read again: headers, and hashes that the chain carries."""

    def __init__(self, engine: Engine) -> None:
        """Make proofs from the record in a database, until `close`."""
        self._engine = engine
        self._headers = Headers(RecordReader(engine))
        self._anchors: set[bytes] = set()
        self._last_batch = 0
        self._waiting = 0
        self._thread = ThreadPoolExecutor(1, "proofs")

    async def to_head(self, order_id: int, *, number: int) -> bytes:
        """Prove, as JSON, that row `number` took an order in; the proof ends at the last row.

        Raises:
            Unprovable, BrokenChain, BadEncoding: as `prove`.
            QueueFull: if too many wait already.
        """
        return await self._in_turn(order_id, number, None)

    async def to_hash(self, order_id: int, known: bytes, *, number: int) -> bytes:
        """Do as `to_head`; the proof ends at the row with this hash."""
        return await self._in_turn(order_id, number, (known,))

    async def to_anchor(self, order_id: int, *, number: int) -> bytes:
        """Do as `to_head`; the proof ends at the first row whose hash a settlement batch carried to the chain."""
        return await self._in_turn(order_id, number, self._anchors)

    async def _in_turn(self, order_id: int, number: int, known: Container[bytes] | None) -> bytes:
        if self._waiting == WAITING_MAX:
            raise QueueFull(f"{self._waiting} proofs wait, expected fewer")
        self._waiting += 1
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._thread, self._prove, order_id, number, known)
        finally:
            self._waiting -= 1

    def _prove(self, order_id: int, number: int, known: Container[bytes] | None) -> bytes:
        if known is self._anchors:
            for sequence, raw in confirmed_batches(self._engine, after=self._last_batch):
                self._anchors.add(record_hash_of(raw))
                self._last_batch = sequence
        return write_proof(prove(self._headers, order_id, number=number, known=known))

    def close(self) -> None:
        """Let the proof that is being made come to its end, and make no more."""
        self._thread.shutdown(cancel_futures=True)
