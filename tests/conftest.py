"""Keep the tests' files in memory where there is room for them.

The tests wait for thousands of syncs. What they promise is that the market waits for the disk, not that this disk keeps its
word; those that need a full or a failing disk make their own.
"""

import os
import shutil
import tempfile
from pathlib import Path

MEMORY = Path("/dev/shm")
ROOM_BYTES = 2 << 30
"""More than all tests' files together, those of failed ones included. (A container often has 64 MiB there.)"""


def pytest_configure() -> None:
    if "TMPDIR" in os.environ or not os.access(MEMORY, os.W_OK):
        return
    if shutil.disk_usage(MEMORY).free >= ROOM_BYTES:
        os.environ["TMPDIR"] = str(MEMORY)  # for the processes that tests start, too
        tempfile.tempdir = None
