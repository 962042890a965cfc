"""A disk that loses power: what was synced stays, of the rest it keeps what it likes.

The model is the one that SQLite asks for (sqlite.org/atomiccommit.html, sections 2 and 4): what a sync covered is whole;
of what came after, each 512-byte sector may be written, missing or damaged, in any order. A write leaves the bytes beside
it alone (what SQLite calls power-safe overwrite). A file that was made but not synced counts as there and empty, which
SQLite takes as it takes no file. One that was deleted may be back, until the directory is synced, which SQLite does with
the first sync of a new journal or write-ahead log (`UNIXFILE_DIRSYNC` in os_unix.c).
"""

from collections import Counter
from dataclasses import dataclass, field
from itertools import pairwise
from random import Random

from tests.ledger.watched_sqlite import Delete, Operation, Sync, Truncate, Write

SECTOR_BYTES = 512


@dataclass
class _File:
    synced: bytearray = field(default_factory=bytearray)
    waiting: list[Write | Truncate] = field(default_factory=list)
    ghost: bytes | None = None
    """What stood here before it was deleted, as long as that may come undone."""
    is_new: bool = True
    """Not synced since it was made."""

    def settle(self) -> None:
        for operation in self.waiting:
            _do(self.synced, operation)
        self.waiting.clear()


class CrashingDisk:
    """Takes operations one after the other; `after_crash` says what might be found if the power went now."""

    def __init__(self) -> None:
        self._files: dict[str, _File] = {}
        self.faults: Counter[str] = Counter()
        """What was done to sectors in all the crashes so far."""

    def take(self, operation: Operation) -> None:
        """Do an operation, as far as the system says that it is done."""
        file = self._files.setdefault(operation.path, _File())
        match operation:
            case Sync():
                file.settle()
                if file.is_new and operation.path.endswith(("-wal", "-journal")):
                    self._sync_directory()
                file.is_new = False
            case Delete(path, synced):
                file.settle()
                self._files[path] = _File(ghost=None if synced else bytes(file.synced))
            case _:
                file.waiting.append(operation)

    def _sync_directory(self) -> None:
        for file in self._files.values():
            file.ghost = None

    def after_crash(self, chance: Random) -> dict[str, bytes]:
        """Return the files that a loss of power at this moment may leave, by path."""
        # now nearly all is kept, now nearly nothing: both ends find other faults than the middle
        kept, flipped = chance.choice((0.0, 0.5, 0.95, chance.random())), chance.choice((0.0, 0.05, 0.5))
        return {path: self._left(file, chance, kept, flipped) for path, file in self._files.items()}

    def _left(self, file: _File, chance: Random, kept: float, flipped: float) -> bytes:
        if file.ghost is not None and chance.random() < 0.5:
            self.faults["deleted files back"] += 1
            return file.ghost
        if kept == 0.0:
            self.faults["dropped writes"] += len(file.waiting)
            return bytes(file.synced)
        pieces = [piece for operation in file.waiting for piece in _sectors(operation)]
        if pieces and chance.random() < 0.5:
            chance.shuffle(pieces)
            self.faults["reordered"] += 1
        content = bytearray(file.synced)
        for piece in pieces:
            if chance.random() >= kept:
                self.faults["dropped sectors"] += 1
                continue
            if isinstance(piece, Write) and chance.random() < flipped:
                self.faults["flipped sectors"] += 1
                piece = _damaged(piece, chance)  # noqa: PLW2901 - the piece as the disk has it
            _do(content, piece)
        return bytes(content)


def _sectors(operation: Write | Truncate) -> list[Write | Truncate]:
    """Cut a write where sectors end."""
    if isinstance(operation, Truncate):
        return [operation]
    start, end = operation.offset, operation.offset + len(operation.data)
    cuts = [start, *range((start // SECTOR_BYTES + 1) * SECTOR_BYTES, end, SECTOR_BYTES), end]
    return [
        Write(operation.path, one, operation.data[one - start : other - start])
        for one, other in pairwise(cuts)
    ]


def _damaged(write: Write, chance: Random) -> Write:
    """Return a write of which a few bits, or all that comes after some byte, are not what was meant."""
    data = bytearray(write.data)
    if chance.random() < 0.5:
        for _ in range(chance.randint(1, 8)):
            data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    else:
        torn_at = chance.randrange(len(data))
        data[torn_at:] = chance.randbytes(len(data) - torn_at)
    return Write(write.path, write.offset, bytes(data))


def _do(content: bytearray, operation: Write | Truncate) -> None:
    size = operation.size if isinstance(operation, Truncate) else operation.offset
    if len(content) < size:
        content.extend(bytes(size - len(content)))
    if isinstance(operation, Truncate):
        del content[operation.size :]
    else:
        content[operation.offset : operation.offset + len(operation.data)] = operation.data
