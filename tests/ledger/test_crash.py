"""A process is killed while it appends: every row that it acknowledged is there, and the chain is whole."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ledger.database import open_database
from ledger.record import Record, RecordReader
from tests.ledger.test_record import GENESIS, write

WRITER = """
import sys
from ledger.database import open_database
from ledger.record import Record
from tests.ledger.test_record import GENESIS, write
record = Record(open_database(sys.argv[1]), GENESIS)
while True:
    write(record, record.number + 1, record.number + 1)
    print(record.number, flush=True)
"""


@pytest.mark.parametrize("acknowledged", [1, 2, 17])
def test_no_acknowledged_row_is_lost_when_the_process_is_killed(url: str, acknowledged: int) -> None:
    root = Path(__file__).parents[2]
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, url], cwd=root, stdout=subprocess.PIPE, text=True
    ) as writer:
        assert writer.stdout is not None
        for _ in range(acknowledged):
            last = int(writer.stdout.readline())
        writer.kill()
        last = max([last, *(int(line) for line in writer.stdout if line.endswith("\n"))])
    assert writer.returncode == -signal.SIGKILL
    engine = open_database(url, must_exist=True)
    assert RecordReader(engine).verify() >= last >= acknowledged
    record = Record(engine, GENESIS)
    write(record, record.number + 1, record.number + 1)
    assert record.verify() == record.number
    record.close()
    engine.dispose()
