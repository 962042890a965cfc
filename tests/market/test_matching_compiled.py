"""What the kernel relies on in numba: this fails before a new version, or a careless change, can surprise us."""

import os
import subprocess
import sys
from pathlib import Path

import numba
import numpy as np
import pytest

from market import matching
from market.book import OrderBook
from market.matching import MESSAGE
from market.matching.compiled import COMPILING, LOOP, SOURCES, entry_points, loop
from market.matching.layout import HEAD, NODE_SIZE, ORDER, order_at, word_of


def test_numba_is_the_version_that_was_measured():
    assert numba.__version__.split(".")[:2] == ["0", "68"]


@pytest.mark.parametrize("entry_point", entry_points)
def test_entry_points_take_integers_and_are_kept_on_disk(entry_point):
    (signature,) = entry_point.signatures
    assert set(signature) == {numba.int64}
    assert entry_point._cache.__class__.__name__ == "FunctionCache"


def test_the_loop_over_messages_is_kept_on_disk_and_called_where_it_is():
    assert loop._cache.__class__.__name__ == "FunctionCache"
    assert OrderBook()._memory.words[word_of("loop")] == loop.address == LOOP


def test_a_record_is_seen_where_it_is_and_nothing_is_counted():
    @numba.njit
    def grow(place, by):
        order = order_at(place)
        order.remaining += by
        order.next = 7
        return order.remaining

    orders = np.zeros(2, ORDER)
    assert grow(orders.ctypes.data + NODE_SIZE, 5) == 5
    assert orders.tolist() == [(0,) * 8, (0, 5, 7, 0, 0, 0, 0, 0)]
    assert "NRT" not in "".join(grow.inspect_llvm().values())


def test_a_word_of_the_head_is_a_field_of_it():
    head = np.zeros(1, HEAD)
    head["filled"] = 42
    assert head.view(np.int64)[word_of("filled")] == 42


def test_a_message_ends_in_the_word_of_its_enumerated_fields():
    names = ["action", "side", "order_type", "time_in_force", "post_only", "self_trade"]
    assert [MESSAGE.fields[name][1] for name in names] == [MESSAGE.itemsize - 8 + at for at in range(6)]


def test_all_sources_of_compiled_code_are_in_the_digest():
    compiled_elsewhere = {"__init__", "compiled", "memory", "output"}
    files = {path.stem for path in Path(matching.__file__).parent.glob("*.py")} - compiled_elsewhere
    assert {source.__name__.split(".")[-1] for source in SOURCES} == files | {"orders", "units"}


def test_what_an_entry_point_closes_over_decides_whether_it_is_taken_from_disk(tmp_path):
    """numba looks at the age of the entry point's own file, which a change in another file leaves as it was."""
    module = tmp_path / "compiled_for_a_test.py"
    module.write_text(
        "import numba\n"
        "def entry_point(version):\n"
        "    @numba.njit(numba.int64(numba.int64), cache=True)\n"
        "    def run(book):\n"
        "        return book if version else 0\n"
        "    return sum(run.stats.cache_hits.values())\n"
    )
    script = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); from compiled_for_a_test import *; "
    calls = "print(entry_point(1), entry_point(1), entry_point(2), entry_point(2))"
    done = subprocess.run([sys.executable, "-c", script + calls], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["0", "1", "0", "1"]


def test_a_warm_start_says_nothing():
    done = subprocess.run(
        [sys.executable, "-c", "import market.book"], capture_output=True, text=True, check=True
    )
    assert done.stderr == ""


@pytest.mark.soak
def test_a_cold_start_says_once_that_it_compiles(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", "import market.book"],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)},
    )
    assert done.stderr.splitlines() == [COMPILING]
