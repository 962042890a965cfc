"""The disk refuses a write or a sync: the batch is not acknowledged, the writer stops, and the next start is sound."""

import os
from pathlib import Path

import pytest

from ledger.database import open_database
from ledger.record import Record, RecordFailed
from tests.ledger.test_record import GENESIS, write
from tests.ledger.watched_sqlite import (
    DISK_FULL,
    FSYNC_FAILED,
    OK,
    Operation,
    Sync,
    library,
    watched_sqlite,
)

pytestmark = pytest.mark.skipif(
    library() is None and "CI" not in os.environ,
    reason="this Python has SQLite built in, where its writes cannot be failed",
)


class FailingDisk:
    """Counts down to the operation that fails; all that come after it fail too, as on a disk that is full or gone."""

    def __init__(self, code: int) -> None:
        self.left: int | None = None
        self._code = code

    def watch(self, operation: Operation) -> int:
        if self.left is None or (self._code == FSYNC_FAILED and not isinstance(operation, Sync)):
            return OK
        self.left -= 1
        return OK if self.left >= 0 else self._code


@pytest.mark.parametrize(
    ("code", "told"), [(DISK_FULL, "database or disk is full"), (FSYNC_FAILED, "disk I/O error")]
)
@pytest.mark.parametrize("operations", range(8))
def test_a_batch_that_the_disk_refused_stops_the_writer(
    tmp_path: Path, code: int, told: str, operations: int
) -> None:
    url, disk = f"sqlite:///{tmp_path}/market.db", FailingDisk(code)
    with watched_sqlite(tmp_path, disk.watch):
        engine = open_database(url)
        record = Record(engine, GENESIS)
        write(record, 1, 5)
        disk.left = operations
        with pytest.raises(RecordFailed, match=told) as caught:
            write(record, 6, 50)
        acknowledged, head = record.number, record.hash
        with pytest.raises(RecordFailed, match="an earlier batch failed"):
            write(record, acknowledged + 1, acknowledged + 1)
        disk.left = None
        record.close()
        engine.dispose()
    assert f"batch {acknowledged + 1}: found" in str(caught.value)
    assert f"expected it to become durable in {tmp_path}/market.db" in str(caught.value)
    assert acknowledged >= 5
    again = Record(open_database(url), GENESIS)
    assert again.verify() in (acknowledged, acknowledged + 1)
    assert next(row.hash for row in again.rows(after=acknowledged - 1)) == head
    write(again, again.number + 1, again.number + 1)
    again.close()
