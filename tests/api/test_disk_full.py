"""The disk fills up under `ccei serve`: it ends with status 70, says why and what to do, and the next start has it all."""

import os
import re
import resource
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from contracts.nodes import running_node
from contracts.opening import DEV_SIGNERS
from tests.api.servers import BUYERS, SELLER, admitted, all_told, servers
from tests.api.traders import Trader
from tests.api.witness import Witness
from tests.contracts.conftest import need_node_modules

TRADING_S = 0.5
ROOM_BYTES = 20_000

Filled = Callable[[int], Callable[[], object]]
"""Takes the process id of a market, leaves its disk no room, and returns how to make room again."""


@contextmanager
def limited_file(folder: Path) -> Iterator[Filled]:
    """No file of the process may grow (RLIMIT_FSIZE)."""

    def fill(process: int) -> Callable[[], object]:
        longest = max(path.stat().st_size for path in folder.iterdir()) + ROOM_BYTES
        resource.prlimit(process, resource.RLIMIT_FSIZE, (longest, longest))
        return lambda: None  # it ends with the process

    yield fill


@contextmanager
def small_disk(folder: Path) -> Iterator[Filled]:
    """The market is alone on a disk of 64 MB, until somebody fills it."""
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode:  # the other case of this test fills a limited file instead: it needs no rights
        pytest.skip("mounting a small tmpfs takes rights that this user has not")

    def fill(_process: int) -> Callable[[], object]:
        ballast = folder / "ballast"
        with ballast.open("wb", buffering=0) as out, suppress(OSError):
            while True:
                out.write(bytes(4096))
        return ballast.unlink

    try:
        yield fill
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.mark.parametrize(
    ("disk", "told"), [(limited_file, "disk I/O error"), (small_disk, "database or disk is full")]
)
def test_a_full_disk_ends_the_market_and_loses_nothing(
    tmp_path: Path, disk: Callable[[Path], Iterator[Filled]], told: str
) -> None:
    need_node_modules()
    folder, aside = tmp_path / "disk", tmp_path / "aside"
    folder.mkdir()
    aside.mkdir()
    with (
        disk(folder) as fill,
        running_node("anvil", start_time_s=None, operator=DEV_SIGNERS[0]) as chain,
        servers(folder, chain, log=tmp_path / "server.log") as market,
    ):
        process = market.start()
        market.until_it_answers()
        terms = admitted(market.url, chain)
        traders = [Trader(terms, SELLER, "sell", 1), Trader(terms, BUYERS[0], "buy", 2)]
        for trader in traders:
            trader.start()
        time.sleep(TRADING_S)
        make_room = fill(process)
        assert market.wait(process) == 70, market.log.read_text()
        log = market.log.read_text()
        # whichever writes first: the record, or what is made from it, which says the driver's own words
        stopped = rf"stopping with exit status 70: (RecordFailed: batch \d+: found|OperationalError:) {told}"
        assert re.search(stopped, log), log
        assert "Nothing was acknowledged that is not in the record. Mend the cause" in log
        assert "INSERT" not in log
        make_room()
        witness = Witness(folder / "market.db")
        witness.look(all_told(traders), aside)
        process = market.start()
        market.until_it_answers()
        time.sleep(TRADING_S)
        for trader in traders:
            trader.end()
        os.kill(process, signal.SIGTERM)
        assert market.wait(process) == 0, market.log.read_text()
        witness.look(all_told(traders), aside)
        assert [trader.failure for trader in traders if trader.failure] == []
        assert min(trader.counts["orders acknowledged"] for trader in traders) > 0
        assert "Recovered " in market.log.read_text()
