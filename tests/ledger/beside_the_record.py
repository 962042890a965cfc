"""What a market stores beside its record: signed transactions with their trades, and the block up to which it has heard.

The contents follow from a number, so that whoever finds them can tell whether they are whole.
"""

import sqlite3
from hashlib import sha256
from typing import Any

from ledger.heard import Block


class PromiseBroken(AssertionError):
    """What a crash left is not what was promised. Says which seed, which moment, what was found."""


def a_transaction(number: int) -> dict[str, Any]:
    """Return the transaction of a batch as `Outbox.add` takes it."""
    return {
        "kind": "settle",
        "reference": str(number),
        "raw": f"raw {number}".encode() * 20,
        "hash_": sha256(b"transaction %d" % number).digest(),
        "nonce": 100 + number,
        "trades": tuple(range(10 * number, 10 * number + 1 + number % 4)),
    }


def a_block(number: int) -> Block:
    """Return the block that was heard by a batch."""
    return Block(7 + number, sha256(b"block %d" % number).digest())


def transactions_left(connection: sqlite3.Connection) -> int:
    """Return how many transactions are stored.

    Raises:
        PromiseBroken: if one is not as it was stored, or without its trades.
    """
    found = connection.execute(
        "SELECT sequence, reference, raw, hash, nonce, status FROM outbox ORDER BY sequence"
    ).fetchall()
    trades: dict[int, list[int]] = {}
    for sequence, trade in connection.execute(
        "SELECT sequence, trade_number FROM outbox_trades ORDER BY 1, 2"
    ):
        trades.setdefault(sequence, []).append(trade)
    for number, row in enumerate(found, start=1):
        whole = a_transaction(number)
        stored = (number, *(whole[name] for name in ("reference", "raw", "hash_", "nonce")), "signed")
        if row != stored or tuple(trades.pop(number, ())) != whole["trades"]:
            raise PromiseBroken(f"outbox: found {row}, expected transaction {number} with its trades")
    if trades:
        raise PromiseBroken(f"outbox: found trades of transactions {sorted(trades)}, which are not there")
    return len(found)


def blocks_left(connection: sqlite3.Connection) -> int:
    """Return the batch whose block is noted as heard, 0 for none.

    Raises:
        PromiseBroken: if it is not one block as it was noted.
    """
    found = connection.execute("SELECT block_number, block_hash FROM heard WHERE id = 1").fetchall()
    if not found:
        return 0
    number = int(found[0][0]) - a_block(0).number
    whole = a_block(number)
    if found != [(whole.number, whole.hash)]:
        raise PromiseBroken(f"heard: found {found}, expected one block as it was noted")
    return number
