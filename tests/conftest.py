"""What holds for all tests: no example fails by the time it takes, and files are in memory where there is room for them.

How long an example takes says how busy the machine is: what has to be quick is measured in `tests/benchmarks`.

The tests wait for thousands of syncs. What they promise is that the market waits for the disk, not that this disk keeps its
word; those that need a full or a failing disk make their own.
"""

import os
import shutil
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, settings

from tests.campaigns import pytest_terminal_summary, tally

MEMORY = Path("/dev/shm")
ROOM_BYTES = 2 << 30
"""More than all tests' files together, those of failed ones included. (A container often has 64 MiB there.)"""

__all__ = ["pytest_configure", "pytest_terminal_summary", "tally"]

settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")


def pytest_configure() -> None:
    if "TMPDIR" in os.environ or not os.access(MEMORY, os.W_OK):
        return
    if shutil.disk_usage(MEMORY).free >= ROOM_BYTES:
        os.environ["TMPDIR"] = str(MEMORY)  # for the processes that tests start, too
        tempfile.tempdir = None
