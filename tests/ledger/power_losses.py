"""The campaign of the simulated disk: record a run of the market's writes once, then lose power in it at many moments."""

import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path
from random import Random

from sqlalchemy import Engine, event

from ledger.audit import audit
from ledger.database import open_database
from ledger.heard import Heard
from ledger.outbox import Outbox
from ledger.projections import Projector
from ledger.rebuild import rebuild
from ledger.record import Record
from tests.campaigns import Tally
from tests.ledger.beside_the_record import (
    PromiseBroken,
    a_block,
    a_transaction,
    blocks_left,
    transactions_left,
)
from tests.ledger.builders import CONTINUOUS_S
from tests.ledger.crashing_disk import CrashingDisk
from tests.ledger.days import CONDITION_KINDS, GENESIS, ORDER_KINDS, Action, SmallDay
from tests.ledger.watched_sqlite import OK, Operation, Sync, watched_sqlite

RESTARTED_ONE_IN = 800
"""How many crashes are looked at as rows alone for each that is started from as the market starts, and audited."""
SMALL_LOG_PAGES = 24
"""Checkpoint after so many pages: the way into the database is then crossed every few batches, not once in 1,000 pages."""

Row = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """From here on this must be found: a batch that somebody was told is in, a transaction that the chain may have, a
    block that was heard to its end. The numbers of each count from 1."""

    number: int
    what: str = "rows"


@dataclass(frozen=True)
class Run:
    """What one market wrote, in order, when it acknowledged what, and the record that it ended with.

    `entries` are how many lines of the journal the first batch has, the first two have, and so on.
    """

    seed: int
    moments: list[Operation | Acknowledged]
    rows: list[Row]
    entries: list[int]
    path: str


Acknowledge = Callable[[int, Callable[[], bytes], Callable[[Acknowledged], None]], None]


def after_commit(number: int, append: Callable[[], bytes], tell: Callable[[Acknowledged], None]) -> None:
    """Acknowledge as the market does: when the record has returned."""
    append()
    tell(Acknowledged(number))


