from collections.abc import Iterator

import pytest

from ledger.database import open_database
from ledger.outbox import Outbox, OutboxEntry, OutboxStatus
from ledger.writer import WritersPlace, take_writers_place
from market.units import InvariantBroken


@pytest.fixture
def place(url: str) -> Iterator[WritersPlace]:
    engine = open_database(url)
    place = take_writers_place(engine)
    yield place
    place.close()
    engine.dispose()


def add(outbox: Outbox, reference: str, nonce: int, raw: bytes = b"raw") -> OutboxEntry:
    return outbox.add(
        kind="settle", reference=reference, raw=raw, hash_=raw + bytes([nonce]) * 31, nonce=nonce
    )


def test_what_is_stored_is_pending_in_order_until_final(place: WritersPlace) -> None:
    outbox = Outbox(place)
    first, second = add(outbox, "batch 1", 0), add(outbox, "batch 2", 1)
    assert outbox.pending() == (first, second)
    outbox.mark(first.sequence, OutboxStatus.SENT)
    assert [each.status for each in outbox.pending()] == [OutboxStatus.SENT, OutboxStatus.SIGNED]
    outbox.mark(first.sequence, OutboxStatus.CONFIRMED)
    outbox.mark(second.sequence, OutboxStatus.REVERTED)
    assert outbox.pending() == ()


def test_one_purpose_has_one_transaction_whatever_is_signed_again(place: WritersPlace) -> None:
    outbox = Outbox(place)
    first = add(outbox, "batch 1", 0)
    assert add(outbox, "batch 1", 5, raw=b"signed again") == first
    assert outbox.pending() == (first,)
    assert outbox.find(kind="settle", reference="batch 1") == first
    assert outbox.find(kind="deliver", reference="batch 1") is None


def test_a_nonce_serves_one_purpose(place: WritersPlace) -> None:
    outbox = Outbox(place)
    add(outbox, "batch 1", 0)
    with pytest.raises(InvariantBroken, match="nonce 0 used by settle batch 1"):
        add(outbox, "batch 2", 0)


def test_marking_twice_does_nothing_and_a_final_outcome_stays(place: WritersPlace) -> None:
    outbox = Outbox(place)
    entry = add(outbox, "batch 1", 0)
    outbox.mark(entry.sequence, OutboxStatus.CONFIRMED)
    outbox.mark(entry.sequence, OutboxStatus.CONFIRMED)
    with pytest.raises(InvariantBroken, match="is confirmed, which sent cannot follow"):
        outbox.mark(entry.sequence, OutboxStatus.SENT)
    with pytest.raises(InvariantBroken, match="found no transaction 9"):
        outbox.mark(9, OutboxStatus.SENT)


ALL = list(OutboxStatus)
S = OutboxStatus
FOLLOWING = {
    (S.SIGNED, S.SENT),
    (S.SIGNED, S.CONFIRMED),
    (S.SIGNED, S.REVERTED),
    (S.SIGNED, S.OVERTAKEN),
    (S.SENT, S.CONFIRMED),
    (S.SENT, S.REVERTED),
    (S.SENT, S.OVERTAKEN),
}


@pytest.mark.parametrize("after", ALL)
@pytest.mark.parametrize("before", ALL)
def test_a_status_follows_another_or_is_refused(place: WritersPlace, before: S, after: S) -> None:
    outbox = Outbox(place)
    entry = add(outbox, "batch 1", 0)
    outbox.mark(entry.sequence, before)
    if (before, after) in FOLLOWING or before is after:
        outbox.mark(entry.sequence, after)
        expected = after
    else:
        with pytest.raises(InvariantBroken, match=f"is {before}, which {after} cannot follow"):
            outbox.mark(entry.sequence, after)
        expected = before
    found = outbox.find(kind="settle", reference="batch 1")
    assert found is not None
    assert found.status is expected
    assert found.status.is_final == (outbox.pending() == ())


def test_a_replacement_is_stored_beside_what_it_replaces_newest_first(place: WritersPlace) -> None:
    outbox = Outbox(place)
    entry = add(outbox, "batch 1", 7)
    outbox.replace(entry.sequence, raw=b"dearer", hash_=b"2" * 32)
    outbox.replace(entry.sequence, raw=b"dearest", hash_=b"3" * 32)
    (pending,) = Outbox(place).pending()
    assert [signing.raw for signing in pending.signings] == [b"dearest", b"dearer", b"raw"]
    assert (pending.nonce, pending.hash) == (7, entry.hash)
    assert outbox.next_nonce(0) == 8


@pytest.mark.parametrize("final", [S.CONFIRMED, S.REVERTED, S.OVERTAKEN])
def test_nothing_replaces_what_is_final(place: WritersPlace, final: S) -> None:
    outbox = Outbox(place)
    entry = add(outbox, "batch 1", 0)
    outbox.mark(entry.sequence, final)
    with pytest.raises(InvariantBroken, match=f"is {final}, nothing can replace it"):
        outbox.replace(entry.sequence, raw=b"dearer", hash_=b"2" * 32)


def test_the_trades_of_a_transaction_are_kept_with_it(place: WritersPlace) -> None:
    outbox = Outbox(place)
    outbox.add(kind="settle", reference="1:4", raw=b"raw", hash_=b"1" * 32, nonce=3, trades=(4, 9, 11))
    assert [entry.trades for entry in Outbox(place).pending()] == [(4, 9, 11)]
    found = outbox.at_nonce(3)
    assert found is not None
    assert found.reference == "1:4"
    assert outbox.at_nonce(4) is None


def test_the_next_nonce_follows_what_is_stored_or_the_chain(place: WritersPlace) -> None:
    outbox = Outbox(place)
    assert outbox.next_nonce(3) == 3
    add(outbox, "batch 1", 3)
    assert outbox.next_nonce(3) == 4
    assert outbox.next_nonce(9) == 9


def test_a_restart_finds_the_same_bytes(place: WritersPlace) -> None:
    entry = add(Outbox(place), "batch 1", 0, raw=b"\x02\xf8")
    assert Outbox(place).pending() == (entry,)
