"""What the record took in last: for whoever must know again, after a restart, what came in the minutes before it."""

from collections.abc import Iterator

from sqlalchemy import select

from ledger.record import RecordReader
from ledger.tables import RecordRow, table
from market.orders import Command

_RECORD = table(RecordRow)


def commands_since(record: RecordReader, moment_us: int) -> Iterator[Command]:
    """Iterate over the commands of all batches from a moment on, Unix microseconds. Times never fall from batch to batch.

    Raises:
        BadEncoding: if commands cannot be read.
    """
    before = select(_RECORD.c.number).where(_RECORD.c.time_us < moment_us).order_by(_RECORD.c.number.desc())
    with record.engine.connect() as connection:
        last_before = connection.execute(before.limit(1)).scalar() or 0
    for row in record.rows(after=last_before):
        yield from row.batch().commands
