"""Snapshots beside a record: a start uses the latest that fits, names those that do not, and the audit replays them."""

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import Engine, delete, insert, select, text, update

from ledger.accounts import Account, AccountKind
from ledger.audit import audit
from ledger.database import open_database
from ledger.projections import Projector
from ledger.rebuild import rebuild, recover
from ledger.record import BrokenChain, Record
from ledger.snapshot_encoding import program
from ledger.snapshots import Seal, SnapshotStore, verify_snapshots
from ledger.snapshotting import Snapshotter
from ledger.tables import SnapshotRow, table
from ledger.unusable import DatabaseUnusable
from market.events import Deposited
from market.units import Micros
from tests.campaigns import Tally
from tests.ledger.builders import ALICE, CALL_S
from tests.ledger.days import GENESIS, SmallDay, a_whole_day

SNAPSHOTS = table(SnapshotRow)
DAY = a_whole_day()


class Live:
    """A market that records and takes snapshots, one batch at a time."""

    def __init__(self, engine: Engine) -> None:
        self.record = Record(engine, GENESIS)
        recovery = recover(self.record)
        self.standing = recovery.standing
        self.snapshotter = Snapshotter(self.record, recovery)

    def go_on(self, batches: int, day: SmallDay = DAY) -> None:
        first = self.record.number
        for batch, _ in day.history[first : first + batches]:
            decision = self.standing.venue.decide(batch)
            self.record.append(batch, decision.events)
            self.standing.tapes.note(decision.events, time_us=batch.time_us)


@pytest.fixture
def live() -> Iterator[Live]:
    """A market with snapshots of batches 4 and 7, and three batches after them."""
    market = Live(open_database("sqlite://"))
    for batches in (4, 3):
        market.go_on(batches)
        market.snapshotter.take()
    market.go_on(3)
    yield market
    market.record.close()


def finish(snapshotter: Snapshotter) -> None:
    while snapshotter.due:
        snapshotter.step()


def pieces(live: Live, number: int) -> dict[int, bytes]:
    statement = select(SNAPSHOTS).where(SNAPSHOTS.c.batch_number == number)
    with live.record.engine.connect() as connection:
        return {row.piece: row.content for row in connection.execute(statement)}


def put(live: Live, number: int, piece: int, content: bytes) -> None:
    where = (SNAPSHOTS.c.batch_number == number) & (SNAPSHOTS.c.piece == piece)
    with live.record.engine.begin() as connection:
        connection.execute(update(SNAPSHOTS).where(where).values(content=content))


def test_a_start_goes_on_from_the_latest_snapshot(live: Live) -> None:
    recovery = recover(live.record)
    events = sum(len(decision.events) for _, decision in DAY.history[7:10])
    assert str(recovery) == f"recovered from the snapshot of batch 7: 3 batches with {events} events replayed"
    assert (
        recovery.venue.state_hash() == live.standing.venue.state_hash() == rebuild(live.record).state_hash()
    )
    assert recovery.tapes.images == live.standing.tapes.images
    assert recovery.venue.number == 10


def test_either_database_keeps_snapshots(url: str) -> None:
    market = Live(open_database(url))
    for batches in (2, 3, 4):
        market.go_on(batches)
        market.snapshotter.take()
    assert SnapshotStore(market.record.engine).numbers() == (9, 5)
    market.go_on(1)
    recovery = recover(market.record, projector=(projector := Projector(market.record.engine)))
    assert (recovery.seal, projector.position) == (None, 10)
    again = recover(market.record, projector=projector)
    assert again.seal is not None
    assert (again.seal.number, again.batches, again.unused) == (9, 1, ())
    assert again.venue.state_hash() == recovery.venue.state_hash() == market.standing.venue.state_hash()
    assert audit(market.record, tables=market.record.engine).findings == ()
    market.record.close()
    market.record.engine.dispose()


