"""What the record took in since a moment: times never fall from batch to batch, so that its row is found in a few steps."""

from bisect import bisect_left
from collections.abc import Iterator

from sqlalchemy import Connection, func, select

from ledger.record import RecordReader
from ledger.tables import RecordRow, table
from market.orders import Command

_RECORD = table(RecordRow)


def last_before(connection: Connection, moment_us: int) -> int:
    """Return the number of the last batch before a moment, Unix microseconds; 0 if there is none."""

    def time_us(number: int) -> int:
        found = select(_RECORD.c.time_us).where(_RECORD.c.number >= number).order_by(_RECORD.c.number)
        return int(connection.execute(found.limit(1)).scalar_one())

    head = connection.execute(select(func.max(_RECORD.c.number))).scalar() or 0
    return bisect_left(range(1, head + 1), moment_us, key=time_us)


def commands_since(record: RecordReader, moment_us: int) -> Iterator[Command]:
    """Iterate over the commands of all batches from a moment on, Unix microseconds.

    It is for whoever must know again, after a restart, what came in the minutes before it.

    Raises:
        BadEncoding: if commands cannot be read.
    """
    with record.engine.connect() as connection:
        before = last_before(connection, moment_us)
    for row in record.rows(after=before):
        yield from row.batch().commands