def record_a_run(
    folder: Path,
    seed: int,
    *,
    batches: int = 16,
    log_pages: int | None = None,
    pragma: str = "",
    acknowledge: Acknowledge = after_commit,
) -> Run:
    """Run a small market on a watched SQLite: record, outbox, readable tables, and one restart in between.

    `pragma` and `acknowledge` are there for bugs to be planted.
    """
    chance = Random(seed)
    moments: list[Operation | Acknowledged] = []

    def watch(operation: Operation) -> int:
        moments.append(operation)
        return OK

    day = SmallDay()
    for index in range(batches - 1):
        day.act(CONTINUOUS_S + index, [_action(chance) for _ in range(chance.randint(1, 8))])
    path = folder / f"run-{seed}.db"
    with watched_sqlite(folder, watch):
        for part in (day.history[: batches // 2], day.history[batches // 2 :]):
            engine = open_database(f"sqlite:///{path}")
            _set(engine, log_pages, pragma)
            record, projector = Record(engine, GENESIS), Projector(engine)
            outbox, heard = Outbox(record.place), Heard(record.place)
            for batch, decision in part:
                append = partial(record.append, batch, decision.events)
                acknowledge(batch.number, append, moments.append)
                outbox.add(**a_transaction(batch.number))
                moments.append(Acknowledged(batch.number, "transactions"))
                heard.note(a_block(batch.number), after=0, whole=True)
                moments.append(Acknowledged(batch.number, "blocks"))
                projector.apply(batch, decision.events, decision.postings)
            record.close()
            engine.dispose()
    with closing(sqlite3.connect(path)) as connection:
        rows = _rows(connection)
        entries = [_entries(connection, up_to=number) for number in range(len(rows) + 1)]
        return Run(seed, moments, rows, entries, str(path))


def _action(chance: Random) -> Action:
    kind = chance.choice((*ORDER_KINDS, *CONDITION_KINDS, "deposit"))
    return Action(kind, chance.randrange(3), chance.randint(440, 560), chance.randint(1, 4_000))


def _set(engine: Engine, log_pages: int | None, pragma: str) -> None:
    """Set pragmas on the connections that are opened from here on."""
    wanted = [f"wal_autocheckpoint = {log_pages}"] if log_pages is not None else []
    wanted += [pragma] if pragma else []

    def prepare(connection: sqlite3.Connection, _entry: object) -> None:
        for each in wanted:
            connection.execute(f"PRAGMA {each}")

    event.listen(engine, "connect", prepare)
    engine.dispose()


def lose_power(run: Run, crashes: int, folder: Path, *, counts: Counter[str]) -> None:
    """Lose power at random moments of a run, and look at what is left each time.

    What is left to the byte as after another crash reads as it did then, and only has to hold what is acknowledged by now.

    Raises:
        PromiseBroken: if what was acknowledged is missing, or what is there is not what was written.
    """
    chance = Random(run.seed)
    moments = Counter(chance.randrange(len(run.moments) + 1) for _ in range(crashes))
    disk, acknowledged, syncs = CrashingDisk(), Counter[str](), 0
    seen: dict[bytes, Counter[str]] = {}
    for moment in range(len(run.moments) + 1):
        for _ in range(moments[moment]):
            left = disk.after_crash(chance)
            where = f"seed {run.seed}, moment {moment} of {len(run.moments)}"
            found = seen.get(same := _digest(left))
            if found is None or any(found[what] < number for what, number in acknowledged.items()):
                found = _check(run, left, folder, acknowledged=acknowledged, where=where)
                seen[same] = found
                counts["disks looked at"] += 1
            counts["crashes"] += 1
            counts["rows found"] += found["rows"]
            counts.update({f"{what} acknowledged": number for what, number in acknowledged.items()})
            if counts["crashes"] % RESTARTED_ONE_IN == 0:
                _restart(run, left, folder, where=where)
                counts["restarts audited"] += 1
        if moment < len(run.moments):
            match run.moments[moment]:
                case Acknowledged(number, what):
                    acknowledged[what] = number
                case operation:
                    disk.take(operation)
                    syncs += isinstance(operation, Sync)
    counts["syncs crossed"] += syncs
    counts.update(disk.faults)


def _digest(left: dict[str, bytes]) -> bytes:
    """Return a hash by which to know again what a crash left."""
    digest = sha256()
    for path, content in sorted(left.items()):
        digest.update(f"{path} {len(content)} ".encode())
        digest.update(content)
    return digest.digest()


def _put(run: Run, left: dict[str, bytes], folder: Path) -> Path:
    """Write what a crash left into a folder, in place of what stood there."""
    path = folder / "left.db"
    for suffix in ("", "-wal", "-journal", "-shm", ".lock"):
        beside = path.with_name(path.name + suffix)
        content = left.get(run.path + suffix, b"")
        if not content:
            beside.unlink(missing_ok=True)
            continue
        # over what stands there: a file that is emptied first is flushed by some file systems when it is closed
        with beside.open("r+b" if beside.exists() else "wb") as out:
            out.write(content)
            out.truncate()
    return path


def _check(
    run: Run, left: dict[str, bytes], folder: Path, *, acknowledged: Counter[str], where: str
) -> Counter[str]:
    """Let SQLite recover, and compare what there is with what was written, byte by byte. Return how much there is."""
    with closing(sqlite3.connect(_put(run, left, folder), isolation_level=None)) as connection:
        # this disk is not the one that is tested, and nobody else reads it
        connection.executescript("PRAGMA synchronous = OFF; PRAGMA locking_mode = EXCLUSIVE")
        try:
            rows = _rows(connection)
            tables = connection.execute("SELECT batch_number FROM projected").fetchone()
            entries = _entries(connection)
            found = Counter(
                rows=len(rows),
                transactions=transactions_left(connection),
                blocks=blocks_left(connection),
            )
        except sqlite3.OperationalError as error:
            if acknowledged or "no such table" not in str(error):
                raise PromiseBroken(f"{where}: found {error}, expected {dict(acknowledged)}") from None
            return Counter()
        except sqlite3.DatabaseError as error:
            raise PromiseBroken(f"{where}: found {error}, expected {dict(acknowledged)}") from None
    for what, expected in acknowledged.items():
        if found[what] < expected:
            raise PromiseBroken(
                f"{where}: found {found[what]} {what}, expected the {expected} acknowledged ones"
            )
    if rows != run.rows[: len(rows)]:
        raise PromiseBroken(f"{where}: found rows that were never written")
    if tables is not None and tables[0] > len(rows):
        raise PromiseBroken(f"{where}: found tables up to batch {tables[0]}, a record of {len(rows)}")
    if tables is not None and entries != run.entries[tables[0]]:
        raise PromiseBroken(
            f"{where}: found {entries} entries in tables up to batch {tables[0]}, expected {run.entries[tables[0]]}"
        )
    return found


def _rows(connection: sqlite3.Connection) -> list[Row]:
    return connection.execute("SELECT * FROM record ORDER BY number").fetchall()


def _entries(connection: sqlite3.Connection, *, up_to: int | None = None) -> int:
    """Count the lines of the journal, of batches up to a number if one is given."""
    where = "" if up_to is None else f" WHERE batch_number <= {up_to}"
    return int(connection.execute(f"SELECT count(*) FROM entries{where}").fetchone()[0])


def _restart(run: Run, left: dict[str, bytes], folder: Path, *, where: str) -> None:
    """Start from what is left as the market starts, and audit it: chain, matching, entries, tables."""
    engine = open_database(f"sqlite:///{_put(run, left, folder)}")
    try:
        record = Record(engine, GENESIS)
        try:
            rebuild(record, projector=Projector(engine))
            if findings := audit(record, tables=engine).findings:
                raise PromiseBroken(f"{where}: {findings}")
        finally:
            record.close()
    finally:
        engine.dispose()


def campaign(
    crashes: int, folder: Path, tally: Tally, *, crashes_per_run: int = 1_000, first_seed: int = 1
) -> Counter[str]:
    """Lose power so many times, over as many runs as that takes, and count what was done and found."""
    counts: Counter[str] = Counter()
    for seed in _seeds(crashes, crashes_per_run, first_seed):
        # every tenth run checkpoints as the market does, by SQLite's own rule
        run = record_a_run(folder, seed, log_pages=None if seed % 10 == 0 else SMALL_LOG_PAGES)
        lose_power(run, min(crashes_per_run, crashes - counts["crashes"]), folder, counts=counts)
        counts["runs"] += 1
        Path(run.path).unlink()
        tally.reach(counts["crashes"], crashes)
    tally.counts("losses of power", dict(sorted(counts.items())))
    return counts


def _seeds(crashes: int, crashes_per_run: int, first: int) -> Iterator[int]:
    return iter(range(first, first + -(-crashes // crashes_per_run)))
