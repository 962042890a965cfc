from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from ledger.database import open_database
from ledger.outbox import Outbox, OutboxEntry, OutboxStatus
from market.units import InvariantBroken


@pytest.fixture
def engine(url: str) -> Iterator[Engine]:
    engine = open_database(url)
    yield engine
    engine.dispose()


def add(outbox: Outbox, reference: str, nonce: int, raw: bytes = b"raw") -> OutboxEntry:
    return outbox.add(
        kind="settle", reference=reference, raw=raw, hash_=raw + bytes([nonce]) * 31, nonce=nonce
    )


def test_what_is_stored_is_pending_in_order_until_final(engine: Engine) -> None:
    outbox = Outbox(engine)
    first, second = add(outbox, "batch 1", 0), add(outbox, "batch 2", 1)
    assert outbox.pending() == (first, second)
    outbox.mark(first.sequence, OutboxStatus.SENT)
    assert [each.status for each in outbox.pending()] == [OutboxStatus.SENT, OutboxStatus.SIGNED]
    outbox.mark(first.sequence, OutboxStatus.CONFIRMED)
    outbox.mark(second.sequence, OutboxStatus.REVERTED)
    assert outbox.pending() == ()


def test_one_purpose_has_one_transaction_whatever_is_signed_again(engine: Engine) -> None:
    outbox = Outbox(engine)
    first = add(outbox, "batch 1", 0)
    assert add(outbox, "batch 1", 5, raw=b"signed again") == first
    assert outbox.pending() == (first,)
    assert outbox.find(kind="settle", reference="batch 1") == first
    assert outbox.find(kind="deliver", reference="batch 1") is None


def test_a_nonce_serves_one_purpose(engine: Engine) -> None:
    outbox = Outbox(engine)
    add(outbox, "batch 1", 0)
    with pytest.raises(InvariantBroken, match="nonce 0 used by settle batch 1"):
        add(outbox, "batch 2", 0)


def test_marking_twice_does_nothing_and_a_final_outcome_stays(engine: Engine) -> None:
    outbox = Outbox(engine)
    entry = add(outbox, "batch 1", 0)
    outbox.mark(entry.sequence, OutboxStatus.CONFIRMED)
    outbox.mark(entry.sequence, OutboxStatus.CONFIRMED)
    with pytest.raises(InvariantBroken, match="is confirmed, which sent cannot follow"):
        outbox.mark(entry.sequence, OutboxStatus.SENT)
    with pytest.raises(InvariantBroken, match="found no transaction 9"):
        outbox.mark(9, OutboxStatus.SENT)


def test_the_next_nonce_follows_what_is_stored_or_the_chain(engine: Engine) -> None:
    outbox = Outbox(engine)
    assert outbox.next_nonce(3) == 3
    add(outbox, "batch 1", 3)
    assert outbox.next_nonce(3) == 4
    assert outbox.next_nonce(9) == 9


def test_a_restart_finds_the_same_bytes(engine: Engine) -> None:
    entry = add(Outbox(engine), "batch 1", 0, raw=b"\x02\xf8")
    assert Outbox(engine).pending() == (entry,)