def test_a_flipped_byte_anywhere_in_a_snapshot_is_found(live: Live, tally: Tally) -> None:
    expected = live.standing.venue.state_hash()
    flips = 0
    for piece, content in pieces(live, 7).items():
        for at in range(0, len(content), max(len(content) // 40, 1)):
            put(live, 7, piece, content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
            recovery = recover(live.record)
            assert recovery.seal is not None
            assert recovery.seal.number == 4
            assert recovery.unused[0].startswith("snapshot of batch 7 not used: ")
            assert recovery.venue.state_hash() == expected
            flips += 1
        put(live, 7, piece, content)
    tally.line(f"flipped bytes of a snapshot, each found: {flips}")


@pytest.mark.parametrize("stored", ["'abc'", "CAST(X'FF' AS TEXT)", "7"])
@pytest.mark.parametrize("piece", [0, 1])
def test_a_piece_that_is_no_bytes_any_more_is_named_and_the_one_before_used(
    live: Live, stored: str, piece: int
) -> None:
    where = f"batch_number = 7 AND piece = {piece}"
    with live.record.engine.begin() as connection:
        connection.execute(text(f"UPDATE snapshots SET content = {stored} WHERE {where}"))
    recovery = recover(live.record)
    assert recovery.seal is not None
    assert recovery.seal.number == 4
    (unused,) = recovery.unused
    assert unused.startswith("snapshot of batch 7 not used: ")
    (fault,) = verify_snapshots(live.record)
    assert fault.number == 7


def resealed(live: Live, number: int, piece: int, content: bytes) -> None:
    """Put another content into a snapshot, with the seal that it has then."""
    found = pieces(live, number) | {piece: content}
    _, seal = msgspec.msgpack.decode(found.pop(0), type=tuple[bytes, Seal])
    hashes = tuple(hashlib.sha256(found[each]).digest() for each in sorted(found))
    anew = replace(seal, piece_hashes=hashes)
    put(live, number, 0, msgspec.msgpack.encode((anew.hash, anew)))
    put(live, number, piece, content)


def test_a_number_that_no_kernel_has_room_for_is_named_and_the_one_before_used(live: Live) -> None:
    whole = msgspec.msgpack.decode(pieces(live, 7)[1])
    (rows,) = (rows for path, _, rows in whole if path == "venue.exchange._state.listings")
    rows[0][rows[0].index(rows[0][0], 1) + 1] = 1 << 63  # where its book begins
    resealed(live, 7, 1, msgspec.msgpack.encode(whole))
    recovery = recover(live.record)
    assert recovery.seal is not None
    assert recovery.seal.number == 4
    assert recovery.unused[0].startswith("snapshot of batch 7 not used: what it holds cannot be: ")
    (fault,) = verify_snapshots(live.record)
    assert fault.number == 7


def test_a_state_that_has_no_hash_is_named(live: Live) -> None:
    whole = msgspec.msgpack.decode(pieces(live, 7)[1])
    (rows,) = (rows for path, _, rows in whole if path == "venue.books.balances._amounts")
    rows[0][0][2] = -1  # an asset that is none
    resealed(live, 7, 1, msgspec.msgpack.encode(whole))
    (fault,) = verify_snapshots(live.record)
    assert (fault.number, fault.detail[:27]) == (7, "what it holds has no hash: ")


def test_an_audit_of_a_record_with_snapshots_goes_on_over_more_than_can_be_hashed() -> None:
    market = Live(open_database("sqlite://"))
    (batch, decision), *_ = DAY.history
    events = tuple(
        replace(each, amount_micros=Micros(1 << 70)) if isinstance(each, Deposited) else each
        for each in decision.events
    )
    market.record.append(batch, events)
    market.standing.venue.absorb(batch, events)
    market.snapshotter.take()
    assert [each.check for each in audit(market.record).findings] == ["replay"]
    market.record.close()


def test_a_row_after_the_snapshot_is_checked_before_it_is_applied(live: Live) -> None:
    with live.record.engine.begin() as connection:
        connection.execute(text("UPDATE record SET time_us = time_us + 1 WHERE number = 9"))
    with pytest.raises(BrokenChain, match="record row 9: "):
        recover(live.record)


def test_tables_ahead_of_the_record_stop_a_start(live: Live) -> None:
    projector = Projector(live.record.engine)
    rebuild(live.record, projector=projector)
    with live.record.engine.begin() as connection:
        connection.execute(text("UPDATE projected SET batch_number = 12"))
    with pytest.raises(DatabaseUnusable, match="found batch 12, expected at most 10, the record's last"):
        recover(live.record, projector=Projector(live.record.engine))


def test_a_start_without_a_usable_snapshot_begins_at_the_first_batch(
    live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Seal, "FORMAT", bytes(32))
    recovery = recover(live.record)
    assert recovery.seal is None
    assert recovery.batches == 10
    assert len(recovery.unused) == 2
    assert "another version of the program took it" in str(recovery)
    assert recovery.venue.state_hash() == live.standing.venue.state_hash()


def test_a_snapshot_of_another_history_is_not_used(live: Live) -> None:
    other = Live(open_database("sqlite://"))
    changed = SmallDay()
    for seconds in range(CALL_S, CALL_S + 9):
        changed.run(seconds)
    other.go_on(10, changed)
    with other.record.engine.begin() as connection, live.record.engine.connect() as source:
        connection.execute(
            insert(SNAPSHOTS), [dict(row._mapping) for row in source.execute(select(SNAPSHOTS))]
        )
    recovery = recover(other.record)
    assert recovery.seal is None
    assert all("in the record, expected the hash" in each for each in recovery.unused)
    assert recovery.venue.state_hash() == other.standing.venue.state_hash()
    assert len(list(verify_snapshots(other.record))) == 2
    other.record.close()


def test_a_snapshot_of_a_batch_that_was_never_recorded_is_not_used(live: Live) -> None:
    fewer = Live(open_database("sqlite://"))
    fewer.go_on(5)
    with fewer.record.engine.begin() as connection, live.record.engine.connect() as source:
        connection.execute(
            insert(SNAPSHOTS), [dict(row._mapping) for row in source.execute(select(SNAPSHOTS))]
        )
    recovery = recover(fewer.record)
    assert recovery.seal is not None
    assert recovery.seal.number == 4
    assert "found no such intact row in the record" in recovery.unused[0]
    assert [each.number for each in verify_snapshots(fewer.record)] == [7]
    fewer.record.close()


def test_a_snapshot_ahead_of_the_readable_tables_is_not_used(live: Live) -> None:
    projector = Projector(live.record.engine)
    for batch, decision in DAY.history[:5]:
        projector.apply(batch, decision.events, decision.postings)
    recovery = recover(live.record, projector=projector)
    assert recovery.seal is not None
    assert recovery.seal.number == 4
    assert recovery.unused == ("snapshot of batch 7 not used: the readable tables stand at batch 5",)
    assert projector.position == 10


def test_a_snapshot_is_of_the_moment_it_was_begun_however_long_it_takes() -> None:
    live = Live(open_database("sqlite://"))
    live.go_on(5)
    at_five = live.standing.venue.state_hash()
    live.snapshotter.count(1 << 40)
    live.snapshotter.step()
    live.go_on(2)
    live.snapshotter.step()
    live.go_on(3)
    finish(live.snapshotter)
    _, standing = SnapshotStore(live.record.engine).read(5, live.record)
    assert standing.venue.state_hash() == at_five
    assert at_five != live.standing.venue.state_hash() == recover(live.record).venue.state_hash()
    live.record.close()


def test_a_program_that_computes_otherwise_is_another_program(tmp_path: Path) -> None:
    before, after, renamed = tmp_path / "before", tmp_path / "after", tmp_path / "renamed"
    for folder, name, source in ((before, "rule", "1"), (after, "rule", "2"), (renamed, "law", "1")):
        (folder / "deep").mkdir(parents=True)
        (folder / "deep" / f"{name}.py").write_text(source)
    assert len({program(before), program(after), program(renamed)}) == 3


def test_the_latest_two_are_kept_and_what_was_never_finished_is_dropped(live: Live) -> None:
    store = SnapshotStore(live.record.engine)
    assert store.numbers() == (7, 4)
    store.write(9, 1, b"a start of one")
    assert store.numbers() == (7, 4)
    assert recover(live.record).unused == ()
    live.snapshotter.take()
    assert store.numbers() == (10, 7)
    assert pieces(live, 9) == pieces(live, 4) == {}


def test_the_table_may_be_dropped_at_any_time(live: Live) -> None:
    SNAPSHOTS.drop(live.record.engine)
    assert recover(live.record).batches == 10
    assert audit(live.record).findings == ()
    live.snapshotter.take()
    assert recover(live.record).batches == 0


def test_one_is_due_after_enough_events_and_not_more_than_one_per_row_it_holds(live: Live) -> None:
    recovery = recover(live.record)
    snapshotter = Snapshotter(live.record, recovery, every_events=recovery.events + 5)
    assert recovery.seal is not None
    assert recovery.seal.rows > recovery.events + 5
    snapshotter.count(5)
    assert not snapshotter.due
    snapshotter.count(recovery.seal.rows - recovery.events - 5)
    assert snapshotter.due
    finish(snapshotter)
    assert not snapshotter.due
    snapshotter.count(5)
    assert not snapshotter.due


def test_the_audit_replays_every_snapshot(live: Live) -> None:
    assert audit(live.record).findings == ()
    free = next(
        account
        for account, _ in live.standing.venue.books.balances.items()
        if account == Account(AccountKind.FREE, ALICE)
    )
    live.standing.venue.books.balances._amounts[free] += 1  # what a broken market might have in memory
    live.snapshotter.take()
    (found,) = (str(each) for each in audit(live.record).findings)
    assert found.startswith("snapshots: batch 10: found state ")


def test_each_piece_of_a_large_snapshot_is_small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ledger.snapshot_encoding.ROWS_PER_PIECE", 3)
    market = Live(open_database(f"sqlite:///{tmp_path}/market.db"))
    market.go_on(10)
    market.snapshotter.take()
    found = pieces(market, 10)
    assert list(pairwise(sorted(found))) == [(at, at + 1) for at in range(len(found) - 1)]
    assert len(found) > 10
    assert recover(market.record).venue.state_hash() == market.standing.venue.state_hash()
    with market.record.engine.begin() as connection:
        connection.execute(delete(SNAPSHOTS).where(SNAPSHOTS.c.piece == 5))
    assert "pieces that are not the" in recover(market.record).unused[0]
    market.record.close()
